"""A job's calls in the database: whatever ends a run, none is called spent that was never made."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio.calls import Request, Reservation
from studio.jobs.ledger import StoredLedger
from studio.jobs.sent_mark import SentMark
from studio.jobs.writing import RowWriter
from studio.settings import Endpoint
from studio.store import Store
from tests.support.project import call, fill
from tests.support.waiting import asleep_until

CALLS = [(call().request, Reservation(100, None), Endpoint("x"))]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store.create(tmp_path / "studio.db")
    fill(found, ["a document"])
    assert found.jobs.submit("generate", {}) == 1
    return found


@pytest.fixture
def writer(store: Store) -> Iterator[RowWriter]:
    found = RowWriter(store.path, threading.Event())
    yield found
    found.close()


async def test_a_claim_that_is_cancelled_while_it_is_written_is_not_spent(
    store: Store, writer: RowWriter
) -> None:
    ledger, begun, go_on = open_ledger(writer), threading.Event(), threading.Event()
    write = writer.submit

    def submit(step: Any) -> Any:
        def held(its: Store) -> Any:
            begun.set()
            go_on.wait()
            return step(its)

        return write(held)

    writer.submit = submit  # type: ignore[method-assign]
    claim = asyncio.create_task(ledger.claim(CALLS))
    await asleep_until(begun.is_set)
    claim.cancel()
    with pytest.raises(asyncio.CancelledError):
        await claim
    go_on.set()
    assert write(ledger.write_ends).result() == 1
    assert store.reservations.end_all(1) == 0
    assert store.generations.spent(1).untold_calls == 0


async def test_what_was_claimed_and_not_sent_costs_nothing_after_a_kill(
    store: Store, writer: RowWriter, tmp_path: Path
) -> None:
    mark = SentMark(tmp_path / "sent-1")
    mark.open(store.reservations.last())
    ledger = open_ledger(writer, mark)
    requests = [replace(CALLS[0][0], seed=seed) for seed in range(5)]
    await ledger.claim([(request, *CALLS[0][1:]) for request in requests])
    for request in requests[:2]:
        ledger.sending(request)
    ledger.lost(requests[0], paid=False)
    writer.submit(ledger.write_ends).result()
    assert store.reservations.end_all(1, mark.read()) == 1
    assert store.generations.spent(1).untold_calls == 1
    # Numbers of rows that have gone are not given again.
    await ledger.claim([(request, *CALLS[0][1:]) for request in requests[3:]])
    assert store.reservations.end_all(1, mark.read()) == 0


def test_without_a_mark_all_that_was_claimed_counts(tmp_path: Path) -> None:
    mark = SentMark(tmp_path / "sent-1")
    mark.open(7)
    mark.set(8)
    assert mark.read() == 8
    mark.path.write_bytes(b"")
    assert mark.read() is None
    mark.close(forget=True)
    assert mark.read() is None


def open_ledger(writer: RowWriter, mark: SentMark | None = None) -> StoredLedger:
    def never(_: Request | Reservation) -> None:
        raise AssertionError

    def in_place() -> None:
        """It is."""

    return StoredLedger(writer, 1, mark or SentMark(Path()), in_place, never, never)
