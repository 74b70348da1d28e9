"""The one way in which records are asked for: a stage's requests in, its records in the store.

Each request is looked up before it is asked: an answer that is stored is never paid again, and a
killed run asks anew only what was in flight. Requests are pulled from the stage only when they can
go out, and written down before that; answers are stored in short durable windows; the caps hold
whatever the concurrency and whatever is killed.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from types import TracebackType

from studio.calls import Answer, Request
from studio.filters.similarity import NearWords
from studio.jobs.batch_book import StoredBatches
from studio.jobs.context import JobContext
from studio.jobs.leaks import LeakGuard, key_of, settled
from studio.jobs.made import MadeSoFar
from studio.jobs.params import RunParams
from studio.jobs.plans import capped
from studio.jobs.sent_mark import SentMark
from studio.jobs.under_way import Meter, RunCounters
from studio.jobs.window import BatchWindow, Placed
from studio.jobs.writing import RowWriter
from studio.llm.batch_run import BatchRun
from studio.llm.budget import Budget
from studio.llm.client import LLMClient, clients_for
from studio.llm.endpoints import Serving, serving
from studio.llm.engine import RunStats
from studio.llm.engine import run as run_engine
from studio.llm.money import dollars
from studio.methods.mixing import asks_of
from studio.methods.protocol import Ask, Draft, Method, NovelStage, Plan, Stage, drafts_in
from studio.prompting.languages import language_score
from studio.records import CapReached, Record, StudioError
from studio.runs import Run
from studio.settings import Endpoint
from studio.store.generations import Spent

BATCH_REQUESTS = "requests_in_a_batch"
"""Of a job's outcome: the most that its server took at once, where it refused more."""
ADDED = "added"
"""The stage of records that a person put on top of what the first stages wrote."""


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
    steps: tuple[int, int] | None = None
    """How many steps of the run are done, and of how many, where one is not a request."""
    guard: LeakGuard | None = None
    made: MadeSoFar = field(init=False)
    counters: RunCounters = field(default_factory=RunCounters)
    meter: Meter = field(default_factory=lambda: Meter(time.monotonic()))
    reused: int = 0
    """Requests whose equal was answered before, by this run or another."""
    stopped_by: str = ""
    """Why the last batch ended early, such as ``budget``; empty when it did not."""
    writer: RowWriter = field(init=False)
    """Writes what comes in."""
    mark: SentMark = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack)
    _serving: Serving | None = None
    _seen: set[tuple[str, ...]] = field(default_factory=set)
    """What the run has kept so far, as :func:`key_of` tells it."""
    _known: NearWords | None = None
    """Texts that new ones must not be near to, where the stage wants that."""
    _counted: str = ""
    """The stage whose records are counted."""
    _seen_in: str = ""
    """The stage that it was read for."""

    def __post_init__(self) -> None:
        self.params = capped(self.context.project, self.params)
        self.made = MadeSoFar(self.context, self.run)
        self.writer = RowWriter(self.context.store.path, self.context.stop)
        self._stack.callback(self.writer.close)
        store, job = self.context.store, self.context.job.id
        store.generations.forget_errors(job)
        self.mark = SentMark(self.context.project.logs_dir / f"sent-{job}")
        store.reservations.end_all(job, self.mark.read())
        self.mark.open(store.reservations.last())
        self.counters.begin_with(
            store.generations.spent(job), store.records.count_of_job(job), self.drops()
        )
        self.meter.begin(time.monotonic(), self.counters)
        if self.context.result.get("stopped_by"):
            self.context.keep(stopped_by="")
        for said in self.plan.remarks:
            self.context.note(said)

    def __enter__(self) -> Collector:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        self.mark.close(forget=error is None)

    def collect(self, stage: Stage, batch: int, *, total: int | None = None) -> int:
        """Have one batch answered and stored; returns how many requests it has.

        total: requests of the batch, for the progress line, where that is known.
        """
        if self._counted != stage.name:
            self._counted, self.counters.records = stage.name, self.made.count(stage.name)
        self.made.stage, self.made.batch = stage.name, batch
        window = BatchWindow(self, stage, batch, total)
        try:
            found = asyncio.run(self._drive(window, asks_of(stage, self.plan, batch, self.made)))
        except StudioError:
            # Who waits for a full disk may be asked to stop.
            self.context.check()
            raise
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

    def collect_all(self, stage: Stage, *, total: int | None = None) -> int:
        """Batch after batch until one asks nothing or a cap is reached; how many requests."""
        asked = 0
        for batch in count():
            found = self.collect(stage, batch, total=total)
            asked += found
            if not found or self.stopped_by:
                break
        return asked

    async def _drive(self, window: BatchWindow, asks: Iterator[Ask]) -> RunStats | None:
        """Answer from the store what is there; open the endpoint for the first that is not."""
        requests = window.requests(asks)
        first = next(requests, None)
        window.settle()
        if first is None:
            return None
        # Its tables are read now: the first answer would hold up all calls meanwhile.
        language_score("a", self.context.project.language)
        server = self._open()
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(client)
                for client in clients_for(server.endpoint, server.api_key)
            ]
            for client in clients:
                client.on_note = window.learnt
            try:
                if self.params.engine == "batch":
                    return await self._in_batches(window, clients[0], _chained(first, requests))
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
                window.show(replace(window.pace, in_flight=0))
                window.settle()

    async def _in_batches(
        self, window: BatchWindow, client: LLMClient, requests: Iterator[Request]
    ) -> RunStats:
        context = self.context
        return await BatchRun(
            requests,
            client,
            StoredBatches(window.ledger, client.base_url, window.store_all, self.counters.regain),
            window.ledger,
            self._budget(client.endpoint),
            window.take,
            window.should_stop,
            lambda: context.store.jobs.is_cancelled(context.job.id),
            window.noted,
            window.go_on,
            context.result.get(BATCH_REQUESTS, 0),
            lambda most: context.keep(**{BATCH_REQUESTS: most}),
        ).drive()

    def _open(self) -> Serving:
        """The endpoint, started when the first request that has no answer comes."""
        if self._serving is None:
            project = self.context.project
            if self.endpoint.embedded:
                self.context.progress(0, None, "starting the model")
            file = project.logs_dir / f"llm-{self.context.job.id}.log"
            entered = partial(
                self._stack.enter_context, serving(self.endpoint, project.settings, file)
            )
            # A server of the studio's own reads its weights first; left behind, it ends with us.
            is_slow = self.endpoint.embedded
            self._serving = (
                self.context.loads(entered, self.endpoint.name) if is_slow else entered()
            )
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

    def drops(self) -> dict[str, int]:
        """Why answers of this job made no record, and why records are dropped."""
        store, job = self.context.store, self.context.job.id
        found = Counter(store.generations.reasons(job, without_records=True))
        found.update(store.records.reasons_of_job(job))
        return dict(found.most_common())

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
            self._known = self._novel(stage, batch)
        own = records.of_stage(self.run.id, stage, since=batch, before=batch + 1)
        if verdicts := settled(self._seen, own, self.guard, self._known):
            self.context.store.verdicts.add(verdicts, self.context.job.id)

    def _novel(self, name: str, batch: int) -> NearWords | None:
        """What a stage that wants new texts is held against: seeds, and all of its kind."""
        stage = next((one for one in self.method.stages if one.name == name), None)
        if not isinstance(stage, NovelStage):
            return None
        records = self.context.store.records
        seeds = {shot.query for shots in self.plan.pool for shot in shots.examples}
        others = (r.text for r in records.all(kept=True) if r.run_id != self.run.id)
        own = (record.text for record in records.of_stage(self.run.id, name, before=batch))
        return NearWords(stage.novelty(self.plan), [*sorted(seeds), *others, *own])

    def _earlier(self, stage: str, batch: int) -> Iterator[Record]:
        """What the run has kept before a batch, stage after stage."""
        first = [one.name for one in self.method.stages if not one.feedback]
        order = [*first, ADDED, *(one.name for one in self.method.stages if one.feedback)]
        for name in order[: order.index(stage)]:
            yield from self.context.store.records.of_stage(self.run.id, name)
        yield from self.context.store.records.of_stage(self.run.id, stage, before=batch)

    def records_of(self, one: Placed, answer: Answer) -> tuple[list[Record], list[Draft]]:
        """What comes of an answer: records to store, and all drafts that were read."""
        drafts = drafts_in(one.stage, self.plan, one.ask, answer)
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
