"""The plan of a run: its form, kept as a draft, and what it will take."""

from __future__ import annotations

import asyncio
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from studio.jobs.planning import Outlook, outlook
from studio.jobs.plans import run_row
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job
from studio.tui.actions import key_name
from studio.tui.generate import form as form_of
from studio.tui.generate import words as say
from studio.tui.pane import run_form
from studio.tui.pane.params_form import Unfit
from studio.tui.pane.plan_form import PlanForm
from studio.tui.safe_content import content
from studio.tui.widgets.form import Form
from studio.tui.widgets.text_pane import Section, TextPane

DEED = "Start the run: s, or enter here · enter edits the line, ←→ change it"
ESTIMATE_DELAY_S = 0.4
"""How long the form must be quiet before it is estimated."""


class Estimated(Message):
    """A thread has looked at the plan: what it found, or why there is nothing to find."""

    def __init__(self, found: Outlook | None, sentence: str = "") -> None:
        super().__init__()
        self.found, self.sentence = found, sentence


class GeneratePlanView(PlanForm):
    """Form, estimate, and the run before."""

    class RoundsWanted(Message):
        """The person wants a run that trains on its way: Rounds has its form."""

    def __init__(self, project: Project, *, id: str) -> None:
        super().__init__(project, form_of.DRAFT, id=id)
        self._timer: Timer | None = None
        self._seen: tuple[str | None, int] | None = None
        """The draft and the prompt version that were read last."""

    def compose(self) -> ComposeResult:
        """Three parts beneath each other."""
        trains = self._project.task.has_rounds
        with Section(id="form-section").titled("Plan a run"):
            if trains:
                yield TextPane(id="form")
            else:
                yield Form(form_of.plan_fields(self._project), DEED, id="form")
        until = " before the first training" if trains else ""
        with Section(id="outlook-section").titled(f"What it will take{until}"):
            yield Static("", id="outlook", markup=False)
        with Section(id="last-section").titled("Last run"):
            yield Static("", id="last", markup=False)

    @property
    def text(self) -> str:
        """What the estimate says, for a copy."""
        return str(self.query_one("#outlook", Static).visual)

    @property
    def trains(self) -> bool:
        """Whether runs train models on their way, so that Rounds plans them."""
        return self._project.task.has_rounds

    @property
    def in_use(self) -> bool:
        """Whether a person types: what others have written waits."""
        return not self.trains and super().in_use

    # -- the draft --

    def read(self) -> None:
        """Put the draft, over the first values, into the form, unless it is being typed in."""
        project = self._project
        if self.trains:
            rounds, start = (
                key_name(self.studio.keys_of(name)[0]) for name in ("app.rounds", "generate.start")
            )
            self.query_one("#form", TextPane).show(form_of.rounds_words(project, rounds, start))
            self.entitle()
            return
        prompt = project.store.prompts.latest()
        typed = project.store.drafts.get(form_of.DRAFT)
        seen = typed, prompt.id if prompt is not None else 0
        if self.in_use or seen == self._seen:
            return
        self._seen = seen
        first = self.studio.guarded(lambda: form_of.first_values(project)) or {}
        self.fill(first, typed)
        self.entitle()
        self.look_ahead()

    def entitle(self) -> None:
        """Say what the run will be made with."""
        method = "" if self.trains else self.form.values.get("method", "")
        title = form_of.title(self._project, method)
        self.query_one("#form-section", Section).titled(title)

    def drafted(self, texts: dict[str, str]) -> dict[str, str]:
        """Drafts of older studios called some lines by other names."""
        return run_form.from_older_draft(texts)

    # -- the estimate --

    def look_ahead(self) -> None:
        """Estimate once the form is quiet."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(ESTIMATE_DELAY_S, self._look_ahead)

    def _look_ahead(self) -> None:
        self.entitle()
        if self.trains:
            self._estimate(run_row(self._project))
            return
        params = self._params()
        if params is not None:
            self._estimate(params)

    def _params(self) -> dict[str, Any] | None:
        """The plan as typed; None, with the reason beside its field, when it is none."""
        self.form.show_only(form_of.lines_of(self._project, self.form.values))
        values = self.form.values
        self.form.empties(form_of.meanings(self._project, values))
        try:
            params = form_of.row_of(self._project, self.form.fields, values)
        except Unfit as error:
            self.form.check(error.name, error.problem)
            self._say(str(error), bad=True)
            return None
        self.form.check()
        return params

    @work(exclusive=True, group="estimate")
    async def _estimate(self, params: dict[str, Any]) -> None:
        path, settings = self._project.store.path, self._project.settings
        try:
            found = await asyncio.to_thread(outlook, path, settings, params)
        except StudioError as error:
            self.post_message(Estimated(None, str(error)))
            return
        self.post_message(Estimated(found))

    @on(Estimated)
    def _estimated(self, event: Estimated) -> None:
        event.stop()
        if event.found is None:
            self._say(event.sentence, bad=True)
            return
        text = "\n".join(f"{name:<8} {said}" for name, said in say.outlook_lines(event.found))
        self._say(text, event.found.warning)

    def _say(self, text: str, warning: str = "", *, bad: bool = False) -> None:
        shown = content(text, "$error" if bad else "")
        if warning:
            shown = shown + content(f"\n! {warning}", "$warning")
        self.query_one("#outlook", Static).update(shown)

    # -- the start --

    def start(self) -> None:
        """Hand the plan over, or say what to mend."""
        if self.trains:
            self.post_message(self.RoundsWanted())
            return
        self.flush()
        params = self._params()
        if params is None:
            self.studio.tell("Nothing was started: mend the line that is marked with !.", bad=True)
        else:
            self.post_message(self.Ready(params))

    def flush(self) -> None:
        """Write what was typed."""
        if not self.trains:
            super().flush()

    def show_last(self, run: Job | None, keys: dict[str, str]) -> None:
        """The run before this plan, and what to do with it."""
        section, last = self.query_one("#last-section", Section), self.query_one("#last", Static)
        if run is None:
            section.titled("Last run")
            last.update(content("Nothing was generated here yet.", "$text-muted"))
            return
        section.titled("A run is under way" if say.is_under_way(run) else "Last run")
        last.update(content(say.last_run(run, keys, self._project.task.record.nouns)))
