"""Calls that are written down before they are made: what a kill leaves, what others ask."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from studio.calls import Answer, Reservation
from studio.store import Store
from studio.store import db as database
from studio.store.migrations import migrations
from studio.store.reservations import LONGEST_CALL_S, PlannedCall
from tests.support.project import call, fill

MOST = Reservation(100, 0.5)
CALL = PlannedCall("a request", MOST, timeout_s=60)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "studio.db")
    fill(store, ["a document"])
    return store


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives."""
    found = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield found
    found.kill()
    found.wait()


def claimed_by(store: Store, pid: int, **changes: float) -> None:
    """The row of a claim as another process would have written it."""
    store.reservations.claim([CALL])
    changes = {"pid": pid, **changes}
    named = ", ".join(f"{name} = ?" for name in changes)
    store.db.conn.execute(f"UPDATE reservations SET {named}", tuple(changes.values()))


def test_a_request_that_another_process_asks_is_not_asked(
    store: Store, other: subprocess.Popen[bytes]
) -> None:
    claimed_by(store, other.pid)
    assert store.reservations.claim([CALL, replace(CALL, request_sha="b")])[0] is None
    assert store.reservations.is_claimed("a request")
    assert not store.reservations.is_claimed("c")


def test_what_a_killed_process_asked_is_asked_again(
    store: Store, other: subprocess.Popen[bytes]
) -> None:
    claimed_by(store, other.pid)
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet asked how
    assert store.reservations.claim([CALL]) != [None]


@pytest.mark.parametrize("until", [-1.0, LONGEST_CALL_S + 60])
def test_a_claim_ends_with_its_time_also_where_the_clock_was_set_back(
    store: Store, other: subprocess.Popen[bytes], until: float
) -> None:
    claimed_by(store, other.pid, until=time.time() + until)
    assert store.reservations.claim([CALL]) != [None]


def test_a_process_does_not_stand_in_its_own_way(store: Store) -> None:
    claimed_by(store, os.getpid())
    assert store.reservations.claim([CALL]) != [None]


def test_what_was_in_flight_is_spent_at_its_most(store: Store) -> None:
    job = store.jobs.submit("generate", {})
    [lost, unpaid, answered] = store.reservations.claim([CALL] * 3, job)
    assert store.reservations.end_all(job) == 3
    assert store.reservations.end_all(job) == 0
    store.reservations.end([lost or 0], [unpaid or 0])
    told = Answer("q", "stop", 10, 2, 0, 0.25)
    store.generations.save([replace(call(answer=told), most=MOST, reserved=answered)], job)
    spent = store.generations.spent(job)
    assert (spent.calls, spent.prompt_tokens, spent.completion_tokens) == (1, 10, 2)
    assert (spent.untold_calls, spent.untold_tokens, spent.tokens) == (1, 100, 112)
    assert spent.cost == spent.priced == 0.75


@pytest.mark.parametrize("counts", [(None, None), (7, None), (0, 0)])
def test_an_answer_without_its_tokens_stands_at_its_most(
    store: Store, counts: tuple[int | None, int | None]
) -> None:
    job = store.jobs.submit("generate", {})
    [row] = store.reservations.claim([CALL], job)
    untold = Answer("q", "stop", *counts)
    store.generations.save([replace(call(answer=untold), most=MOST, reserved=row)], job)
    spent = store.generations.spent(job)
    assert (spent.untold_calls, spent.tokens, spent.cost) == (1, 100, 0.5)
    assert spent.prompt_tokens == 0


def test_a_call_is_spent_though_an_equal_one_was_stored_meanwhile(store: Store) -> None:
    job = store.jobs.submit("generate", {})
    store.generations.save([call()])
    [row] = store.reservations.claim([CALL], job)
    store.generations.save([replace(call("another"), most=MOST, reserved=row)], job)
    assert store.generations.spent(job).tokens == 100


def test_without_a_price_the_sum_is_unknown_and_the_tokens_are_told(store: Store) -> None:
    job = store.jobs.submit("generate", {})
    store.reservations.claim([replace(CALL, most=Reservation(70, None)), CALL], job)
    spent = store.generations.spent(job)
    assert (spent.cost, spent.priced, spent.unpriced_tokens) == (None, 0.5, 70)


def test_a_job_that_an_older_studio_left_begins_with_the_most_that_it_took(tmp_path: Path) -> None:
    db = database.connect(tmp_path / "studio.db", create=True)
    with database.write(db) as conn:
        migrations().apply(database.for_migrations(db), stop_before="m009_reservations")
        conn.execute("PRAGMA user_version=8")
        conn.execute("INSERT INTO contents(sha, text) VALUES ('x', 'über')")
        for state in ("failed", "done"):
            conn.execute(
                "INSERT INTO jobs(kind, params, state, created) VALUES ('s3', '{}', ?, '')",
                (state,),
            )
            conn.execute(
                "INSERT INTO generations(request_sha, job_id, model, decoding, seed, messages,"
                " answer_id, finish_reason, created)"
                " VALUES (?1, (SELECT max(id) FROM jobs), 'm', '{\"max_tokens\": 30}', 1,"
                " '[[\"user\", 1], [\"assistant\", 1]]', 1, 'stop', '')",
                (state,),
            )
    db.close()
    store = Store.create(tmp_path / "studio.db")
    assert store.generations.spent(1).untold_tokens == 64 + 2 * (16 + 5) + 30
    assert store.generations.spent(2).untold_tokens == 0
