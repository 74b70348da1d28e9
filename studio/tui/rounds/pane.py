"""Rounds: what the small model gets wrong, the LLM's extrapolations of it, and the gap closing."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Horizontal
from textual.widget import Widget

from studio.jobs import queue
from studio.plurals import so_many
from studio.runs import Job, Run
from studio.store import Store
from studio.tui.actions import bindings, in_scope, key_name
from studio.tui.dialogs.ask import Choose
from studio.tui.pane.base import Pane
from studio.tui.pane.store_access import StoreAccess
from studio.tui.records.edit import RecordEdit
from studio.tui.rounds import sheet as sheets
from studio.tui.rounds import words as say
from studio.tui.rounds.actions import RoundsActions
from studio.tui.rounds.errors import ErrorList
from studio.tui.rounds.figures import RunFigures, RunStatus
from studio.tui.rounds.plan import RoundsPlanView
from studio.tui.rounds.retries import ErrorRetries
from studio.tui.rounds.side import ErrorSide
from studio.tui.rounds.snapshot import RunSnapshot, look, training_runs
from studio.tui.widgets.rows import Column, Row
from studio.tui.widgets.virtual_rows import VirtualRows

TICK_S = 1.0
"""Seconds between two looks at the worker's process while a run goes on."""
JUDGING = ("approve", "reject", "edit", "note", "ask_again", "undo", "redo", "word_diff")
WATCHING = (
    *JUDGING,
    "approve_all",
    "next_round",
    "previous_round",
    "cancel",
    "how_near",
    "figures",
)
"""What can be done while a run is in front."""


class RoundsPane(Pane):
    """The run's errors on the left, the error in hand and its extrapolations on the right."""

    NAME = "rounds"
    CSS_PATH = "rounds.tcss"
    AUTO_FOCUS = "#errors"
    BINDINGS: ClassVar[list[Any]] = [
        *bindings("rounds"),
        Binding("escape", "leave", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._look = RunSnapshot(None, None)
        self._run_id: int | None = None
        """The run that a person chose."""
        self._job_id: int | None = None
        """The job that a person started, until its run is there."""
        self._number: int | None = None
        """The round that a person chose; None follows the newest that was scored."""
        self._reading = self._dirty = False
        self._plan: RoundsPlanView | None = None
        """The form; None before it was wanted."""

    def compose_body(self) -> ComposeResult:
        """The plan, or the run: where it stands, figures, errors beside what came of them."""
        self._access = access = StoreAccess(self)
        labels = self.project.store.labels.all()
        self._status, self._figures = RunStatus(), RunFigures()
        self._errors = ErrorList(access, labels)
        self._side = ErrorSide(access, self._errors, labels)
        self._do = RoundsActions(access, self._errors, self._side, self._read_look)
        self._retries = ErrorRetries(
            self, access, self._errors, self._side, self._read_look, self._show_status
        )
        # Before anything is laid out: to do it twice would be seen.
        self._planning = not self._has_runs()
        self.set_class(self._planning, "-planning")
        if self._planning:
            self._plan = RoundsPlanView(self.project, id="plan")
            yield self._plan
        with Container(id="run"):
            yield self._status
            yield self._figures
            with Horizontal(id="work"):
                yield self._errors
                yield self._side

    def begin(self) -> None:
        """The newest run, else the form."""
        if self._plan is not None:
            self._plan.read()
            self.set_focus(self.main_list())
        self._read_look()
        self.run_worker(self._side.edit.take_up_drafts(), group="begin")
        self.set_interval(TICK_S, self._look_at_worker)

    async def on_unmount(self) -> None:
        """Let files, connections and models go."""
        if self.ready:
            self._access.close()
            await self._retries.close()

    def _has_runs(self) -> bool:
        store = self.project.store
        return bool(training_runs(store)) or bool(store.jobs.latest(("s3", "s3-compare"), 1))

    def open_at(self, **place: Any) -> None:
        """``plan``: the form; ``run``: the run to show; ``job``: the job whose run is meant."""
        if (run := place.get("run")) is not None:
            self._show_run(int(run), None)
        elif (job := place.get("job")) is not None:
            self._show_run(None, int(job))
        elif place.get("plan"):
            self._show_view(planning=True)

    def _show_run(self, run: int | None, job: int | None) -> None:
        self._run_id, self._job_id, self._number = run, job, None
        self._show_view(planning=False)
        self._read_look()

    def main_list(self) -> Widget | None:
        """The form, what is missing, or the errors; in the figures, the rounds."""
        if self._planning:
            return None if self._plan is None else self._plan.main
        return self._figures.rounds if self.has_class("-figures") else self._errors.rows

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done in this view."""
        return not self._planning if action in WATCHING else True

    def offers(self, action_id: str) -> bool:
        """The footer names what does something now."""
        verb = action_id.removeprefix("rounds.").replace("-", "_")
        if verb == "approve_all":
            return self._look.is_resting
        if verb == "cancel":
            job = self._look.job
            return job is not None and (self._look.is_live or job.state in queue.RESUMABLE)
        if verb in JUDGING:
            return self._errors.rows.count > 0 and not self.has_class("-figures")
        return True

    # -- reading the store --

    def store_changed(self) -> None:
        """Another process has written, or this pane comes back to the front."""
        self._read_look()
        if self._planning and self._plan is not None:
            self._plan.read()

    def _look_at_worker(self) -> None:
        if self.is_current and self._look.is_live:
            # A worker that dies writes nothing: only looking at its process tells.
            self._read_look()

    def _read_look(self) -> None:
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
                read = partial(look, run_id=run, job_id=job)
                found = await self._access.ask(self._access.side, read)
                if found is not None and (run, job) == (self._run_id, self._job_id):
                    told = found.job and self.studio.job_watch.as_told(found.job)
                    self._look = replace(found, job=told)
                    await self._show_all()
        finally:
            self._reading = False

    # -- what is shown --

    async def _show_all(self) -> None:
        """All parts, as the rows are now."""
        found = self._look
        shown = found.shown(self._number)
        self._show_status()
        self._figures.show(found, shown, self.key("how-near"))
        self._side.show_run(found, can_ask=found.can_ask(shown))
        last = found.rounds[-1].number if found.rounds else 0
        await self._errors.show(shown, last)
        self.refresh_bindings()

    def _show_status(self) -> None:
        names = [action.id for action in in_scope("rounds") if action.keys]
        keys = {name: key_name(self.studio.keys_of(name)[0]) for name in names}
        self._status.show(self._look, keys, len(self._side.live))

    @on(VirtualRows.Moved, "#errors")
    def _error_moved(self, event: VirtualRows.Moved) -> None:
        event.stop()
        self._side.follow()

    @on(VirtualRows.Chosen, "#errors")
    def _error_chosen(self, event: VirtualRows.Chosen) -> None:
        event.stop()
        self.set_focus(self._side.additions)

    @on(VirtualRows.Failed)
    def _failed(self, event: VirtualRows.Failed) -> None:
        event.stop()
        self.studio.tell(event.words, bad=True)

    # -- extrapolations --

    async def action_approve(self) -> None:
        """Approve the extrapolation under the cursor, and go on."""
        await self._do.judge("accept")

    async def action_reject(self) -> None:
        """Reject the extrapolation under the cursor, and go on."""
        await self._do.judge("reject")

    async def action_edit(self) -> None:
        """Edit the extrapolation under the cursor; esc finishes."""
        await self._open_editor()

    async def action_note(self) -> None:
        """Write a note on the extrapolation under the cursor; esc finishes."""
        await self._open_editor(note=True)

    async def _open_editor(self, *, note: bool = False) -> None:
        await self._do.edit(note=note)
        self.set_class(self._side.edit.is_open, "-editing")

    @on(RecordEdit.Finished)
    async def _edited(self, event: RecordEdit.Finished) -> None:
        """Back to the extrapolations, unless a person has gone elsewhere."""
        event.stop()
        self.remove_class("-editing")
        if self.focused is None or self.focused is self._side.edit.editor:
            self.set_focus(self._side.additions)
        if event.opened.wrote:
            await self._side.read(event.opened.place, choose=event.opened.record.id)

    async def action_ask_again(self) -> None:
        """Have the LLM write one more extrapolation of the error under the cursor."""
        await self._retries.ask_again()

    async def action_undo(self) -> None:
        """Undo the last change, whatever it was."""
        await self._do.turn("undo")

    async def action_redo(self) -> None:
        """Redo what was undone last."""
        await self._do.turn("redo")

    def action_word_diff(self) -> None:
        """Mark the words that only the error or only its extrapolation has, or stop that."""
        self._side.toggle_diff()

    async def action_approve_all(self) -> None:
        """Approve all extrapolations as they stand; the next round trains on them."""
        run = self._look.run
        if run is None or not self._look.is_resting:
            self.studio.tell("No extrapolations wait for you in this run.")
            return
        self.flush()
        if (job := await self._do.approve_all(run.id)) is not None:
            self._number = None
            self.studio.tell(f"All are approved; job {job.id} trains the next round.")
            self.studio.wrote()
        self._read_look()

    # -- rounds, runs, figures --

    def action_next_round(self) -> None:
        """The errors of the next round."""
        self._go_round(1)

    def action_previous_round(self) -> None:
        """The errors of the round before."""
        self._go_round(-1)

    def _go_round(self, step: int) -> None:
        shown = self._look.shown(self._number)
        numbers = [one.number for one in self._look.rounds if one.errors is not None]
        if shown is None or not numbers:
            self.studio.tell("No round is scored yet.")
            return
        wanted = shown.number + step
        if wanted not in numbers:
            self.studio.tell("That is the last round." if step > 0 else "That is the first round.")
            return
        self._show_round(wanted)

    def _show_round(self, number: int) -> None:
        self._number = number
        self.run_worker(self._show_all(), group="show", exclusive=True)

    @on(RunFigures.Picked)
    def _round_picked(self, event: RunFigures.Picked) -> None:
        event.stop()
        if event.opened:
            self.remove_class("-figures")
            self.set_focus(self._errors.rows)
        elif (one := self._look.round(event.number)) is not None and one.errors is not None:
            self._show_round(one.number)

    def action_figures(self) -> None:
        """Rounds, curve and distances large, or the errors again."""
        self.toggle_class("-figures")
        self.set_focus(self.main_list())

    @work
    async def action_choose(self) -> None:
        """Choose the run that is shown; in the form, what stands in the line."""
        if self._planning:
            if self._plan is not None:
                self._plan.choose()
            return
        store = self.project.store
        rows = [_run_row(store, run) for run in training_runs(store)]
        columns = (Column("run", 5, "right"), Column("method", 10), Column("began", 17), Column(""))
        now = str(self._look.run.id) if self._look.run is not None else ""
        chosen = await self.app.push_screen_wait(Choose("Runs", columns, rows, current=now))
        if chosen is not None:
            self._show_run(int(chosen), None)

    def action_how_near(self) -> None:
        """Have a job measure how near the shown round's extrapolations are to its errors."""
        self._do.measure(self._look, self._look.shown(self._number))
        self._wrote()

    # -- starting, stopping, going on --

    async def action_start(self) -> None:
        """From a run to the form of the next one; there, start it."""
        if self._planning and self._plan is not None:
            self._plan.start()
            return
        self.flush()
        if self._plan is None:
            # Made when it is wanted: without it, the pane opens twice as fast.
            self._plan = RoundsPlanView(self.project, id="plan")
            await self.mount(self._plan, before="#run")
        self._plan.read()
        self._show_view(planning=True)

    @on(RoundsPlanView.Ready)
    def _start(self, event: RoundsPlanView.Ready) -> None:
        event.stop()
        self.studio.write(
            lambda: queue.submit(self.project, "s3", event.params), then=self._started
        )

    def _started(self, job: Job) -> None:
        self._show_run(None, job.id)
        self.studio.wrote()

    @work
    async def action_cancel(self) -> None:
        """Cancel the run's job; one that was cancelled, cut off or capped resumes."""
        job = self._look.job
        if job is not None and self._look.is_live:
            self.studio.stop_job(job, lambda _job: self._wrote())
        else:
            await self._do.resume(self._look, self.app)
            self._wrote()

    def _wrote(self) -> None:
        self.studio.wrote()
        self._read_look()

    def _show_view(self, *, planning: bool) -> None:
        """The form, or the run."""
        self._planning = planning
        self.set_class(planning, "-planning")
        self.set_focus(self.main_list())
        self.refresh_bindings()

    def action_leave(self) -> None:
        """Out of the field that is edited; out of the form to the run; else to the main list."""
        edit = self._side.edit
        if edit.is_open:
            if edit.finish():
                self.set_focus(self._side.additions)
            return
        typing = self._plan is not None and self._plan.form.is_typing
        if self._planning and not typing and self._has_runs():
            self.flush()
            self._show_view(planning=False)
            return
        if self.has_class("-figures") and not self._planning:
            self.remove_class("-figures")
        super().action_leave()

    def flush(self) -> None:
        """Write what was typed."""
        if self._plan is not None:
            self._plan.flush()
        self._side.edit.write()

    def finish(self) -> None:
        """Wait for decisions that are under way."""
        self._access.finish()

    def copy_text(self) -> str:
        """The extrapolation in hand, else the error; in the form what it will ask."""
        if self._planning and self._plan is not None:
            return self._plan.text
        if self.has_class("-figures"):
            return self._figures.plain
        found = self._side.details
        return sheets.plain(found, self._side.chosen) if found is not None else ""


def _run_row(store: Store, run: Run) -> Row:
    rounds = store.runs.rounds(run.id)
    best = max((say.score(one.validation) for one in rounds), default="")
    words = so_many(len(rounds), "rounds")
    told = f"{words}, validation {best}" if best else words
    began = run.created.replace("T", " ")[:16]
    return Row(str(run.id), (str(run.id), run.method, began, told))
