"""The calls of one job in the project's database, from before they are made until they are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from studio.calls import Answer, Request, Reservation
from studio.llm.budget import Claim, most_of
from studio.records import StudioError
from studio.settings import Endpoint
from studio.store import Store
from studio.store.generations import Finished
from studio.store.reservations import PlannedCall

PATIENCE = 2.0
"""A call may take its time-out twice: a refused setting is left out and the call made anew."""


@dataclass(slots=True)
class StoredLedger:
    """See :class:`studio.llm.budget.Ledger`."""

    store: Store
    job_id: int
    on_known: Callable[[Request], None]
    on_lost: Callable[[Reservation], None]
    _open: dict[str, tuple[int, Reservation]] = field(default_factory=dict)
    """Request → its row and what it may take."""
    _paid: list[int] = field(default_factory=list)
    _unpaid: list[int] = field(default_factory=list)

    def claim(self, calls: Sequence[tuple[Request, Reservation, Endpoint]]) -> list[Claim]:
        """Write down, in one transaction, what nobody else has asked or asks now."""
        self.store.check_in_place()
        shas = [request.sha for request, _, _ in calls]
        with self.store.write():
            self.write_ends()
            answered = self.store.generations.stored(shas)
            wanted = [
                PlannedCall(sha, most, PATIENCE * endpoint.timeout_s)
                for sha, (_, most, endpoint) in zip(shas, calls, strict=True)
                if sha not in answered
            ]
            rows = self.store.reservations.claim(wanted, self.job_id)
        claims = dict.fromkeys(answered, Claim.ANSWERED)
        for one, row in zip(wanted, rows, strict=True):
            claims[one.request_sha] = Claim.ELSEWHERE if row is None else Claim.OURS
            if row is not None:
                self._open[one.request_sha] = row, one.most
        return [claims[sha] for sha in shas]

    def known(self, request: Request) -> None:
        """Its answer is in the store."""
        self.on_known(request)

    def lost(self, request: Request, *, paid: bool) -> None:
        """What may be billed stays written down as spent."""
        row, most = self._open.pop(request.sha)
        (self._paid if paid else self._unpaid).append(row)
        if paid:
            self.on_lost(most)

    def answered(self, request: Request) -> tuple[int, Reservation] | None:
        """The row of a call that was answered, which goes with the answer's own row."""
        return self._open.pop(request.sha, None)

    def write_ends(self) -> None:
        """Say of the calls that were lost since that nobody waits for them."""
        if self._paid or self._unpaid:
            self.store.reservations.end(self._paid, self._unpaid)
            self._paid, self._unpaid = [], []


# -- single calls of people who look on: each step opens the store anew, in any thread --


def claim_one(path: Path, request: Request, endpoint: Endpoint) -> Answer | int | None:
    """The stored answer of an equal request; else the row of the claim, for :func:`keep_one` or
    :func:`end_one`; None while another process waits for the answer."""
    with closing(Store(path)) as store, store.write():
        if (stored := store.generations.answer_of(request.sha)) is not None:
            return stored
        wanted = PlannedCall(request.sha, most_of(request, endpoint), PATIENCE * endpoint.timeout_s)
        return store.reservations.claim([wanted])[0]


def keep_one(
    path: Path, request: Request, endpoint: Endpoint, row: int, answer: Answer, reason: str
) -> None:
    """Store an answer without records; one that failed is not kept."""
    if answer.finish_reason == "error":
        return
    with closing(Store(path)) as store:
        most = most_of(request, endpoint)
        store.generations.save([Finished(request, answer, reason, (), most, row)])


def end_one(path: Path, row: int, *, paid: bool) -> None:
    """Nobody waits any more; where no answer was kept, it may be billed all the same (paid)."""
    with suppress(StudioError), closing(Store(path)) as store:
        store.reservations.end([row] if paid else [], [] if paid else [row])
