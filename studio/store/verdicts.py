"""What filters and people said of records. A verdict is added, superseded or undone, never deleted.

In force is, for each filter, its latest verdict that is not undone. The person's word comes last
and wins; without it a record is kept when every filter keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.records import Verdict
from studio.store.db import now, rows, value, write

if TYPE_CHECKING:
    import sqlite3

    from studio.store.db import Database

PERSON = "person"
CHUNK = 500

IN_FORCE = (
    "v.undone = 0 AND v.id = (SELECT max(w.id) FROM verdicts w"
    " WHERE w.record_id = v.record_id AND w.filter = v.filter AND w.undone = 0)"
)

LAST_WORD = (
    "UPDATE records SET (kept, reason) = ("
    " SELECT x.kept, CASE WHEN x.kept THEN '' ELSE x.reason END FROM ("
    f"  SELECT v.kept, v.reason, v.filter = '{PERSON}' AS person, v.id FROM verdicts v"
    f"  WHERE v.record_id = records.id AND {IN_FORCE}"
    "  UNION ALL SELECT 1, '', 0, 9e18"
    " ) x ORDER BY x.person DESC, x.kept, x.id LIMIT 1)"
)


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One filter's part in the chain."""

    filter: str
    judged: int
    """Records that reached it."""
    kept: int
    """Records that passed."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """All verdicts of the project."""

    db: Database

    def add(self, verdicts: Iterable[Verdict], job_id: int | None = None) -> None:
        """Store verdicts and bring their records' last word up to date, in one transaction."""
        verdicts = list(verdicts)
        with write(self.db) as conn:
            conn.executemany(
                "INSERT INTO verdicts(record_id, filter, kept, score, reason, job_id, created)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (v.record_id, v.filter, v.kept, v.score, v.reason, job_id, now())
                    for v in verdicts
                ],
            )
            self._refresh(conn, [v.record_id for v in verdicts])

    def _refresh(self, conn: sqlite3.Connection, record_ids: Sequence[int]) -> None:
        for start in range(0, len(record_ids), CHUNK):
            chunk = record_ids[start : start + CHUNK]
            marks = ",".join("?" * len(chunk))
            conn.execute(f"{LAST_WORD} WHERE id IN ({marks})", tuple(chunk))

    def undo(self, verdict_id: int) -> None:
        """Take one verdict back; the one before it is in force again."""
        with write(self.db) as conn:
            conn.execute("UPDATE verdicts SET undone = 1 WHERE id = ?", (verdict_id,))
            sql = "SELECT record_id FROM verdicts WHERE id = ?"
            self._refresh(conn, [row[0] for row in rows(self.db, sql, (verdict_id,))])

    def undo_filters(self) -> None:
        """Take back what every filter said (a new run of the chain begins); people's word stays."""
        with write(self.db) as conn:
            conn.execute(
                "UPDATE verdicts SET undone = 1 WHERE undone = 0 AND filter != ?", (PERSON,)
            )
            conn.execute(LAST_WORD)

    def undo_filter(self, filter_name: str) -> None:
        """Take back what one filter said (it was interrupted and begins anew)."""
        with write(self.db) as conn:
            found = rows(
                self.db,
                "SELECT DISTINCT record_id FROM verdicts WHERE filter = ? AND undone = 0",
                (filter_name,),
            )
            conn.execute(
                "UPDATE verdicts SET undone = 1 WHERE undone = 0 AND filter = ?", (filter_name,)
            )
            self._refresh(conn, [row[0] for row in found])

    def of_record(self, record_id: int) -> list[Verdict]:
        """The verdicts in force on a record, in the order they were given."""
        sql = (
            "SELECT v.id, v.record_id, v.filter, v.kept, v.score, v.reason FROM verdicts v"
            f" WHERE v.record_id = ? AND {IN_FORCE} ORDER BY v.id"
        )
        return [
            Verdict(
                id=row["id"],
                record_id=row["record_id"],
                filter=row["filter"],
                kept=bool(row["kept"]),
                score=row["score"],
                reason=row["reason"],
            )
            for row in rows(self.db, sql, (record_id,))
        ]

    def chain(self) -> list[ChainLink]:
        """Counts per filter, of the verdicts in force, in the order in which the filters ran."""
        # Beside max(id), SQLite takes the other columns from that same row.
        sql = (
            "SELECT filter, count(*), sum(kept), max(job_id) FROM"
            " (SELECT filter, kept, job_id, max(id) FROM verdicts"
            "  WHERE undone = 0 AND filter != ? GROUP BY record_id, filter) GROUP BY filter"
        )
        links = rows(self.db, sql, (PERSON,))
        links.sort(key=lambda row: self._first(row[0], row[3]))
        return [ChainLink(row[0], row[1], row[2]) for row in links]

    def _first(self, filter_name: str, job_id: int | None) -> int:
        """The filter's first verdict in its job: a threshold moved later keeps its place."""
        sql = "SELECT min(id) FROM verdicts WHERE filter = ? AND job_id IS ?"
        return int(value(self.db, sql, (filter_name, job_id)))

    def would_keep(self, filter_name: str, thresholds: Sequence[float]) -> dict[float, int]:
        """Threshold → records whose stored score is at most that (for ranks: K → records)."""
        sql = (
            "SELECT count(DISTINCT record_id) FROM verdicts"
            " WHERE undone = 0 AND filter = ? AND score <= ?"
        )
        return {t: int(value(self.db, sql, (filter_name, t))) for t in thresholds}

    def move_threshold(self, filter_name: str, at_most: float, reason: str) -> int:
        """Judge again by the stored scores: keep iff score ≤ at_most. Returns how many are kept.

        The former verdicts stay in the file as undone; moving back gives the former counts.
        """
        with write(self.db) as conn:
            conn.execute(
                "INSERT INTO verdicts(record_id, filter, kept, score, reason, job_id, created)"
                " SELECT v.record_id, v.filter, v.score <= ?,"
                " v.score, CASE WHEN v.score <= ? THEN '' ELSE ? END, v.job_id, ?"
                f" FROM verdicts v WHERE v.filter = ? AND v.score IS NOT NULL AND {IN_FORCE}",
                (at_most, at_most, reason, now(), filter_name),
            )
            conn.execute(
                "UPDATE verdicts SET undone = 1 WHERE filter = ? AND undone = 0 AND id NOT IN"
                " (SELECT max(id) FROM verdicts WHERE filter = ? AND undone = 0"
                " GROUP BY record_id)",
                (filter_name, filter_name),
            )
            conn.execute(
                f"{LAST_WORD} WHERE id IN (SELECT record_id FROM verdicts WHERE filter = ?)",
                (filter_name,),
            )
        sql = "SELECT count(*) FROM verdicts WHERE filter = ? AND undone = 0 AND kept"
        return int(value(self.db, sql, (filter_name,)))
