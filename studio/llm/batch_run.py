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
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.calls import Answer, Request, Reservation
from studio.llm.batch_api import MOST_REQUESTS, BatchServer, BatchState, RequestFile
from studio.llm.batch_lines import answer_in, too_late, why_not_taken
from studio.llm.batch_sending import BatchSending
from studio.llm.budget import BatchBook, Budget, Claim, Ledger
from studio.llm.client import LLMClient, body_of, route_of
from studio.llm.engine import GIVE_UP_AFTER, Concurrency, Order, RunStats, answer_without
from studio.llm.failures import CallFailed
from studio.records import StudioError

MOST_OPEN = 4
"""Batches under way at a time: what is in them is held in memory."""
CLAIMED = 256
"""Requests that are written down at once."""
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
class _Reserved:
    request: Request
    reservation: Reservation


@dataclass(slots=True)
class _OpenBatch:
    """A batch that is under way."""

    name: str
    left: set[str]
    """Requests without an answer yet."""
    id: str = ""
    state: BatchState | None = None
    is_alone: bool = False
    """Whether no other batch was under way when it was sent."""

    @property
    def counts(self) -> tuple[int, int]:
        """Requests that the server is done with, and all."""
        return (self.state.done, self.state.total) if self.state else (0, len(self.left))


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
    stats: RunStats = field(default_factory=RunStats)
    _asked: dict[str, _Reserved] = field(default_factory=dict)
    """Requests in batches."""
    _claimed: deque[_Reserved] = field(default_factory=deque)
    """Requests that are the next to be written to a file."""
    _written: list[_Reserved] = field(default_factory=list)
    """Those in the file that is being filled."""
    _waiting: deque[Request] = field(default_factory=deque)
    """Requests to be claimed before any new one: tried before, or asked by another process."""
    _attempts: Counter[str] = field(default_factory=Counter)
    """Request → batches that it was in."""
    _open: list[_OpenBatch] = field(default_factory=list)
    _is_exhausted: bool = False
    _is_broke: bool = False
    _is_paused: bool = False
    _most: int = 0
    """Requests in a file, where the server took no larger one; 0 before it said so."""
    _is_full: bool = False
    """Whether the server took no more: then one batch is sent at a time, until one is answered."""
    _full_until: float = 0.0
    _last: CallFailed | None = None

    @property
    def server(self) -> BatchServer:
        """Where the batches are."""
        return BatchServer(self.client)

    @property
    def sending(self) -> BatchSending:
        """How they get there."""
        return BatchSending(
            self.server,
            self.should_stop,
            lambda: self.on_pace(self._pace()),
            self._rest,
            self.on_note,
        )

    async def drive(self) -> RunStats:
        """Have every request answered; see :func:`studio.llm.engine.run` for what ends it."""
        began = time.monotonic()
        self.budget.refuse_unpriced([self.client.endpoint])
        try:
            await self._recall()
            await self._go()
        finally:
            for asked in (*self._written, *self._claimed):
                self._give_back(asked)
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
                if self._is_broke and not self._is_paused:
                    self.stats.stopped_by = "budget"
                    return
                if self._is_exhausted and not self._waiting and not self._claimed:
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

    # -- what an earlier worker sent --

    async def _recall(self) -> None:
        """Ask what is in its batches again, so that their answers find who waits for them."""
        left: dict[str, Reservation] = {}
        unmade: list[_OpenBatch] = []
        for known in await self.book.known():
            left |= {sha: most for sha, (_, most) in known.calls.items()}
            batch = _OpenBatch(known.name, set(known.calls), known.outside_id)
            if not batch.id and (found := await self.sending.found(known.name)):
                batch.id = found.id
                await self.book.sent(batch.name, batch.id)
            (self._open if batch.id else unmade).append(batch)
        for most in left.values():
            self.budget.adopt(most)
        while left and (request := next(self.source, None)) is not None:
            if request.sha not in left:
                self._waiting.append(request)
                continue
            self._asked[request.sha] = _Reserved(request, left.pop(request.sha))
            self._attempts[request.sha] += 1
        for batch in unmade:
            await self._unmake(batch)

    # -- out --

    async def _send(self) -> bool:
        """Fill a file and send it; False when there is nothing to send now."""
        file = await self._filled()
        if file is None:
            return False
        name = uuid.uuid4().hex
        batch = _OpenBatch(name, set(file.requests), is_alone=not self._open)
        try:
            await self.book.plan(batch.name, file.requests)
            self._asked.update((asked.request.sha, asked) for asked in self._written)
            self._attempts.update(file.requests)
            self._written.clear()
            await self._make(batch, file)
        finally:
            file.close()
        return True

    async def _make(self, batch: _OpenBatch, file: RequestFile) -> None:
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

    async def _is_made(self, batch: _OpenBatch, state: BatchState) -> None:
        batch.id, batch.state = state.id, state
        self._open.append(batch)
        await self.book.sent(batch.name, batch.id)

    async def _unmake(self, batch: _OpenBatch) -> None:
        """It was never made, or not taken: nothing of it is paid."""
        for sha in batch.left:
            if (asked := self._asked.pop(sha, None)) is not None:
                self._attempts[sha] -= 1
                self._give_back(asked)
        await self.book.end(batch.name)

    def _give_back(self, asked: _Reserved) -> None:
        self.budget.release(asked.reservation)
        self.ledger.lost(asked.request, paid=False)
        self._waiting.append(asked.request)

    async def _filled(self) -> RequestFile | None:
        """The next file; None when no request can go out now."""
        file: RequestFile | None = None
        while self._claimed or await self._claim():
            if not self._claimed:
                continue
            asked = self._claimed[0]
            file = file or RequestFile(route_of(asked.request), self._most or MOST_REQUESTS)
            if not file.add(asked.request, self.client):
                break
            self._written.append(self._claimed.popleft())
        return file

    async def _claim(self) -> bool:
        """Claim the next requests; False when there is none that may go out now."""
        wanted, later = list[_Reserved](), deque[Request]()
        self._is_broke = False
        while len(wanted) < CLAIMED:
            request = self._waiting.popleft() if self._waiting else next(self.source, None)
            if request is None:
                self._is_exhausted = True
                break
            reservation = self.budget.reserve(request, self.client.endpoint)
            if reservation is None:
                self._is_broke = True
                self._waiting.appendleft(request)
                break
            wanted.append(_Reserved(request, reservation))
        calls = [(one.request, one.reservation, self.client.endpoint) for one in wanted]
        claims = await self.ledger.claim(calls) if calls else ()
        for one, claim in zip(wanted, claims, strict=True):
            if claim is Claim.OURS:
                self._claimed.append(one)
                continue
            self.budget.release(one.reservation)
            if claim is Claim.ANSWERED:
                self.ledger.known(one.request)
            else:
                later.append(one.request)
        self._waiting.extend(later)
        self.on_pace(self._pace())
        return bool(self._claimed) or not (later or self._is_broke or self._is_exhausted)

    # -- in --

    async def _look(self, batch: _OpenBatch) -> None:
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

    async def _lose(self, batch: _OpenBatch) -> None:
        """The server has it no more, or its files: it may have been billed all the same."""
        self._open.remove(batch)
        gone = CallFailed("late", "The server no longer has the batch.", maybe_paid=True)
        for sha in list(batch.left):
            if asked := self._asked.pop(sha, None):
                self._without(asked, gone)
        await self.book.end(batch.name)

    async def _take_in(self, batch: _OpenBatch, state: BatchState) -> None:
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
        for sha in list(batch.left):
            if asked := self._asked.pop(sha, None):
                self._without(asked, too_late(state))
        self._is_full, self._full_until = False, 0.0
        await self.book.end(batch.name)
        if fatal is not None:
            raise fatal

    def _not_taken(self, batch: _OpenBatch, state: BatchState) -> None:
        """Raises StudioError, unless fewer requests may be taken, or these later."""
        said = why_not_taken(state, self.client)
        where = f"{self.client.endpoint.name} ({self.client.base_url})"
        requests, is_alone = len(batch.left), batch.is_alone and not self._open
        if state.error.get("code") != FULL or (is_alone and requests == 1):
            raise StudioError(f"{where} did not take the batch: {said}")
        self._is_full, self._full_until = True, time.monotonic() + FULL_S
        if is_alone:
            self._most = requests // 2
            self.on_note(f"{where} takes no {requests:,} requests at once, fewer are sent: {said}")
        else:
            self.on_note(f"{where} takes no more before others are answered: {said}")

    def _take(self, batch: _OpenBatch, line: Mapping[str, Any]) -> CallFailed | None:
        """One line of what came of a batch; why it has no answer."""
        sha = str(line.get("custom_id"))
        asked = self._asked.pop(sha, None) if sha in batch.left else None
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

    def _without(self, asked: _Reserved, failed: CallFailed) -> None:
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
        self._waiting.append(request)

    def _is_hopeless(self, request: Request, failed: CallFailed) -> bool:
        """Whether another batch would say the same; what a model refuses is learnt from it."""
        if self._attempts[request.sha] >= MOST_ATTEMPTS:
            return True
        refused = self.client.refused_by(request.model)
        sent = refused.fit(body_of(request))
        if failed.kind == "refused":
            refused.learn(failed, sent)
        return failed.kind in ("refused", "denied") and refused.fit(body_of(request)) == sent
