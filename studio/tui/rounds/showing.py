"""What the Rounds pane draws: where the run stands, its figures, its errors, the error in hand."""

from __future__ import annotations

from typing import Any

from textual import on, work
from textual.widgets import Static

from studio.records import JobState, Round
from studio.store import Store
from studio.store.runs import ErrorRow
from studio.tui.plots.curves import Curves
from studio.tui.rounds import sheet as sheets
from studio.tui.rounds import words as say
from studio.tui.rounds.core import RoundsCore
from studio.tui.rounds.plan import RoundsPlanView
from studio.tui.rounds.snapshot import ErrorDetails, ErrorPages, look
from studio.tui.safe_text import content
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane
from studio.tui.widgets.virtual_rows import VirtualRows

NO_ROUND = "The errors of the small model come here as soon as the first round is scored."
NO_ADDITION = "Nothing was written from this error yet."
NO_FOLLOWER = "Nothing was written from this error: no round follows this one."
NO_ERROR = "The small model gets every validation item right: there is no error to extrapolate."


class Nothing:
    """No error at all."""

    def at(self, position: int, limit: int) -> list[ErrorRow]:
        """None."""
        return []


_NOTHING = Nothing()


class Showing(RoundsCore):
    """Reads the store beside the screen, and draws what is read."""

    def __init__(self) -> None:
        super().__init__()
        self._run_id: int | None = None
        """The run that a person chose."""
        self._job_id: int | None = None
        """The job that a person started, until its run is there."""
        self._planning = False
        self._plan: RoundsPlanView | None = None
        self._reading = self._dirty = False
        self._errors_of: tuple[int, int | None] = (0, None)
        """(round's row, its errors) that the list holds."""

    @property
    def plan(self) -> RoundsPlanView | None:
        """The form; None before it was wanted."""
        if self._plan is None:
            self._plan = next(iter(self.query(RoundsPlanView)), None)
        return self._plan

    # -- reading the store --

    def store_changed(self) -> None:
        """Another process has written, or this pane comes back to the front."""
        self.read_look()
        if self._planning and self.plan is not None:
            self.plan.read()

    def look_at_worker(self) -> None:
        if self.is_current and self._look.is_live:
            # A worker that dies writes nothing: only looking at its process tells.
            self.read_look()

    def read_look(self) -> None:
        """Read the run again, beside the screen; while that goes on, once more at its end."""
        self._dirty = True
        if not self._reading:
            self._reading = True
            self.run_worker(self._read_on(), group="look")

    async def _read_on(self) -> None:
        try:
            while self._dirty:
                self._dirty = False
                run, job = self._run_id, self._job_id

                def read(store: Store, run: int | None = run, job: int | None = job) -> Any:
                    return look(store, run, job)

                found = await self.ask(self._look_thread, read)
                if found is not None and (run, job) == (self._run_id, self._job_id):
                    self._look = found
                    await self.show_all()
        finally:
            self._reading = False

    # -- what is shown --

    async def show_all(self) -> None:
        """All parts, as the rows are now."""
        self._show_where()
        self._show_figures()
        await self._show_errors()
        self.refresh_bindings()

    def _show_where(self) -> None:
        found = self._look
        self.part("#where-section", Section).titled(say.title(found))
        self.part("#stages", Static).update(content(say.stages(found)), layout=False)
        failed = found.job is not None and found.job.state is JobState.FAILED
        now = content(say.progress(found), "$error" if failed else "")
        self.part("#now", Static).update(now, layout=False)
        words = say.next_step(found, self.keys(), len(self._asking))
        self.part("#next", Static).update(content(words), layout=False)

    def _show_figures(self) -> None:
        found, shown = self._look, self.shown_round
        key = str(shown.number) if shown is not None else None
        with self.prevent(RowList.Moved):
            self.part("#rounds", RowList).show(say.round_rows(found), key=key)
        plots = say.plots(found)
        self.part("#curve-section", Section).titled(say.plots_title(found))
        self.part("#curve", Curves).show(plots, instead="It is drawn once a round is scored.")
        number = shown.number if shown is not None else 0
        self.part("#gap-section", Section).titled(say.gap_title(number))
        text, pane = say.gap_text(found, number, self.key("how-near")), self.part("#gap", TextPane)
        if text != pane.plain:
            pane.show(text)

    async def _show_errors(self) -> None:
        shown = self.shown_round
        section = self.part("#errors-section", Section)
        section.titled(self._errors_title(shown))
        wanted = (shown.id if shown is not None else 0, shown.errors if shown else None)
        self.errors.empty = NO_ERROR if shown is not None and shown.errors == 0 else NO_ROUND
        if wanted != self._errors_of or self._pages is None:
            await self._open_errors(shown, wanted)
            return
        # What the worker has written since: new extrapolations, verdicts of others.
        self.errors.again()
        row = self.errors.current
        if row is not None:
            await self.read_beside(row.id)

    def _errors_title(self, shown: Round | None) -> str:
        if shown is None:
            return "Errors"
        last = self._look.rounds[-1].number if self._look.rounds else shown.number
        of = f" of {last}" if last != shown.number else ""
        way = f" · {self.key('previous-round')} {self.key('next-round')}" if last else ""
        return f"Errors of round {shown.number}{of}: {shown.errors or 0:,}{way}"

    async def _open_errors(self, shown: Round | None, wanted: tuple[int, int | None]) -> None:
        if shown is None:
            self._errors_of, self._pages, self._beside = wanted, None, None
            self.errors.show(Nothing(), 0)
            self.show_beside()
            return
        row = shown.id

        def opened(store: Store) -> ErrorPages:
            return ErrorPages(store, row, store.runs.error_ids(row))

        pages = await self.ask(self._store_thread, opened)
        if pages is not None:
            same = wanted[0] == self._errors_of[0]
            self._errors_of, self._pages = wanted, pages
            place = self.errors.cursor if same else 0
            self._beside = None
            self.errors.show(pages, len(pages.ids), cursor=place)

    # -- the error in hand --

    @property
    def can_ask(self) -> bool:
        """Whether what is written now would be trained on: a round is to follow the shown one."""
        found, shown = self._look, self.shown_round
        if found.run is None or shown is None or shown is not found.rounds[-1]:
            return False
        params = found.run.params
        ended = found.job is not None and found.job.state is JobState.DONE and not found.is_resting
        return params.get("method") == "s3" and shown.number < int(params["rounds"]) and not ended

    @on(VirtualRows.Moved, "#errors")
    def _error_moved(self, event: VirtualRows.Moved) -> None:
        event.stop()
        row = self.errors.current
        if row is None:
            self._beside = None
            self.show_beside()
        elif self._beside is None or self._beside.error.id != row.id:
            self._read_error(row.id)

    @work(exclusive=True, group="beside")
    async def _read_error(self, error_id: int) -> None:
        await self.read_beside(error_id)

    @on(VirtualRows.Chosen, "#errors")
    def _error_chosen(self, event: VirtualRows.Chosen) -> None:
        event.stop()
        self.set_focus(self.additions)

    @on(VirtualRows.Failed)
    def _failed(self, event: VirtualRows.Failed) -> None:
        event.stop()
        self.studio.tell(event.words, bad=True)

    def show_beside(self, choose: int | None = None) -> None:
        """The error whole, its extrapolations in a list, the one under the cursor whole too."""
        rows = sheets.rows(self.in_sight(), self.streaming)
        additions = self.additions
        follows = self.can_ask or self.shown_round is None
        additions.empty = NO_ADDITION if follows else NO_FOLLOWER
        with self.prevent(RowList.Moved):
            additions.show(rows, key=str(choose) if choose is not None else None)
        title = f"Extrapolations: {len(rows)}" if rows else "Extrapolations"
        if self.can_ask and self.errors.count:
            title += f" · {self.key('ask-again')} asks for one more"
        self.part("#additions-section", Section).titled(title)
        self._show_sheet()

    def in_sight(self) -> ErrorDetails | None:
        """The error in hand, unless the cursor stands on another one by now."""
        row = self.errors.current
        found = self._beside
        return found if found is not None and row is not None and found.error.id == row.id else None

    def show_streaming(self) -> None:
        """Only what streams in has changed."""
        if self.streaming is not None:
            self.show_beside()
        self._show_where()

    def _show_sheet(self) -> None:
        found, pane = self.in_sight(), self.part("#error", TextPane)
        written = sheets.being_written(self._look)
        if found is None and written.plain:
            self.part("#error-section", Section).titled(say.written_title(self._look))
            pane.put(written, written.plain)
            return
        place = f"{self.errors.cursor + 1:,} of {self.errors.count:,}" if self.errors.count else ""
        diff = " · [-only the error-] {+only the new+}" if self._diff else ""
        self.part("#error-section", Section).titled(f"Error {place}{diff}".strip())
        if found is None:
            pane.put(content(""), "")
            return
        row = self.additions.current
        live = self.streaming if row is not None and row.key == sheets.LIVE else None
        shown = sheets.sheet(found, self.chosen, live, self._labels, diff=self._diff)
        pane.put(shown, sheets.plain(found, self.chosen))

    @on(RowList.Moved, "#additions")
    def _addition_moved(self, event: RowList.Moved) -> None:
        event.stop()
        self._show_sheet()

    @on(RowList.Chosen, "#additions")
    def _addition_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.set_focus(self.query_one("#error"))

    def action_word_diff(self) -> None:
        """Mark the words that only the error or only its extrapolation has, or stop that."""
        self._diff = not self._diff
        self._show_sheet()
