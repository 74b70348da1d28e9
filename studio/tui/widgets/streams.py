"""Columns that generations stream into, side by side, as plain text at ten frames a second."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.worker import Worker

from studio.llm.client import is_loopback
from studio.records import Answer, Example, StudioError, content_sha
from studio.store.generations import Finished
from studio.tui import preview
from studio.tui.preview import Bm25, Outcome, Planned, Score, Wire
from studio.tui.safe_text import content
from studio.tui.widgets.text_pane import Section, TextPane

if TYPE_CHECKING:
    from studio.project import Project
    from studio.settings import Endpoint
    from studio.tui.app import StudioApp

FRAME_S = 0.1


@dataclass(slots=True)
class Column:
    """What one column shows."""

    planned: Planned | None = None
    text: str = ""
    state: str = ""
    """``streaming``, ``done``, ``stored`` (paid before), or a sentence on why nothing runs."""
    outcome: Outcome | None = None
    dirty: bool = True
    worker: Worker[None] | None = field(default=None, repr=False)


class Piece(Message):
    """Some text came in for a column."""

    def __init__(self, column: int, sha: str, text: str) -> None:
        super().__init__()
        self.column, self.sha, self.text = column, sha, text


class Ended(Message):
    """A column's answer is whole, or its call failed with a sentence."""

    def __init__(
        self, column: int, planned: Planned, answer: Answer | None, error: str = ""
    ) -> None:
        super().__init__()
        self.column, self.planned, self.answer, self.error = column, planned, answer, error


class Judged(Message):
    """BM25 has ranked the source document of an outcome."""

    def __init__(self, score: Score, sha: str, hit: bool) -> None:
        super().__init__()
        self.score, self.sha, self.hit = score, sha, hit


class Streams(Horizontal):
    """The columns, their tasks, and the score of the template in front."""

    class Shown(Message):
        """A column got the focus."""

        def __init__(self, column: int) -> None:
            super().__init__()
            self.column = column

    class Scored(Message):
        """The score changed."""

    def __init__(self, columns: int, *, id: str) -> None:
        super().__init__(id=id)
        self._columns = [Column() for _ in range(columns)]
        self._wire: Wire | None = None
        self._live: bool | None = None
        self._scores: dict[str, Score] = {}
        self._score = Score()
        self._template = ""
        self._bm25 = Bm25()
        self._clock: Timer | None = None

    def compose(self) -> ComposeResult:
        """A titled text for each column."""
        for number in range(len(self._columns)):
            with Section(classes="stream", id=f"column-{number}").titled("Preview"):
                yield TextPane(id=f"stream-{number}")

    def on_mount(self) -> None:
        """The clock of the frames stands still until something streams."""
        self._clock = self.set_interval(FRAME_S, self._frame, pause=True)

    async def on_unmount(self) -> None:
        """Stop the embedded server, if the preview started one."""
        if self._wire is not None:
            await self._wire.close()

    # -- what the pane asks --

    def wire_of(self, project: Project) -> Wire:
        """The endpoint in use."""
        if self._wire is None:
            self._wire = Wire(project)
        return self._wire

    async def use_endpoint(self, project: Project, name: str) -> None:
        """Stream from another endpoint from now on."""
        self.stop("")
        if self._wire is not None:
            await self._wire.close()
        self._wire = Wire(project, name)
        self._live = None

    def toggle_live(self) -> bool:
        """Switch live streaming; whether it is on now."""
        self._live = not self._live
        return self._live

    def focus_column(self, number: int) -> None:
        """Give a column the keys."""
        self.query_one(f"#stream-{number}").focus()

    def answer_in(self, number: int) -> str:
        """The text that a column shows."""
        return self._columns[number].text

    def score_lines(self, examples: Sequence[Example]) -> list[str]:
        """The score of the template in front."""
        return self._score.lines(examples, self._bm25.among)

    def play(
        self, project: Project, template: str, planned: Sequence[Planned], endpoint: Endpoint
    ) -> None:
        """Show these requests' answers: stored ones at once, others streaming if live."""
        if self._live is None:
            # An endpoint elsewhere may cost money: it streams when the person says so.
            self._live = endpoint.embedded or is_loopback(endpoint.base_url)
        self._template = template
        key = content_sha(template, endpoint.name, endpoint.model)
        self._score = self._scores.setdefault(key, Score())
        for number, column in enumerate(self._columns):
            if number < len(planned):
                self._play_one(project, number, column, planned[number])
            else:
                self._halt(number, "No more documents.")
        self.post_message(self.Scored())

    def _play_one(self, project: Project, number: int, column: Column, planned: Planned) -> None:
        sha = planned.request.sha
        same = column.planned is not None and column.planned.request.sha == sha
        if same and column.state in ("streaming", "done", "stored"):
            return
        self._halt(number, "")
        column.planned, column.text, column.outcome = planned, "", None
        stored = project.store.generations.answer_of(sha)
        if stored is not None:
            self._settle(number, planned, stored, "stored")
        elif self._live:
            column.state = "streaming"
            stream = self._stream(number, planned, self.wire_of(project))
            column.worker = self.run_worker(stream, group=f"stream-{number}", exclusive=True)
            if self._clock is not None:
                self._clock.resume()
        else:
            column.state = "Live is off: p streams here."
        self._draw_column(number)

    def stop(self, why: str) -> None:
        """Cancel all that streams and say why."""
        for number in range(len(self._columns)):
            self._halt(number, why)

    def _halt(self, number: int, why: str) -> None:
        column = self._columns[number]
        if column.worker is not None:
            column.worker.cancel()
        column.worker = None
        if why:
            column.planned, column.state, column.text, column.outcome = None, why, "", None
            self._draw_column(number)

    # -- tasks: they only post messages --

    async def _stream(self, number: int, planned: Planned, wire: Wire) -> None:
        sha = planned.request.sha
        try:
            async for item in preview.stream(wire, planned.request):
                if isinstance(item, Answer):
                    self.post_message(Ended(number, planned, item))
                else:
                    self.post_message(Piece(number, sha, item))
        except StudioError as error:
            self.post_message(Ended(number, planned, None, str(error)))

    async def _judge(self, score: Score, sha: str, outcome: Outcome, planned: Planned) -> None:
        project = cast("StudioApp", self.app).project
        if project is None:
            return
        try:
            hit = await asyncio.to_thread(
                self._bm25.hit,
                project.store.path,
                project.language,
                outcome.query,
                planned.document,
            )
        except StudioError:
            # A corpus without words: there is no BM25 to speak of, and the score shows none.
            return
        self.post_message(Judged(score, sha, hit))

    # -- handlers: they own the state --

    @on(Piece)
    def _piece(self, event: Piece) -> None:
        event.stop()
        column = self._columns[event.column]
        if column.planned is not None and column.planned.request.sha == event.sha:
            column.text += event.text
            column.dirty = True

    @on(Ended)
    def _ended(self, event: Ended) -> None:
        event.stop()
        project = cast("StudioApp", self.app).project
        answer, column = event.answer, self._columns[event.column]
        if answer is not None and answer.finish_reason != "error" and project is not None:
            # Paid: kept even when the column has moved on.
            finished = Finished(event.planned.request, answer, preview.REASON, ())
            cast("StudioApp", self.app).guarded(lambda: project.store.generations.save([finished]))
        if column.planned is None or column.planned.request.sha != event.planned.request.sha:
            return
        if answer is None or answer.finish_reason == "error":
            column.state = event.error or (answer.error if answer else "") or "The call failed."
            self._draw_column(event.column)
        else:
            self._settle(event.column, event.planned, answer, "done")

    def _settle(self, number: int, planned: Planned, answer: Answer, state: str) -> None:
        column = self._columns[number]
        project = cast("StudioApp", self.app).project
        if project is None:
            return
        column.text, column.state = answer.text, state
        outcome = preview.parse_answer(project, self._template, planned, answer)
        column.outcome = outcome
        sha, score = planned.request.sha, self._score
        if sha not in score.outcomes:
            score.outcomes[sha] = outcome
            if outcome.query:
                self.run_worker(self._judge(score, sha, outcome, planned), group="judge")
        self._draw_column(number)
        self.post_message(self.Scored())

    @on(Judged)
    def _judged(self, event: Judged) -> None:
        from dataclasses import replace

        event.stop()
        before = event.score.outcomes[event.sha]
        event.score.outcomes[event.sha] = replace(before, hit=event.hit)
        for number, column in enumerate(self._columns):
            if column.planned is not None and column.planned.request.sha == event.sha:
                column.outcome = event.score.outcomes[event.sha]
                self._draw_column(number)
        self.post_message(self.Scored())

    # -- drawing --

    def _frame(self) -> None:
        for number, column in enumerate(self._columns):
            if column.dirty:
                self._draw_column(number)
        if not any(column.state == "streaming" for column in self._columns) and self._clock:
            self._clock.pause()

    def _draw_column(self, number: int) -> None:
        column = self._columns[number]
        column.dirty = False
        if not self.is_mounted:
            return
        self.query_one(f"#column-{number}", Section).titled(_title(column))
        self.query_one(f"#stream-{number}", TextPane).put(_body(column), column.text)

    def on_descendant_focus(self) -> None:
        """Tell which column the keys are in."""
        focused: Widget | None = self.screen.focused
        if focused is not None and (focused.id or "").startswith("stream-"):
            self.post_message(self.Shown(int((focused.id or "").rpartition("-")[2])))


def _title(column: Column) -> str:
    if column.planned is None:
        return "Preview"
    states = {"streaming": " · streaming", "stored": " · stored"}
    return f"{column.planned.document.outside_id}{states.get(column.state, '')}"


def _body(column: Column) -> Content:
    document = column.planned.document.full_text if column.planned is not None else ""
    shown = content(document[:400], "$secondary")
    if column.state == "streaming":
        answer = content(column.text or "…", "$foreground")
    elif column.state in ("done", "stored"):
        answer = _verdict(column)
    else:
        answer = content(column.state, "$warning")
    return Content.assemble(answer, "\n\n", shown) if document else answer


def _verdict(column: Column) -> Content:
    outcome = column.outcome
    if outcome is None:
        return content(column.text)
    if not outcome.query:
        said = content(column.text or "(empty)")
        return Content.assemble(said, "\n", content(f"✗ no query: {outcome.reason}", "$error"))
    words = {
        True: "✓ BM25 finds the document first",
        False: "! BM25 finds another first",
        None: "✓",
    }
    tone = "$warning" if outcome.hit is False else "$success"
    return Content.assemble(content(outcome.query, "bold"), "\n", content(words[outcome.hit], tone))
