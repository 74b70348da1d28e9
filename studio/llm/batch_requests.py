"""A run's requests on their way through batches: claimed, written to a file, sent, asked again."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from studio.calls import Request, Reservation
from studio.llm.batch_api import MOST_REQUESTS, RequestFile
from studio.llm.budget import Budget, Claim, Ledger
from studio.llm.client import LLMClient, route_of

CLAIMED = 256
"""Requests that are written down at once."""


@dataclass(frozen=True, slots=True)
class ReservedRequest:
    """A request that is claimed: the caps hold for it."""

    request: Request
    reservation: Reservation


@dataclass(slots=True)
class BatchRequests:
    """Each is in one place: in the source, waiting, claimed, in the file, or in a batch."""

    source: Iterator[Request]
    client: LLMClient
    ledger: Ledger
    budget: Budget
    on_tick: Callable[[], object]
    """Called at each claim."""
    is_broke: bool = False
    """Whether the next one does not fit the budget at this moment."""
    attempts: Counter[str] = field(default_factory=Counter)
    """Request → batches that it was in."""
    _waiting: deque[Request] = field(default_factory=deque)
    """Before any new one: tried before, or asked by another process."""
    _claimed: deque[ReservedRequest] = field(default_factory=deque)
    _written: list[ReservedRequest] = field(default_factory=list)
    """In the file that is being filled."""
    _sent: dict[str, ReservedRequest] = field(default_factory=dict)
    """In batches."""
    _is_exhausted: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether none is left to be sent."""
        return self._is_exhausted and not self._waiting and not self._claimed

    def adopt(self, left: Mapping[str, Reservation]) -> None:
        """Ask again what is in an earlier worker's batches, so that its answers find who waits."""
        missing = dict(left)
        for most in missing.values():
            self.budget.adopt(most)
        while missing and (request := next(self.source, None)) is not None:
            if request.sha not in missing:
                self._waiting.append(request)
                continue
            self._sent[request.sha] = ReservedRequest(request, missing.pop(request.sha))
            self.attempts[request.sha] += 1

    async def fill(self, most: int) -> RequestFile | None:
        """The next file, of so many requests at most (0: as many as one may hold); None when no
        request can go out now."""
        file: RequestFile | None = None
        while self._claimed or await self._claim():
            if not self._claimed:
                continue
            one = self._claimed[0]
            file = file or RequestFile(route_of(one.request), most or MOST_REQUESTS)
            if not file.add(one.request, self.client):
                break
            self._written.append(self._claimed.popleft())
        return file

    def send(self) -> None:
        """What is in the file is in a batch from here on."""
        for one in self._written:
            self._sent[one.request.sha] = one
            self.attempts[one.request.sha] += 1
        self._written.clear()

    def take(self, sha: str) -> ReservedRequest | None:
        """One that is in a batch: what becomes of it is settled now."""
        return self._sent.pop(sha, None)

    def ask_again(self, request: Request) -> None:
        """In a later batch."""
        self._waiting.append(request)

    def unsend(self, shas: Iterable[str]) -> None:
        """Their batch was never made: nothing of it is paid."""
        for sha in shas:
            if (one := self.take(sha)) is not None:
                self.attempts[sha] -= 1
                self._give_back(one)

    def close(self) -> None:
        """Give back what is in no batch."""
        for one in (*self._written, *self._claimed):
            self._give_back(one)

    def _give_back(self, one: ReservedRequest) -> None:
        self.budget.release(one.reservation)
        self.ledger.lost(one.request, paid=False)
        self.ask_again(one.request)

    async def _claim(self) -> bool:
        """Claim the next requests; False when there is none that may go out now."""
        wanted, later = list(self._chosen()), deque[Request]()
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
        self.on_tick()
        return bool(self._claimed) or not (later or self.is_broke or self._is_exhausted)

    def _chosen(self) -> Iterator[ReservedRequest]:
        """The next requests that the budget allows."""
        self.is_broke = False
        for _ in range(CLAIMED):
            request = self._waiting.popleft() if self._waiting else next(self.source, None)
            if request is None:
                self._is_exhausted = True
                return
            reservation = self.budget.reserve(request, self.client.endpoint)
            if reservation is None:
                self.is_broke = True
                self._waiting.appendleft(request)
                return
            yield ReservedRequest(request, reservation)
