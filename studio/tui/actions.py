"""Every action of the screens, once: bindings, footer, palette, help and README read it here.

``python -m studio.tui.actions`` prints the table for the README.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from textual.binding import Binding

Scope = Literal["app", "list", "field", "home", "examples", "prompt", "jobs"]

SCOPES: Final[dict[Scope, str]] = {
    "app": "Everywhere",
    "list": "In a list",
    "field": "In a text field",
    "home": "Home",
    "examples": "Examples",
    "prompt": "Prompt",
    "jobs": "Jobs",
}
"""Scope → the heading a person reads."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person can do with a key."""

    id: str
    """``scope.verb``: the name in the keymap and, with ``_`` for ``-``, of the method."""
    keys: tuple[str, ...]
    """Keys as Textual names them; none: from the palette only."""
    label: str
    """One or two words for the footer."""
    help: str
    """One line for help, palette and README."""
    footer: bool = False
    """Whether the footer shows it."""
    priority: bool = False
    """Whether it comes before the field that has the focus."""

    @property
    def scope(self) -> Scope:
        """Where it can be done."""
        scope = self.id.partition(".")[0]
        return next(known for known in SCOPES if known == scope)

    @property
    def method(self) -> str:
        """The name behind ``action_`` of the method that does it."""
        return self.id.partition(".")[2].replace("-", "_")


ACTIONS: Final = (
    Action("app.home", ("0",), "Home", "recent projects, a new project"),
    Action("app.examples", ("1",), "Examples", "write and edit the few-shot examples"),
    Action("app.prompt", ("2",), "Prompt", "edit the template, watch generations live"),
    Action("app.jobs", ("8",), "Jobs", "all that runs or ran, logs, results"),
    Action(
        "app.path",
        ("ctrl+r",),
        "Run the path",
        "run the path: generate → filter → train → evaluate",
        footer=True,
    ),
    Action("app.generate", (), "Generate", "start one step: generate queries"),
    Action("app.filter", (), "Filter", "start one step: filter the records"),
    Action("app.train", (), "Train", "start one step: train the encoder"),
    Action("app.evaluate", (), "Evaluate", "start one step: score BM25, base and trained encoder"),
    Action(
        "app.palette", ("ctrl+p",), "All actions", "every action with its key", True, priority=True
    ),
    Action("app.help", ("question_mark", "f1"), "Help", "keys for what has the focus", True),
    Action("app.copy", ("y",), "Copy", "copy the selected text, else what the pane is about"),
    Action("app.copy-to-file", ("Y",), "To file", "write what would be copied to a file"),
    Action("app.theme", ("f2",), "Theme", "next theme: dark, light, ANSI, high contrast"),
    Action("app.suspend", ("ctrl+z",), "Suspend", "back to the shell; `fg` returns"),
    Action("app.quit", ("q", "ctrl+q"), "Quit", "leave; running jobs go on", footer=True),
    Action("list.down", ("j", "down"), "Down", "next row"),
    Action("list.up", ("k", "up"), "Up", "row before"),
    Action("list.first", ("g", "home"), "First", "first row"),
    Action("list.last", ("G", "end"), "Last", "last row"),
    Action("list.page-down", ("pagedown", "ctrl+d"), "Page down", "one screen down"),
    Action("list.page-up", ("pageup", "ctrl+u"), "Page up", "one screen up"),
    Action("list.choose", ("enter",), "Choose", "open or use the row"),
    Action("field.leave", ("escape",), "Leave the field", "back to the list; all is saved", True),
    Action("home.open", ("o",), "Open folder", "open a project by its path", footer=True),
    Action("home.new", ("n",), "New project", "make a project from a sample or own files", True),
    Action("home.forget", ("x",), "Forget", "take the project off this list; its files stay", True),
    Action("examples.edit", ("e",), "Edit query", "write the query of the selected example", True),
    Action("examples.new", ("n",), "New", "a new example for the selected document", footer=True),
    Action("examples.search", ("slash",), "Search corpus", "find a document by its words", True),
    Action("examples.on-off", ("space",), "On/off", "use the example as a shot, or don't", True),
    Action(
        "examples.edit-document", ("E",), "Edit document", "edit the document as shown to the LLM"
    ),
    Action("examples.delete", ("x", "delete"), "Delete", "take the example off the list", True),
    Action(
        "examples.undo", ("u",), "Undo", "undo the last delete, switch, move or new example", True
    ),
    Action("examples.move-down", ("J",), "Move down", "move the example down"),
    Action("examples.move-up", ("K",), "Move up", "move the example up"),
    Action("prompt.edit", ("e",), "Edit", "edit the template", footer=True),
    Action(
        "prompt.save", ("w", "ctrl+s"), "Save version", "keep the draft as the next version", True
    ),
    Action("prompt.versions", ("v",), "Versions", "all versions, their differences, go back", True),
    Action("prompt.template", ("t",), "Templates", "start again from a bundled template", True),
    Action("prompt.live", ("p",), "Live on/off", "stream generations as you type, or stop", True),
    Action("prompt.again", ("r",), "Draw again", "another query for each document", True),
    Action("prompt.documents", ("n",), "Other documents", "preview the next three documents", True),
    Action("prompt.search", ("slash",), "Pick document", "preview a document found by its words"),
    Action(
        "prompt.next-document",
        ("l", "right"),
        "Next document",
        "go to the next of the three documents",
    ),
    Action(
        "prompt.view", ("z",), "Template/prompt", "on a small screen: template or rendered prompt"
    ),
    Action("prompt.endpoint", ("o",), "Endpoint", "choose who generates the preview"),
    Action("jobs.start", ("n",), "Start…", "choose one step to start", footer=True),
    Action("jobs.cancel", ("c",), "Cancel", "ask the job to stop; what is done stays", footer=True),
    Action("jobs.resume", ("r",), "Resume", "go on where it stopped; nothing is paid twice", True),
    Action("jobs.log", ("l",), "Log", "read the log; esc goes back to the list", footer=True),
)
"""All actions, in the order in which help and footer show them."""

BY_ID: Final = {action.id: action for action in ACTIONS}

_KEY_NAMES = {
    "question_mark": "?",
    "slash": "/",
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
