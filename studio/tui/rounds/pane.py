"""Rounds: what the small model gets wrong, the LLM's extrapolations of it, and the gap closing."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Static

from studio.jobs import queue
from studio.records import Job, JobState
from studio.store import Store
from studio.store.runs import ErrorRow
from studio.tui.actions import bindings
from studio.tui.plots.curves import Curves
from studio.tui.rounds import form as form_of
from studio.tui.rounds import sheet as sheets
from studio.tui.rounds import words as say
from studio.tui.rounds.actions import RoundsActions
from studio.tui.rounds.asking import Asking
from studio.tui.rounds.editing import RoundsEditing
from studio.tui.rounds.plan import RoundsPlanView
from studio.tui.rounds.showing import Showing
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section, TextPane
from studio.tui.widgets.virtual_rows import Cell, VirtualRows

TICK_S = 1.0
"""Seconds between two looks at the worker's process while a run goes on."""
JUDGING = ("approve", "reject", "edit", "ask_again", "undo", "redo", "word_diff")
WATCHING = (
    *JUDGING,
    "let_through",
    "next_round",
    "previous_round",
    "cancel",
    "how_near",
    "figures",
)
"""What can be done while a run is in front."""
NO_ROUNDS = "No round yet."
PARTS: dict[str, type[Widget]] = {
    "#where-section": Section,
    "#stages": Static,
    "#now": Static,
    "#next": Static,
    "#rounds": RowList,
    "#curve-section": Section,
    "#curve": Curves,
    "#gap-section": Section,
    "#gap": TextPane,
    "#errors-section": Section,
    "#errors": VirtualRows,
    "#error-section": Section,
    "#error": TextPane,
    "#additions-section": Section,
    "#additions": RowList,
    "#edit-section": Section,
    "#edit": Editor,
}
"""The pane's widgets by name."""


class RoundsPane(Showing, RoundsActions, RoundsEditing, Asking):
    """The run's errors on the left, the error in hand and its extrapolations on the right."""

    NAME = "rounds"
    CSS_PATH = "rounds.tcss"
    AUTO_FOCUS = "#errors"
    BINDINGS: ClassVar[list[Any]] = [
        *bindings("rounds"),
        Binding("escape", "leave", show=False),
    ]

    def compose_body(self) -> ComposeResult:
        """The plan, or the run: where it stands, figures, errors beside what came of them."""
        self.open_threads(self.project.store.path)
        self._labels = self.project.store.labels.all()
        # Before anything is laid out: to do it twice would be seen.
        self._planning = not self._has_runs()
        self.set_class(self._planning, "-planning")
        if self._planning:
            yield RoundsPlanView(self.project, id="plan")
        with Container(id="run"):
            with Section(id="where-section").titled("Run"):
                yield Static("", id="stages", markup=False)
                yield Static("", id="now", markup=False)
                yield Static("", id="next", markup=False)
            with Horizontal(id="figures"):
                with Section(id="rounds-section").titled("Rounds"):
                    yield RowList(say.ROUND_COLUMNS, empty=NO_ROUNDS, id="rounds")
                with Section(id="curve-section").titled("Score"):
                    yield Curves(id="curve")
                with Section(id="gap-section").titled("How near"):
                    yield TextPane(id="gap")
            with Horizontal(id="work"):
                with Section(id="errors-section").titled("Errors"):
                    yield VirtualRows(
                        say.columns(self.project.task, [one.name for one in self._labels]),
                        self._draw_error,
                        self.on_thread,
                        waiting="…",
                        id="errors",
                    )
                yield from self._compose_beside()

    def _compose_beside(self) -> ComposeResult:
        with Vertical(id="beside"):
            with Section(id="error-section").titled("Error"):
                yield TextPane(id="error")
            with Section(id="additions-section").titled("Extrapolations"):
                yield RowList(say.ADDITION_COLUMNS, empty="", id="additions")
            with Section(id="edit-section").titled("Edit — kept as you type, esc finishes"):
                yield Editor(id="edit")

    def _draw_error(self, row: ErrorRow) -> list[Cell]:
        return say.cells(row, self.project.task)

    def begin(self) -> None:
        """The newest run, else the form."""
        for name, kind in PARTS.items():
            self.part(name, kind)
        if (plan := self.plan) is not None:
            plan.read()
            self.set_focus(self.main_list())
        self.read_look()
        self.run_worker(self.take_up_drafts(), group="begin")
        self.set_interval(TICK_S, self.look_at_worker)

    def _has_runs(self) -> bool:
        store = self.project.store
        return store.runs.latest() is not None or bool(store.jobs.latest(("s3", "s3-compare"), 1))

    def open_at(self, **place: Any) -> None:
        """``run``: the run to show; ``job``: the job whose run is meant."""
        if (run := place.get("run")) is not None:
            self._choose_run(int(run))
        elif (job := place.get("job")) is not None:
            self._run_id, self._job_id, self._number = None, int(job), None
            self.show_view(planning=False)
            self.read_look()

    def main_list(self) -> Widget | None:
        """The form, what is missing, or the errors; in the figures, the rounds."""
        if self._planning:
            plan = self.plan
            return None if plan is None else plan.main
        return self.part("#rounds", RowList) if self.has_class("-figures") else self.errors

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done in this view."""
        return not self._planning if action in WATCHING else True

    def offers(self, action_id: str) -> bool:
        """The footer names what does something now."""
        verb = action_id.removeprefix("rounds.").replace("-", "_")
        if verb == "let_through":
            return self._look.is_resting
        if verb in JUDGING:
            return self.errors.count > 0 and not self.has_class("-figures")
        return True

    # -- rounds, runs, figures --

    def action_next_round(self) -> None:
        """The errors of the next round."""
        self._go_round(1)

    def action_previous_round(self) -> None:
        """The errors of the round before."""
        self._go_round(-1)

    def _go_round(self, step: int) -> None:
        shown = self.shown_round
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
        self.run_worker(self.show_all(), group="show", exclusive=True)

    @on(RowList.Moved, "#rounds")
    def _round_moved(self, event: RowList.Moved) -> None:
        event.stop()
        row = event.row
        if row is not None and (one := self._look.round(int(row.key))) and one.errors is not None:
            self._show_round(one.number)

    @on(RowList.Chosen, "#rounds")
    def _round_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.remove_class("-figures")
        self.set_focus(self.errors)

    def action_figures(self) -> None:
        """Rounds, curve and distances large, or the errors again."""
        self.toggle_class("-figures")
        self.set_focus(self.main_list())

    @work
    async def action_choose(self) -> None:
        """Choose the run that is shown; in the form, what stands in the line."""
        from studio.tui.dialogs.ask import Choose

        if self._planning:
            await self._choose_value()
            return
        rows = [_run_row(self.project.store, run.id) for run in self.project.store.runs.all()]
        columns = (Column("run", 5, "right"), Column("method", 10), Column("began", 17), Column(""))
        now = str(self._look.run.id) if self._look.run is not None else ""
        chosen = await self.app.push_screen_wait(Choose("Runs", columns, rows, current=now))
        if chosen is not None:
            self._choose_run(int(chosen))

    def _choose_run(self, run: int) -> None:
        self._run_id, self._job_id, self._number = run, None, None
        self.show_view(planning=False)
        self.read_look()

    async def _choose_value(self) -> None:
        from studio.tui.dialogs.ask import Choose

        if self.plan is None:
            return
        form = self.plan.form
        name = form.current or "endpoint"
        rows = form_of.choices(self.project, name)
        if not rows:
            self.studio.tell("Type the value: enter edits the line.")
            return
        columns = (Column("", 24), Column(""))
        dialog = Choose(name.capitalize(), columns, rows, current=form.values[name])
        chosen = await self.app.push_screen_wait(dialog)
        if chosen is not None:
            form.put(name, chosen)

    async def action_how_near(self) -> None:
        """Have a job measure how near the shown round's additions are to its errors."""
        run, shown = self._look.run, self.shown_round
        if run is None or shown is None or not sum(self._look.counts.get(shown.number + 1, (0, 0))):
            self.studio.tell("Nothing was written from this round's errors yet.")
            return
        job = self._look.gaps.get(shown.number)
        if job is not None and job.state in (JobState.WAITING, JobState.RUNNING):
            self.studio.tell(f"Job {job.id} measures it already.")
            return
        params = {"run_id": run.id, "round": shown.number}
        self.studio.guarded(lambda: queue.submit(self.project, "gap", params))
        self.studio.tell("A job measures how near the additions are; it shows in the figures.")
        self._wrote()

    # -- starting, stopping, going on --

    async def action_start(self) -> None:
        """From a run to the form of the next one; there, start it."""
        if self._planning and self.plan is not None:
            self.plan.start()
            return
        self.flush()
        if self.plan is None:
            # Made when it is wanted: without it, the pane opens twice as fast.
            await self.mount(RoundsPlanView(self.project, id="plan"), before="#run")
        if (plan := self.plan) is not None:
            plan.read()
        self.show_view(planning=True)

    @on(RoundsPlanView.Ready)
    def _start(self, event: RoundsPlanView.Ready) -> None:
        event.stop()
        params = event.params
        job: Job | None = self.studio.guarded(lambda: queue.submit(self.project, "s3", params))
        if job is not None:
            self._run_id, self._job_id, self._number = None, job.id, None
            self.show_view(planning=False)
            self._wrote()

    def action_cancel(self) -> None:
        """Cancel the run's job; one that was cancelled or cut off goes on."""
        job = self._look.job
        if job is None:
            self.studio.tell("No job works on this run.")
        elif self._look.is_live:
            self.studio.guarded(lambda: queue.cancel(self.project, job.id))
        elif job.state in queue.RESUMABLE:
            self.studio.guarded(lambda: queue.resume(self.project, job.id))
        else:
            self.studio.tell(f"The run is done. {self.key('start')} begins another one.")
        self._wrote()

    def _wrote(self) -> None:
        self.studio.wrote()
        self.read_look()

    def show_view(self, *, planning: bool) -> None:
        """The form, or the run."""
        self._planning = planning
        self.set_class(planning, "-planning")
        self.set_focus(self.main_list())
        self.refresh_bindings()

    def action_leave(self) -> None:
        """Out of the field that is edited; out of the form to the run; else to the main list."""
        if self._open is not None:
            # Losing the keys finishes the edit.
            self.set_focus(self.additions)
            return
        typing = self.plan is not None and self.plan.form.is_typing
        if self._planning and not typing and self._has_runs():
            self.flush()
            self.show_view(planning=False)
            return
        if self.has_class("-figures") and not self._planning:
            self.remove_class("-figures")
        super().action_leave()

    def flush(self) -> None:
        """Write what was typed, and wait for what is under way on the store's thread."""
        if self.plan is not None:
            self.plan.flush()
        super().flush()

    def copy_text(self) -> str:
        """The extrapolation in hand, else the error; in the form what it will ask."""
        if self._planning and self.plan is not None:
            return self.plan.text
        if self.has_class("-figures"):
            distances = self.part("#gap", TextPane).plain
            return f"{self.part('#curve', Curves).plain}\n\n{distances}"
        found = self.in_sight()
        return sheets.plain(found, self.chosen) if found is not None else ""


def _run_row(store: Store, run_id: int) -> Row:
    run = store.runs.get(run_id)
    rounds = store.runs.rounds(run_id)
    best = max((say.score(one.validation) for one in rounds), default="")
    words = f"{len(rounds)} round{'s' if len(rounds) != 1 else ''}"
    told = f"{words}, validation {best}" if best else words
    began = (run.created if run else "").replace("T", " ")[:16]
    return Row(str(run_id), (str(run_id), run.method if run else "", began, told))
