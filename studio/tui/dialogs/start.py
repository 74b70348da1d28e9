"""The dialog that starts the path or one of its steps: a few fields, each with what it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from studio import servers
from studio.jobs import queue
from studio.jobs.params import (
    EvaluateParams,
    FilterParams,
    PathParams,
    RoundTripMode,
    TrainParams,
    cap_words,
)
from studio.jobs.plans import run_row
from studio.project import Project
from studio.records import Job, StudioError
from studio.tui.pane.base import Dialog
from studio.tui.pane.typed_values import dollars, endpoint, whole
from studio.tui.safe_text import content
from studio.tui.widgets.editor import Field
from studio.tui.widgets.text_pane import Section

TITLES: Final = {
    "path": "Run the path: generate → filter → train → evaluate",
    "generate": "Generate queries",
    "filter": "Filter the records",
    "train": "Train the encoder on the kept records",
    "evaluate": "Score BM25, base and trained encoder",
}


@dataclass(frozen=True, slots=True)
class StartField:
    """One field of the dialog."""

    name: str
    label: str
    hint: str
    kinds: tuple[str, ...]
    """The kinds of job that it belongs to."""
    value: Callable[[Project], str]
    """What stands there at first."""


def _default_documents(project: Project) -> str:
    return str(min(project.store.documents.count(), 300))


def _default_draws(project: Project) -> str:
    from studio.prompting.templates import parse

    prompt = project.store.prompts.latest()
    return str(parse(prompt.template).queries_per_document) if prompt else "8"


ASKS: Final = (
    StartField("documents", "Documents", "how many to sample; all for every one",
        ("path", "generate"), _default_documents),
    StartField("draws", "Queries per document", "8 is usual", ("path", "generate"), _default_draws),
    StartField("endpoint", "Endpoint",
        "a name from settings, embedded:MODEL, or a URL and its model",
        ("path", "generate"), lambda project: project.settings.endpoint),
    StartField("budget", "Budget in USD", "never passed; empty is no cap", ("path", "generate"),
        lambda project: _plain(project.settings.budget_usd)),
    StartField("round_trip", "Round trip",
        "does a search for a query find its own document? trained searches best, base or bm25 are "
        "quicker, off asks nothing",
        ("path", "filter"), lambda _project: "trained"),
    StartField("k", "Keep if in the top",
        "at which rank its own document must be found; 1 is strictest",
        ("path", "filter"), lambda _project: "1"),
    StartField("encoder", "Base encoder", "a catalogue name, a hub name or a folder",
        ("path", "filter", "train"), lambda project: project.settings.encoder),
    StartField("hard_negatives", "Hard negatives", "mined per query; 0 is none", ("train",),
        lambda _project: "0"),
    StartField("split", "Gold split", "test, or validation while you still choose", ("evaluate",),
        lambda _project: "test"),
)  # fmt: skip


def _plain(number: float | None) -> str:
    return "" if number is None else f"{number:g}"


class StartDialog(Dialog):
    """Gives back the params of the job, or None. Enter starts from any field."""

    def __init__(self, kind: str, project: Project) -> None:
        super().__init__()
        self._kind = kind
        self._project = project
        self._asks = [ask for ask in ASKS if kind in ask.kinds]

    def compose(self) -> ComposeResult:
        """A line for each field."""
        with Section(classes="dialog").titled(TITLES[self._kind]):
            for ask in self._asks:
                with Horizontal(classes="form-row"):
                    yield Static(ask.label)
                    yield Field(ask.value(self._project), id=ask.name)
            yield Static("", id="meaning", classes="hint")
            yield Static("", id="problem", classes="hint")
            yield Static(
                content("enter starts · tab next field · esc closes · it goes on when you leave"),
                classes="hint",
            )

    def on_descendant_focus(self) -> None:
        """Say what the field in hand means."""
        name = self.focused.id if self.focused is not None else ""
        hint = next((f"{ask.label}: {ask.hint}" for ask in self._asks if ask.name == name), "")
        self.query_one("#meaning", Static).update(content(hint))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        values = {ask.name: self.query_one(f"#{ask.name}", Field).value for ask in self._asks}
        changed = {a.name for a in self._asks if values[a.name] != a.value(self._project)}
        try:
            params = params_of(self._project, self._kind, values)
            servers.type_in(*(values[name] for name in changed & {"endpoint", "encoder"}))
            if "budget" in changed and (usd := dollars("Budget", values["budget"])) is not None:
                servers.type_in(cap_words(usd))
        except StudioError as error:
            self.query_one("#problem", Static).update(content(str(error), "$error"))
            return
        self.dismiss(params)


def params_of(project: Project, kind: str, values: dict[str, str]) -> dict[str, Any]:
    """The job's params out of the typed values. Raises StudioError with the field to mend."""
    made = {
        "generate": lambda: _generate(project, values),
        "filter": lambda: _filter(values).to_row(),
        "train": lambda: _train(values).to_row(),
        "evaluate": lambda: _evaluate(values).to_row(),
    }
    if kind != "path":
        return made[kind]()
    return PathParams(
        generate=made["generate"](), filter=made["filter"](), train=made["train"](), evaluate=None
    ).to_row()


def submit(project: Project, kind: str, params: dict[str, Any]) -> Job:
    """Submit the job after a look at what would make it fail at once."""
    if not project.store.documents.count():
        raise StudioError("The project has no documents. Import some first: `studio import`.")
    if kind in ("path", "generate") and project.store.prompts.latest() is None:
        raise StudioError("The project has no prompt yet. Press 2, write one and save it with w.")
    return queue.submit(project, kind, params)


def _generate(project: Project, values: dict[str, str]) -> dict[str, Any]:
    name, base_url, model = endpoint(values["endpoint"])
    return run_row(
        project,
        documents=whole("Documents", values["documents"], empty=("", "all")),
        queries_per_document=whole("Queries per document", values["draws"]),
        endpoint=name,
        base_url=base_url,
        model=model,
        budget_usd=dollars("Budget", values["budget"]),
    )


def _filter(values: dict[str, str]) -> FilterParams:
    modes = get_args(RoundTripMode)
    mode = values["round_trip"].strip()
    if mode not in modes:
        raise StudioError(f"Round trip is {mode!r}; choose one of {', '.join(modes)}.")
    return FilterParams(
        round_trip=cast(RoundTripMode, mode),
        k=whole("Keep if in the top", values["k"]) or 1,
        encoder=values["encoder"].strip(),
    )


def _train(values: dict[str, str]) -> TrainParams:
    negatives = whole("Hard negatives", values.get("hard_negatives", "0"), least=0)
    return TrainParams(encoder=values["encoder"].strip(), hard_negatives=negatives or 0)


def _evaluate(values: dict[str, str]) -> EvaluateParams:
    split = values["split"].strip()
    if split not in ("test", "validation"):
        raise StudioError(f"Gold split is {split!r}; choose test or validation.")
    return EvaluateParams(split=split)  # type: ignore[arg-type]
