"""The side of Review: the record's whole provenance, one view at a time, read off the screen."""

from __future__ import annotations

import asyncio

from textual import work
from textual.content import Content

from studio.store import Store
from studio.store.review_shapes import Agreement, Provenance
from studio.tui.review.core import ReviewCore
from studio.tui.review.side import VIEWS, sheet, view_names
from studio.tui.widgets.text_pane import Section, TextPane

SIDE_DELAY_S = 0.06
"""While a key is held, only the record that one stops at is shown beside the table."""


class RecordDetails(ReviewCore):
    """What stands beside the record under the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self._side = 0
        self._shown: Provenance | None = None
        self._agreement: Agreement | None = None
        self._side_of = 0

    def show_side(self) -> None:
        """Read all about the record under the cursor, unless the cursor goes on at once."""
        row = self.rows.current
        self._side_of = row.id if row is not None else 0
        if row is None:
            self._shown = None
            self.part("#provenance", TextPane).show("")
        else:
            self._read_side(row.id)

    @work(exclusive=True, group="side")
    async def _read_side(self, record: int) -> None:
        await asyncio.sleep(SIDE_DELAY_S)
        found = await self.ask(self._side_thread, lambda store: self._about(store, record))
        if found is not None and record == self._side_of:
            same = self._shown is not None and self._shown.record.id == record
            self._shown, self._agreement = found
            self._draw_side(top=not same)

    def _about(self, store: Store, record: int) -> tuple[Provenance, Agreement] | None:
        """Runs on the store's thread; nothing is read for a record that the cursor has left."""
        if record != self._side_of:
            return None
        return store.review.provenance(record), store.review.agreement()

    def _draw_side(self, *, top: bool) -> None:
        if self._shown is None:
            return
        pane = self.part("#provenance", TextPane)
        search, view = self._view.search, VIEWS[self._side]
        shown = sheet(view, self._shown, search, self._agreement, self.records_of)
        pane.put(shown.shown, shown.plain)
        if top:
            pane.scroll_home(animate=False)

    def title_side(self) -> None:
        """Which of its views the side shows, and the key for the next one."""
        views = enumerate(view_names(self.records_of))
        names = [f"[{name}]" if n == self._side else name for n, name in views]
        title = " · ".join(names) + f" · {self.key('side')} next"
        self.part("#side", Section).border_title = Content(title)

    def action_side(self) -> None:
        """Show something else of the record."""
        self._side = (self._side + 1) % len(VIEWS)
        self.title_side()
        self._draw_side(top=True)

    def action_side_back(self) -> None:
        """Show what was shown before that."""
        self._side = (self._side - 1) % len(VIEWS)
        self.title_side()
        self._draw_side(top=True)

    def action_side_down(self) -> None:
        """Scroll the side without leaving the table."""
        self.part("#provenance", TextPane).action_half_down()

    def action_side_up(self) -> None:
        """Scroll it back."""
        self.part("#provenance", TextPane).action_half_up()

    def copy_text(self) -> str:
        """The record's whole text; where the side has the focus, what it shows."""
        pane = self.part("#provenance", TextPane)
        if pane.has_focus:
            return pane.plain
        row = self.rows.current
        record = row and self.studio.guarded(lambda: self.project.store.records.get(row.id))
        return record.text if record else ""
