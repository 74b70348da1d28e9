"""Calls that are written down before a slot is free for them, so that no freed one waits."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from studio.calls import Reservation
from studio.llm.budget import Budget, Claim, Ledger
from studio.llm.request_queue import RequestQueue, Turn
from studio.settings import Endpoint

AHEAD = 0.5
"""Calls ahead, as a share of those in flight: a commit must not take longer than so many do."""
ELSEWHERE_S = 0.25
"""Seconds between looks for the answer that another process waits for."""
BITE = 8
"""Requests that are made at a time: what comes in waits for no more."""


@dataclass(frozen=True, slots=True)
class ClaimedCall:
    """A request that may go out: the caps hold for it, and it is written down."""

    turn: Turn
    reservation: Reservation
    until: float
    """When it has waited so long that others may take it for forgotten."""


@dataclass(slots=True)
class CallsAhead:
    """What is claimed and not sent, in the order in which it was written down."""

    queue: RequestQueue
    budget: Budget
    ledger: Ledger
    endpoint: Endpoint
    on_ready: Callable[[], None]
    """Told when a claim has ended."""
    on_error: Callable[[BaseException], None]
    """Told why nothing more can be claimed."""
    is_broke: bool = False
    """Whether the next request does not fit the budget at this moment."""
    _ready: deque[ClaimedCall] = field(default_factory=deque)
    _claiming: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is claimed or about to be."""
        return not self._ready and self._claiming is None

    def fill(self, room: int, limit: int) -> None:
        """Claim more if little is left. room: calls that could go out now; limit: at a time."""
        ahead = int(limit * AHEAD) or 1
        if self._claiming is None and len(self._ready) < room + ahead / 2:
            claim = self._claim(room + ahead - len(self._ready))
            self._claiming = asyncio.create_task(claim)
            self._claiming.add_done_callback(self._ended)

    def next(self, now: float) -> ClaimedCall | None:
        """The next to go out."""
        if self._ready and self._ready[0].until < now:
            self.give_back()
        return self._ready.popleft() if self._ready else None

    def give_back(self) -> None:
        """Nothing of it goes out now: it is the next to be claimed again."""
        while self._ready:
            call = self._ready.pop()
            self.ledger.lost(call.turn.request, paid=False)
            self._put_back(call)

    async def close(self) -> None:
        """Give back what is claimed, also what is about to be."""
        if self._claiming is not None:
            self._claiming.cancel()
            await asyncio.gather(self._claiming, return_exceptions=True)
        self.give_back()

    async def _claim(self, wanted: int) -> None:
        """They are written down together: a commit for each would be the price of every call."""
        chosen: list[ClaimedCall] = []
        try:
            for call in self._chosen(wanted):
                chosen.append(call)
                if not len(chosen) % BITE:
                    await asyncio.sleep(0)
            if not chosen:
                return
            calls = [(call.turn.request, call.reservation, self.endpoint) for call in chosen]
            claims = await self.ledger.claim(calls)
        except BaseException:
            for call in reversed(chosen):
                self._put_back(call)
            raise
        for call, claim in zip(chosen, claims, strict=True):
            if claim is Claim.OURS:
                self._ready.append(call)
            else:
                self._leave(call, claim)

    def _chosen(self, wanted: int) -> Iterator[ClaimedCall]:
        """The next requests that the budget allows."""
        self.is_broke = False
        for _ in range(wanted):
            now = time.monotonic()
            if (turn := self.queue.take(now)) is None:
                return
            reservation = self.budget.reserve(turn.request, self.endpoint)
            if reservation is None:
                self.queue.put_back(turn)
                self.is_broke = True
                return
            yield ClaimedCall(turn, reservation, now + self.endpoint.timeout_s)

    def _leave(self, call: ClaimedCall, claim: Claim) -> None:
        """Another process has asked it, or asks it now: its answer is taken from the store."""
        self.budget.release(call.reservation)
        self.queue.free(call.turn.request.document_id)
        if claim is Claim.ANSWERED:
            self.ledger.known(call.turn.request)
        else:
            self.queue.retry(call.turn, time.monotonic() + ELSEWHERE_S)

    def _put_back(self, call: ClaimedCall) -> None:
        self.budget.release(call.reservation)
        self.queue.put_back(call.turn)

    def _ended(self, claiming: asyncio.Task[None]) -> None:
        self._claiming = None
        if not claiming.cancelled() and (error := claiming.exception()) is not None:
            self.on_error(error)
        else:
            self.on_ready()
