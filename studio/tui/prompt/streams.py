"""Columns that generations stream into, side by side, as plain text at ten frames a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget

from studio.calls import Answer
from studio.records import Document, StudioError
from studio.servers import is_loopback
from studio.settings import Endpoint
from studio.tui.pane.daemon_thread import run_in_daemon_thread
from studio.tui.prompt.calls import FRAME_S, AnswerEnded, AnswerPiece, Calls
from studio.tui.prompt.column import (
    DONE,
    LIVE_OFF,
    SETTLED,
    STORED,
    STREAMING,
    PreviewColumn,
    body,
    title,
)
from studio.tui.prompt.round_trip import RoundTripCheck
from studio.tui.prompt.sampling import Outcome, Planned, Side, Slot
from studio.tui.widgets.text_pane import Section, TextPane

ROWS = 3
"""Documents that are shown at once."""
SIDES = ("A", "B")
JUDGED_AT_ONCE = 16
"""Queries that BM25 looks up before the score is drawn again."""


class QueriesRanked(Message):
    """BM25 has looked up some queries, or cannot."""

    def __init__(self, *, possible: bool) -> None:
        super().__init__()
        self.possible = possible


class Streams(Calls):
    """The columns, the calls under way, and what came of the bench so far on each side."""

    class Shown(Message):
        """A column got the focus."""

        def __init__(self, column: int) -> None:
            super().__init__()
            self.column = column

    class Scored(Message):
        """The score changed."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.cells = [PreviewColumn() for _ in range(ROWS * len(SIDES))]
        """Those of side A from the first row to the last, then those of side B."""
        self.sides: list[Side] = []
        self.scores: list[dict[Slot, Outcome]] = []
        """What came of the bench, a side each."""
        self.live: bool | None = None
        """Whether columns stream unasked; None until the endpoint is known."""
        self._asked: list[dict[str, Planned]] = []
        self._round_trip: RoundTripCheck | None = None
        self._judging = False

    def compose(self) -> ComposeResult:
        """A titled text for each column, the two of a row side by side."""
        for row in range(ROWS):
            for side in range(len(SIDES)):
                number = side * ROWS + row
                classes = f"stream -side-{SIDES[side].lower()}"
                with Section(classes=classes, id=f"column-{number}").titled("Preview"):
                    yield TextPane(id=f"stream-{number}")

    def on_mount(self) -> None:
        """The clock of the frames stands still until something streams."""
        self._clock = self.set_interval(FRAME_S, self._frame, pause=True)

    # -- what the pane asks --

    @property
    def round_trip(self) -> RoundTripCheck:
        """The judge of queries."""
        if self._round_trip is None:
            self._round_trip = RoundTripCheck(self.project.store.path, self.project.language)
        return self._round_trip

    @property
    def ranked(self) -> bool:
        """Whether a record is right when BM25 finds its own document by it."""
        return self.project.task.gold == "documents"

    def order(self) -> list[int]:
        """The columns in use, as one reads them."""
        count = max(len(self.sides), 1)
        return [side * ROWS + row for row in range(ROWS) for side in range(count)]

    def focus_column(self, number: int) -> None:
        """Give a column the keys."""
        self.query_one(f"#stream-{number}").focus()

    def play(self, sides: Sequence[Side]) -> None:
        """Show these requests' answers: stored ones at once, others streaming if live."""
        self._take(sides)
        if self.live is None:
            # What costs money, or may, streams when the person says so.
            self.live = all(_is_free(side.endpoint) for side in sides)
        self._cancel_unwanted({one.request.sha for side in sides for one in side.shown})
        self._waiting = [one for one in self._waiting if self._counts(one[0].request.sha)]
        for number, cell in enumerate(self.cells):
            self._play_one(number, cell)
        self._look_up()
        self.post_message(self.Scored())

    def _take(self, sides: Sequence[Side]) -> None:
        self.sides = list(sides)
        self.scores = [{one.slot: outcome for one, outcome in side.past} for side in sides]
        self._asked = [{one.request.sha: one for one in _requests(side)} for side in sides]
        self._close_others({side.variant.endpoint for side in sides})

    def _cancel_unwanted(self, shown: set[str]) -> None:
        """What streamed for a column that shows something else now, or is asked otherwise."""
        flights = self._flights.items()
        gone = [s for s, f in flights if s not in shown and (f.shown or not self._counts(s))]
        self._cancel(gone)

    def _counts(self, sha: str) -> bool:
        return any(sha in asked for asked in self._asked)

    def _play_one(self, number: int, cell: PreviewColumn) -> None:
        side_number, row = divmod(number, ROWS)
        side = self.sides[side_number] if side_number < len(self.sides) else None
        if side is None or row >= len(side.shown):
            cell.empty(side.fault or "Nothing more to ask here." if side is not None else "")
        else:
            self._play_request(cell, side, side.shown[row])
        self._draw(number)

    def _play_request(self, cell: PreviewColumn, side: Side, planned: Planned) -> None:
        sha = planned.request.sha
        was_done = cell.sha == sha and cell.state == DONE
        cell.planned, cell.dirty = planned, True
        cell.noun = side.stage.makes.noun if side.stage is not None else ""
        if flight := self._flights.get(sha):
            flight.shown = True
            cell.state, cell.text, cell.outcome = STREAMING, flight.text, None
        elif (stored := self.project.store.generations.answer_of(sha)) is not None:
            cell.state = DONE if was_done else STORED
            self._settle(planned, stored)
        elif self.live:
            cell.state, cell.text, cell.outcome = STREAMING, "", None
            self._launch(planned, side.variant.endpoint, shown=True)
        else:
            cell.state, cell.text, cell.outcome = LIVE_OFF, "", None

    def toggle_live(self) -> bool:
        """Stop what is under way; when nothing is, switch live streaming on or off."""
        if self.busy and not self.live:
            self.stop_more()
            return False
        self.live = not self.live
        if not self.live:
            self.stop_more()
            self._cancel(list(self._flights))
        return self.live

    def stop(self, why: str) -> None:
        """Cancel all that is under way and say why in the columns."""
        self._waiting.clear()
        self._cancel(list(self._flights))
        for number, cell in enumerate(self.cells):
            cell.empty(why)
            self._draw(number)

    # -- more requests, for the score alone --

    def unasked(self, most: int) -> list[tuple[Planned, Side]]:
        """The next requests of the bench that a side has no answer of."""
        found: dict[int, list[tuple[Planned, Side]]] = {}
        for side, score in zip(self.sides, self.scores, strict=True):
            for one in side.left:
                if one.slot not in score and one.request.sha not in self._flights:
                    found.setdefault(one.slot[0], []).append((one, side))
        return [pair for pairs in list(found.values())[:most] for pair in pairs]

    def more(self, most: int) -> int:
        """Ask further requests behind the scenes; how many calls that takes."""
        known = {planned.request.sha for planned, _ in self._waiting}
        asked = [pair for pair in self.unasked(most) if pair[0].request.sha not in known]
        self._waiting += [(planned, side.variant.endpoint) for planned, side in asked]
        self._pump()
        self.post_message(self.Scored())
        return len(asked)

    # -- calls: their tasks only post messages --

    async def _judge(self, asked: Sequence[tuple[str, Document]]) -> None:
        judge = self.round_trip
        try:
            await run_in_daemon_thread(lambda: judge.judge(asked))
        except StudioError:
            # A corpus without words: there is no BM25 to speak of, and the score shows none.
            self.post_message(QueriesRanked(possible=False))
        else:
            self.post_message(QueriesRanked(possible=True))

    # -- handlers: they own the state --

    @on(AnswerPiece)
    def _piece(self, event: AnswerPiece) -> None:
        event.stop()
        flight = self._flights.get(event.sha)
        if flight is None:
            return
        flight.text += event.text
        for cell in self.cells:
            if cell.sha == event.sha:
                cell.text, cell.dirty = flight.text, True

    @on(AnswerEnded)
    def _ended(self, event: AnswerEnded) -> None:
        event.stop()
        sha, answer = event.planned.request.sha, event.answer
        self._flights.pop(sha, None)
        if answer is not None and answer.finish_reason != "error":
            self._end_cells(sha, DONE)
            self._settle(event.planned, answer)
            self._look_up()
        else:
            why = event.error or (answer.error if answer else "") or "The call failed."
            self._end_cells(sha, why)
        self._pump()
        self.post_message(self.Scored())

    def _end_cells(self, sha: str, state: str) -> None:
        for number, cell in enumerate(self.cells):
            if cell.sha == sha:
                cell.state = state
                self._draw(number)

    def _settle(self, planned: Planned, answer: Answer) -> None:
        sha, slot = planned.request.sha, planned.slot
        for number, side in enumerate(self.sides):
            if sha in self._asked[number]:
                before = self.scores[number].get(slot)
                outcome = side.outcome_of(planned, answer)
                if before is None or before.raw != outcome.raw:
                    self.scores[number][slot] = outcome
        for cell in self.cells:
            if cell.sha == sha:
                cell.text, cell.dirty = answer.text, True

    def _look_up(self) -> None:
        """Fill in what BM25 has said, and ask it about the rest."""
        open_: list[tuple[str, Document]] = []
        for asked, score in zip(self._asked, self.scores, strict=True):
            documents = (
                {one.slot: one.ask.document for one in asked.values()} if self.ranked else {}
            )
            for slot, outcome in score.items():
                document = documents.get(slot)
                if document is not None and outcome.texts and outcome.hit is None:
                    hit = self.round_trip.known(outcome.texts[0], document.id)
                    if hit is None:
                        open_.append((outcome.texts[0], document))
                    else:
                        score[slot] = replace(outcome, hit=hit)
        self._show_outcomes()
        if open_ and not self._judging:
            self._judging = True
            self.run_worker(self._judge(open_[:JUDGED_AT_ONCE]), group="judge")

    @on(QueriesRanked)
    def _judged(self, event: QueriesRanked) -> None:
        event.stop()
        if event.possible:
            self._judging = False
            self._look_up()
            self.post_message(self.Scored())

    def _show_outcomes(self) -> None:
        for number, cell in enumerate(self.cells):
            if cell.state in SETTLED and cell.planned is not None:
                cell.outcome = self.scores[number // ROWS].get(cell.planned.slot)
                self._draw(number)

    # -- drawing --

    def draw_all(self) -> None:
        """Draw every column anew: what fits into it has changed."""
        for number in range(len(self.cells)):
            self._draw(number)

    def _frame(self) -> None:
        for number, cell in enumerate(self.cells):
            if cell.dirty:
                self._draw(number)
        if not self._flights and self._clock is not None:
            self._clock.pause()

    def _draw(self, number: int) -> None:
        cell = self.cells[number]
        cell.dirty = False
        if not self.is_mounted:
            return
        two = len(self.sides) > 1
        side = SIDES[number // ROWS] if two else ""
        self.query_one(f"#column-{number}", Section).titled(title(cell, side))
        # Where two are compared, the document stands on the left, if there is room at all.
        gap = 1 if not two else 0 if number < ROWS and self.screen.has_class("-high") else None
        shown = body(cell, gap=gap)
        self.query_one(f"#stream-{number}", TextPane).put(shown, cell.text)

    def on_descendant_focus(self) -> None:
        """Tell which column the keys are in."""
        focused: Widget | None = self.screen.focused
        if focused is not None and (focused.id or "").startswith("stream-"):
            self.post_message(self.Shown(int((focused.id or "").rpartition("-")[2])))


def _is_free(endpoint: Endpoint) -> bool:
    here = endpoint.embedded or is_loopback(endpoint.base_url)
    return here and not endpoint.price_in and not endpoint.price_out


def _requests(side: Side) -> Iterator[Planned]:
    yield from side.shown
    yield from side.left
    yield from (planned for planned, _ in side.past)
