"""The line below the records: who has decided how much in this session, and what runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from textual.widgets import Static

from studio.store.review_shapes import Change, ReviewProgress
from studio.tui.pane.store_access import StoreAccess
from studio.tui.records import words as say
from studio.tui.safe_content import content

COUNT_S = 0.25
"""Seconds after a decision until the session is counted anew. Not with each one: a line at the far
end of the screen makes the terminal's whole frame be drawn."""


class SessionLine(Static):
    """The session so far; it owns the count."""

    def __init__(self, access: StoreAccess) -> None:
        super().__init__("", id="session")
        self._access = access
        self._since = datetime.now(UTC)
        self._progress: ReviewProgress | None = None
        self._is_soon = False
        self.busy = ""
        """What runs over many records, in a few words."""

    def say_busy(self, words: str) -> None:
        """Show what runs; nothing when it is done."""
        self.busy = words
        self.show()

    def count_one(self, change: Change) -> None:
        """A decision counts at once; the store's own count follows."""
        known = self._progress
        if known is not None and change.id and change.kind in ("accept", "reject"):
            left = max(known.left - 1, 0)
            self._progress = replace(known, decided=known.decided + 1, left=left)
        self.count_soon()

    def count_soon(self) -> None:
        """Count anew in a moment; many decisions are counted once."""
        if not self._is_soon:
            self._is_soon = True
            self.set_timer(COUNT_S, self._count)

    def _count(self) -> None:
        self._is_soon = False
        self.show()
        self.run_worker(self.count(), group="count", exclusive=True)

    async def count(self) -> None:
        """Count anew, off the screen."""
        who, since = self._access.reviewer, self._since
        found = await self._access.ask(
            self._access.side, lambda store: store.review.tally(who, since)
        )
        if found is not None:
            self._progress = found
            self.show()

    def show(self) -> None:
        """Who has decided how much, and what runs."""
        known = self._progress
        told = say.tally(known, self._access.reviewer) if known is not None else ""
        text = " · ".join(part for part in (self.busy, told) if part)
        # Always one line: laying all out anew for it would cost each decision 10 ms.
        self.update(content(text), layout=False)
