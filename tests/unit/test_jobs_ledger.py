"""A job's calls in the database: whatever ends a run, none is called spent that was never made."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.calls import Request, Reservation
from studio.jobs.ledger import StoredLedger
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


def open_ledger(writer: RowWriter) -> StoredLedger:
    def never(_: Request | Reservation) -> None:
        raise AssertionError

    return StoredLedger(writer, 1, never, never)
