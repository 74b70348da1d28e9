"""The form for a new training: data, base and settings, with what they come to before it starts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Static

from studio.jobs import train_time, training_data
from studio.jobs.params import TrainParams
from studio.jobs.recipes import numbers_for
from studio.jobs.training import root_encoder
from studio.project import Project
from studio.records import StudioError
from studio.store import Store
from studio.store.choices import FilterRange
from studio.tui.pane.autosave import Autosave
from studio.tui.pane.base import Dialog
from studio.tui.safe_text import content
from studio.tui.train import fields as form
from studio.tui.train.pick import Pick
from studio.tui.widgets.editor import Field
from studio.tui.widgets.text_pane import Section

TITLE = "New training — what you choose is kept until you start it"
LOOK_S = 0.15
"""Seconds after the last key until the data are counted again."""
WIDTHS: list[tuple[int, str]] = [(0, "-narrow"), (112, "-wide")]
"""The help beside each line wants more room than other dialogs do."""
SAMPLED = 200
"""Documents whose length is looked at for the estimate."""


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


class Looked(Message):
    """A thread has counted."""

    def __init__(self, values: dict[str, str], look: DataPreview | str) -> None:
        super().__init__()
        self.values = values
        self.look = look


class FiltersRead(Message):
    """A thread knows the filters that have judged."""

    def __init__(self, found: list[FilterRange]) -> None:
        super().__init__()
        self.found = found


class TrainForm(Dialog):
    """Gives back the params, or None. Enter starts; what was typed is kept as a draft."""

    CSS_PATH = "train.tcss"
    AUTO_FOCUS = "#kept_by"
    HORIZONTAL_BREAKPOINTS = WIDTHS
    BINDINGS: ClassVar[list[Any]] = [
        # Before the scrolling container, which would take them where not all lines fit.
        Binding("up", "before", show=False, priority=True),
        Binding("down", "after", show=False, priority=True),
        Binding("enter", "start", show=False),
        Binding("ctrl+l", "reset", show=False),
    ]

    def __init__(
        self, project: Project, like: TrainParams | None = None, *, draft: str = form.DRAFT
    ) -> None:
        """like: settings to begin with. draft: where the store keeps what is typed."""
        super().__init__()
        self._project = project
        self._draft = draft
        self._like = like
        self._values = self._first()
        self._options = form.options_of(project)
        self._shared: list[int] | None = None
        self._refused: dict[str, str] | None = None
        self._loaded = dict(self._values)
        self._autosave = Autosave(self, self._write)

    def _first(self) -> dict[str, str]:
        values = form.first_values(self._project, self._like)
        draft = self._project.store.drafts.get(self._draft)
        if draft:
            kept = json.loads(draft)
            values |= {name: str(text) for name, text in kept.items() if name in values}
        return values

    def compose(self) -> ComposeResult:
        """A line for each setting, and what they come to beneath."""
        with Section(classes="dialog", id="train-form").titled(TITLE):
            with VerticalScroll(id="lines", can_focus=False):
                for ask in form.ASKS:
                    yield from self._line(ask)
            yield Static("", id="meaning", classes="hint")
            yield Static("", id="look", classes="hint")
            yield Static(
                content("enter starts · ↑↓ line · ←→ change · space lists · ctrl+l resets · esc"),
                classes="hint",
            )

    def _line(self, ask: form.TrainField) -> ComposeResult:
        if ask.heading:
            yield Static(ask.heading, classes="form-heading")
        with Horizontal(classes="form-row"):
            yield Static(ask.label)
            value = self._values[ask.name]
            if ask.kind == "pick":
                options = self._options.get(ask.name, ask.options)
                yield Pick(ask.label, [_triple(o) for o in options], value, id=ask.name)
            else:
                yield Field(value, id=ask.name)
            yield Static(ask.help, id=f"help-{ask.name}", classes="form-help")

    def on_mount(self) -> None:
        """Count, and ask which filters there are."""
        self._check(form.BY_NAME)
        self._read_filters()
        self._count()

    # -- what is typed --

    def _now(self) -> dict[str, str]:
        found = {}
        for ask in form.ASKS:
            widget = self.query_one(f"#{ask.name}")
            found[ask.name] = widget.value if isinstance(widget, Pick | Field) else ""
        return found

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._changed(event.input.id or "")

    @on(Pick.Changed)
    def _picked(self, event: Pick.Changed) -> None:
        self._changed(event.pick.id or "")

    def _changed(self, name: str) -> None:
        values = self._now()
        if values == self._values:
            return
        self._values = values
        self._autosave.touch()
        # A path stands in for the encoder above it.
        self._check([name, "encoder"] if name == "path" else [name])
        self._count()

    def _write(self) -> None:
        if self._values == self._loaded:
            return
        self._loaded = self._values
        text = json.dumps(self._values)
        self.studio.guarded(lambda: self._project.store.drafts.set(self._draft, text))

    def flush(self) -> None:
        """Write at once what was typed."""
        # The message that tells of the last key may still be under way.
        self._values = self._now()
        self._autosave.flush()

    def action_leave(self) -> None:
        """Closing keeps what was typed."""
        self.flush()
        super().action_leave()

    def _check(self, names: Iterable[str]) -> None:
        """The help of these lines, or what is wrong with them."""
        for name in names:
            line = self.query_one(f"#help-{name}", Static)
            line.update(self._help(form.BY_NAME[name]), layout=False)
        self._mean()

    def _help(self, ask: form.TrainField) -> Any:
        by_path = ask.name == "encoder" and bool(self._values["path"].strip())
        said = "" if by_path else form.problem(ask.name, self._values[ask.name], self._project)
        if said:
            return content(f"✗ {said}", "$error")
        widget = self.query_one(f"#{ask.name}")
        note = widget.note if isinstance(widget, Pick) else ""
        return content(note or ask.help)

    def on_descendant_focus(self) -> None:
        """Say what the line in hand means."""
        self._mean()

    def _mean(self) -> None:
        name = self.focused.id if self.focused is not None else None
        ask = form.BY_NAME.get(name or "")
        if ask is not None:
            said = self._help(ask)
            meaning = self.query_one("#meaning", Static)
            meaning.update(content(f"{ask.label}: ") + said, layout=False)

    # -- what it comes to --

    @work(exclusive=True, group="filters")
    async def _read_filters(self) -> None:
        path = self._project.store.path
        self.post_message(FiltersRead(await asyncio.to_thread(_filters, path)))

    @on(FiltersRead)
    def _filters_read(self, event: FiltersRead) -> None:
        for name, options in form.filter_options(event.found).items():
            self.query_one(f"#{name}", Pick).offer([_triple(option) for option in options])
        self._check(["kept_by", "score_of"])

    @work(exclusive=True, group="look")
    async def _count(self) -> None:
        values = self._values
        await asyncio.sleep(LOOK_S)
        if self._shared is None:
            self._shared = await asyncio.to_thread(_sharing, self._project)
        look = await asyncio.to_thread(read_look, self._project, values, self._shared)
        self.post_message(Looked(values, look))

    @on(Looked)
    def _looked(self, event: Looked) -> None:
        if event.values != self._values:
            return
        line = self.query_one("#look", Static)
        if event.values == self._refused:
            return
        if isinstance(event.look, str):
            line.update(content(f"✗ {event.look}", "$error"))
            return
        line.update(content(look_text(event.look), "$foreground"))
        numbers = form.defaults(
            event.values, event.look.root, event.look.documents, event.look.data.pairs
        )
        for name, text in numbers.items():
            # In brackets: grey alone would look like something typed where there are no colours.
            self.query_one(f"#{name}", Field).placeholder = f"({text})"

    # -- deeds --

    def action_before(self) -> None:
        """The line above."""
        self.focus_previous()

    def action_after(self) -> None:
        """The line below."""
        if self.focused is None:
            # A key that came before the form was there: its first line has the focus then.
            self.query_one("#kept_by").focus()
        self.focus_next()

    def action_reset(self) -> None:
        """All as it stands without a draft."""
        for name, value in form.first_values(self._project, self._like).items():
            widget = self.query_one(f"#{name}")
            if isinstance(widget, Pick | Field):
                widget.value = value
        self._values = self._now()
        self._autosave.touch()
        self._check(form.BY_NAME)
        self._count()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_start()

    @work(exclusive=True, group="start")
    async def action_start(self) -> None:
        """Give back the params when nothing speaks against them."""
        problem = self.query_one("#look", Static)
        try:
            params = form.params_of(self._now(), self._project)
            look = await asyncio.to_thread(read_look, self._project, self._now(), self._shared)
            if isinstance(look, DataPreview) and not look.data.pairs:
                raise StudioError("Nothing to train on: " + look_text(look))
            if isinstance(look, str):
                raise StudioError(look)
        except StudioError as error:
            self._refused = self._now()
            problem.update(content(f"✗ {error}", "$error"))
            return
        self.flush()
        self._project.store.drafts.discard(self._draft)
        self.dismiss(params)


def _triple(option: form.FieldOption) -> tuple[str, str, str]:
    return option.value, option.label, option.note


def _filters(path: Any) -> list[FilterRange]:
    with closing(Store(path)) as store:
        return store.choices.filters()


def _sharing(project: Project) -> list[int]:
    with closing(Store(project.store.path)) as store:
        return training_data.sharing(store)


def read_look(
    project: Project, values: dict[str, str], shared: list[int] | None
) -> DataPreview | str:
    """Runs in a thread: what the values come to, or what is to mend."""
    with closing(Store(project.store.path)) as store:
        here = Project(project.path, store, project.settings)
        shared = training_data.sharing(store) if shared is None else shared
        try:
            params = form.params_of(values)
            choice = training_data.choice_of(params)
            training_data.refuse_unknown(store, choice)
        except StudioError as error:
            return str(error)
        data = training_data.look(store, choice, shared)
        documents, root = store.documents.count(), root_encoder(here, params.encoder)
        validation = store.gold.judged_counts().get("validation", 0)
        if not data.pairs:
            return DataPreview(data, validation, root, documents)
        settings = numbers_for(params, root, documents, data.pairs)
        time = train_time.estimate(
            settings, root, documents, _mean_length(store), store.models.all()
        )
        steps = settings.max_steps or 0
        return DataPreview(data, validation, root, documents, steps, settings.batch_size, time)


def _mean_length(store: Store) -> float:
    """Characters of a document, on a few of them."""
    some = store.documents.page(limit=SAMPLED)
    return sum(len(document.full_text) for document in some) / max(len(some), 1)


def look_text(look: DataPreview) -> str:
    """In words: pairs, what is left out, steps, time."""
    data = look.data
    if data.pairs:
        lines = [f"✓ {data.pairs:,} pairs on {data.documents:,} documents"]
    else:
        lines = ["✗ no record is chosen"]
    if data.left_out:
        lines[0] += f"; {data.left_out:,} left out: each has a gold query's words"
    if look.time is not None:
        told = train_time.in_words(look.time.seconds)
        known = f"as fast as {look.time.measured_on} was here"
        guess = "a guess: none like it was trained here yet"
        steps = f"{look.steps:,} step{'s' if look.steps != 1 else ''} of {look.batch} pairs"
        lines.append(f"{steps}, about {told} ({known if look.time.measured_on else guess})")
    if not look.validation:
        lines.append("! no validation gold: the last step is kept, and it never stops early")
    return "\n".join(lines)
