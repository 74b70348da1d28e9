"""One batch on its way: requests out, answers in, rows written in short durable windows."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from studio.calls import Answer, Request, Reservation
from studio.jobs.context import JobContext
from studio.jobs.ledger import StoredLedger
from studio.jobs.under_way import live
from studio.llm.engine import Concurrency, Order
from studio.methods.protocol import Ask, Stage
from studio.records import StudioError
from studio.store import Store
from studio.store.generations import Finished

if TYPE_CHECKING:
    from studio.jobs.collect import Collector

ROWS_PER_WRITE = 64
WRITE_EVERY_S = 0.05
"""Answers are committed in windows of this time, or this many rows."""
SHOW_EVERY_S = 0.5
"""Seconds between two sets of figures for the screens that watch."""
LOOK_UP = 64
"""Requests that are looked up in the store at once."""
STANDING = Concurrency(0, 0, 0)

log = logging.getLogger("studio.collect")


@dataclass(frozen=True, slots=True)
class Placed:
    """A request with its place in the run."""

    stage: Stage
    batch: int
    place: int
    ask: Ask


@dataclass(slots=True)
class BatchWindow:
    """One batch on its way: requests out, answers in, rows written."""

    collector: Collector
    stage: Stage
    batch: int
    total: int | None
    asked: int = 0
    """Requests that the stage has made so far."""
    next_place: int = 0
    pace: Concurrency = STANDING
    paused: bool = False
    """Whether it sends nothing new."""
    note: str = ""
    noted_at: int = -1
    """Requests that were done when the note came."""
    shown_at: float = 0.0
    shown: dict[str, Any] = field(default_factory=dict)
    unwritten: BaseException | None = None
    """Why the last window could not be written; nothing more is asked after it."""
    done: int = 0
    """Requests of the batch that have an answer."""
    waiting: dict[str, list[Placed]] = field(default_factory=dict)
    """Hash of a request in flight → the places that wait for its answer."""
    ledger: StoredLedger = field(init=False)
    _taken: set[int] | None = None
    _buffer: deque[Finished] = field(default_factory=deque)
    """Answers that are not written yet; the writer's thread takes them out."""
    _writing: list[Finished] = field(default_factory=list)
    """Those that the writer's thread has taken out, until they are committed."""
    _unsaved: set[str] = field(default_factory=set)
    """Requests whose answers are among them."""
    _is_due: bool = False
    """Whether the clock will have them written."""
    _is_asked: bool = False
    """Whether the writer's thread has been asked to."""
    _line: tuple[int, int | None, str] = (0, None, "")
    """How it goes, for the job's row."""

    def __post_init__(self) -> None:
        self.next_place = self.collector.made.asked(self.stage.name)
        collector, writer = self.collector, self.collector.writer
        writer.on_held = self._held
        self.ledger = StoredLedger(
            writer,
            self.context.job.id,
            collector.mark,
            self.context.store.check_in_place,
            self._known,
            collector.counters.lose,
        )

    @property
    def context(self) -> JobContext:
        """The job."""
        return self.collector.context

    # -- out --

    def requests(self, asks: Iterator[Ask]) -> Iterator[Request]:
        """What has no stored answer yet, in the stage's order; looked up in windows."""
        numbered = self._placed(asks)
        while chunk := list(islice(numbered, LOOK_UP)):
            self.context.check()
            shas = [one.ask.request.sha for one in chunk]
            if not self._unsaved.isdisjoint(shas):
                # What has come in is looked up with the rest: it must not be asked again.
                self.settle()
            known = self.context.store.generations.stored(shas)
            for one in chunk:
                sha = one.ask.request.sha
                if sha in known:
                    self._reuse(one, known[sha])
                elif sha in self.waiting:
                    self.waiting[sha].append(one)
                else:
                    self.waiting[sha] = [one]
                    yield one.ask.request

    def _placed(self, asks: Iterator[Ask]) -> Iterator[Placed]:
        place = 0
        for ask in asks:
            place = place if ask.place is None else ask.place
            self.asked += 1
            yield Placed(self.stage, self.batch, place, ask)
            place += 1
            self.next_place = max(self.next_place, place)

    def _known(self, request: Request) -> None:
        """Another process has stored the answer since the request was looked up."""
        row = self.context.store.generations.row_of(request.sha)
        for one in self.waiting.pop(request.sha, ()):
            self._reuse(one, row or 0)

    def _reuse(self, one: Placed, generation_id: int) -> None:
        """An equal request was answered: its records are there, or come out of that answer now."""
        self.done += 1
        self.collector.reused += 1
        store, run = self.context.store, self.collector.run
        if self.collector.owns and one.place in self._places():
            self.collector.counters.answered += 1
            return
        existing = store.records.of_generation(generation_id)
        if any(record.run_id == run.id for record in existing):
            self.collector.counters.answered += 1
            return
        if existing and not self.collector.owns:
            self.collector.counters.answered += 1
            if self.stage.distinct or len(self.collector.method.stages) > 1:
                shared = self.collector.made.shared.setdefault(self.stage.name, [])
                shared += [(self.batch, one.place, record.id) for record in existing]
            return
        answer = store.generations.answer_of(one.ask.request.sha)
        if answer is not None:
            self._add(one, answer, None, first=False)

    def _places(self) -> set[int]:
        if self._taken is None:
            records = self.context.store.records
            self._taken = records.places(self.collector.run.id, self.stage.name, self.batch)
        return self._taken

    # -- in --

    def take(self, request: Request, answer: Answer) -> None:
        """One answer, for every place that waits for it."""
        paid = self.ledger.answered(request)
        for place, one in enumerate(self.waiting.pop(request.sha, ())):
            self.done += 1
            self._add(one, answer, paid, first=not place)

    def _add(
        self, one: Placed, answer: Answer, paid: tuple[int, Reservation] | None, *, first: bool
    ) -> None:
        """first: whether the answer came for it, and not for another place or another run."""
        records, drafts = self.collector.records_of(one, answer)
        reason = "" if any(not draft.reason for draft in drafts) else drafts[0].reason
        row, most = paid if paid and first else (None, None)
        counters = self.collector.counters
        dropped = [record.reason for record in records if record.reason] or filter(None, [reason])
        counters.add(sum(not record.reason for record in records), dropped)
        if first:
            counters.pay(answer, most)
        finished = Finished(one.ask.request, answer, reason, tuple(records), most, row)
        self._unsaved.add(finished.request.sha)
        self._buffer.append(finished)
        # The thread says that nothing is due before it takes answers out.
        if not self._is_due:
            self._is_due = True
            # By the clock, not by the next answer: a kill may come before there is one.
            asyncio.get_running_loop().call_later(WRITE_EVERY_S, self._write)
        elif len(self._buffer) >= ROWS_PER_WRITE:
            self._write()

    def _write(self) -> None:
        """Have what is there written on the writer's thread, in one durable transaction."""
        self._set_line()
        if not self._is_asked:
            self._is_asked = True
            self.collector.writer.submit(self._save).add_done_callback(self._saved)

    def _save(self, store: Store) -> None:
        """On the writer's thread; taken again where it failed."""
        self._is_asked = self._is_due = False
        while self._buffer:
            self._writing.append(self._buffer.popleft())
        if self._writing or self.ledger.has_ends:
            with store.write(durable=True):
                ended = self.ledger.write_ends(store)
                store.generations.save(self._writing, self.context.job.id)
                self.context.progress(*self._line, store=store)
            self.ledger.forget(ended)
            self._unsaved.difference_update(one.request.sha for one in self._writing)
            self._writing.clear()

    def _saved(self, step: Future[None]) -> None:
        self.unwritten = self.unwritten or step.exception()

    def settle(self) -> None:
        """Wait until all that has come in is written."""
        self._write()
        self.collector.writer.settle()

    def store_all(self) -> None:
        """The same. Raises StudioError where it could not be."""
        self.settle()
        if self.unwritten is not None:
            raise self.unwritten

    # -- how it goes --

    def should_stop(self) -> bool:
        """Asked for, or pointless: what comes in cannot be kept."""
        return self.unwritten is not None or self.context.should_stop()

    def noted(self, line: str) -> None:
        """The engine says why its pace has changed."""
        log.info("%s", line)
        self.note, self.noted_at = line, self.done

    def learnt(self, line: str) -> None:
        """Something goes out otherwise than it was set, as the model takes it: kept, said once."""
        self.noted(line)
        try:
            self.context.note(line)
        except StudioError as error:
            log.warning("the note was not kept: %s", error)

    def go_on(self, pace: Concurrency) -> Order:
        """Show how it goes, and take what people have asked for since."""
        now, orders = time.monotonic(), self.context.orders
        # Orders may change at any moment: what is shown is what is obeyed.
        self.pace, self.paused = pace, orders.paused
        collector = self.collector
        resting = orders.paused and not pace.in_flight
        collector.meter.tick(now, collector.counters, collector.reused, resting=resting)
        if now - self.shown_at >= SHOW_EVERY_S:
            self.shown_at = now
            self.show(pace)
        return Order(paused=orders.paused, concurrency=orders.concurrency)

    def show(self, pace: Concurrency) -> None:
        """Put the figures into the row when they have changed; screens can do without them."""
        collector = self.collector
        found = live(
            collector.counters,
            collector.meter,
            pace,
            asked=collector.total or self.total or self.asked,
            reused=collector.reused,
            note=self.note,
            resting=self.paused,
            endpoint=collector.endpoint.name,
            model=collector.plan.model,
            stage=self.stage.words,
        )
        if found == self.shown:
            return
        self.shown = found
        # What is shown is stored: whoever sees a run at rest may pull the plug.
        self._write()
        line = self._set_line()
        self.collector.writer.submit(partial(self._show, line, found))

    def _show(self, line: tuple[int, int | None, str], found: dict[str, Any], store: Store) -> None:
        """On the writer's thread."""
        if self.unwritten is not None:
            return
        try:
            # A run that rests from here on has no later chance to say how far it came.
            self.context.progress(*line, at_once=True, store=store)
            self.context.show(found, store)
        except StudioError as error:
            log.warning("the figures were not written: %s", error)

    def _held(self, why: str, store: Store) -> None:
        """On the writer's thread: say why nothing goes on, where that can be written at all."""
        done, total, _ = self._line
        self.context.progress(done, total, f"waiting · {why}", at_once=True, store=store)

    def _set_line(self) -> tuple[int, int | None, str]:
        """Where the batch is, in words."""
        resting = "paused · " if self.paused else ""
        # As long as nothing comes in, the line says why.
        stands = self.noted_at == self.done
        line = resting + (self.note if stands else self.collector.counters.line(self.stage.words))
        self._line = (*(self.collector.steps or (self.done, self.total)), line)
        return self._line
