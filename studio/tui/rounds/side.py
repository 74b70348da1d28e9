"""The error in hand: read whole, its extrapolations in a list, the one under the cursor too."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical

from studio.records import Label, Record
from studio.tui.pane.store_access import StoreAccess
from studio.tui.records.edit import RecordEdit
from studio.tui.rounds import sheet as sheets
from studio.tui.rounds import words as say
from studio.tui.rounds.errors import ErrorList
from studio.tui.rounds.snapshot import ErrorDetails, RunSnapshot, details_of
from studio.tui.safe_content import content
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane

NO_ADDITION = "Nothing was written from this error yet."
NO_FOLLOWER = "Nothing was written from this error: no round follows this one."


class ErrorSide(Vertical):
    """What stands beside the errors. It owns the error in hand, and what streams in for errors."""

    def __init__(self, access: StoreAccess, errors: ErrorList, labels: Sequence[Label]) -> None:
        super().__init__(id="beside")
        self._access, self._errors, self._labels = access, errors, labels
        self._run = RunSnapshot(None, None)
        self._can_ask = self._diff = False
        self._details: ErrorDetails | None = None
        self.live: dict[int, str] = {}
        """Error → what the LLM has written of it so far."""
        self._error_section = Section(id="error-section")
        self._additions_section = Section(id="additions-section")
        self.text = TextPane(id="error")
        """The error and the extrapolation under the cursor."""
        self.additions = RowList(
            say.addition_columns(access.project.task), empty="", id="additions"
        )
        """What was written from the error."""
        self.edit = RecordEdit(access, history="in its history in Review")
        """The field in which an extrapolation is edited."""

    def compose(self) -> ComposeResult:
        """The error, its extrapolations, the field."""
        with self._error_section.titled("Error"):
            yield self.text
        with self._additions_section.titled("Extrapolations"):
            yield self.additions
        yield self.edit

    # -- the error in hand --

    @property
    def details(self) -> ErrorDetails | None:
        """The error in hand, unless the cursor stands on another one by now."""
        row, found = self._errors.rows.current, self._details
        return found if found is not None and row is not None and found.error.id == row.id else None

    @property
    def chosen(self) -> Record | None:
        """The extrapolation under the cursor; None where one streams in, or there is none."""
        row, found = self.additions.current, self._details
        if row is None or found is None or row.key == sheets.LIVE:
            return None
        return next((one for one in found.additions if str(one.id) == row.key), None)

    async def in_hand(self) -> ErrorDetails | None:
        """The error under the cursor with its extrapolations, read if need be."""
        row = await self._errors.rows.settled()
        if row is not None and self.details is None:
            await self.read(row.id)
        return self.details

    @work(exclusive=True, group="error")
    async def follow(self) -> None:
        """Read the error that the cursor stands on by now."""
        row = self._errors.rows.current
        if row is None:
            self._details = None
            self.show()
        else:
            await self.read(row.id)

    async def read(self, error_id: int, *, choose: int | None = None) -> None:
        """Read an error whole and show it; ``choose``: the extrapolation to stand on."""
        found = await self._access.ask(
            self._access.front, lambda store: details_of(store, error_id)
        )
        row = self._errors.rows.current
        if row is not None and row.id == error_id:
            self._details = found
            self.show(choose)

    # -- what is shown --

    def show_run(self, run: RunSnapshot, *, can_ask: bool) -> None:
        """Where the run stands; ``can_ask``: whether what is written now would be trained on."""
        self._run, self._can_ask = run, can_ask

    @property
    def _live(self) -> str | None:
        """What is being written for the error in hand; None when nothing is."""
        row = self._errors.rows.current
        return self.live.get(row.id) if row is not None else None

    def show(self, choose: int | None = None) -> None:
        """Draw the error in hand, and the list of what was written from it."""
        rows = sheets.rows(self.details, self._live, self._access.project.task)
        additions = self.additions
        follows = self._can_ask or not self._run.is_scored
        additions.empty = NO_ADDITION if follows else NO_FOLLOWER
        with self.prevent(RowList.Moved):
            additions.show(rows, key=str(choose) if choose is not None else None)
        title = f"Extrapolations: {len(rows)}" if rows else "Extrapolations"
        if self._can_ask and self._errors.rows.count:
            title += f" · {self._access.key('ask-again')} asks for one more"
        self._additions_section.titled(title)
        self._show_sheet()

    def show_live(self) -> None:
        """Only what streams in has changed."""
        if self._live is not None:
            self.show()

    def _show_sheet(self) -> None:
        found, errors = self.details, self._errors.rows
        written = sheets.being_written(self._run)
        if found is None and written.plain:
            self._error_section.titled(say.written_title(self._run))
            self.text.put(written, written.plain)
            return
        place = f"{errors.cursor + 1:,} of {errors.count:,}" if errors.count else ""
        diff = " · [-only the error-] {+only the new+}" if self._diff else ""
        self._error_section.titled(f"Error {place}{diff}".strip())
        if found is None:
            self.text.put(content(""), "")
            return
        row = self.additions.current
        live = self._live if row is not None and row.key == sheets.LIVE else None
        shown = sheets.sheet(found, self.chosen, live, self._labels, diff=self._diff)
        self.text.put(shown, sheets.plain(found, self.chosen))

    @on(RowList.Moved, "#additions")
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        self._show_sheet()

    @on(RowList.Chosen, "#additions")
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.screen.set_focus(self.text)

    def toggle_diff(self) -> None:
        """Mark the words that only the error or only its extrapolation has, or stop that."""
        self._diff = not self._diff
        self._show_sheet()

    def to_next_undecided(self) -> bool:
        """Further down among this error's extrapolations; False when none is left there."""
        found, rows = self._details, self.additions
        for place in range(rows.cursor + 1, len(found.additions) if found is not None else 0):
            if found is not None and not found.words.get(found.additions[place].id):
                rows.cursor = place
                return True
        return False
