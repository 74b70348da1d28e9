"""A person's own keys, from ``keymap.toml`` beside their settings.

    examples.new = "a"
    app.jobs = ["8", "f8"]

An unknown action, an unusable key or two actions on one key are refused with the place to mend.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from textual.keys import (
    KEY_NAME_REPLACEMENTS,
    KEY_TO_UNICODE_NAME,
    Keys,
    key_to_character,
)

from studio.records import StudioError
from studio.tui.actions import ACTIONS, BY_ID, SCOPES, Scope, in_scope

KEYMAP_FILE = "keymap.toml"
HEAD = """\
# The keys of the studio's screens. Take the # from a line and change its key: one key, or a list.
# A key is a letter, a name such as "slash", "space" or "f8", or "ctrl+t". `studio keys` shows
# what is in force; a line that cannot be right is refused with the place to mend.
"""
LOST_IN_TMUX = {
    "ctrl+enter": "tmux never passes it on",
    "ctrl+m": "a terminal sends it as enter",
    "ctrl+i": "a terminal sends it as tab",
    "ctrl+h": "a terminal sends it as backspace",
    "alt+enter": "tmux sends it as enter",
    "ctrl+b": "it is tmux's prefix",
    "ctrl+a": "it is the prefix of screen and of many tmux set-ups",
    "ctrl+s": "it stops the output of many terminals",
}
"""Keys that cannot be an action's only key, and why."""


def load(path: Path) -> dict[str, str]:
    """Action id → comma-separated keys, as Textual's ``set_keymap`` takes them.

    A file that is not there is an empty keymap. Raises StudioError for anything else wrong.
    """
    try:
        if path.exists() and not path.is_file():
            raise StudioError(f"{path} cannot be read: it is no file. Remove it.")
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise StudioError(f"{path} cannot be read: {error}. Mend or remove it.") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudioError(f"{path} is not valid TOML: {error}. Mend that line.") from error
    chosen = {name: _keys(path, name, value) for name, value in _flat(table)}
    _refuse_clashes(path, chosen)
    return {name: ",".join(keys) for name, keys in chosen.items()}


def effective(keymap: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Action id → the keys in force."""
    return {
        action.id: tuple(keymap[action.id].split(",")) if action.id in keymap else action.keys
        for action in ACTIONS
    }


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _keys(path: Path, name: str, value: Any) -> tuple[str, ...]:
    if name not in BY_ID:
        near = difflib.get_close_matches(name, list(BY_ID), n=1, cutoff=0)[0]
        raise StudioError(f"{path}: there is no action {name}. Did you mean {near}?")
    keys = [value] if isinstance(value, str) else value
    if not isinstance(keys, list) or not keys or not all(_is_key(key) for key in keys):
        raise StudioError(
            f'{path}: {name} = {value!r} is no key. Write a key such as "a", "f5" or "ctrl+t", '
            f"or a list of them."
        )
    # Only here: the program of the screens is much to load for the command line.
    from studio.tui.textual_patches import key_of

    keys = [key_of(key) if len(key) == 1 else key for key in keys]
    for key in keys:
        if BY_ID[name].priority and not _is_safe_while_typing(key):
            raise StudioError(
                f"{path}: {name} works while one types, so it cannot have {key}. "
                f"Give it a key with ctrl or a function key."
            )
    if all(key in LOST_IN_TMUX for key in keys):
        raise StudioError(
            f"{path}: {name} cannot have {keys[0]} as its only key: {LOST_IN_TMUX[keys[0]]}. "
            f"Add a second key."
        )
    return tuple(keys)


MODIFIERS = ("ctrl", "alt", "shift", "super", "meta", "hyper")
_NAMED = {
    *(key.value for key in Keys),
    *KEY_NAME_REPLACEMENTS.values(),
    *KEY_TO_UNICODE_NAME,
}


def _is_key(key: Any) -> bool:
    """Whether it is a character, or a key's name with or without modifiers in front."""
    if not isinstance(key, str) or "," in key or key != key.strip() or not key:
        return False
    *modifiers, name = key.split("+") if key != "+" else [key]
    known = len(name) == 1 or name in _NAMED or key_to_character(name) is not None
    return known and all(modifier in MODIFIERS for modifier in modifiers)


def _is_safe_while_typing(key: str) -> bool:
    """Whether no text is typed with it."""
    return "ctrl+" in key or "alt+" in key or key[1:].isdecimal()


def _refuse_clashes(path: Path, chosen: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse a key that two actions of one screen would share."""
    in_force = {action.id: chosen.get(action.id, action.keys) for action in ACTIONS}
    seen: dict[tuple[Scope, str], str] = {}
    for action in ACTIONS:
        for key in in_force[action.id]:
            other = seen.setdefault((action.scope, key), action.id)
            if other != action.id:
                raise StudioError(
                    f"{path}: {key} would mean both {other} and {action.id}. "
                    f"Give one of them another key."
                )


def commented() -> str:
    """A keymap in which every action has its line, commented out."""
    lines = [HEAD]
    for scope, heading in SCOPES.items():
        lines += [f"# {heading}"]
        lines += [
            f"# {action.id} = {json.dumps([*action.keys])}  # {action.help}"
            for action in in_scope(scope)
            if action.keys
        ]
        lines.append("")
    return "\n".join(lines)
