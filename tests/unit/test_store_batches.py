"""Calls in a batch at a server: waited for, kept over a kill, given back; older files too."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.calls import Reservation
from studio.store import Store
from studio.store import db as database
from studio.store.migrations import migrations
from studio.store.reservations import PlannedCall

CALL = PlannedCall("a" * 64, Reservation(100, 0.5), 60.0)
ELSEWHERE = 2**22 - 1
"""No process has this number."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store.create(tmp_path / "studio.db")
    for _ in range(2):
        found.jobs.submit("generate", {})
    return found


def batched(store: Store) -> int:
    """The row of a call in a batch, whose worker was killed."""
    [row] = store.reservations.claim([CALL], 1)
    assert row is not None
    store.batches.plan(1, "one", "http://here/v1", [row])
    with store.write() as conn:
        conn.execute("UPDATE reservations SET pid = ?", (ELSEWHERE,))
    return row


def test_what_is_in_a_batch_is_waited_for_whoever_lives(store: Store) -> None:
    batched(store)
    assert store.reservations.claim([CALL], 2) == [None]
    store.batches.leave(1)
    assert store.reservations.claim([CALL], 2) != [None]


def test_a_kill_leaves_a_batch_to_the_next_worker(store: Store) -> None:
    row = batched(store)
    store.batches.sent("one", "batch_7")
    assert store.reservations.end_all(1, sent=0) == 0
    assert store.batches.open_of(1, "http://elsewhere/v1") == []
    [known] = store.batches.open_of(1, "http://here/v1")
    assert (known.outside_id, known.calls) == ("batch_7", {CALL.request_sha: (row, CALL.most)})
    store.batches.end("one")
    assert store.batches.open_of(1, "http://here/v1") == []
    # Nobody told what became of it.
    assert store.generations.spent(1).untold_tokens == 100


def test_what_was_lost_and_paid_is_not_waited_for(store: Store) -> None:
    row = batched(store)
    store.reservations.end([row])
    [known] = store.batches.open_of(1, "http://here/v1")
    assert known.calls == {}
    assert store.reservations.claim([CALL], 2) != [None]


def test_an_older_file_comes_forward_with_what_it_owes(tmp_path: Path) -> None:
    path = tmp_path / "studio.db"
    db = database.connect(path, create=True)
    with database.write(db) as conn:
        migrations().apply(database.for_migrations(db), stop_before="m015_batches")
        conn.execute("PRAGMA user_version=14")
        conn.execute(
            "INSERT INTO reservations(id, request_sha, tokens, until) VALUES (9, 'x', 7, 0)"
        )
    db.conn.close()
    store = Store(path)
    assert store.generations.spent().untold_tokens == 7
    assert store.reservations.last() == 9
    store.reservations.end([], unpaid=[9])
    assert store.reservations.claim([CALL]) == [10]
    store.close()
