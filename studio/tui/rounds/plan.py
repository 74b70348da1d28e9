"""The plan of a run of rounds: its form, kept as a draft, what it will ask, and what is missing."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Static

from studio.jobs import planning
from studio.jobs.params import RunParams
from studio.jobs.plans import endpoint_of
from studio.methods.protocol import Feedback
from studio.project import Project
from studio.records import StudioError
from studio.tui.actions import key_name
from studio.tui.generate import words as generate_words
from studio.tui.pane import run_form
from studio.tui.pane.params_form import Unfit
from studio.tui.pane.plan_form import PlanForm
from studio.tui.rounds import form as form_of
from studio.tui.safe_content import content
from studio.tui.widgets.form import Form
from studio.tui.widgets.text_pane import Section, TextPane

DEED = "Start the run: s, or enter here · o lists what a line can be"
ESTIMATE_DELAY_S = 0.4
"""A pause in typing after which the cost is worked out."""
BEGUN = (
    "Seed texts are written, a small model trains on them, and what it gets wrong on validation is "
    "shown here. "
)
THEN: dict[Feedback, str] = {
    "": "Nothing is written from that.",
    "errors": "For each error the LLM writes one more like it; you judge, the model trains anew.",
    "gold": "The LLM writes more like gold validation; you judge, the model trains anew.",
    "influence": "The LLM sees what helped the model most and writes more such; it trains anew.",
}
"""How a run goes on, by what its last stage is written from."""
ABOUT = BEGUN + THEN["errors"]


class RoundsPlanView(PlanForm):
    """Form and what it will ask, or in their place what the project still lacks."""

    BINDINGS: ClassVar[list[Any]] = [Binding("t", "test", show=False)]

    def __init__(self, project: Project, *, id: str) -> None:
        super().__init__(project, form_of.DRAFT, id=id)
        self._lacks: list[str] = []
        self._agreed: dict[str, Any] | None = None
        """The plan that the person was told has no cap."""

    def action_test(self) -> None:
        """Ask the endpoint for a few tokens."""
        self.test()

    def compose(self) -> ComposeResult:
        """Three parts beneath each other, of which one or two show."""
        with Section(id="lacks-section").titled("Before the first run"):
            yield TextPane(id="lacks")
        with Section(id="form-section").titled("Plan a run of rounds"):
            yield Form(form_of.plan_fields(self._project), DEED, id="form")
        with Section(id="outlook-section").titled("What it will ask"):
            yield Static("", id="outlook", markup=False)

    @property
    def text(self) -> str:
        """What a copy takes."""
        if self._lacks:
            return self.query_one("#lacks", TextPane).plain
        return str(self.query_one("#outlook", Static).visual)

    @property
    def main(self) -> Widget:
        """What takes the keys: the form, or what is lacking."""
        return self.query_one("#lacks", TextPane) if self._lacks else self.form

    def read(self) -> None:
        """Put the draft, over the first values, into the form, unless it is being typed in."""
        project = self._project
        self._lacks = self.studio.guarded(lambda: lacking(project)) or []
        self.set_class(bool(self._lacks), "-lacking")
        if self._lacks:
            self.query_one("#lacks", TextPane).show("\n\n".join([ABOUT, *self._lacks]))
        if self.in_use:
            return
        draft = project.store.drafts.get(form_of.DRAFT)
        self.fill(form_of.first_values(project), draft)
        self.look_ahead()

    def choose(self) -> None:
        """List what can stand in the line under the cursor."""
        form = self.form
        if not form.current:
            form.go_to("endpoint")
        if form.check_action("list", ()):
            form.action_list()
        else:
            self.studio.tell("Type the value: enter edits the line.")

    def drafted(self, texts: dict[str, str]) -> dict[str, str]:
        """Drafts of older studios called some lines by other names."""
        return run_form.from_older_draft(texts)

    def look_ahead(self) -> None:
        """Calls are counted at once; what they cost follows."""
        if (params := self._params()) is not None:
            self._estimate(params)

    def _params(self) -> dict[str, Any] | None:
        """The plan as typed; None, with the reason beside its field, when it is none."""
        self.form.show_only(form_of.lines_of(self._project, self.form.values))
        values = self.form.values
        self.form.empties(form_of.meanings(self._project, values))
        outlook = self.query_one("#outlook", Static)
        try:
            params = form_of.row_of(self._project, self.form.fields, values)
        except Unfit as error:
            self.form.check(error.name, error.problem)
            outlook.update(content(str(error), "$error"))
            return None
        self.form.check()
        self._say_what_it_asks(params)
        return params

    def _say_what_it_asks(self, params: dict[str, Any], cost: str = "") -> None:
        then = THEN[form_of.feedback_of(self._project, params)]
        asked = f"{form_of.calls(self._project, params)}.{cost}\n{BEGUN}{then}"
        # An estimate may come when the program is ending, and the widgets are gone.
        for outlook in self.query("#outlook").results(Static):
            outlook.update(content(asked))

    @work(exclusive=True, group="outlook")
    async def _estimate(self, params: dict[str, Any]) -> None:
        """What that costs, worked out from rendered prompts, once the form is quiet."""
        await asyncio.sleep(ESTIMATE_DELAY_S)
        path, settings = self._project.store.path, self._project.settings
        try:
            found = await asyncio.to_thread(planning.outlook, path, settings, params)
        except StudioError:
            # What the plan lacks is told beside its lines, and at the start.
            return
        lines = dict(generate_words.outlook_lines(found))
        cost = f" Until the first training: {lines['tokens']} tokens; cost {lines['cost']}."
        self._say_what_it_asks(params, cost)

    def _may_cost_anything(self, params: dict[str, Any]) -> bool:
        """Whether the run is paid, as far as is known, and has no cap."""
        if params.get("budget_usd") is not None or params.get("budget_tokens") is not None:
            return False
        endpoint = endpoint_of(self._project, RunParams.from_row(params))
        free = endpoint.price_in == 0 and endpoint.price_out == 0
        return not (endpoint.embedded or free)

    def start(self) -> None:
        """Hand the plan over, or say what to fix."""
        self.flush()
        self.read()
        if self._lacks:
            self.studio.tell(self._lacks[0].replace("\n", " "), bad=True)
        elif (params := self._params()) is None:
            self.studio.tell("Nothing was started: fix the line that is marked with !.", bad=True)
        elif params != self._agreed and self._may_cost_anything(params):
            self._agreed = params
            self.form.go_to("budget_usd")
            key = key_name(self.studio.keys_of("rounds.start")[0])
            self.studio.tell(
                f"Not started yet: {form_of.calls(self._project, params)}, and no cap is set. Type "
                f"one here, in dollars or tokens, or press {key} once more to start without."
            )
        else:
            self.post_message(self.Ready(params))


def lacking(project: Project) -> list[str]:
    """What must be there before a run, each with the command or key that brings it."""
    store, task = project.store, project.task
    found = []
    if task.has_labels and len(store.labels.all()) < 2:
        found.append(
            "✗ The project has no labels to tell apart. Name them, each with its wording:\n"
            '    studio labels set "pos=a positive opinion" "neg=a negative opinion"'
        )
    if task.needs_documents and not store.documents.count():
        found.append(
            "✗ There is no document to write for. Import some:\n    studio import FILE"
        )  # fmt: skip
    if task.gold == "documents" and not store.gold.count("validation"):
        found.append(
            "✗ There is no gold validation query, and errors are looked for there. Mark some in "
            "Search (7; s chooses validation), or import them:\n"
            "    studio import --gold FOLDER"
        )
    elif task.gold != "documents" and not store.gold.count("validation"):
        found.append(
            "✗ There is no gold validation item, and errors are looked for there. Import some:\n"
            "    studio gold import FILE --split validation\n"
            "    studio gold import FILE --split test"
        )
    return found
