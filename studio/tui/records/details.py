"""The side of the browser: all about one record, one view at a time, read off the screen."""

from __future__ import annotations

import asyncio

from textual import work
from textual.app import ComposeResult
from textual.content import Content

from studio.records import RecordType
from studio.store import Store
from studio.store.review_shapes import Agreement, Provenance
from studio.tui.pane.store_access import StoreAccess
from studio.tui.records.side import VIEWS, sheet, view_names
from studio.tui.records.table import RecordTable
from studio.tui.widgets.text_pane import Section, TextPane

SIDE_DELAY_S = 0.06
"""While a key is held, only the record that one stops at is shown beside the table."""


class RecordDetails(Section):
    """What stands beside the record under the cursor; it owns what it has read, and its view."""

    def __init__(self, access: StoreAccess) -> None:
        super().__init__(id="side")
        self._access = access
        self._type: RecordType = access.project.task.record
        self._view = 0
        self._search = ""
        self._record = 0
        """The record that is asked for; 0 for none."""
        self._shown: Provenance | None = None
        self._agreement: Agreement | None = None
        self.text = TextPane(id="provenance")
        """The text itself."""

    def compose(self) -> ComposeResult:
        """The text alone."""
        yield self.text

    def on_mount(self) -> None:
        """Say which view it is."""
        self._retitle()

    def show(self, table: RecordTable) -> None:
        """Read all about the record under the cursor, unless the cursor goes on at once."""
        row = table.current
        self._record, self._search = row.id if row is not None else 0, table.view.search
        if table.type != self._type:
            self._type = table.type
            self._retitle()
        if row is None:
            self._shown = None
            self.text.show("")
        else:
            self._read(row.id)

    @work(exclusive=True, group="side")
    async def _read(self, record: int) -> None:
        await asyncio.sleep(SIDE_DELAY_S)
        found = await self._access.ask(self._access.side, lambda store: self._about(store, record))
        if found is not None and record == self._record:
            same = self._shown is not None and self._shown.record.id == record
            self._shown, self._agreement = found
            self._draw(top=not same)

    def _about(self, store: Store, record: int) -> tuple[Provenance, Agreement] | None:
        """Runs on the store's thread; nothing is read for a record that the cursor has left."""
        if record != self._record:
            return None
        return store.review.provenance(record), store.review.agreement()

    def _draw(self, *, top: bool) -> None:
        if self._shown is None:
            return
        shown = sheet(VIEWS[self._view], self._shown, self._search, self._agreement)
        self.text.put(shown.shown, shown.plain)
        if top:
            self.text.scroll_home(animate=False)

    def _retitle(self) -> None:
        """Which of its views the side shows, and the key for the next one."""
        names = view_names(self._type)
        told = [f"[{name}]" if n == self._view else name for n, name in enumerate(names)]
        self.border_title = Content(" · ".join(told) + f" · {self._access.key('side')} next")

    def turn(self, by: int) -> None:
        """Show something else of the record."""
        self._view = (self._view + by) % len(VIEWS)
        self._retitle()
        self._draw(top=True)
