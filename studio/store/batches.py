"""Batches at a server: what each holds, until all that came of it is stored."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.calls import Reservation
from studio.store.db import now, rows, write
from studio.store.reservations import LONGEST_BATCH_S

if TYPE_CHECKING:
    from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class KnownBatch:
    """A batch that an earlier worker sent, or was about to send."""

    name: str
    outside_id: str
    """The server's; empty where it was not told before the worker was killed."""
    calls: dict[str, tuple[int, Reservation]]
    """Request → its row and what it may take; those that nobody has told the end of."""


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of jobs; the calls in one are reservations that point at it."""

    db: Database

    def plan(self, job_id: int, name: str, address: str, claims: Sequence[int]) -> None:
        """Write down, before anything is sent, which claims a batch will hold."""
        with write(self.db) as conn:
            batch = conn.execute(
                "INSERT INTO batches(job_id, name, address, created) VALUES (?, ?, ?, ?)",
                (job_id, name, address, now()),
            ).lastrowid
            conn.execute(
                "UPDATE reservations SET batch_id = ?, until = ?"
                " WHERE id IN (SELECT value FROM json_each(?))",
                (batch, time.time() + LONGEST_BATCH_S, json.dumps(list(claims))),
            )

    def sent(self, name: str, outside_id: str) -> None:
        """The server has it, under this id."""
        with write(self.db) as conn:
            conn.execute("UPDATE batches SET outside_id = ? WHERE name = ?", (outside_id, name))

    def open_of(self, job_id: int, address: str) -> list[KnownBatch]:
        """Those of a job at a server that have not ended; this process waits for them now."""
        sql = "SELECT id, name, outside_id FROM batches WHERE job_id = ? AND address = ?"
        found = []
        for batch in rows(self.db, f"{sql} AND NOT ended ORDER BY id", (job_id, address)):
            calls = rows(
                self.db,
                "SELECT request_sha, id, tokens, cost FROM reservations"
                " WHERE batch_id = ? AND pid IS NOT NULL",
                (batch["id"],),
            )
            with write(self.db) as conn:
                sql_pid = "UPDATE reservations SET pid = ? WHERE batch_id = ? AND pid IS NOT NULL"
                conn.execute(sql_pid, (os.getpid(), batch["id"]))
            held = {row[0]: (int(row[1]), Reservation(row[2], row[3])) for row in calls}
            found.append(KnownBatch(batch["name"], batch["outside_id"], held))
        return found

    def leave(self, job_id: int) -> None:
        """Nobody else waits any longer for what is in a job's open batches."""
        with write(self.db) as conn:
            conn.execute(
                "UPDATE reservations SET until = 0 WHERE batch_id IN"
                " (SELECT id FROM batches WHERE job_id = ? AND NOT ended)",
                (job_id,),
            )

    def end(self, name: str) -> None:
        """All that came of it was taken in; calls that nobody told of count as spent."""
        with write(self.db) as conn:
            conn.execute(
                "UPDATE reservations SET pid = NULL, batch_id = NULL"
                " WHERE batch_id = (SELECT id FROM batches WHERE name = ?)",
                (name,),
            )
            conn.execute("UPDATE batches SET ended = 1 WHERE name = ?", (name,))
