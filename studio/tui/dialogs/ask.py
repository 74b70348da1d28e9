"""Small boxes that ask for one thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input, Static

from studio.tui.pane.base import Dialog
from studio.tui.safe_content import content
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section


class AskText(Dialog):
    """Asks for one line; enter gives it back, esc gives None."""

    def __init__(
        self,
        title: str,
        *,
        hint: str = "",
        value: str = "",
        adding: bool = False,
        refuse: Callable[[str], str] = lambda _text: "",
    ) -> None:
        """``adding``: the first key goes behind the value; otherwise it takes its place."""
        super().__init__()
        self._title, self._hint, self._value = title, hint, value
        self._adding = adding
        self._refuse = refuse

    def compose(self) -> ComposeResult:
        """The field and what it means."""
        with Section(classes="dialog").titled(self._title):
            yield Field(self._value, id="answer", select_on_focus=not self._adding)
            yield Static(content(self._hint), id="hint", classes="hint")

    @on(Input.Submitted)
    def _answered(self, event: Input.Submitted) -> None:
        event.stop()
        if problem := self._refuse(event.value):
            self.query_one("#hint", Static).update(content(problem, "$error"))
            return
        self.dismiss(event.value)


class Choose(Dialog):
    """Asks for one of several rows; gives back its key, or None."""

    DEFAULT_CSS = """
    Choose RowList { height: auto; min-height: 2; max-height: 70vh; }
    """

    def __init__(
        self, title: str, columns: Sequence[Column], rows: Sequence[Row], *, current: str = ""
    ) -> None:
        super().__init__()
        self._title = title
        self._rows = tuple(rows)
        self._current = current
        self._list = RowList(columns, empty="There is nothing to choose from. Esc closes.")

    def compose(self) -> ComposeResult:
        """The list alone, as high as its rows."""
        with Section(classes="dialog").titled(f"{self._title} — enter chooses, esc closes"):
            yield self._list

    def on_mount(self) -> None:
        """Fill it and stand on the present choice."""
        self._list.show(self._rows, key=self._current)
        self._list.focus()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if event.row is not None:
            self.dismiss(event.row.key)


def no_such_folder(text: str) -> str:
    """Why a typed path is no folder; empty when it is one."""
    if not text.strip():
        return "Type the path of a project's folder."
    return "" if Path(text).expanduser().is_dir() else f"There is no folder {text}."
