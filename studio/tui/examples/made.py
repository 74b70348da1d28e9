"""The newest records that an example helped to make."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual import on, work
from textual.app import ComposeResult
from textual.message import Message

from studio.records import Record, StudioError
from studio.safe_text import one_line
from studio.store import Store
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

if TYPE_CHECKING:
    from studio.tui.app import StudioApp

MOST = 50
"""Records that are listed."""
COLUMNS = (Column("", 1), Column(""), Column("", 14, from_width=44))
NOTHING = "What an LLM writes after this example is counted here. Generate makes some."


class RecordsRead(Message):
    """A thread has read the records."""

    def __init__(self, example_id: int, records: Sequence[Record]) -> None:
        super().__init__()
        self.example_id = example_id
        self.records = records


class RecordsMade(Section):
    """Its title says how many there are and how many of them are kept."""

    def __init__(self, store: Path, *, id: str) -> None:
        super().__init__(id=id)
        self.titled("Helped to make")
        self._store = store
        self._asked = self._shown = 0

    def compose(self) -> ComposeResult:
        """The list."""
        yield RowList(COLUMNS, empty="", id="made")

    def ask(self, example_id: int, title: str) -> None:
        """Show those of this example as soon as they are read."""
        self._asked = example_id
        self.titled(title)
        self._read(example_id)

    def clear(self) -> None:
        """There is no example to speak of."""
        self._asked = self._shown = 0
        self.titled("Helped to make")
        rows = self.query_one(RowList)
        rows.empty = ""
        rows.show([])

    @work(exclusive=True, group="made")
    async def _read(self, example_id: int) -> None:
        try:
            found = await asyncio.to_thread(_made, self._store, example_id)
        except StudioError as error:
            cast("StudioApp", self.app).tell(str(error), bad=True)
        else:
            self.post_message(RecordsRead(example_id, found))

    @on(RecordsRead)
    def _was_read(self, event: RecordsRead) -> None:
        event.stop()
        if event.example_id != self._asked:
            return
        rows = [_row(record) for record in event.records]
        # Another example begins at its newest record; the same one stays where one has read.
        first = rows[0].key if rows and self._shown != self._asked else None
        self._shown = self._asked
        shown = self.query_one(RowList)
        shown.empty = NOTHING
        shown.show(rows, key=first)


def _row(record: Record) -> Row:
    cells = ("✓" if record.kept else "✗", one_line(record.text, 400), record.reason)
    return Row(str(record.id), cells, "" if record.kept else "muted")


def _made(path: Path, example_id: int) -> list[Record]:
    """Runs in a thread with a connection of its own."""
    store = Store(path)
    try:
        return store.examples.made(example_id, MOST)
    finally:
        store.close()
