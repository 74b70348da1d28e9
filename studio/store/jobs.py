"""Rows of durable work: submitted, claimed by one worker, kept alive by heartbeats, ended."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.records import StudioError
from studio.runs import Job, JobState
from studio.store.db import from_json, now, one, rows, storable, value, write

if TYPE_CHECKING:
    from studio.store.db import Database

LEASE_S = 15.0
"""A running job without a heartbeat for this long has lost its worker."""


def _job(row: sqlite3.Row) -> Job:
    try:
        state = JobState(row["state"])
        beat = float(row["heartbeat"])
    except (ValueError, TypeError) as error:
        raise StudioError(
            f"Job {row['id']} is in a state that this studio does not know ({row['state']!r}). "
            "It was written by a newer one: update the studio."
        ) from error
    # A heartbeat from the future is one of a clock that was set back since.
    if state is JobState.RUNNING and abs(time.time() - beat) > LEASE_S:
        state = JobState.INTERRUPTED
    return Job(
        id=row["id"],
        kind=row["kind"],
        params=from_json(row["params"], "jobs.params"),
        state=state,
        done=row["done"],
        total=row["total"],
        message=row["message"],
        result=from_json(row["result"], "jobs.result"),
        created=row["created"],
        started=row["started"],
        finished=row["finished"],
        heartbeat=beat,
        pid=row["pid"] if isinstance(row["pid"], int) else None,
        cancel_requested=bool(row["cancel_requested"]),
        paused=bool(row["paused"]),
        concurrency=row["concurrency"],
        live=from_json(row["live"], "jobs.live"),
        deleted=row["deleted"],
    )


@dataclass(frozen=True, slots=True)
class Orders:
    """What people want of a running job."""

    stop: bool
    """End soon: a cancel was asked for, or the job is another worker's now."""
    paused: bool
    """Send nothing new."""
    concurrency: int | None
    """The most calls in flight; None: as submitted."""


NO_ORDERS = Orders(stop=False, paused=False, concurrency=None)


@dataclass(frozen=True, slots=True)
class Jobs:
    """All jobs of the project, across all terminals."""

    db: Database

    def submit(self, kind: str, params: dict[str, Any]) -> int:
        """Write a waiting job; returns its row."""
        with write(self.db) as conn:
            cursor = conn.execute(
                "INSERT INTO jobs(kind, params, created) VALUES (?, ?, ?)",
                (kind, json.dumps(params), now()),
            )
        return int(cursor.lastrowid or 0)

    def get(self, job_id: int) -> Job | None:
        """One job."""
        row = one(self.db, "SELECT * FROM jobs WHERE id = ?", (job_id,))
        return _job(row) if row else None

    def all(self, limit: int = 200) -> list[Job]:
        """Jobs, the newest first."""
        sql = "SELECT * FROM jobs ORDER BY id DESC LIMIT ?"
        return [_job(row) for row in rows(self.db, sql, (limit,))]

    def unfinished(self, kinds: Sequence[str], limit: int = 100) -> list[Job]:
        """Jobs of these kinds that did not end well so far, the newest first."""
        marks = ",".join("?" * len(kinds))
        sql = (
            f"SELECT * FROM jobs WHERE state != 'done' AND kind IN ({marks})"
            " ORDER BY id DESC LIMIT ?"
        )
        return [_job(row) for row in rows(self.db, sql, (*kinds, limit))]

    def of_run(self, run_id: int) -> list[int]:
        """The jobs that have worked on one run."""
        sql = "SELECT id FROM jobs WHERE json_extract(result, '$.run_id') = ? ORDER BY id"
        return [row[0] for row in rows(self.db, sql, (run_id,))]

    def set_params(self, job_id: int, params: dict[str, Any]) -> None:
        """What it is told from its next start on."""
        with write(self.db) as conn:
            conn.execute("UPDATE jobs SET params = ? WHERE id = ?", (json.dumps(params), job_id))

    def claim(self, job_id: int, pid: int) -> bool:
        """Make this process the job's worker; False unless the job waits for one."""
        with write(self.db) as conn:
            cursor = conn.execute(
                "UPDATE jobs SET state = 'running', pid = ?, heartbeat = ?,"
                " started = CASE WHEN started = '' THEN ? ELSE started END"
                " WHERE id = ? AND state = 'waiting'",
                (pid, time.time(), now(), job_id),
            )
        return cursor.rowcount == 1

    def launched(self, job_id: int, pid: int) -> None:
        """Note which process was started for a waiting job, so that its death can be seen."""
        with write(self.db) as conn:
            sql = "UPDATE jobs SET pid = ? WHERE id = ? AND state = 'waiting'"
            conn.execute(sql, (pid, job_id))

    def requeue(self, job: Job) -> bool:
        """Let an ended or orphaned job wait for a worker again; False when it has changed since.

        job: the row as it was read. The former worker, should it still live, has lost the job.
        """
        seen = JobState.RUNNING if job.state is JobState.INTERRUPTED else job.state
        with write(self.db) as conn:
            cursor = conn.execute(
                "UPDATE jobs SET state = 'waiting', pid = NULL, heartbeat = 0, finished = '',"
                " cancel_requested = 0, paused = 0, message = ''"
                " WHERE id = ? AND state IN (?, 'waiting') AND pid IS ?",
                (job.id, seen.value, job.pid),
            )
        return cursor.rowcount == 1

    def orders(self, job_id: int, pid: int) -> Orders:
        """What this worker is to do now."""
        sql = "SELECT cancel_requested OR pid IS NOT ?, paused, concurrency FROM jobs WHERE id = ?"
        row = one(self.db, sql, (pid, job_id))
        return Orders(bool(row[0]), bool(row[1]), row[2]) if row else Orders(True, False, None)

    def latest(self, kinds: Iterable[str], limit: int = 20) -> list[Job]:
        """The newest jobs of these kinds."""
        wanted = tuple(kinds)
        marks = ",".join("?" * len(wanted))
        sql = f"SELECT * FROM jobs WHERE kind IN ({marks}) ORDER BY id DESC LIMIT ?"
        return [_job(row) for row in rows(self.db, sql, (*wanted, limit))]

    def is_cancelled(self, job_id: int) -> bool:
        """Whether the person asked the job to stop."""
        sql = "SELECT cancel_requested FROM jobs WHERE id = ?"
        return bool(value(self.db, sql, (job_id,)))

    def beat(self, job_id: int, pid: int) -> None:
        """A sign of life of the job's worker."""
        with write(self.db) as conn:
            sql = "UPDATE jobs SET heartbeat = ? WHERE id = ? AND pid = ?"
            conn.execute(sql, (time.time(), job_id, pid))

    def progress(self, job_id: int, pid: int, done: int, total: int | None, message: str) -> None:
        """Where the job is now. A worker that lost the job writes nothing, here and below."""
        with write(self.db) as conn:
            conn.execute(
                "UPDATE jobs SET done = ?, total = ?, message = ?, heartbeat = ?"
                " WHERE id = ? AND pid = ?",
                (done, total, storable(message), time.time(), job_id, pid),
            )

    def keep(self, job_id: int, pid: int, result: dict[str, Any]) -> None:
        """Store what is known of the outcome so far, so that a resumed job builds on it."""
        with write(self.db) as conn:
            sql = "UPDATE jobs SET result = ? WHERE id = ? AND pid = ?"
            conn.execute(sql, (json.dumps(result), job_id, pid))

    def show(self, job_id: int, pid: int, live: dict[str, Any]) -> None:
        """Put the figures of this moment there for screens."""
        with write(self.db) as conn:
            sql = "UPDATE jobs SET live = ?, heartbeat = ? WHERE id = ? AND pid = ?"
            conn.execute(sql, (json.dumps(live), time.time(), job_id, pid))

    def set_paused(self, job_id: int, paused: bool) -> bool:
        """Ask to rest, or to go on; False for a job that has ended or is so already."""
        with write(self.db) as conn:
            sql = (
                "UPDATE jobs SET paused = ? WHERE id = ? AND paused != ?"
                " AND state IN ('waiting', 'running')"
            )
            return conn.execute(sql, (int(paused), job_id, int(paused))).rowcount == 1

    def set_concurrency(self, job_id: int, most: int | None) -> None:
        """Change how many calls may be in flight from now on."""
        with write(self.db) as conn:
            conn.execute("UPDATE jobs SET concurrency = ? WHERE id = ?", (most, job_id))

    def note_deleted(self, job_id: int, sentence: str) -> None:
        """Say in the row which files of the job a person has deleted."""
        with write(self.db) as conn:
            text = storable(sentence)
            conn.execute("UPDATE jobs SET deleted = ? WHERE id = ?", (text, job_id))

    def finish(self, job_id: int, pid: int, state: JobState, message: str = "") -> None:
        """End the job."""
        with write(self.db) as conn:
            conn.execute(
                "UPDATE jobs SET state = ?, message = ?, finished = ? WHERE id = ? AND pid = ?",
                (state.value, storable(message), now(), job_id, pid),
            )

    def abandon(self, job_id: int, pid: int) -> None:
        """Give up the lease at once: the worker was told to end, not the job."""
        with write(self.db) as conn:
            sql = "UPDATE jobs SET heartbeat = 0 WHERE id = ? AND pid = ? AND state = 'running'"
            conn.execute(sql, (job_id, pid))

    def request_cancel(self, job: Job) -> None:
        """Ask the worker to stop; a job that nobody works on, as it was read, ends at once."""
        orphan = job.pid if job.state is JobState.INTERRUPTED else -1
        with write(self.db) as conn:
            conn.execute("UPDATE jobs SET cancel_requested = 1 WHERE id = ?", (job.id,))
            conn.execute(
                "UPDATE jobs SET state = 'cancelled', finished = ? WHERE id = ?"
                " AND (state = 'waiting' OR (state = 'running' AND pid IS ?))",
                (now(), job.id, orphan),
            )

    def add_points(self, job_id: int, points: Iterable[tuple[str, float, float]]) -> None:
        """Append (name, step, value) to the job's curves."""
        with write(self.db) as conn:
            conn.executemany(
                "INSERT INTO job_points(job_id, name, step, value) VALUES (?, ?, ?, ?)",
                [(job_id, *point) for point in points],
            )

    def points(self, job_id: int) -> dict[str, list[tuple[float, float]]]:
        """Name → (step, value) in order."""
        curves: dict[str, list[tuple[float, float]]] = {}
        sql = "SELECT name, step, value FROM job_points WHERE job_id = ? ORDER BY id"
        for row in rows(self.db, sql, (job_id,)):
            curves.setdefault(row["name"], []).append((row["step"], row["value"]))
        return curves
