"""Editing a record in place: the field under the table."""

from __future__ import annotations

from studio.tui.pane.record_field import OpenRecord, RecordField
from studio.tui.review.core import ReviewCore, cut


class ReviewEditing(RecordField, ReviewCore):
    """The field under the table."""

    HISTORY = "in its history beside it"

    async def action_edit(self) -> None:
        """Edit the record's text; esc finishes."""
        row = await self.rows.settled()
        if row is None:
            self.studio.tell("There is no record here to edit.")
            return
        record = self.studio.guarded(lambda: self.project.store.records.get(row.id))
        if record is not None:
            self.open_field(row.id, record.text, self.rows.cursor)

    async def after_edit(self, opened: OpenRecord, *, wrote: bool) -> None:
        """Back to the table, which shows the row as it is now."""
        self.set_focus(self.rows)
        window = self._window
        if wrote and window is not None:
            found = await self.ask(self._store_thread, lambda _store: window.at(opened.place, 1))
            for row in found or ():
                self.rows.put(opened.place, cut(row))
            self.count_soon()
        self.show_side()
