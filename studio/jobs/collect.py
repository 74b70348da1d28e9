"""The one way in which records are asked for: a stage's requests in, its records in the store.

Each request is looked up before it is asked: an equal one is never paid twice, and a killed run
goes on from what it had. Requests are pulled from the stage only when they can go out, answers are
stored in short durable windows, the caps hold whatever the concurrency.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from types import TracebackType
from typing import Any

from studio.jobs.context import JobContext
from studio.jobs.leaks import LeakGuard, key_of, settled
from studio.jobs.ledger import StoredLedger
from studio.jobs.made import MadeSoFar
from studio.jobs.params import RunParams
from studio.jobs.plans import capped
from studio.jobs.under_way import Meter, RunCounters, live
from studio.llm.budget import Budget
from studio.llm.client import clients_for
from studio.llm.endpoints import Serving, serving
from studio.llm.engine import Concurrency, Order, RunStats
from studio.llm.engine import run as run_engine
from studio.llm.money import dollars
from studio.methods.protocol import Ask, Draft, Method, Plan, Stage
from studio.records import (
    Answer,
    CapReached,
    Reason,
    Record,
    Request,
    Reservation,
    Run,
    StudioError,
)
from studio.settings import Endpoint
from studio.store.generations import Finished, Spent

ROWS_PER_WRITE = 64
WRITE_EVERY_S = 0.05
"""Answers are committed in windows of this time, or this many rows."""
SHOW_EVERY_S = 0.5
"""Seconds between two sets of figures for the screens that watch."""
LOOK_UP = 256
"""Requests that are looked up in the store at once."""
STANDING = Concurrency(0, 0, 0)
ADDED = "added"
"""The stage of records that a person put on top of what the first stages wrote."""

log = logging.getLogger("studio.collect")


@dataclass(frozen=True, slots=True)
class Placed:
    """A request with its place in the run."""

    stage: Stage
    batch: int
    place: int
    ask: Ask


@dataclass(slots=True)
class Collector:
    """Asks for the batches of one run; a context manager, for it holds the endpoint open."""

    context: JobContext
    run: Run
    method: Method
    plan: Plan
    endpoint: Endpoint
    params: RunParams
    owns: bool = False
    """Whether the run has records of its own for requests that were answered before: a run that
    trains does; one that adds to the project's records takes those that are there."""
    total: int | None = None
    """Requests of all stages, where that is known."""
    guard: LeakGuard | None = None
    made: MadeSoFar = field(init=False)
    counters: RunCounters = field(default_factory=RunCounters)
    meter: Meter = field(default_factory=lambda: Meter(time.monotonic()))
    reused: int = 0
    """Requests whose equal was answered before, by this run or another."""
    stopped_by: str = ""
    """Why the last batch ended early, such as ``budget``; empty when it did not."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _serving: Serving | None = None
    _seen: set[tuple[str, ...]] = field(default_factory=set)
    """What the run has kept so far, as :func:`key_of` tells it."""
    _seen_in: str = ""
    """The stage that it was read for."""

    def __post_init__(self) -> None:
        self.params = capped(self.context.project, self.params)
        self.made = MadeSoFar(self.context, self.run)
        store, job = self.context.store, self.context.job.id
        store.generations.forget_errors(job)
        store.reservations.end_all(job)
        self.counters.begin_with(
            store.generations.spent(job),
            store.records.count_of_job(job),
            store.generations.reasons(job),
        )
        self.meter.begin(time.monotonic(), self.counters)
        if self.context.result.get("stopped_by"):
            self.context.keep(stopped_by="")

    def __enter__(self) -> Collector:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def collect(self, stage: Stage, batch: int, *, total: int | None = None) -> int:
        """Have one batch answered and stored; returns how many requests it has.

        total: requests of the batch, for the progress line, where that is known.
        """
        self.made.stage, self.made.batch = stage.name, batch
        window = _Window(self, stage, batch, total)
        found = asyncio.run(self._drive(window, stage.ask(self.plan, batch, self.made)))
        if window.unwritten is not None:
            raise window.unwritten
        self.stopped_by = found.stopped_by if found else ""
        self.context.check()
        self.made.asked_places[stage.name] = window.next_place
        # From here on the batch is one of the earlier ones.
        self.made.stage = ""
        if stage.distinct and window.asked:
            self.settle(stage.name, batch)
        return window.asked

    async def _drive(self, window: _Window, asks: Iterator[Ask]) -> RunStats | None:
        """Answer from the store what is there; open the endpoint for the first that is not."""
        requests = window.requests(asks)
        first = next(requests, None)
        window.flush()
        if first is None:
            return None
        server = self._open()
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(client)
                for client in clients_for(server.endpoint, server.api_key)
            ]
            try:
                return await run_engine(
                    _chained(first, requests),
                    clients,
                    budget=self._budget(server.endpoint),
                    on_answer=window.take,
                    should_stop=window.should_stop,
                    max_concurrency=self.params.max_concurrency or server.endpoint.max_concurrency,
                    on_note=window.noted,
                    on_pace=window.go_on,
                    ledger=window.ledger,
                )
            finally:
                window.flush()
                window.show(replace(window.pace, in_flight=0))

    def _open(self) -> Serving:
        """The endpoint, started when the first request that has no answer comes."""
        if self._serving is None:
            project = self.context.project
            self.context.progress(0, None, "starting the model")
            file = project.logs_dir / f"llm-{self.context.job.id}.log"
            opened = serving(self.endpoint, project.settings, file)
            self._serving = self._stack.enter_context(opened)
        return self._serving

    def _budget(self, endpoint: Endpoint) -> Budget:
        """The caps, with what has been spent, or may have been."""
        spent = self._spent()
        dearest = max(endpoint.price_in or 0.0, endpoint.price_out or 0.0)
        return Budget(
            self.params.budget_usd,
            self.params.budget_tokens,
            spent_usd=spent.priced + spent.unpriced_tokens * dearest / 1e6,
            spent_tokens=spent.tokens,
        )

    def _spent(self) -> Spent:
        """By this job, and by those that worked on its run before a person was asked."""
        store, job = self.context.store, self.context.job.id
        return store.generations.spent({job, *store.jobs.of_run(self.run.id)})

    def check_cap(self) -> None:
        """Raise CapReached where the last batch ended early, and say so in the job's row."""
        if not self.stopped_by:
            return
        self.context.keep(stopped_by=self.stopped_by)
        spent = self._spent()
        usd, tokens = self.params.budget_usd, self.params.budget_tokens
        caps = []
        if usd is not None:
            caps.append(f"{dollars(spent.priced)} of at most {dollars(usd)}")
        if tokens is not None:
            caps.append(f"{spent.tokens:,} of at most {tokens:,} tokens")
        all_of = f" of {self.total:,}" if self.total else ""
        raise CapReached(
            f"The cap was reached: {self.counters.answered:,}{all_of} requests have an answer, for "
            f"{' and '.join(caps)}, and the next one might pass it. What came in is stored."
        )

    def settle(self, stage: str, batch: int) -> None:
        """Drop of a batch what is there already, and what is too close to gold test, by place."""
        records = self.context.store.records
        if self.guard is None:
            self.guard = LeakGuard.of(self.context.store.gold.all("test"))
        # Within a stage that tops up, batch after batch, each record is looked at once. People may
        # add to the batches of one with feedback meanwhile.
        if self._seen_in != stage or any(s.name == stage for s in self.method.stages if s.feedback):
            self._seen = {key_of(record) for record in self._earlier(stage, batch)}
            self._seen_in = stage
        own = records.of_stage(self.run.id, stage, since=batch, before=batch + 1)
        if verdicts := settled(self._seen, own, self.guard):
            self.context.store.verdicts.add(verdicts, self.context.job.id)

    def _earlier(self, stage: str, batch: int) -> Iterator[Record]:
        """What the run has kept before a batch, stage after stage."""
        first = [one.name for one in self.method.stages if not one.feedback]
        order = [*first, ADDED, *(one.name for one in self.method.stages if one.feedback)]
        for name in order[: order.index(stage)]:
            yield from self.context.store.records.of_stage(self.run.id, name)
        yield from self.context.store.records.of_stage(self.run.id, stage, before=batch)

    def records_of(self, one: Placed, answer: Answer) -> tuple[list[Record], list[Draft]]:
        """What comes of an answer: records to store, and all drafts that were read."""
        if answer.finish_reason == "error":
            return [], [Draft(reason=Reason.ERROR)]
        drafts = list(one.stage.read(self.plan, one.ask, answer))
        records = [
            Record(
                one.stage.makes,
                {**one.ask.fields, **draft.fields},
                document_id=one.ask.document.id if one.ask.document else None,
                parent_id=one.ask.parent_id,
                run_id=self.run.id,
                stage=one.stage.name,
                batch=one.batch,
                place=one.place,
                part=part,
                error_id=one.ask.error_id,
                job_id=self.context.job.id,
                reason=draft.reason,
            )
            for part, draft in enumerate(drafts)
            if draft.fields
        ]
        return records, drafts


def _chained(first: Request, rest: Iterator[Request]) -> Iterator[Request]:
    yield first
    yield from rest


@dataclass(slots=True)
class _Window:
    """One batch on its way: requests out, answers in, rows written."""

    collector: Collector
    stage: Stage
    batch: int
    total: int | None
    asked: int = 0
    """Requests that the stage has made so far."""
    next_place: int = 0
    pace: Concurrency = STANDING
    note: str = ""
    shown_at: float = 0.0
    shown: dict[str, Any] = field(default_factory=dict)
    unwritten: Exception | None = None
    """Why the last window could not be written; nothing more is asked after it."""
    done: int = 0
    """Requests of the batch that have an answer."""
    waiting: dict[str, list[Placed]] = field(default_factory=dict)
    """Hash of a request in flight → the places that wait for its answer."""
    buffer: list[Finished] = field(default_factory=list)
    ledger: StoredLedger = field(init=False)
    _taken: set[int] | None = None

    def __post_init__(self) -> None:
        self.next_place = self.collector.made.asked(self.stage.name)
        self.ledger = StoredLedger(
            self.context.store, self.context.job.id, self._known, self.collector.counters.lose
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
            # What has come in is looked up with the rest: it must not be asked again.
            self.flush()
            known = self.context.store.generations.stored([p.ask.request.sha for p in chunk])
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
        counters.add(sum(not record.reason for record in records), reason)
        if first:
            counters.pay(answer, most)
        self.buffer.append(Finished(one.ask.request, answer, reason, tuple(records), most, row))
        if len(self.buffer) >= ROWS_PER_WRITE:
            self.flush()
        elif len(self.buffer) == 1:
            # By the clock, not by the next answer: a kill may come before there is one.
            asyncio.get_running_loop().call_later(WRITE_EVERY_S, self._flush_window)

    def _flush_window(self) -> None:
        """What the clock calls: it has nobody to raise to."""
        try:
            self.flush()
        except Exception as error:
            self.unwritten = error

    def flush(self) -> None:
        """One durable transaction for the window."""
        store = self.context.store
        if self.buffer:
            with store.write(durable=True):
                self.ledger.write_ends()
                store.generations.save(self.buffer, self.context.job.id)
            self.buffer.clear()
        self._progress()

    # -- how it goes --

    def should_stop(self) -> bool:
        """Asked for, or pointless: what comes in cannot be kept."""
        return self.unwritten is not None or self.context.should_stop()

    def noted(self, line: str) -> None:
        """The engine says why its pace has changed."""
        log.info("%s", line)
        self.note = line

    def go_on(self, pace: Concurrency) -> Order:
        """Show how it goes, and take what people have asked for since."""
        now, orders = time.monotonic(), self.context.orders
        self.pace = pace
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
            resting=self.context.orders.paused,
            endpoint=collector.endpoint.name,
            model=collector.plan.model,
            stage=self.stage.words,
        )
        if found == self.shown:
            return
        # What is shown is stored: whoever sees a run at rest may pull the plug.
        self._flush_window()
        if self.unwritten is not None:
            return
        self.shown = found
        try:
            # A run that rests from here on has no later chance to say how far it came.
            self._progress(at_once=True)
            self.context.show(found)
        except StudioError as error:
            log.warning("the figures were not written: %s", error)

    def _progress(self, *, at_once: bool = False) -> None:
        resting = "paused · " if self.context.orders.paused else ""
        line = resting + self.collector.counters.line(self.stage.words)
        self.context.progress(self.done, self.total, line, at_once=at_once)
