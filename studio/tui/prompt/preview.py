"""The streams of a template's variants: which requests they are, worked out beside the screen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.widgets import Static

from studio.calls import Prompt
from studio.records import Document, StudioError
from studio.tui.actions import key_name
from studio.tui.pane.daemon_thread import run_in_daemon_thread
from studio.tui.prompt import sampling
from studio.tui.prompt import sides as prompt_sides
from studio.tui.prompt.compare import Contrast
from studio.tui.prompt.sampling import Bench, Planned, Side
from studio.tui.prompt.streams import ROWS, Streams
from studio.tui.safe_content import content

if TYPE_CHECKING:
    from studio.project import Project
    from studio.tui.app import StudioApp

SAMPLED = 60
"""Documents of the bench."""
SEED = 13
NO_DOCUMENTS = "No documents yet. Import some, or wait for the import to end."
NONE_FREE = (
    "Each document has an example, and no other is left to ask about. Import more documents."
)


class LaidOut(Message):
    """A thread has worked out the requests."""

    def __init__(self, number: int, sides: list[Side]) -> None:
        super().__init__()
        self.number, self.sides = number, sides


class Preview(Container):
    """What a template makes of a few requests. It owns which ones, by whom, and against what."""

    class Wanted(Message):
        """Other requests are wanted, for whatever the template is now."""

    class Turned(Message):
        """Another request is in view."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.shown = 0
        """The column in view."""
        self.contrast = Contrast("none")
        """What the template is held against."""
        self.endpoint = ""
        """Who generates, as typed; empty is the settings' own."""
        self._documents: list[Document] | None = None
        self._picked: Document | None = None
        self._offset = 0
        self._draw = 0
        self._stage = ""
        self._warned = ""
        self._number = 0

    def compose(self) -> ComposeResult:
        """What is to be known of them above the columns."""
        yield Static("", id="warning")
        yield Static("", id="sides")
        yield Streams(id="streams")

    # Found once: what comes in at the program's end, when it is gone from the tree, needs it.

    @cached_property
    def streams(self) -> Streams:
        """The columns."""
        return self.query_one(Streams)

    @property
    def _project(self) -> Project:
        project = cast("StudioApp", self.app).project
        assert project is not None
        return project

    @property
    def planned(self) -> Planned | None:
        """The request in view."""
        return self.streams.cells[self.shown].planned

    @property
    def answer(self) -> str:
        """The answer in view."""
        return self.streams.cells[self.shown].text

    @property
    def asks_about_documents(self) -> bool:
        """Whether a document can be picked for it."""
        return any(planned.ask.document for side in self.streams.sides for planned in side.shown)

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages of the method in view, or of the members of a set."""
        return next((side.stages for side in self.streams.sides), ())

    @property
    def is_set(self) -> bool:
        """Whether those are the members of a set of templates."""
        return any(side.shares for side in self.streams.sides)

    # -- which requests --

    def read_documents(self) -> None:
        """Sample the corpus, if it was empty before."""
        if not self._documents:
            self._sample()

    @work(exclusive=True, group="documents")
    async def _sample(self) -> None:
        self._documents = await run_in_daemon_thread(partial(_sampled, self._project.store.path))
        self.post_message(self.Wanted())

    def next_requests(self) -> None:
        """As many further on as there are columns."""
        self._offset += ROWS
        self.post_message(self.Wanted())

    def draw_again(self) -> None:
        """Another answer for each column; calls that failed are made once more instead."""
        if not any(cell.failed for cell in self.streams.cells):
            self._draw += 1
        self.post_message(self.Wanted())

    def pick(self, document: Document) -> None:
        """A document in the place of the one in view, or the only context of the stage."""
        documents = [one for one in self._documents or () if one.id != document.id]
        row = min(self.shown % ROWS, max(len(documents), 0))
        start = self._offset % max(len(documents), 1)
        documents.insert(min(start + row, len(documents)), document)
        self._documents, self._picked = documents, document
        self._offset = start if self._is_by_document else 0
        self.post_message(self.Wanted())

    @property
    def _is_by_document(self) -> bool:
        return all(side.by_document for side in self.streams.sides)

    def next_stage(self) -> str:
        """Go to the next stage of the method, round the end; its name, empty without another."""
        sides = self.streams.sides
        now = sides[0].in_view if sides and sides[0].in_view else self._stage
        names = self.stages
        if len(names) < 2:
            return ""
        self._stage = names[(names.index(now) + 1) % len(names)] if now in names else names[0]
        self._offset = 0
        self.post_message(self.Wanted())
        return self._stage

    def compare(self, contrast: Contrast) -> None:
        """Hold the template against something else."""
        self.contrast = contrast
        # Another endpoint may cost money where the present one does not.
        self.streams.live = None
        self.post_message(self.Wanted())

    def ask_elsewhere(self, endpoint: str) -> None:
        """Have another endpoint generate."""
        own = endpoint == self._project.settings.endpoint
        self.endpoint = "" if own else endpoint
        self.streams.live = None
        self.post_message(self.Wanted())

    # -- laying them out --

    def stop(self, why: str) -> None:
        """Cancel all that is under way, and say why."""
        self._number += 1
        self.streams.stop(why)

    def clear_heads(self) -> None:
        """What was compared is not any more."""
        self.query_one("#sides", Static).update("")

    def show(self, text: str, state: str, versions: Sequence[Prompt]) -> None:
        """Work out the requests of a template, beside the screen.

        state: what it is called, such as ``draft after v3``; versions: what it may be compared to.
        """
        documents = self._documents
        if documents is None:
            return
        if not documents and self._project.task.gold == "documents":
            stored = self._project.store.documents.count()
            self.stop(NONE_FREE if stored else NO_DOCUMENTS)
            return
        try:
            asked = prompt_sides.sides(
                text, state, versions, self.endpoint, self.contrast,
                lambda name: self.streams.wire_of(name).endpoint(), self._project.task,
            )  # fmt: skip
        except StudioError as error:
            self.stop(str(error))
            return
        self._number += 1
        bench = Bench(tuple(documents), ROWS, self._offset, self._draw, self._stage, self._picked)
        self._lay_out(self._number, asked, bench)

    @work(exclusive=True, group="lay-out")
    async def _lay_out(
        self, number: int, asked: list[prompt_sides.RequestedSide], bench: Bench
    ) -> None:
        pairs = [(side.variant, side.endpoint) for side in asked]
        path, project = self._project.store.path, self._project
        try:
            found = await run_in_daemon_thread(
                partial(sampling.lay_out_apart, path, project, pairs, bench)
            )
        except StudioError as error:
            self.streams.stop(str(error))
            return
        laid = [prompt_sides.refused(side, one) for side, one in zip(found, asked, strict=True)]
        self.post_message(LaidOut(number, laid))

    @on(LaidOut)
    def _laid_out(self, event: LaidOut) -> None:
        event.stop()
        if event.number != self._number:
            # What was typed or asked since has its own requests under way.
            return
        two = len(event.sides) > 1
        self.screen.set_class(two, "-compare")
        self.shown = self.shown if two or self.shown < ROWS else 0
        key = key_name(cast("StudioApp", self.app).keys_of("prompt.stage")[0])
        heads = prompt_sides.heads(event.sides, key)
        self.query_one("#sides", Static).update(heads)
        self.query_one("#sides").display = bool(heads.plain)
        self.streams.play(event.sides)
        self.post_message(self.Turned())

    @on(Streams.Scored)
    def _warn(self) -> None:
        """An answer may have shown what a model refuses."""
        said = prompt_sides.warning(self.streams.sides, self._project.language)
        if said == self._warned:
            return
        self._warned = said
        warning = self.query_one("#warning", Static)
        warning.update(content(f"! {said}" if said else ""))
        warning.set_class(bool(said), "-on")

    @on(Streams.Shown)
    def _column_focused(self, event: Streams.Shown) -> None:
        event.stop()
        self.shown = event.column
        self.post_message(self.Turned())

    def step(self, by: int) -> None:
        """Go to another column, as one reads them."""
        order = self.streams.order()
        here = order.index(self.shown) if self.shown in order else 0
        self.streams.focus_column(order[(here + by) % len(order)])


def _sampled(path: Path) -> list[Document]:
    """Runs in a thread: a sample of the corpus, without what examples or gold test are about."""
    from studio.jobs.leaks import LeakGuard
    from studio.store import Store

    store = Store(path)
    try:
        shown = {example.document_id for example in store.examples.all()}
        ids = [
            row
            for row in store.documents.sample_ids(SAMPLED + len(shown), SEED)
            if row not in shown
        ]
        found = store.documents.many(ids[:SAMPLED])
        guard = LeakGuard.of([gold for gold in store.gold.all("test") if gold.context])
        return [
            found[row]
            for row in ids[:SAMPLED]
            if row in found and not guard.is_about(found[row].full_text, found[row].text)
        ]
    finally:
        store.close()
