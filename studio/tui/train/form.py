"""The form for a new training: data, base and settings, with what they come to before it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.message import Message
from textual.widgets import Static

from studio.jobs import train_time, training_data
from studio.jobs.recipes import numbers_for
from studio.jobs.scoring_plans import mean_length
from studio.jobs.train_params import (
    DataParams,
    TrainParams,
)
from studio.jobs.training import root_encoder
from studio.plurals import so_many
from studio.project import Project
from studio.records import TRIPLET, StudioError
from studio.store import Store
from studio.store.choices import Choice, FilterRange
from studio.tui.pane.params_form import Unfit
from studio.tui.pane.plan_form import PlanDialog, PlanForm
from studio.tui.safe_content import content
from studio.tui.train import fields as fields_of
from studio.tui.widgets.form import Form
from studio.tui.widgets.form_field import FormField

LOOK_S = 0.15
"""Seconds after the last key until the data are counted again."""
DEED = "Start the training: s, or enter here"
WIDTHS: list[tuple[int, str]] = [(0, "-narrow"), (112, "-wide")]
"""The help beside each line wants more room than other dialogs do."""


@dataclass(frozen=True, slots=True)
class DataPreview:
    """What a training with these values would be."""

    data: training_data.DataLook
    validation: int
    """Gold validation queries."""
    root: str
    documents: int
    steps: int = 0
    batch: int = 0
    time: train_time.TimeEstimate | None = None


@dataclass(frozen=True, slots=True)
class PlanLook:
    """What the form's values come to, in words."""

    text: str
    """What is trained on, and how long it may take."""
    pairs: int = 0
    """Records to train on."""
    problem: str = ""
    """What is to mend, in a sentence."""
    empties: Mapping[str, str] = field(default_factory=dict)
    """Line → what it means while nothing is typed in it."""


class Looked(Message):
    """A thread has counted."""

    def __init__(self, params: DataParams, look: PlanLook) -> None:
        super().__init__()
        self.params = params
        self.look = look


class FiltersRead(Message):
    """A thread knows the filters that have judged."""

    def __init__(self, found: list[FilterRange]) -> None:
        super().__init__()
        self.found = found


class DataPlan(PlanForm):
    """The form of a training on chosen records, and what it comes to."""

    def __init__(self, project: Project, like: Any, draft: str) -> None:
        super().__init__(project, draft, id="train-plan")
        self._like = like
        self._shared: list[int] | None = None
        self._params: DataParams | None = None
        """What the form says; None while a line is to mend."""

    def compose(self) -> ComposeResult:
        """Lines above, counts below."""
        yield Form(self.lines(), DEED, id="form")
        yield Static("", id="look", classes="hint")

    def on_mount(self) -> None:
        """Show the draft, count, and ask which filters there are."""
        self.fill(self.first(), self._project.store.drafts.get(self._draft))
        self._read_filters()
        self.look_ahead()

    def lines(self) -> tuple[FormField, ...]:
        """The fields."""
        raise NotImplementedError

    def first(self) -> dict[str, str]:
        """What stands in the form without a draft."""
        raise NotImplementedError

    def told(self) -> DataParams:
        """The params that the form says. Raises Unfit with the first line to mend."""
        raise NotImplementedError

    def read(self, params: Any, shared: list[int]) -> PlanLook:
        """What the params come to; called in a thread."""
        raise NotImplementedError

    def reset(self) -> None:
        """All as it stands without a draft."""
        self.form.fill(self.first())
        self._autosave.touch()
        self.look_ahead()

    @work(exclusive=True, group="filters")
    async def _read_filters(self) -> None:
        path = self._project.store.path
        self.post_message(FiltersRead(await asyncio.to_thread(_filters, path)))

    @on(FiltersRead)
    def _filters_read(self, event: FiltersRead) -> None:
        for name, choices in fields_of.filter_choices(event.found).items():
            self.form.offer(name, choices)

    def look_ahead(self) -> None:
        """Say what is to mend, else count what the values come to."""
        try:
            self._params = self.told()
        except Unfit as error:
            self._params = None
            self.form.check(error.name, error.problem)
            self._refuse(error)
        else:
            self.form.check()
            self._count(self._params)

    @work(exclusive=True, group="look")
    async def _count(self, params: DataParams) -> None:
        await asyncio.sleep(LOOK_S)
        self.post_message(Looked(params, await self._look(params)))

    async def _look(self, params: DataParams) -> PlanLook:
        if self._shared is None:
            self._shared = await asyncio.to_thread(_sharing, self._project)
        return await asyncio.to_thread(self.read, params, self._shared)

    @on(Looked)
    def _looked(self, event: Looked) -> None:
        event.stop()
        if event.params != self._params:
            return
        if event.look.problem:
            self._refuse(event.look.problem)
            return
        self.query_one("#look", Static).update(content(event.look.text, "$foreground"))
        self.form.empties(event.look.empties)

    def _refuse(self, why: object) -> None:
        self.query_one("#look", Static).update(content(f"✗ {why}", "$error"))

    def start(self) -> None:
        """Hand the params over when nothing speaks against them."""
        self.look_ahead()
        if self._params is not None:
            self._start(self._params)

    @work(exclusive=True, group="look")
    async def _start(self, params: DataParams) -> None:
        look = await self._look(params)
        if not look.pairs:
            self._refuse(look.problem or f"Nothing to train on: {look.text}")
            return
        self.forget()
        self.post_message(self.Ready(params))


class TrainPlan(DataPlan):
    """A retriever's."""

    def lines(self) -> tuple[FormField, ...]:
        """Data, base and settings."""
        return fields_of.train_fields(self._project)

    def first(self) -> dict[str, str]:
        """The defaults, or an earlier training's settings."""
        return fields_of.first_values(self._project, self.form.fields, self._like)

    def drafted(self, texts: dict[str, str]) -> dict[str, str]:
        """Drafts of older studios had other lines."""
        return fields_of.from_older_draft(texts)

    def told(self) -> TrainParams:
        """The params of the job."""
        return fields_of.params_of(self.form.fields, self.form.values)

    def read(self, params: TrainParams, shared: list[int]) -> PlanLook:
        """Pairs, steps and time."""
        look = read_look(self._project, params, shared)
        if isinstance(look, str):
            return PlanLook("", problem=look)
        pairs = look.data.pairs
        triplets = self._project.task.record == TRIPLET
        empties = fields_of.recipe_numbers(
            params, look.root, look.documents, pairs, triplets=triplets
        )
        return PlanLook(look_text(look), pairs, empties=empties)


class TrainForm(PlanDialog):
    """Gives back the params, or None."""

    CSS_PATH = "train.tcss"
    HORIZONTAL_BREAKPOINTS = WIDTHS
    BINDINGS: ClassVar[list[Any]] = [Binding("ctrl+l", "reset", show=False)]

    PLAN: ClassVar[type[DataPlan]] = TrainPlan
    WHAT: ClassVar[str] = "New training"

    def __init__(self, project: Project, like: Any = None, *, draft: str = fields_of.DRAFT) -> None:
        """like: settings to begin with. draft: where the store keeps what is typed."""
        self._train = self.PLAN(project, like, draft)
        keys = "s starts · ↑↓ line · ←→ change · enter edits · ctrl+l resets · esc"
        title = f"{self.WHAT} — what you choose is kept until you start it"
        super().__init__(self._train, title, keys)

    def action_reset(self) -> None:
        """All as it stands without a draft."""
        self._train.reset()


def _filters(path: Any) -> list[FilterRange]:
    with closing(Store(path)) as store:
        return store.choices.filters()


def _sharing(project: Project) -> list[int]:
    with closing(Store(project.store.path)) as store:
        return training_data.sharing(store)


def read_data(
    store: Store, params: DataParams, shared: list[int]
) -> tuple[Choice, training_data.DataLook]:
    """What is chosen. Raises StudioError for a choice that cannot be."""
    choice = training_data.choice_of(params)
    training_data.refuse_unknown(store, choice)
    return choice, training_data.look(store, choice, shared)


def read_look(project: Project, params: TrainParams, shared: list[int]) -> DataPreview | str:
    """Runs in a thread: what the params come to, or what is to mend."""
    with closing(Store(project.store.path)) as store:
        here = Project(project.path, store, project.settings)
        try:
            _, data = read_data(store, params, shared)
        except StudioError as error:
            return str(error)
        documents, root = store.documents.count(), root_encoder(here, params.encoder)
        triplets = here.task.record == TRIPLET
        validation = store.gold.judged_counts().get("validation", 0)
        if not data.pairs:
            return DataPreview(data, validation, root, documents)
        settings = numbers_for(params, root, documents, data.pairs, triplets=triplets)
        time = train_time.estimate(
            settings, root, documents, mean_length(store), store.models.all()
        )
        steps = settings.max_steps or 0
        return DataPreview(data, validation, root, documents, steps, settings.batch_size, time)


def look_text(look: DataPreview) -> str:
    """In words: pairs, what is left out, steps, time."""
    data = look.data
    if data.pairs:
        of = f" on {so_many(data.documents, 'documents')}" if data.documents else ""
        lines = [f"✓ {so_many(data.pairs, 'pairs')}{of}"]
    else:
        lines = ["✗ no record is chosen"]
    if data.left_out:
        lines[0] += f"; {data.left_out:,} left out: each has a gold query's words"
    if look.time is not None:
        told = train_time.in_words(look.time.seconds)
        known = f"as fast as {look.time.measured_on} was here"
        guess = "a guess: none like it was trained here yet"
        steps = f"{so_many(look.steps, 'steps')} of {look.batch} pairs"
        lines.append(f"{steps}, about {told} ({known if look.time.measured_on else guess})")
    if not look.validation:
        lines.append("! no validation gold: the last step is kept, and it never stops early")
    return "\n".join(lines)
