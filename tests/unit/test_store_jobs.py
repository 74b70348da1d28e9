"""Rows of jobs: claimed by one worker, which writes to them only as long as they are its own."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from studio.runs import Job, JobState
from studio.store import Store
from studio.store import db as database
from studio.store.jobs import LEASE_S, Orders
from studio.store.migrations import migrations

MINE, OTHER = 1001, 1002


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "studio.db")


def row(store: Store, number: int) -> Job:
    found = store.jobs.get(number)
    assert found is not None
    return found


def submitted(store: Store) -> int:
    return store.jobs.submit("import", {"corpus": "a \udce9 path"})


def running(store: Store, pid: int = MINE) -> int:
    number = submitted(store)
    assert store.jobs.claim(number, pid)
    return number


def age(store: Store, number: int, seconds: float) -> None:
    """Move the job's last sign of life into the past."""
    with store.write() as conn:
        beat = time.time() - seconds
        conn.execute("UPDATE jobs SET heartbeat = ? WHERE id = ?", (beat, number))


def test_a_submitted_job_waits_with_its_params(store: Store) -> None:
    job = row(store, submitted(store))
    assert (job.state, job.params) == (JobState.WAITING, {"corpus": "a \udce9 path"})


def test_a_job_is_claimed_once(store: Store) -> None:
    number = submitted(store)
    assert store.jobs.claim(number, MINE)
    assert not store.jobs.claim(number, OTHER)
    assert (row(store, number).state, row(store, number).pid) == (JobState.RUNNING, MINE)


def test_of_many_workers_at_once_one_gets_the_job(store: Store) -> None:
    number = submitted(store)
    won: list[int] = []

    def worker(pid: int) -> None:
        if Store(store.path).jobs.claim(number, pid):
            won.append(pid)

    threads = [threading.Thread(target=worker, args=(pid,)) for pid in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELLED])
def test_an_ended_job_is_not_claimed(store: Store, state: JobState) -> None:
    number = running(store)
    store.jobs.finish(number, MINE, state)
    assert not store.jobs.claim(number, OTHER)


def test_a_job_that_was_cancelled_while_it_waited_is_not_claimed(store: Store) -> None:
    number = submitted(store)
    store.jobs.request_cancel(row(store, number))
    assert row(store, number).state is JobState.CANCELLED
    assert not store.jobs.claim(number, MINE)


@pytest.mark.parametrize("seconds", [LEASE_S + 1, -LEASE_S - 3600])
def test_a_job_without_a_sign_of_life_is_interrupted(store: Store, seconds: float) -> None:
    number = running(store)
    age(store, number, seconds)
    assert row(store, number).state is JobState.INTERRUPTED
    assert store.jobs.all()[0].state is JobState.INTERRUPTED
    store.jobs.beat(number, MINE)
    assert row(store, number).state is JobState.RUNNING


def test_an_interrupted_job_is_requeued_once(store: Store) -> None:
    number = running(store)
    age(store, number, 60)
    seen = row(store, number)
    assert store.jobs.requeue(seen)
    assert store.jobs.claim(number, OTHER)
    assert not store.jobs.requeue(seen)
    assert row(store, number).pid == OTHER


def test_a_resumed_job_waits_with_nothing_left_of_its_end(store: Store) -> None:
    number = running(store)
    store.jobs.keep(number, MINE, {"stages_done": ["import"]})
    store.jobs.request_cancel(row(store, number))
    store.jobs.finish(number, MINE, JobState.CANCELLED, "cancelled")
    first_start = row(store, number).started
    assert store.jobs.requeue(row(store, number))
    job = row(store, number)
    assert (job.state, job.message, job.finished, job.pid) == (JobState.WAITING, "", "", None)
    assert not job.cancel_requested
    assert job.result == {"stages_done": ["import"]}
    assert store.jobs.claim(number, OTHER)
    assert row(store, number).started == first_start


def test_a_worker_that_lost_its_job_writes_nothing_more(store: Store) -> None:
    number = running(store)
    age(store, number, 60)
    store.jobs.requeue(row(store, number))
    store.jobs.claim(number, OTHER)
    store.jobs.progress(number, OTHER, 5, 10, "half")
    store.jobs.keep(number, OTHER, {"by": "other"})
    before = row(store, number)
    store.jobs.beat(number, MINE)
    store.jobs.progress(number, MINE, 1, 2, "mine")
    store.jobs.keep(number, MINE, {"by": "me"})
    store.jobs.abandon(number, MINE)
    store.jobs.finish(number, MINE, JobState.FAILED, "failed")
    assert row(store, number) == before
    assert store.jobs.orders(number, MINE).stop
    assert not store.jobs.orders(number, OTHER).stop


def test_a_cancel_reaches_the_worker_and_leaves_the_end_to_it(store: Store) -> None:
    number = running(store)
    assert not store.jobs.orders(number, MINE).stop
    store.jobs.request_cancel(row(store, number))
    assert store.jobs.orders(number, MINE).stop
    assert store.jobs.is_cancelled(number)
    assert row(store, number).state is JobState.RUNNING


def test_a_cancel_of_an_interrupted_job_ends_it(store: Store) -> None:
    number = running(store)
    age(store, number, 60)
    store.jobs.request_cancel(row(store, number))
    assert row(store, number).state is JobState.CANCELLED


def test_a_job_given_up_by_its_worker_is_interrupted_at_once(store: Store) -> None:
    number = running(store)
    store.jobs.abandon(number, MINE)
    assert row(store, number).state is JobState.INTERRUPTED


def test_messages_may_hold_what_utf8_cannot(store: Store) -> None:
    number = running(store)
    store.jobs.finish(number, MINE, JobState.FAILED, "no file a\udce9b")
    assert row(store, number).message == "no file a?b"


def test_curves_come_back_by_name_in_order(store: Store) -> None:
    number = running(store)
    store.jobs.add_points(number, [("loss", 1, 0.9), ("ndcg@10", 1, 0.3)])
    store.jobs.add_points(number, [("loss", 2, 0.5)])
    assert store.jobs.points(number) == {"loss": [(1, 0.9), (2, 0.5)], "ndcg@10": [(1, 0.3)]}


def test_jobs_are_listed_the_newest_first(store: Store) -> None:
    numbers = [submitted(store) for _ in range(3)]
    assert [job.id for job in store.jobs.all(limit=2)] == [numbers[2], numbers[1]]
    assert store.jobs.get(99) is None


def test_a_file_of_before_pauses_keeps_its_jobs(tmp_path: Path) -> None:
    db = database.connect(tmp_path / "studio.db", create=True)
    with database.write(db) as conn:
        migrations().apply(database.for_migrations(db), stop_before="m005_jobs")
        conn.execute("PRAGMA user_version=4")
        conn.execute("INSERT INTO jobs(kind, params, created) VALUES ('train', '{}', '2025')")
    db.close()
    job = row(Store.create(tmp_path / "studio.db"), 1)
    assert (job.kind, job.paused, job.concurrency, job.live, job.deleted) == (
        "train",
        False,
        None,
        {},
        "",
    )
    assert list(tmp_path.glob("studio.backup-4-*"))


def test_a_pause_is_heeded_and_forgotten_when_the_job_is_gone_on_with(store: Store) -> None:
    number = running(store)
    assert store.jobs.set_paused(number, True)
    assert not store.jobs.set_paused(number, True)
    store.jobs.set_concurrency(number, 3)
    assert store.jobs.orders(number, MINE) == Orders(False, True, 3)
    assert row(store, number).state_word == "paused"
    age(store, number, 60)
    assert row(store, number).state_word == "interrupted"
    assert store.jobs.requeue(row(store, number))
    assert (row(store, number).paused, row(store, number).concurrency) == (False, 3)


def test_a_worker_that_lost_its_job_shows_no_figures(store: Store) -> None:
    number = running(store)
    store.jobs.show(number, MINE, {"records": 3})
    store.jobs.show(number, OTHER, {"records": 9})
    assert row(store, number).live == {"records": 3}


def test_an_ended_job_is_not_paused(store: Store) -> None:
    number = running(store)
    store.jobs.finish(number, MINE, JobState.DONE)
    assert not store.jobs.set_paused(number, True)


def test_the_newest_jobs_of_some_kinds(store: Store) -> None:
    for kind in ("generate", "train", "path", "generate"):
        store.jobs.submit(kind, {})
    assert [job.id for job in store.jobs.latest(("generate", "path"), 2)] == [4, 3]
