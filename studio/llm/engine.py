"""Runs any number of requests against one or several servers, as fast as they bear.

Each call is a task. There are no batches to wait for: a slot that falls free takes the next request
at once, for the next ones have been claimed ahead. Requests are pulled from the iterator only when
they can go out soon, so that memory does not grow with the run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from studio.calls import Answer, Request
from studio.llm.budget import Budget, Ledger, NoLedger
from studio.llm.claiming import CallsAhead, ClaimedCall
from studio.llm.client import LLMClient
from studio.llm.failures import CallFailed, FailureKind
from studio.llm.limiter import AdaptiveLimiter, backoff
from studio.llm.pacing import Pacing
from studio.llm.request_queue import RequestQueue, Turn
from studio.plurals import so_many
from studio.records import StudioError
from studio.settings import Endpoint

POLL_S = 0.2
DRAIN_S = 0.8
LOOKAHEAD_PER_CALL = 8
LOOKAHEAD_MOST = 1024
MOST_ATTEMPTS: dict[FailureKind, int] = {"busy": 10, "late": 3, "broken": 4, "denied": 2}
GIVE_UP_AFTER = 20
GIVE_UP_DENIED_AT_START = 3
"""Requests that are denied before any is answered: one document may be at fault, not three."""
BUSY_PATIENCE_S = 600.0
"""How long a server may be busy, or load its model, and answer nobody."""
STRIKES_AT_START = 2
STRIKES_LATER = 6


@dataclass(slots=True)
class RunStats:
    """What a run did; live while it runs."""

    answered: int = 0
    """Requests with an answer."""
    failed: int = 0
    """Requests that failed for good, each handed on as an error answer."""
    retries: int = 0
    """Attempts that had to be made again."""
    most_in_flight: int = 0
    stopped_by: str = ""
    """``budget``, ``asked``, or empty when all requests were made."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How fast a run goes at this moment."""

    in_flight: int
    """Calls that are under way."""
    limit: int
    """Calls at a time that the servers bear now, as far as it has been tried."""
    most: int
    """The most that are allowed: the run's own limit, or what the endpoint is set to."""
    ceiling: int = 0
    """The most that the endpoint's settings allow, all its servers together."""
    retries: int = 0
    """Calls that had to be made again so far."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to change in a run under way."""

    paused: bool = False
    """Let what is in flight end, send nothing new."""
    concurrency: int | None = None
    """The most calls in flight from now on; None: as the run began."""


async def run(
    requests: Iterable[Request],
    clients: Sequence[LLMClient],
    *,
    budget: Budget,
    on_answer: Callable[[Request, Answer], None],
    should_stop: Callable[[], bool],
    max_concurrency: int,
    on_note: Callable[[str], None] | None = None,
    on_pace: Callable[[Concurrency], Order] | None = None,
    ledger: Ledger | None = None,
) -> RunStats:
    """Make every request once; ``on_answer`` gets each result, in the order in which they end.

    A request that fails for good gives an answer with ``finish_reason`` ``error``. Raises
    StudioError at once where no further call can work: a refused key, a missing model, a server
    that is gone, a cost cap without prices. Ends early, with ``stopped_by`` set, when the next
    request does not fit the budget or ``should_stop`` says so (asked five times a second; calls
    in flight get 0.8 s to end). ``on_note`` gets one line at each change of pace. ``on_pace`` is
    told five times a second how it goes and says what is to change. ``ledger`` writes down each
    call before it is made, and knows the requests that other processes have asked or ask now.
    """
    budget.refuse_unpriced(client.endpoint for client in clients)
    running = _EngineRun(
        requests,
        clients,
        budget,
        on_answer,
        max_concurrency,
        on_note or _ignore,
        ledger or NoLedger(),
    )
    running.on_pace = on_pace or running.on_pace
    return await running.drive(should_stop)


class _EngineRun:
    def __init__(
        self,
        requests: Iterable[Request],
        clients: Sequence[LLMClient],
        budget: Budget,
        on_answer: Callable[[Request, Answer], None],
        max_concurrency: int,
        on_note: Callable[[str], None],
        ledger: Ledger,
    ) -> None:
        self.stats = RunStats()
        self.limiters = [AdaptiveLimiter(client, max_concurrency) for client in clients]
        self.pacing = Pacing(clients[0].endpoint)
        self.budget = budget
        self.on_answer = on_answer
        self.on_note = on_note
        self.on_pace: Callable[[Concurrency], Order] = _go_on
        self.ledger = ledger
        self.first_concurrency = max_concurrency
        self.max_concurrency = max_concurrency
        self.paused = False
        self.queue = RequestQueue(iter(requests), self._lookahead(), max_concurrency)
        self.ahead = CallsAhead(
            self.queue, budget, ledger, clients[0].endpoint, self._claimed, self._broken
        )
        self.tasks: set[asyncio.Task[None]] = set()
        self.changed = asyncio.Event()
        self.error: BaseException | None = None
        self.failures_in_a_row = 0
        self.busy_since: float | None = None
        """Since when the server has been busy and has answered nobody."""
        self.denied: CallFailed | None = None
        """The last that was denied before anything was answered."""
        self.asked_at = 0.0
        self.is_over = False

    def _lookahead(self) -> int:
        return min(LOOKAHEAD_MOST, LOOKAHEAD_PER_CALL * self._most())

    def _most(self) -> int:
        return min(self.max_concurrency, sum(limiter.most for limiter in self.limiters))

    async def drive(self, should_stop: Callable[[], bool]) -> RunStats:
        started = time.monotonic()
        try:
            while not self._over(should_stop):
                self._send_some()
                await self._wait()
        finally:
            await self._drain()
            self.stats.seconds = time.monotonic() - started
        if self.error is None and not self.stats.answered:
            self.error = self.denied
        if self.error is not None:
            raise self.error
        return self.stats

    def _over(self, should_stop: Callable[[], bool]) -> bool:
        if self.error is not None or self.stats.stopped_by:
            return True
        if self._asked(should_stop):
            self.stats.stopped_by = "asked"
            return True
        return not self.tasks and self.ahead.is_idle and self.queue.empty()

    def _asked(self, should_stop: Callable[[], bool]) -> bool:
        now = time.monotonic()
        if now - self.asked_at < POLL_S:
            return False
        self.asked_at = now
        self._obey(self.on_pace(self._pace()))
        return should_stop()

    def _pace(self) -> Concurrency:
        ceiling = sum(limiter.client.endpoint.max_concurrency for limiter in self.limiters)
        return Concurrency(
            len(self.tasks), self._limit(), self._most(), ceiling, self.stats.retries
        )

    def _limit(self) -> int:
        """Calls at a time that the servers bear now."""
        return min(self._most(), sum(int(limiter.limit) for limiter in self.limiters))

    def _obey(self, order: Order) -> None:
        """Take another concurrency or a pause over, from the next request on."""
        self.paused = order.paused
        if self.paused:
            self.busy_since = None
        wanted = max(1, order.concurrency or self.first_concurrency)
        if wanted == self.max_concurrency:
            return
        self.max_concurrency = wanted
        for limiter in self.limiters:
            limiter.allow(wanted)
        self.queue.lookahead, self.queue.most_waiting = self._lookahead(), wanted

    def _send_some(self) -> None:
        """Send what the limiters allow now of what is claimed, and have more claimed."""
        if self.is_over or self.error is not None or self.stats.stopped_by:
            return
        if self.paused:
            self.ahead.give_back()
            return
        now = time.monotonic()
        while (limiter := self._free_limiter(now)) and (call := self.ahead.next(now)):
            self._launch(limiter, call, now)
        free = (int(one.limit) - one.in_flight for one in self.limiters if one.has_room(now))
        room = max(0, min(self.max_concurrency - len(self.tasks), sum(free)))
        self.ahead.fill(room, self._limit())

    def _launch(self, limiter: AdaptiveLimiter, call: ClaimedCall, now: float) -> None:
        limiter.send(now)
        self.pacing.take(call.reservation.tokens)
        task = asyncio.create_task(self._call(limiter, call, now))
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        self.stats.most_in_flight = max(self.stats.most_in_flight, len(self.tasks))

    def _free_limiter(self, now: float) -> AdaptiveLimiter | None:
        if len(self.tasks) >= self.max_concurrency or not self.pacing.is_free(now):
            return None
        free = [limiter for limiter in self.limiters if limiter.has_room(now)]
        return min(free, key=lambda limiter: limiter.in_flight / limiter.limit, default=None)

    def _claimed(self) -> None:
        """A claim has ended. Without money, calls in flight may still settle below what was set
        aside for them; with none, the cap is reached."""
        if not self.ahead.is_idle:
            self._send_some()
        elif not self.tasks:
            if self.ahead.is_broke:
                self.stats.stopped_by = "budget"
            if not self.queue.is_waiting:
                self.changed.set()

    def _broken(self, error: BaseException) -> None:
        """Nothing more can be asked."""
        self.error = self.error or error
        self.changed.set()

    async def _wait(self) -> None:
        self.changed.clear()
        try:
            await asyncio.wait_for(self.changed.wait(), POLL_S)
        except TimeoutError:
            return

    async def _call(self, limiter: AdaptiveLimiter, call: ClaimedCall, sent_at: float) -> None:
        turn, answer, failed, paid = call.turn, None, None, False
        try:
            self.ledger.sending(turn.request)
            paid = True
            answer = await limiter.client.complete(turn.request)
        except CallFailed as error:
            failed, paid = error, error.maybe_paid
        finally:
            limiter.in_flight -= 1
            self.queue.free(turn.request.document_id)
            self._book(call, answer, paid=paid)
        if failed is not None:
            self._failed(limiter, turn, failed, sent_at)
        elif answer is not None:
            limiter.went_well(sent_at, time.monotonic())
            self.failures_in_a_row, self.busy_since = 0, None
            self.stats.answered += 1
            self.on_answer(turn.request, answer)

    def _book(self, call: ClaimedCall, answer: Answer | None, *, paid: bool) -> None:
        if answer and answer.is_counted:
            took = (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
            self.pacing.settle(call.reservation.tokens, took)
        if paid:
            self.budget.settle(call.reservation, answer)
        else:
            self.budget.release(call.reservation)
        if answer is None:
            self.ledger.lost(call.turn.request, paid=paid)

    def _failed(
        self, limiter: AdaptiveLimiter, turn: Turn, failed: CallFailed, sent_at: float
    ) -> None:
        if failed.kind == "fatal":
            raise failed
        now = time.monotonic()
        self._adapt(limiter, failed, sent_at, now)
        counts = failed.kind != "busy" or self._busy_for_this_one(turn, failed, now)
        turn.attempts[failed.kind] += counts
        attempt = max(1, turn.attempts[failed.kind])
        if failed.kind == "down":
            self.queue.retry(turn, now)
        elif attempt < MOST_ATTEMPTS.get(failed.kind, 1):
            self.queue.retry(turn, now + max(failed.retry_after or 0.0, backoff(attempt)))
        else:
            self._give_up(limiter, turn, failed)
            return
        self.stats.retries += 1

    def _busy_for_this_one(self, turn: Turn, failed: CallFailed, now: float) -> bool:
        """Whether others were answered meanwhile; a server that answers nobody is waited for."""
        others, turn.answered_before = turn.answered_before, self.stats.answered
        self.busy_since = self.busy_since or now
        if now - self.busy_since > BUSY_PATIENCE_S + 3 * (failed.retry_after or 0.0):
            minutes = (now - self.busy_since) / 60
            raise StudioError(f"{failed} It has answered nothing for {minutes:.0f} min.")
        return others != self.stats.answered

    def _adapt(
        self, limiter: AdaptiveLimiter, failed: CallFailed, sent_at: float, now: float
    ) -> None:
        limiter.went_wrong(sent_at)
        if failed.kind in ("busy", "late"):
            if limiter.congested(failed, sent_at, now):
                pause = limiter.paused_until - now
                wait = f", after a pause of {pause:.0f} s" if pause > 1 else ""
                calls = so_many(int(limiter.limit), "calls")
                self.on_note(f"{failed} Going on with {calls} at a time{wait}.")
        elif failed.kind == "denied" and not self.stats.answered:
            # All may be denied: nothing more goes out before that is known.
            limiter.paused_until = max(limiter.paused_until, now + backoff(1))
        elif failed.kind == "down":
            limiter.unreachable(sent_at, now)
            most = STRIKES_LATER if self.stats.answered else STRIKES_AT_START
            if all(limiter.strikes >= most for limiter in self.limiters):
                raise failed

    def _give_up(self, limiter: AdaptiveLimiter, turn: Turn, failed: CallFailed) -> None:
        self.stats.failed += 1
        self.failures_in_a_row += 1
        self.on_answer(turn.request, answer_without(failed, limiter.client.endpoint))
        if failed.kind == "denied" and not self.stats.answered:
            self.denied = failed
            if self.failures_in_a_row >= GIVE_UP_DENIED_AT_START:
                raise failed
        # A corpus may hold many passages over the window: refusals stop a run only at its start.
        telling = failed.kind != "refused" or not self.stats.answered
        if telling and self.failures_in_a_row >= GIVE_UP_AFTER:
            raise StudioError(
                f"Stopped after {self.failures_in_a_row} failures in a row. The last: {failed}"
            )

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken(error)
        self._send_some()
        if not self.tasks:
            self.changed.set()

    async def _drain(self) -> None:
        """Let paid calls end; what does not end soon is given up."""
        self.is_over = True
        await self.ahead.close()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=DRAIN_S)
        left = list(self.tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def answer_without(failed: CallFailed, endpoint: Endpoint) -> Answer:
    """What is told of a request that failed for good."""
    answer = Answer("", finish_reason="error", endpoint=endpoint.name, error=str(failed))
    if failed.moderated:
        # An answer of a kind: the same words would be refused again.
        answer = replace(
            answer, finish_reason="content_filter", prompt_tokens=0, completion_tokens=0, cost=0.0
        )
    return answer


def _go_on(pace: Concurrency) -> Order:
    """Nobody watches: nothing changes."""
    return Order()


def _ignore(note: str) -> None:
    """Notes are optional."""
