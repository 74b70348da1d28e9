"""Runs requests through a server's Batch API: often half the price, answers within a day.

Requests go out in files and come back in any order, each under its own hash. What failed or
expired goes into a later file. A batch is written down before it is sent, and sent under a name of
ours: whatever is killed, the next worker finds it and pays for nothing twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.calls import Answer, Request
from studio.llm.batch_api import BatchServer, BatchState, RequestFile
from studio.llm.batch_lines import answer_in, too_late, why_not_taken
from studio.llm.batch_requests import BatchRequests, ReservedRequest
from studio.llm.batch_sending import BatchSending
from studio.llm.budget import Budget, Ledger
from studio.llm.client import LLMClient, body_of
from studio.llm.engine import GIVE_UP_AFTER, Concurrency, Order, RunStats, answer_without
from studio.llm.failures import CallFailed
from studio.llm.open_batches import BatchBook, OpenBatch, recalled
from studio.records import StudioError

MOST_OPEN = 4
"""Batches under way at a time: what is in them is held in memory."""
FIRST_LOOK_S = 1.0
LONGEST_LOOK_S = 60.0
TICK_S = 0.2
MOST_ATTEMPTS = 3
"""Batches that a request may be in before it is given up."""
FULL = "token_limit_exceeded"
"""The server takes no more requests before others are answered."""
FULL_S = 60.0
"""Seconds until it is asked again whether it does, unless a batch ends before."""


@dataclass(slots=True)
class BatchRun:
    """One run: requests out in files, answers in. What it is told is as in the engine's ``run``."""

    source: Iterator[Request]
    client: LLMClient
    book: BatchBook
    ledger: Ledger
    budget: Budget
    on_answer: Callable[[Request, Answer], None]
    should_stop: Callable[[], bool]
    is_cancelled: Callable[[], bool]
    """Whether it is a person who wants the stop: only then are the batches cancelled."""
    on_note: Callable[[str], None]
    on_pace: Callable[[Concurrency], Order]
    most: int = 0
    """Requests in a file, where the server took no larger one before; else 0."""
    on_most: Callable[[int], None] = lambda most: None
    """Told of it when it becomes known, for the runs that come after."""
    stats: RunStats = field(default_factory=RunStats)
    requests: BatchRequests = field(init=False)
    server: BatchServer = field(init=False)
    sending: BatchSending = field(init=False)
    _open: list[OpenBatch] = field(default_factory=list)
    _is_paused: bool = False
    _is_full: bool = False
    """Whether the server took no more: then one batch is sent at a time, until one is answered."""
    _full_until: float = 0.0
    _last: CallFailed | None = None

    def __post_init__(self) -> None:
        def tick() -> None:
            self.on_pace(self._pace())

        self.requests = BatchRequests(self.source, self.client, self.ledger, self.budget, tick)
        self.server = BatchServer(self.client)
        self.sending = BatchSending(self.server, self.should_stop, tick, self._rest, self.on_note)

    async def drive(self) -> RunStats:
        """Have every request answered; see :func:`studio.llm.engine.run` for what ends it."""
        began = time.monotonic()
        self.budget.refuse_unpriced([self.client.endpoint])
        try:
            await self._recall()
            await self._go()
        finally:
            self.requests.close()
            if self.should_stop():
                await self._leave()
            self.stats.seconds = time.monotonic() - began
        if self._last is not None and not self.stats.answered:
            self._raise_if_all_fail(self._last)
        return self.stats

    def _raise_if_all_fail(self, last: CallFailed) -> None:
        if last.kind == "denied" or self.stats.failed >= GIVE_UP_AFTER:
            raise last

    async def _go(self) -> None:
        wait = FIRST_LOOK_S
        while not self.should_stop():
            while self._may_send() and await self._send():
                wait = FIRST_LOOK_S
            if not self._open and not self._full_until:
                if self.requests.is_broke and not self._is_paused:
                    self.stats.stopped_by = "budget"
                    return
                if self.requests.is_empty:
                    return
            self._tell()
            await self._rest(wait)
            wait = min(LONGEST_LOOK_S, 1.5 * wait)
            for batch in list(self._open):
                await self._look(batch)
        self.stats.stopped_by = "asked"

    def _may_send(self) -> bool:
        if self._full_until and time.monotonic() > self._full_until:
            self._full_until = 0.0
        stands = self._is_paused or self._full_until or self.should_stop()
        return not stands and len(self._open) < (1 if self._is_full else MOST_OPEN)

    async def _leave(self) -> None:
        """Without a person's word the batches go on, for whoever resumes the run."""
        if not self.is_cancelled():
            return
        for batch in self._open:
            if batch.state and batch.state.has_ended:
                continue
            try:
                await self.server.cancel(batch.id)
            except CallFailed as failed:
                self.on_note(f"A batch was not cancelled: {failed}")
        await self.book.leave()

    async def _rest(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not self.should_stop():
            self._is_paused = self.on_pace(self._pace()).paused
            await asyncio.sleep(TICK_S)

    def _pace(self) -> Concurrency:
        under_way = sum(len(batch.left) for batch in self._open)
        return Concurrency(under_way, under_way, under_way, under_way, self.stats.retries)

    def _tell(self) -> None:
        if not self._open:
            return
        where = "in the batch" if len(self._open) == 1 else f"in {len(self._open)} batches"
        done = sum(batch.counts[0] for batch in self._open)
        total = sum(batch.counts[1] for batch in self._open)
        self.on_note(f"{where}: {done:,} of {total:,} done")

    # -- out --

    async def _recall(self) -> None:
        """Wait for what an earlier worker sent."""
        known = await self.book.known()
        there = await recalled(known, self.book, self.sending)
        self.requests.adopt({sha: most for one in known for sha, (_, most) in one.calls.items()})
        self._open += [batch for batch in there if batch.id]
        for batch in there:
            if not batch.id:
                await self._unmake(batch)

    async def _send(self) -> bool:
        """Fill a file and send it; False when there is nothing to send now."""
        file = await self.requests.fill(self.most)
        if file is None:
            return False
        batch = OpenBatch(uuid.uuid4().hex, set(file.requests), is_alone=not self._open)
        with contextlib.closing(file):
            await self.book.plan(batch.name, file.requests)
            self.requests.send()
            await self._make(batch, file)
        return True

    async def _make(self, batch: OpenBatch, file: RequestFile) -> None:
        """Have the server make it. Where it surely was not made, its requests are given back;
        where nobody knows, it stays written down for whoever resumes the run."""
        try:
            state = await self.sending.made(file, batch.name)
        except CallFailed as failed:
            found = await self.sending.found_after(failed, batch.name)
            if found is None:
                await self._unmake(batch)
                raise
            await self._is_made(batch, found)
            if self.should_stop():
                raise
            return
        await self._is_made(batch, state)

    async def _is_made(self, batch: OpenBatch, state: BatchState) -> None:
        batch.id, batch.state = state.id, state
        self._open.append(batch)
        await self.book.sent(batch.name, batch.id)

    async def _unmake(self, batch: OpenBatch) -> None:
        """It was never made, or not taken: nothing of it is paid."""
        self.requests.unsend(batch.left)
        await self.book.end(batch.name)

    # -- in --

    async def _look(self, batch: OpenBatch) -> None:
        try:
            batch.state = await self.server.state(batch.id)
            if batch.state.has_ended:
                await self._take_in(batch, batch.state)
        except CallFailed as failed:
            if failed.kind == "fatal":
                raise
            if failed.status == 404:
                await self._lose(batch)
            # It goes on without us.
            self.on_note(str(failed))

    async def _lose(self, batch: OpenBatch) -> None:
        """The server has it no more, or its files: it may have been billed all the same."""
        self._open.remove(batch)
        gone = CallFailed("late", "The server no longer has the batch.", maybe_paid=True)
        await self._end(batch, gone)

    async def _take_in(self, batch: OpenBatch, state: BatchState) -> None:
        fatal: CallFailed | None = None
        for file in state.files:
            async with contextlib.aclosing(self.server.results(file)) as lines:
                async for line in lines:
                    if self.should_stop():
                        return
                    failed = self._take(batch, line)
                    fatal = failed if failed and failed.kind == "fatal" else fatal
        self._open.remove(batch)
        if state.status == "failed":
            await self._unmake(batch)
            self._not_taken(batch, state)
            return
        self._is_full, self._full_until = False, 0.0
        await self._end(batch, too_late(state))
        if fatal is not None:
            raise fatal

    async def _end(self, batch: OpenBatch, why: CallFailed) -> None:
        """Nothing more comes of it. why: what is left has no answer."""
        for sha in batch.left:
            if asked := self.requests.take(sha):
                self._without(asked, why)
        await self.book.end(batch.name)

    def _not_taken(self, batch: OpenBatch, state: BatchState) -> None:
        """Raises StudioError, unless fewer requests may be taken, or these later."""
        said = why_not_taken(state, self.client)
        where = f"{self.client.endpoint.name} ({self.client.base_url})"
        requests, is_alone = len(batch.left), batch.is_alone and not self._open
        if state.error.get("code") != FULL or (is_alone and requests == 1):
            raise StudioError(f"{where} did not take the batch: {said}")
        self._is_full, self._full_until = True, time.monotonic() + FULL_S
        if is_alone:
            self.most = requests // 2
            self.on_most(self.most)
            self.on_note(f"{where} takes no {requests:,} requests at once, fewer are sent: {said}")
        else:
            self.on_note(f"{where} takes no more before others are answered: {said}")

    def _take(self, batch: OpenBatch, line: Mapping[str, Any]) -> CallFailed | None:
        """One line of what came of a batch; why it has no answer."""
        sha = str(line.get("custom_id"))
        asked = self.requests.take(sha) if sha in batch.left else None
        batch.left.discard(sha)
        if asked is None:
            return None
        try:
            answer = answer_in(line, self.client)
        except CallFailed as failed:
            self._without(asked, failed)
            return failed
        self.budget.settle(asked.reservation, answer)
        self.stats.answered += 1
        self.on_answer(asked.request, answer)
        return None

    def _without(self, asked: ReservedRequest, failed: CallFailed) -> None:
        """Ask it again in another batch, or give it up."""
        request, self._last = asked.request, failed
        self.ledger.lost(request, paid=failed.maybe_paid)
        if failed.maybe_paid:
            self.budget.settle(asked.reservation, None)
        else:
            self.budget.release(asked.reservation)
        if failed.kind == "fatal":
            # Whoever goes on when that is mended asks it again.
            return
        if self._is_hopeless(request, failed):
            self.stats.failed += 1
            self.on_answer(request, answer_without(failed, self.client.endpoint))
            return
        self.stats.retries += 1
        self.requests.ask_again(request)

    def _is_hopeless(self, request: Request, failed: CallFailed) -> bool:
        """Whether another batch would say the same; what a model refuses is learnt from it."""
        if self.requests.attempts[request.sha] >= MOST_ATTEMPTS:
            return True
        refused = self.client.refused_by(request.model)
        sent = refused.fit(body_of(request))
        if failed.kind == "refused":
            refused.learn(failed, sent)
        return failed.kind in ("refused", "denied") and refused.fit(body_of(request)) == sent
