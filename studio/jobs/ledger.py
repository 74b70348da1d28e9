"""The calls of one job in the project's database, from before they are made until they are told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from studio.calls import Answer, Request, Reservation
from studio.jobs.sent_mark import SentMark
from studio.jobs.writing import RowWriter
from studio.llm.budget import Claim, most_of
from studio.records import StudioError
from studio.settings import Endpoint
from studio.store import Store
from studio.store.generations import Finished
from studio.store.reservations import PlannedCall

PATIENCE = 3.0
"""A call may wait for a slot as long as its time-out, and then take it twice: a refused setting is
left out and the call made anew."""


@dataclass(slots=True)
class StoredLedger:
    """See :class:`studio.llm.budget.Ledger`. Only what is named so runs on the writer's thread."""

    writer: RowWriter
    job_id: int
    mark: SentMark
    check: Callable[[], None]
    """Raises StudioError when the project is not in its place any more."""
    on_known: Callable[[Request], None]
    on_lost: Callable[[Reservation], None]
    _open: dict[str, tuple[int, Reservation]] = field(default_factory=dict)
    """Request → its row and what it may take."""
    _lost: deque[tuple[int, bool]] = field(default_factory=deque)
    """Rows of calls that were lost since, and whether they may be billed."""

    async def claim(self, calls: Sequence[tuple[Request, Reservation, Endpoint]]) -> list[Claim]:
        """Write down, in one transaction, what nobody else has asked or asks now."""
        shas = [request.sha for request, _, _ in calls]
        wanted = [
            PlannedCall(sha, most, PATIENCE * endpoint.timeout_s)
            for sha, (_, most, endpoint) in zip(shas, calls, strict=True)
        ]
        step = self.writer.submit(partial(self._written, wanted))
        try:
            found = await asyncio.wrap_future(step)
        except asyncio.CancelledError:
            step.add_done_callback(self._never_made)
            raise
        for one in wanted:
            row = found[one.request_sha]
            if isinstance(row, int):
                self._open[one.request_sha] = row, one.most
        return [claim if isinstance(claim := found[sha], Claim) else Claim.OURS for sha in shas]

    def _written(self, wanted: Sequence[PlannedCall], store: Store) -> dict[str, int | Claim]:
        """On the writer's thread: request → its row, or why it has none."""
        store.check_in_place()
        with store.write():
            ended = self.write_ends(store)
            answered = store.generations.stored([one.request_sha for one in wanted])
            new = [one for one in wanted if one.request_sha not in answered]
            rows = store.reservations.claim(new, self.job_id)
        self.forget(ended)
        found: dict[str, int | Claim] = dict.fromkeys(answered, Claim.ANSWERED)
        for one, row in zip(new, rows, strict=True):
            found[one.request_sha] = Claim.ELSEWHERE if row is None else row
        return found

    def _never_made(self, step: Future[dict[str, int | Claim]]) -> None:
        """Nobody waits for the calls any more; the thread may have written them down even so."""
        if not step.cancelled() and step.exception() is None:
            rows = (row for row in step.result().values() if isinstance(row, int))
            self._lost.extend((row, False) for row in rows)

    def adopt(self, calls: Mapping[str, tuple[int, Reservation]]) -> None:
        """Calls of an earlier worker that are still under way."""
        self._open.update(calls)

    def row_of(self, request_sha: str) -> int:
        """The row of a request that is claimed."""
        return self._open[request_sha][0]

    def sending(self, request: Request) -> None:
        """From here on a kill leaves it as spent."""
        self.check()
        self.mark.set(self._open[request.sha][0])

    def known(self, request: Request) -> None:
        """Its answer is in the store."""
        self.on_known(request)

    def lost(self, request: Request, *, paid: bool) -> None:
        """What may be billed stays written down as spent."""
        row, most = self._open.pop(request.sha)
        self._lost.append((row, paid))
        if paid:
            self.on_lost(most)

    def answered(self, request: Request) -> tuple[int, Reservation] | None:
        """The row of a call that was answered, which goes with the answer's own row."""
        return self._open.pop(request.sha, None)

    @property
    def has_ends(self) -> bool:
        """Whether calls were lost of which that is not written yet."""
        return bool(self._lost)

    def write_ends(self, store: Store) -> int:
        """On the writer's thread, in its transaction: say of the calls that were lost that nobody
        waits for them. How many they are, to be forgotten when that is committed."""
        lost = list(self._lost)
        if lost:
            paid = [row for row, is_paid in lost if is_paid]
            store.reservations.end(paid, [row for row, is_paid in lost if not is_paid])
        return len(lost)

    def forget(self, ended: int) -> None:
        """They are written."""
        for _ in range(ended):
            self._lost.popleft()


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
