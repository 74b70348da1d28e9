"""What all parts of Review stand on: the open window, its rows, the session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from textual.widget import Widget
from textual.widgets import Static

from studio.store.review_shapes import ReviewProgress, ReviewRow, View
from studio.store.review_window import Window
from studio.tasks import TASKS, Task
from studio.tui.pane.store_pane import StorePane
from studio.tui.review import words as say
from studio.tui.safe_text import content
from studio.tui.widgets.virtual_rows import Cell, VirtualRows

TALLY_S = 0.25
"""Seconds after a decision until the session is counted anew. Not with each one: a line at the far
end of the screen makes the terminal's whole frame be drawn."""


@dataclass(frozen=True, slots=True)
class Pages:
    """A window as the list reads it: texts cut to what a line can show."""

    window: Window

    def at(self, position: int, limit: int) -> Sequence[ReviewRow]:
        """Rows from a position on."""
        return [cut(row) for row in self.window.at(position, limit)]


def cut(row: ReviewRow) -> ReviewRow:
    """The row without the megabytes that its text may have."""
    short = len(row.text) <= say.LONGEST_CELL
    return row if short else replace(row, text=row.text[: say.LONGEST_CELL])


class ReviewCore(StorePane):
    """State and helpers that deciding, editing and looking share."""

    def __init__(self) -> None:
        super().__init__()
        self._view = View()
        self.records_of: Task = TASKS["retrieval"]
        """The project's: it decides the columns."""
        self._window: Window | None = None
        self._prompts: dict[int, str] = {}
        """Prompt row → its name and version."""
        self._score = ""
        """The filter whose score the table shows."""
        self._since = datetime.now(UTC)
        self._tally: ReviewProgress | None = None
        self._busy = ""
        """What runs over many records, in a few words."""
        self._tally_soon = False

    def open_threads(self, path: Path) -> None:
        """Threads begin when something is asked of them."""
        super().open_threads(path)
        self._side_thread = self.new_thread(path)
        """What may take longer: provenance, counts, histograms."""
        self._long_thread = self.new_thread(path)
        """Deeds on many records."""

    @property
    def rows(self) -> VirtualRows[ReviewRow]:
        """The table."""
        return self.part("#records", VirtualRows)

    def main_list(self) -> Widget | None:
        """The table."""
        return self.rows

    def draw_row(self, row: ReviewRow) -> Sequence[Cell]:
        """One line of the table."""
        return say.cells(row, self._score, self.records_of)

    # -- the session --

    def count_soon(self) -> None:
        """Count the session anew in a moment; many decisions are counted once."""
        if not self._tally_soon:
            self._tally_soon = True
            self.set_timer(TALLY_S, self._count)

    def _count(self) -> None:
        self._tally_soon = False
        self.show_session()
        self.run_worker(self._count_now(), group="tally", exclusive=True)

    async def _count_now(self) -> None:
        who, since = self.reviewer, self._since
        found = await self.ask(self._side_thread, lambda store: store.review.tally(who, since))
        if found is not None:
            self._tally = found
            self.show_session()

    def show_session(self) -> None:
        """Who has decided how much, and what runs."""
        told = say.tally(self._tally, self.reviewer) if self._tally is not None else ""
        text = " · ".join(part for part in (self._busy, told) if part)
        # Always one line: laying all out anew for it would cost each decision 10 ms.
        self.part("#session", Static).update(content(text), layout=False)

    def retitle(self) -> None:
        """Say above the table what it shows."""

    def show_side(self) -> None:
        """Show the record under the cursor beside the table."""

    def reopen(
        self, view: View, *, record: int | None = None, first_undecided: bool = False
    ) -> None:
        """Show another view, or the same one anew."""
