"""The dialog that starts the path or one of its steps: a short form, each line with its help."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from textual.app import ComposeResult
from textual.widgets import Static

from studio import filters, methods
from studio.filters import choosing
from studio.jobs import queue
from studio.jobs.base_encoders import absolute
from studio.jobs.exporting import ExportParams, fitting, refuse
from studio.jobs.filtering import ROUND_TRIP
from studio.jobs.improve_params import ImproveParams
from studio.jobs.params import (
    FilterParams,
    JudgeParams,
    PathParams,
    RunParams,
)
from studio.jobs.train_params import (
    EvaluateParams,
    TrainParams,
)
from studio.jobs.tune_params import AnswerParams, PairJudgeParams
from studio.params import Option, Params
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job
from studio.tui.generate.form import first_values, meanings
from studio.tui.jobs.calls_forecast import ESTIMATES, CallsForecast
from studio.tui.pane import run_form
from studio.tui.pane.params_form import (
    Unfit,
    encoder_choices,
    endpoint_choices,
    endpoint_of,
    endpoint_problem,
    form_fields,
    read_form,
)
from studio.tui.pane.plan_form import PlanDialog, PlanForm
from studio.tui.safe_content import content
from studio.tui.widgets.form import Form
from studio.tui.widgets.form_field import NO, YES, FormChoice, FormField

_FILTER = ("round_trip", "k", "encoder")
_RANKS: Final = (
    FormChoice("1", note="its own document must come first, as published"),
    *(FormChoice(str(k), note=f"its own document among the first {k}") for k in (2, 3, 5, 10)),
)
SWITCH: Final = "filter-"
"""What the line of a filter's switch is called, before the filter's name."""
DEED: Final = "Start: s, or enter here"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StartForm:
    """What starts one kind of job."""

    title: str
    params: type[Params]
    """Where its lines come from."""
    lines: tuple[str, ...]
    """What it asks; all else has a flag of the command."""
    row: Callable[[Project, Sequence[FormField], Mapping[str, str]], Row]
    """The job's params out of what was typed. Raises Unfit with the line to mend."""
    also: tuple[type[Params], ...] = ()
    """Where more of its lines come from."""


def form_lines(project: Project, kind: str) -> tuple[FormField, ...]:
    """The lines of one form, in order."""
    form = FORMS[kind]
    formats = [FormChoice(one.name, note=one.label) for one in fitting(project.task).values()]
    endpoints = endpoint_choices(project.settings)
    is_endpoint = {"check": partial(endpoint_problem, project.settings)}
    own = form_fields(
        form.params,
        *form.also,
        more={
            "endpoint": {"choices": endpoints, **is_endpoint},
            "judge_endpoint": {"choices": (FormChoice(""), *endpoints), **is_endpoint},
            "encoder": {"choices": encoder_choices(project)},
            "k": {"choices": _RANKS, "default": "1"},
            "type": {"choices": _types(project), "typed": False},
            "settings": {"check": _wrong_settings},
            "format": {"choices": tuple(formats), "typed": False, "default": "jsonl"},
        },
    )
    method = methods.get(project.task.method, project.task.name)
    run = run_form.run_fields(project, [method]) if kind == "path" else ()
    known = {one.name: one for one in (*own, *run)}
    switches = _switches(project) if kind == "filter" else ()
    lines = (known[name] for name in form.lines if name in known)
    return (*switches, *(one for one in lines if _fits(project, one)))


def _types(project: Project) -> tuple[FormChoice, ...]:
    """The types of records that there are, the project's own first."""
    own, present = project.task.record, project.store.record_types.present().values()
    others = (FormChoice(one.name, one.nouns) for one in present if one.name != own.name)
    return (FormChoice("", own.nouns), *others)


def _switches(project: Project) -> tuple[FormField, ...]:
    """A line for each filter that can judge the project's records."""
    judged = project.task.record
    usual = choosing.usual(judged)
    lines = []
    # Those that are on in front.
    for name in sorted(choosing.fitting(judged), key=lambda one: one not in usual):
        if name == ROUND_TRIP:
            continue
        title, _, what = filters.make(name).label.partition(": ")
        lines.append(
            FormField(
                SWITCH + name,
                Option(title, what),
                kind="switch",
                choices=(FormChoice(YES), FormChoice(NO)),
                typed=False,
                default=YES if name in usual else NO,
            )
        )
    return tuple(lines)


def _wrong_settings(text: str) -> str:
    try:
        choosing.made(choosing.settings_in(text))
    except StudioError as error:
        return str(error).rstrip(".")
    return ""


def _fits(project: Project, line: FormField) -> bool:
    """Whether the line means something for the project."""
    if line.name == "type":
        return len(line.choices) > 1
    return line.name not in _FILTER or ROUND_TRIP in choosing.fitting(project.task.record)


def lines_of(kind: str, texts: Mapping[str, str]) -> set[str]:
    """The lines that mean something for what is chosen."""
    # The path trains the encoder, whatever filters before.
    encoder = {"encoder"} if kind == "filter" else set()
    needless = {"off": {"k"} | encoder, "bm25": encoder}.get(texts.get("round_trip", ""), set())
    return {*texts} - needless


def params_of(
    project: Project, kind: str, fields: Sequence[FormField], texts: Mapping[str, str]
) -> Row:
    """The job's params out of the lines that are shown. Raises Unfit with the line to mend."""
    return FORMS[kind].row(project, fields, texts)


def _row(params: type[Params], fields: Sequence[FormField], texts: Mapping[str, str]) -> Row:
    found = read_form(params, fields, texts)
    base = getattr(found, "encoder", "")
    return (replace(found, encoder=absolute(base)) if base else found).to_row()  # type: ignore[call-arg]


def _path_row(project: Project, fields: Sequence[FormField], texts: Mapping[str, str]) -> Row:
    asked = [one for one in fields if one.name not in FilterParams.options()]
    run = run_form.row_of(project, asked, {"method": project.task.method, **texts})
    run_form.checked_endpoint(project, run)
    return PathParams(
        generate=run,
        filter=_row(FilterParams, fields, texts),
        train=_row(TrainParams, fields, texts),
        evaluate=None,
    ).to_row()


def _filter_row(project: Project, fields: Sequence[FormField], texts: Mapping[str, str]) -> Row:
    own = not texts.get("type")
    row = _row(FilterParams, fields, texts)
    return {**row, "chain": _chain(project, texts) if own else ""}


def _chain(project: Project, texts: Mapping[str, str]) -> str:
    """How the switches differ from the usual chain, such as ``+sample,-copy``."""
    usual = choosing.usual(project.task.record)
    others = [name for name in choosing.fitting(project.task.record) if name not in usual]
    more = [f"+{name}" for name in others if texts.get(SWITCH + name) == YES]
    less = [f"-{name}" for name in usual if texts.get(SWITCH + name) == NO]
    return ",".join((*more, *less))


def _judge_row(project: Project, fields: Sequence[FormField], texts: Mapping[str, str]) -> Row:
    from studio.jobs.judging import checked

    told = read_form(JudgeParams, fields, texts)
    name, base_url, model = endpoint_of(project.settings, told.endpoint)
    told = replace(told, endpoint=name, base_url=base_url, model=model)
    if told.budget_usd is None:
        told = replace(told, budget_usd=project.settings.budget_usd)
    try:
        checked(project, told)
    except StudioError as error:
        raise Unfit("rubric", str(error)) from error
    run_form.checked_endpoint(project, told.to_row())
    return told.to_row()


def _improve_row(project: Project, fields: Sequence[FormField], texts: Mapping[str, str]) -> Row:
    from studio.jobs.improving import improvable

    told = read_form(ImproveParams, fields, texts)
    name, base_url, model = endpoint_of(project.settings, told.endpoint)
    usd = project.settings.budget_usd if told.budget_usd is None else told.budget_usd
    told = replace(told, endpoint=name, base_url=base_url, model=model, budget_usd=usd)
    try:
        improvable(project, None)
    except StudioError as error:
        raise Unfit("documents", str(error)) from error
    run_form.checked_endpoint(project, told.to_row())
    return told.to_row()


def _answers_row(project: Project, fields: Sequence[FormField], texts: Mapping[str, str]) -> Row:
    params = read_form(AnswerParams, fields, texts)
    judge = read_form(PairJudgeParams, fields, texts)
    if not judge.judge_endpoint:
        return params.to_row()
    name, base_url, model = endpoint_of(project.settings, judge.judge_endpoint)
    usd = project.settings.budget_usd if judge.budget_usd is None else judge.budget_usd
    told = RunParams(
        endpoint=name,
        base_url=base_url,
        model=model,
        budget_usd=usd,
        budget_tokens=judge.budget_tokens,
    ).to_row()
    try:
        run_form.checked_endpoint(project, told)
    except Unfit as error:
        raise Unfit("judge_endpoint", str(error)) from error
    return replace(params, judge=told).to_row()


FORMS: Final = {
    "path": StartForm(
        "Run the path: generate → filter → train → evaluate",
        FilterParams,
        ("documents", "queries_per_document", "endpoint", "budget_usd", *_FILTER),
        _path_row,
    ),
    "filter": StartForm(
        "Filter the records", FilterParams, ("type", "settings", *_FILTER), _filter_row
    ),
    "judge": StartForm(
        "Have an LLM rate the kept records",
        JudgeParams,
        ("by", "rubric", "keep_from", "endpoint", "budget_usd", "budget_tokens"),
        _judge_row,
    ),
    "improve": StartForm(
        "Let an LLM word the prompt anew, and try it",
        ImproveParams,
        ("documents", "held_out", "proposals", "endpoint", "budget_usd", "budget_tokens"),
        _improve_row,
    ),
    "evaluate": StartForm(
        "Score BM25, base and trained encoder",
        EvaluateParams,
        ("split", "model_id", "systems"),
        lambda _project, fields, texts: _row(EvaluateParams, fields, texts),
    ),
    "answers": StartForm(
        "Score the answers of base and tuned LLM",
        AnswerParams,
        ("split", "model_id", "answer_tokens", "judge_endpoint", "budget_usd", "budget_tokens"),
        _answers_row,
        (PairJudgeParams,),
    ),
    "export": StartForm(
        "Export the records",
        ExportParams,
        ("format", "folder", "dropped", "licence"),
        lambda _project, fields, texts: _row(ExportParams, fields, texts),
    ),
}
"""Kind → its form."""


class StartPlan(PlanForm):
    """The form, with what is wrong with it."""

    DEFAULT_CSS = """
    StartPlan { height: auto; }
    StartPlan #calls-forecast { height: auto; padding: 0 1; }
    """

    def __init__(self, project: Project, kind: str) -> None:
        super().__init__(project, f"start-{kind}", id="start-plan")
        self._kind = kind

    def compose(self) -> ComposeResult:
        """The lines, and a sentence on the first that is to mend."""
        yield Form(form_lines(self._project, self._kind), DEED, id="form")
        yield Static("", id="problem", classes="hint")
        if self._kind in ESTIMATES:
            yield CallsForecast(self._project, self._kind)

    def on_mount(self) -> None:
        """What was typed before; the cursor stands on the line that starts it."""
        first = {one.name: one.default for one in self.form.fields}
        if self._kind == "path":
            first |= first_values(self._project)
        self.fill(first, self._project.store.drafts.get(self._draft))
        self.form.action_last()
        self.look_ahead()

    def look_ahead(self) -> None:
        """Say what an empty line means, and what is to mend."""
        self.form.show_only(lines_of(self._kind, self.form.values))
        if self._kind == "path":
            self.form.empties(meanings(self._project, self.form.values))
        params = self._params()
        for ahead in self.query(CallsForecast):
            ahead.look(params)

    def _params(self) -> dict[str, Any] | None:
        problem = self.query_one("#problem", Static)
        try:
            params = params_of(self._project, self._kind, self.form.fields, self.form.values)
        except Unfit as error:
            self.form.check(error.name, error.problem)
            problem.update(content(str(error), "$error"))
            return None
        self.form.check()
        problem.update("")
        return params

    def start(self) -> None:
        """Hand the params over, if nothing is to mend."""
        self.flush()
        if (params := self._params()) is not None:
            self.post_message(self.Ready(params))


class StartDialog(PlanDialog):
    """Gives back the params of the job, or None."""

    DEFAULT_CSS = """
    StartDialog.-narrow Form .form-meaning { display: block; }
    """

    def __init__(self, kind: str, project: Project, title: str = "") -> None:
        super().__init__(
            StartPlan(project, kind),
            title or FORMS[kind].title,
            "s starts · ↑↓ line · ←→ change · enter edits · esc closes",
        )


def submit(project: Project, kind: str, params: dict[str, Any]) -> Job:
    """Submit the job after a look at what would make it fail at once."""
    if kind == "export":
        refuse(project, ExportParams.from_row(params))
    elif (
        kind in ("path", "generate", "evaluate")
        and project.task.has_path
        and not project.store.documents.count()
    ):
        raise StudioError("The project has no documents. Import some first: `studio import`.")
    if kind in ("path", "generate") and project.store.prompts.latest() is None:
        raise StudioError("The project has no prompt yet. Press 2, write one and save it with w.")
    return queue.submit(project, kind, params)
