"""What the Prompt pane shows: the template, the streams of its variants, and their score."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from studio.records import Document, StudioError
from studio.tui.pane.base import Pane
from studio.tui.pane.daemon_thread import run_in_daemon_thread
from studio.tui.prompt import sampling, score
from studio.tui.prompt import sides as prompt_sides
from studio.tui.prompt.compare import Contrast
from studio.tui.prompt.sampling import Bench, Side
from studio.tui.prompt.streams import ROWS, Streams
from studio.tui.prompt.template import TemplatePart
from studio.tui.safe_text import content
from studio.tui.widgets.text_pane import Section, TextPane

REPLAN_S = 0.6
"""A pause in typing that lets the preview start anew."""
SAMPLED = 60
"""Documents of the bench."""
MORE = 5
"""Documents that are asked about at once for the score alone."""
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


class PromptPreview(Pane):
    """Template and rendered prompt above, streams below, the score at the bottom."""

    CSS_PATH = "prompt.tcss"
    AUTO_FOCUS: ClassVar[str | None] = "#stream-0"

    def __init__(self) -> None:
        super().__init__()
        self._documents: list[Document] = []
        self._offset = 0
        self._draw = 0
        self._shown = 0
        self._endpoint = ""
        self._contrast = Contrast("none")
        self._made_of: tuple[object, ...] = ()
        self._timer: Timer | None = None
        self._number = 0
        self._asking = False

    def compose_body(self) -> ComposeResult:
        """Editors, streams, score."""
        with Horizontal(id="editors"):
            yield TemplatePart(id="template-section")
            with Section(id="rendered-section").titled("Rendered prompt"):
                yield TextPane(id="rendered")
        yield Static("", id="warning")
        yield Static("", id="sides")
        yield Streams(id="streams")
        with Section(id="score-section").titled("Score"):
            yield TextPane(id="score")

    def begin(self) -> None:
        """Read draft and versions; pick documents."""
        self.template.begin()
        self.store_changed()

    # Found once: what comes in at the program's end, when they are gone from the tree, needs them.

    @cached_property
    def streams(self) -> Streams:
        """The columns."""
        return self.query_one(Streams)

    @cached_property
    def template(self) -> TemplatePart:
        """The template."""
        return self.query_one(TemplatePart)

    def main_list(self) -> Widget | None:
        """Leaving the template goes to the streams."""
        return self.query_one(f"#stream-{self._shown}")

    # -- the template --

    def store_changed(self) -> None:
        """Another pane or process changed examples, versions or the draft."""
        self.template.read()
        if not self._documents:
            self._pick_documents()
        # A busy worker writes all the time: only what the preview is made of starts it anew.
        examples = self.project.store.examples.all(enabled_only=True)
        written = tuple((e.revision_id, e.query, e.document_text) for e in examples)
        made_of = (self.template.text, written)
        if made_of != self._made_of:
            self._made_of = made_of
            self._soon()

    def flush(self) -> None:
        """Write the draft."""
        self.template.flush()

    @on(TemplatePart.Typed)
    def _typed(self) -> None:
        self.streams.stop("changed: waiting for a pause in typing")
        self.query_one("#sides", Static).update("")
        self._soon()

    @on(TemplatePart.Clashed)
    @work
    async def _ask_whose(self) -> None:
        from studio.tui.dialogs.conflict import ConflictDialog, marked

        if self._asking:
            return
        self._asking = True
        try:
            template = self.template
            theirs = template.theirs()
            choices = prompt_sides.choices(template.versions, theirs)
            title = "Two drafts of one prompt — m, t or b chooses; esc decides later"
            later = "mine stays here and is asked about again"
            asked = ConflictDialog(title, marked(template.text, theirs), choices, later=later)
            choice = await self.app.push_screen_wait(asked)
        finally:
            self._asking = False
        if choice is not None:
            self.studio.guarded(lambda: template.decide(choice))
            self._soon()

    def on_descendant_focus(self) -> None:
        """On a small screen the template shows while it is being written."""
        self.set_class(self.ready and self.template.editor.has_focus, "-writing")

    # -- the preview --

    def _soon(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(REPLAN_S, self._replan)

    def _replan(self) -> None:
        """Work out the requests as things stand, beside the screen."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if not self._documents:
            self.streams.stop(NONE_FREE if self.project.store.documents.count() else NO_DOCUMENTS)
            return
        self.template.remark()
        if not self.template.usable:
            self.streams.stop("The template has a fault; mend the line named below it.")
            return
        try:
            sides = self._sides()
        except StudioError as error:
            self.streams.stop(str(error))
            return
        self._number += 1
        self._lay_out(self._number, sides, self._bench())

    def _sides(self) -> list[prompt_sides.RequestedSide]:
        template = self.template
        return prompt_sides.sides(
            template.text, template.state, template.versions, self._endpoint, self._contrast,
            lambda name: self.streams.wire_of(name).endpoint(),
        )  # fmt: skip

    def _bench(self) -> Bench:
        doubled = [*self._documents, *self._documents]
        shown = doubled[self._offset : self._offset + ROWS][: len(self._documents)]
        return Bench(tuple(self._documents), tuple(shown), self._draw)

    @work(exclusive=True, group="lay-out")
    async def _lay_out(
        self, number: int, sides: list[prompt_sides.RequestedSide], bench: Bench
    ) -> None:
        pairs = [(side.variant, side.endpoint) for side in sides]
        work_ = partial(sampling.lay_out_apart, self.project.store.path, self.project, pairs, bench)
        try:
            found = await run_in_daemon_thread(work_)
        except StudioError as error:
            self.streams.stop(str(error))
            return
        laid = [prompt_sides.refused(side, one) for side, one in zip(found, sides, strict=True)]
        self.post_message(LaidOut(number, laid))

    @on(LaidOut)
    def _laid_out(self, event: LaidOut) -> None:
        # What was typed or asked since has its own plan under way.
        if event.number != self._number or self._timer is not None:
            return
        two = len(event.sides) > 1
        self.set_class(two, "-compare")
        self._shown = self._shown if two or self._shown < ROWS else 0
        self.query_one("#sides", Static).update(prompt_sides.heads(event.sides))
        self._warn(event.sides)
        self.streams.play(event.sides)
        self._show_rendered()

    def _warn(self, sides: list[Side]) -> None:
        said = prompt_sides.warning(sides, self.project.language)
        warning = self.query_one("#warning", Static)
        warning.update(content(f"! {said}" if said else ""))
        warning.set_class(bool(said), "-on")

    @work(exclusive=True, group="documents")
    async def _pick_documents(self) -> None:
        self._documents = await run_in_daemon_thread(partial(_sampled, self.project.store.path))
        self._replan()

    def _show_rendered(self) -> None:
        section = self.query_one("#rendered-section", Section)
        pane = self.query_one("#rendered", TextPane)
        planned = self.streams.cells[self._shown].planned
        if planned is None:
            section.titled("Rendered prompt")
            pane.show("")
            return
        note = f" · {planned.request.note}" if planned.request.note else ""
        section.titled(
            f"Prompt for {planned.document.outside_id} · ~{planned.tokens:,} tokens{note}"
        )
        text = sampling.rendered_text(planned)
        if text != pane.plain:
            pane.show(text)

    @on(Streams.Shown)
    def _column_focused(self, event: Streams.Shown) -> None:
        self._shown = event.column
        # The column lights up first: a long prompt takes its time to lay out.
        self.call_after_refresh(self._show_rendered)

    @on(Streams.Scored)
    def _scored(self) -> None:
        self._show_score()

    def on_resize(self) -> None:
        """Columns and the score's table are laid out to their size."""
        if self.ready:
            self.call_after_refresh(self.streams.draw_all)
            self.call_after_refresh(self._show_score)

    def _show_score(self) -> None:
        streams, pane = self.streams, self.query_one("#score", TextPane)
        examples = self.project.store.examples.all(enabled_only=True)
        able = [side for side in streams.sides if not side.fault]
        pairs = zip(streams.sides, streams.scores, strict=True)
        shared = prompt_sides.shared([found for side, found in pairs if not side.fault])
        more = self.studio.keys_of("prompt.more")[0]
        title = prompt_sides.score_title(streams, shared, more, MORE)
        if any(shared) and not streams.busy and self.has_class("-wide"):
            title += f" · {self.studio.keys_of('app.generate')[0]} asks for all documents"
        self.query_one("#score-section", Section).titled(title)
        if not any(shared):
            pane.show("No generation of this template yet.")
            return
        found = score.measures(shared, examples)
        heads = prompt_sides.score_heads(able, len(shared[0]))
        pane.show("\n".join(score.table(found, heads, max(pane.size.width - 3, 40))))


def _sampled(path: Path) -> list[Document]:
    """Runs in a thread: a sample of the corpus without the documents of examples."""
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
        return [found[row] for row in ids[:SAMPLED] if row in found]
    finally:
        store.close()
