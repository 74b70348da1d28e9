"""``studio keys``: every action with its keys, and a keymap file to change them in."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from studio import settings
from studio.cli.output import JsonOption, emit, out, show_rows
from studio.records import StudioError
from studio.tui import keymap
from studio.tui.actions import ACTIONS, SCOPES, in_scope, key_names

HEAD = """\
# The keys of the studio's screens. Take the # from a line and change its key: one key, or a list.
# A key is a letter, a name such as "slash", "space" or "f8", or "ctrl+t". `studio keys` shows
# what is in force; a line that cannot be right is refused with the place to mend.
"""


def keys(
    write: Annotated[
        bool, typer.Option("--write", help="Write a keymap file with every action, commented out.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Every action of the screens with the keys in force; --write makes a file to change them."""
    path = settings.config_dir() / keymap.KEYMAP_FILE
    if write:
        _write_keymap()
        emit({"written": str(path)}, as_json, lambda: out.print(f"{path}", soft_wrap=True))
        return
    own = keymap.load(path)
    in_force = keymap.effective(own)
    found = [
        {"id": a.id, "keys": list(in_force[a.id]), "own": a.id in own, "what": a.help}
        for a in ACTIONS
    ]
    rows = [(SCOPES[a.scope], key_names(in_force[a.id]) or "ctrl+p", a.id, a.help) for a in ACTIONS]
    emit(found, as_json, lambda: show_rows("Keys", ("where", "keys", "id", "what"), rows, ""))


def _write_keymap() -> None:
    """Raises StudioError when there is one already, which may be somebody's work."""
    path = settings.config_dir() / keymap.KEYMAP_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(commented())
    except FileExistsError as error:
        raise StudioError(f"{path} is there already. Edit it, or move it away first.") from error


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
