"""Every action of the screens, once: bindings, footer, palette, help and README read it here.

``python -m studio.tui.actions`` prints the table for the README.
"""

from __future__ import annotations

from typing import Final

from textual.binding import Binding

from studio.tui.action_table import ACTIONS, PANES, SCOPES, Action, Scope

__all__ = ["ACTIONS", "BY_ID", "PANES", "SCOPES", "Action", "Scope", "bindings", "in_scope"]

BY_ID: Final = {action.id: action for action in ACTIONS}

_KEY_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "minus": "−",
    "full_stop": ".",
    "equals_sign": "=",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "delete": "del",
    "down": "↓",
    "up": "↑",
    "right": "→",
    "left": "←",
}


def in_scope(scope: Scope) -> tuple[Action, ...]:
    """The actions of one scope, in order."""
    return tuple(action for action in ACTIONS if action.scope == scope)


def bindings(scope: Scope) -> list[Binding]:
    """Textual's bindings for one scope; their ids are what the keymap names."""
    return [
        Binding(
            ",".join(action.keys),
            # A field's actions are done by the screen or dialog around it.
            f"screen.{action.method}" if scope == "field" else action.method,
            action.label,
            show=action.footer,
            priority=action.priority,
            id=action.id,
        )
        for action in in_scope(scope)
        if action.keys
    ]


def key_name(key: str) -> str:
    """A key as a person reads it: ``ctrl+r`` → ``^r``, ``question_mark`` → ``?``."""
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+")
    return _KEY_NAMES.get(key, key)


def key_names(keys: tuple[str, ...]) -> str:
    """All keys of an action, such as ``j ↓``."""
    return " ".join(key_name(key) for key in keys)


def key_table() -> str:
    """The README's table of keys in Markdown."""
    lines = ["| where | key | action | what it does |", "|---|---|---|---|"]
    for action in ACTIONS:
        keys = " ".join(f"`{key_name(key)}`" for key in action.keys) or "`^p`, then its name"
        lines.append(f"| {SCOPES[action.scope]} | {keys} | {action.label} | {action.help} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(key_table())
