"""Generate: plan a run, see what it will take, start it, watch it, change it under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widget import Widget

from studio.jobs import queue
from studio.runs import Job
from studio.tui.actions import bindings, key_name
from studio.tui.dialogs.raise_cap import caps_for
from studio.tui.generate import words as say
from studio.tui.generate.plan import GeneratePlanView
from studio.tui.generate.run import RunView
from studio.tui.pane.base import Pane

TICK_S = 1.0
"""Seconds between two looks at the clock and at the worker's process."""
PLANNING = ("start", "endpoint", "test", "watch")
"""What can be done while the form is in front."""
WATCHING = ("drops", "plan")
"""What can be done while a run is in front."""
CHANGING = ("pause", "faster", "slower", "cancel")
"""What can be done with a run that goes on."""
AFTER = ("resume", "filter")
"""What can be done with a run that is over."""


class GeneratePane(Pane):
    """The plan, or in its place the run. A run that anybody started comes to the front."""

    NAME = "generate"
    CSS_PATH = "generate.tcss"
    AUTO_FOCUS = "#form"
    BINDINGS: ClassVar[list[Any]] = [
        *bindings("generate"),
        Binding("escape", "leave", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._run: Job | None = None
        """The run that is watched, or the last one."""
        self._pinned: int | None = None
        """The run that a person asked for."""
        self._watching = False

    def compose_body(self) -> ComposeResult:
        """The two views; the style sheet shows one of them."""
        yield GeneratePlanView(self.project, id="plan")
        yield RunView(self.project.store.path, self.project.task, id="run")

    @property
    def _plan(self) -> GeneratePlanView:
        return self.query_one(GeneratePlanView)

    def begin(self) -> None:
        """The run that goes on, else the form."""
        self._plan.read()
        self._read_runs()
        self._show_view(watching=self._run is not None and say.is_under_way(self._run))
        self.set_interval(TICK_S, self._tick)

    def open_at(self, **place: Any) -> None:
        """``job``: the run to watch or look at; ``plan``: the form."""
        if place.get("plan"):
            self._show_view(watching=False)
        if (job := place.get("job")) is not None:
            self._pinned = int(job)
            self._read_runs()
            self._show_view(watching=self._run is not None)

    def main_list(self) -> Widget | None:
        """The form, or the newest records."""
        return self.query_one("#newest" if self._watching else "#form")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done in this view."""
        run = self._run
        if action in ("endpoint", "test") and self._plan.trains:
            return False
        if action in PLANNING:
            return not self._watching and (action != "watch" or run is not None)
        if action in WATCHING:
            return self._watching
        if action in CHANGING:
            return self._watching and run is not None and say.is_under_way(run)
        if action == "resume":
            return run is not None and _can_go_on(run)
        if action == "filter":
            return run is not None and not say.is_under_way(run)
        return True

    # -- reading the store --

    def store_changed(self) -> None:
        """Another process has written: read the runs again, and the draft unless it is typed."""
        before = self._run.id if self._run is not None else 0
        self._read_runs()
        run = self._run
        if run is not None and run.id != before and not self._plan.in_use:
            self._show_view(watching=say.is_under_way(run))
        if not self._watching:
            self._plan.read()

    def _read_runs(self) -> None:
        store, before = self.project.store, self._run
        latest = store.jobs.latest(queue.GENERATING + queue.ROUNDS)
        asked = store.jobs.get(self._pinned) if self._pinned is not None else None
        found = [queue.with_true_state(store, job) for job in ([asked] if asked else latest)]
        live = next((job for job in found if say.is_under_way(job)), None)
        run = live or next(iter(found), None)
        self._run = None if run is None else self.studio.job_watch.as_told(run)
        if self._run is not None and (before is None or before.state is not self._run.state):
            self.refresh_bindings()
        self._show_run()

    def _tick(self) -> None:
        if self.is_current and self._run is not None and say.is_under_way(self._run):
            # A worker that dies writes nothing: only looking at its process tells.
            self._read_runs()

    def on_screen_resume(self) -> None:
        """Coming back, prompt and examples may be others."""
        super().on_screen_resume()
        if self.ready:
            self._plan.entitle()
            if not self._watching:
                self._plan.look_ahead()

    # -- the two views --

    def _show_view(self, *, watching: bool) -> None:
        changed = watching != self._watching
        self._watching = watching
        self.set_class(watching, "-watching")
        if changed and self.is_current:
            self.set_focus(self.main_list())
        self.refresh_bindings()
        self._show_run()
        if not watching:
            self._plan.look_ahead()

    def _show_run(self) -> None:
        if self._run is not None and self._watching:
            self.query_one(RunView).show(self._run, self._keys())
        elif not self._watching:
            self._plan.show_last(self._run, self._keys())

    def _keys(self) -> dict[str, str]:
        """Action id → the key that does it, as a person reads it."""
        wanted = [f"generate.{name}" for name in (*PLANNING, *WATCHING, *CHANGING, *AFTER)]
        names = (*wanted, "app.review", "app.rounds", "app.jobs")
        return {name: key_name(self.studio.keys_of(name)[0]) for name in names}

    def flush(self) -> None:
        """Write what was typed."""
        self._plan.flush()

    def action_leave(self) -> None:
        """Out of a field to the form; out of raw answers to the reasons, then to the records."""
        if self.focused is not None and self.focused.id == "answers":
            self.set_focus(self.query_one("#drops"))
            return
        super().action_leave()

    def action_plan(self) -> None:
        """From the run to the form of the next one."""
        self._show_view(watching=False)

    def action_watch(self) -> None:
        """From the form to the run."""
        self.flush()
        self._show_view(watching=self._run is not None)

    def action_drops(self) -> None:
        """Go to the reasons why answers made no record, or back."""
        drops = self.query_one("#drops")
        self.set_focus(self.main_list() if drops.has_focus else drops)

    # -- planning --

    def action_start(self) -> None:
        """Start the run as it is planned."""
        self._plan.start()

    @on(GeneratePlanView.RoundsWanted)
    async def _plan_rounds(self) -> None:
        await self.studio.go("rounds", plan=True)

    @on(GeneratePlanView.Ready)
    def _start(self, event: GeneratePlanView.Ready) -> None:
        from studio.tui.jobs.start import submit

        params = event.params
        self.studio.write(lambda: submit(self.project, "generate", params), self._started)

    def _started(self, job: Job) -> None:
        self._pinned = job.id
        self._changed()
        self._show_view(watching=True)

    def action_endpoint(self) -> None:
        """Choose the endpoint from a list."""
        self._plan.form.go_to("endpoint")
        self._plan.form.action_list()

    def action_test(self) -> None:
        """Ask the endpoint for a few tokens."""
        self._plan.test()

    # -- changing the run --

    def action_pause(self) -> None:
        """Let the run rest, or go on."""
        if (run := self._run) is not None:
            deed = queue.resume if run.is_paused else queue.pause
            self._order(lambda: deed(self.project, run.id))

    def _order(self, deed: Callable[[], object]) -> None:
        """Ask something of the run, and show what has come of it."""
        if not self.studio.write(deed, lambda _job: self._changed()):
            self._changed()

    @work
    async def action_resume(self) -> None:
        """Go on with a run that was paused, cancelled or interrupted, has failed or was capped."""
        run = self._run
        if run is not None and (caps := await caps_for(self.app, run)) is not None:
            self._order(lambda: queue.resume(self.project, run.id, caps))

    def action_cancel(self) -> None:
        """Stop the run; what is stored stays, and it can be resumed."""
        if (run := self._run) is not None:
            self.studio.stop_job(run, lambda _job: self._changed())

    def _changed(self) -> None:
        self.studio.wrote()
        self._read_runs()

    def action_faster(self) -> None:
        """More calls at a time."""
        self._change_concurrency(up=True)

    def action_slower(self) -> None:
        """Fewer calls at a time."""
        self._change_concurrency(up=False)

    def _change_concurrency(self, *, up: bool) -> None:
        if (run := self._run) is None:
            return
        if say.params_of(run).engine == "batch":
            self.studio.tell("A batch is one file: its server decides how many calls at a time.")
            return
        figures = say.figures_of(run)
        now = run.concurrency or figures.most or say.params_of(run).max_concurrency or 1
        most = max(figures.ceiling or say.LADDER[-1], 1)
        wanted = min(say.step(now, up), max(most, now)) if up else say.step(now, up)
        if wanted == now:
            self.studio.tell(
                f"It is at {now}, the most that the endpoint's max_concurrency allows."
                if up
                else f"It is at {now}, the fewest. {self._keys()['generate.pause']} pauses it."
            )
            return
        self._order(lambda: queue.set_concurrency(self.project, run.id, wanted))

    # -- what comes after --

    @on(RunView.Opened)
    async def _opened(self, event: RunView.Opened) -> None:
        await self.studio.go("review", record=event.record_id)

    async def action_filter(self) -> None:
        """Start the filter, with its own questions."""
        await self.app.run_action("app.start_filter")

    async def action_judge(self) -> None:
        """Start a judge, with its own questions."""
        await self.app.run_action("app.start_judge")

    def copy_text(self) -> str:
        """What is in front: raw answers, a record's text, or the estimate."""
        return self.query_one(RunView).text if self._watching else self._plan.text


def _can_go_on(run: Job) -> bool:
    return run.is_paused or run.state in queue.RESUMABLE
