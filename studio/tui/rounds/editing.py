"""Editing an extrapolation in place: the field under the extrapolations."""

from __future__ import annotations

from studio.tui.pane.record_field import OpenRecord, RecordField
from studio.tui.rounds.core import RoundsCore


class RoundsEditing(RecordField, RoundsCore):
    """The field under the extrapolations."""

    HISTORY = "in its history in Review"

    async def action_edit(self) -> None:
        """Edit the extrapolation under the cursor; esc finishes."""
        found = await self.in_hand()
        item = self.chosen
        if found is None or item is None:
            self.studio.tell("There is no extrapolation here to edit.")
            return
        self.open_field(item.id, item.text, found.error.id)

    def show_field(self, *, shown: bool) -> None:
        """A low screen has no room for the extrapolations beside it."""
        super().show_field(shown=shown)
        self.set_class(shown, "-editing")

    async def after_edit(self, opened: OpenRecord, *, wrote: bool) -> None:
        """Back to the extrapolations, unless a person has gone elsewhere."""
        if self.focused is None or self.focused is self.editor:
            self.set_focus(self.additions)
        if wrote:
            await self.read_beside(opened.place, choose=opened.record)
