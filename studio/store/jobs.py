"""Rows of durable work: submitted, claimed by one worker, kept alive by heartbeats, ended."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.records import Job, JobState
from studio.store.db import now, one, rows, value, write

if TYPE_CHECKING:
    from sqlite_utils import Database

LEASE_S = 15.0
"""A running job without a heartbeat for this long has lost its worker."""


def _job(row: sqlite3.Row) -> Job:
    state = JobState(row["state"])
    if state is JobState.RUNNING and row["heartbeat"] < time.time() - LEASE_S:
        state = JobState.INTERRUPTED
    return Job(
        id=row["id"],
        kind=row["kind"],
        params=json.loads(row["params"]),
        state=state,
        done=row["done"],
        total=row["total"],
        message=row["message"],
        result=json.loads(row["result"]),
        created=row["created"],
        started=row["started"],
        finished=row["finished"],
        heartbeat=row["heartbeat"],
        pid=row["pid"],
        cancel_requested=bool(row["cancel_requested"]),
    )


@dataclass(frozen=True, slots=True)
class Jobs:
    """All jobs of the project, across all terminals."""

    db: Database

    def submit(self, kind: str, params: dict[str, Any]) -> int:
        """Write a waiting job; returns its row."""
        with write(self.db) as conn:
            cursor = conn.execute(
                "INSERT INTO jobs(kind, params, created) VALUES (?, ?, ?)",
                (kind, json.dumps(params, ensure_ascii=False), now()),
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

    def claim(self, job_id: int, pid: int) -> bool:
        """Make this process the job's worker; False when another one is alive on it or it is done."""
        with write(self.db) as conn:
            cursor = conn.execute(
                "UPDATE jobs SET state = 'running', pid = ?, heartbeat = ?, cancel_requested = 0,"
                " message = '', finished = '',"
                " started = CASE WHEN started = '' THEN ? ELSE started END"
                " WHERE id = ? AND state != 'done'"
                " AND (state != 'running' OR heartbeat < ?)",
                (pid, time.time(), now(), job_id, time.time() - LEASE_S),
            )
        return cursor.rowcount == 1

    def release(self, job_id: int) -> None:
        """Give up the lease of a worker that is known to be dead, so that it can be claimed now."""
        with write(self.db) as conn:
            conn.execute("UPDATE jobs SET heartbeat = 0 WHERE id = ? AND state = 'running'", (job_id,))

    def beat(self, job_id: int) -> bool:
        """A sign of life; returns whether a cancel was asked for."""
        with write(self.db) as conn:
            conn.execute("UPDATE jobs SET heartbeat = ? WHERE id = ?", (time.time(), job_id))
        return bool(value(self.db, "SELECT cancel_requested FROM jobs WHERE id = ?", (job_id,)))

    def progress(self, job_id: int, done: int, total: int | None, message: str) -> None:
        """Where the job is now."""
        with write(self.db) as conn:
            conn.execute(
                "UPDATE jobs SET done = ?, total = ?, message = ?, heartbeat = ? WHERE id = ?",
                (done, total, message, time.time(), job_id),
            )

    def keep(self, job_id: int, result: dict[str, Any]) -> None:
        """Store what is known of the outcome so far, so that a resumed job builds on it."""
        with write(self.db) as conn:
            text = json.dumps(result, ensure_ascii=False)
            conn.execute("UPDATE jobs SET result = ? WHERE id = ?", (text, job_id))

    def finish(self, job_id: int, state: JobState, message: str = "") -> None:
        """End the job."""
        with write(self.db) as conn:
            conn.execute(
                "UPDATE jobs SET state = ?, message = ?, finished = ? WHERE id = ?",
                (state.value, message, now(), job_id),
            )

    def request_cancel(self, job_id: int) -> None:
        """Ask the worker to stop; a job that nobody works on is cancelled at once."""
        with write(self.db) as conn:
            conn.execute("UPDATE jobs SET cancel_requested = 1 WHERE id = ?", (job_id,))
            conn.execute(
                "UPDATE jobs SET state = 'cancelled', finished = ? WHERE id = ?"
                " AND (state = 'waiting' OR (state = 'running' AND heartbeat < ?))",
                (now(), job_id, time.time() - LEASE_S),
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
