"""Calls that were written down before they were made: claims while they run, debts after a kill."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.calls import Reservation
from studio.processes import is_alive
from studio.store.db import rows, value, write

if TYPE_CHECKING:
    from studio.store.db import Database

LONGEST_CALL_S = 3600.0
"""A claim that would last longer than this is one of a clock that was set back since."""
LONGEST_BATCH_S = 25 * 3600.0
"""The same of a call in a batch: a day, and what is left over of it is read then."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call that is about to be made."""

    request_sha: str
    most: Reservation
    timeout_s: float
    """Seconds after which nobody waits for its answer any more."""


@dataclass(frozen=True, slots=True)
class Reservations:
    """What calls may have taken of which nobody said what they took."""

    db: Database

    def claim(self, wanted: Sequence[PlannedCall], job_id: int | None = None) -> list[int | None]:
        """Write down the calls that no other process makes, all or none; their rows, in order.

        None where another process waits for the answer of an equal request. They are told apart
        from what a killed process left by the process's life and by the time that a call may take.
        """
        now, pid = time.time(), os.getpid()
        claimed: list[int | None] = []
        with write(self.db) as conn:
            elsewhere = self._claimed([one.request_sha for one in wanted], now, pid)
            for one in wanted:
                if one.request_sha in elsewhere:
                    claimed.append(None)
                    continue
                until = now + min(one.timeout_s, LONGEST_CALL_S)
                cursor = conn.execute(
                    "INSERT INTO reservations(job_id, request_sha, tokens, cost, pid, until)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (job_id, one.request_sha, one.most.tokens, one.most.cost, pid, until),
                )
                claimed.append(cursor.lastrowid)
        return claimed

    def is_claimed(self, request_sha: str) -> bool:
        """Whether another process waits for the answer of an equal request."""
        return bool(self._claimed([request_sha], time.time(), os.getpid()))

    def _claimed(self, shas: Sequence[str], now: float, own: int) -> set[str]:
        """Those of the requests whose answer another living process waits for."""
        sql = (
            "SELECT r.request_sha, r.pid, r.batch_id FROM json_each(?) j CROSS JOIN reservations r"
            " ON r.request_sha = j.value WHERE r.pid IS NOT NULL AND r.pid != ?"
            " AND r.until BETWEEN ? AND ? + CASE WHEN r.batch_id IS NULL THEN ? ELSE ? END"
        )
        longest = LONGEST_CALL_S, LONGEST_BATCH_S
        found = rows(self.db, sql, (json.dumps(shas), own, now, now, *longest))
        living = {pid for pid in {row[1] for row in found if not row[2]} if is_alive(pid)}
        # The answers of a batch come whoever lives.
        return {row[0] for row in found if row[2] or row[1] in living}

    def end(self, paid: Iterable[int], unpaid: Iterable[int] = ()) -> None:
        """Nobody waits any more: what may be billed stays as spent, the rest is given back."""
        with write(self.db) as conn:
            conn.executemany(
                "UPDATE reservations SET pid = NULL WHERE id = ?", [(row,) for row in paid]
            )
            conn.executemany("DELETE FROM reservations WHERE id = ?", [(row,) for row in unpaid])

    def end_all(self, job_id: int, sent: int | None = None) -> int:
        """What was in flight when the job's last worker was killed is spent; how many calls.

        sent: the last claim that was sent; what was claimed after it was not. None: all were.
        """
        left = "FROM reservations WHERE job_id = ? AND pid IS NOT NULL AND batch_id IS NULL"
        if not value(self.db, f"SELECT 1 {left}", (job_id,)):
            return 0
        with write(self.db) as conn:
            if sent is not None:
                conn.execute(f"DELETE {left} AND id > ?", (job_id, sent))
            cursor = conn.execute(
                "UPDATE reservations SET pid = NULL"
                " WHERE job_id = ? AND pid IS NOT NULL AND batch_id IS NULL",
                (job_id,),
            )
        return cursor.rowcount

    def last(self) -> int:
        """The number of the last claim; none that is made from here on has it or a lower one."""
        found = value(self.db, "SELECT seq FROM sqlite_sequence WHERE name = 'reservations'")
        return int(found or 0)


def settle(conn: sqlite3.Connection, row: int | None, *, told: bool) -> None:
    """The answer is stored; where an equal one was there before, it was paid all the same."""
    if row is not None and told:
        conn.execute("DELETE FROM reservations WHERE id = ?", (row,))
    elif row is not None:
        conn.execute("UPDATE reservations SET pid = NULL WHERE id = ?", (row,))
