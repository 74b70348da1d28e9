"""Messages: all that was told in this session, whole, with its time."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult

from studio.tui.message_log import Notice
from studio.tui.pane.base import Dialog
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section, TextPane

COLUMNS = (Column("", 8), Column("", 1), Column(""))
NOTHING = (
    "Nothing was told yet in this session. Errors and news stay here after they fade. Esc closes."
)


class Messages(Dialog):
    """The latest first; below it the whole text of the one under the cursor."""

    BINDINGS: ClassVar[list[Any]] = [
        ("escape,f5,q", "leave", "Close"),
        ("y", "copy", "Copy"),
    ]
    AUTO_FOCUS = "RowList"

    def __init__(self) -> None:
        super().__init__()
        self._messages: list[Notice] = []

    def compose(self) -> ComposeResult:
        """List and text."""
        with Section(classes="dialog tall").titled("Messages — y copies, esc closes"):
            yield RowList(COLUMNS, empty=NOTHING)
            yield TextPane(id="message")

    def on_mount(self) -> None:
        """Show what was told until now."""
        self._messages = [*self.studio.said][::-1]
        rows = [
            Row(str(n), (f"{one.time:%H:%M:%S}", one.mark, one.text), "bad" if one.bad else "")
            for n, one in enumerate(self._messages)
        ]
        section = self.query_one(Section)
        section.border_subtitle = "also in logs/studio.log" if self.studio.project else ""
        self.query_one(RowList).show(rows)

    @property
    def _current(self) -> Notice | None:
        row = self.query_one(RowList).current
        return self._messages[int(row.key)] if row else None

    @on(RowList.Moved)
    def _moved(self) -> None:
        one = self._current
        words = "" if one is None else ("error" if one.bad else "message")
        text = (
            "" if one is None else f"{one.mark} {words}, {one.time:%Y-%m-%d %H:%M:%S}\n\n{one.text}"
        )
        self.query_one(TextPane).show(text)

    def action_copy(self) -> None:
        """Copy the message under the cursor."""
        if self._current is not None:
            self.app.copy_to_clipboard(self._current.text)
