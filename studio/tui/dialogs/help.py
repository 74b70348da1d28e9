"""The help: keys for what has the focus, then for the pane, then those that are always there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen

from studio.tui.actions import SCOPES, Scope, in_scope, key_names
from studio.tui.pane.base import Dialog, Pane
from studio.tui.pane.recalled_field import RecalledField
from studio.tui.widgets.editor import Editor, Field
from studio.tui.widgets.form import Form
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane
from studio.tui.widgets.virtual_rows import VirtualRows

ABOUT = {
    "home": "Choose a project, or make a new one.",
    "examples": "Write a few good ones by hand. The LLM imitates them: they decide everything.\n"
    "In the list: ● on, ○ off, ≠ an unsaved wording waits; ▲ too long, ▼ too short, = copied, "
    "≈ like another one, ¿ another language, ! a word of the blacklist, ∅ no output, ★ gold, "
    "✗ markedly few of its records are kept.",
    "prompt": "Shape the prompt and watch what it makes of three documents as you type.",
    "generate": "Plan a run, see what it will take, start it, watch it, change it while it goes.",
    "review": "One key judges a record and goes on. Whatever you do, undo takes it back.",
    "rounds": "See what the small model gets wrong on validation, and what an LLM makes of it.\n"
    "Made: ✓ kept, ✗ dropped, ▶ written right now. Word diff: [-only the error-] {+only the new+}.",
    "train": "Train a model, see whether it gained, and where. Compare any two.",
    "search": "Ask as a person would, compare three rankings, mark what is right: it becomes gold.",
    "jobs": "Long work runs in processes of its own and goes on when you leave.",
}


class Help(Dialog):
    """Keys and what they do, for the focus at the moment of asking."""

    BINDINGS: ClassVar[list[Any]] = [("escape,q,question_mark,f1", "leave", "Close")]

    def __init__(self, behind: Screen[Any]) -> None:
        super().__init__()
        self._pane = behind.NAME if isinstance(behind, Pane) else ""
        self._scopes = [*_scopes_of(behind)]

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with Section(classes="dialog tall").titled("Help — esc closes"):
            yield TextPane(id="help")

    def on_mount(self) -> None:
        """Write it."""
        pane = self.query_one(TextPane)
        text = self._text()
        pane.put(text, text.plain)
        pane.focus()

    def _text(self) -> Content:
        parts: list[Any] = []
        if self._pane in ABOUT:
            parts += [ABOUT[self._pane], "\n\n"]
        for scope in self._scopes:
            parts += [(SCOPES[scope] + "\n", "bold $primary"), *self._keys(scope), "\n"]
        return Content.assemble(*parts)

    def _keys(self, scope: Scope) -> Iterator[Any]:
        for action in in_scope(scope):
            keys = key_names(self.studio.keys_of(action.id)) or "^p …"
            yield (f"  {keys}" + " " * max(14 - cell_len(keys), 1), "bold")
            yield f"{action.help}\n"


def _scopes_of(behind: Screen[Any]) -> Iterator[Scope]:
    focused = behind.focused
    if isinstance(focused, Editor | Field):
        yield "field"
    if isinstance(focused, RecalledField):
        yield "recall"
    if isinstance(focused, Form | RowList | VirtualRows):
        yield "list"
    if isinstance(behind, Pane) and behind.NAME in SCOPES:
        yield behind.NAME
    yield "app"
