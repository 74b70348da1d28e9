"""What filters and people said of records. A verdict is added, superseded or undone, never deleted.

In force is, for each filter, its latest verdict that is not undone. The person's word comes last
and wins; without it a record is kept when every filter keeps it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.records import Reason, Verdict
from studio.store.db import now, rows, value, write

if TYPE_CHECKING:
    import sqlite3

    from studio.store.db import Database

PERSON = "person"
STEP = 2_000
"""Records in one transaction of a long change: other writers wait no longer than that."""

IN_FORCE = "v.in_force = 1 AND v.clears = 0"
"""What counts. The column follows the rule above; :func:`settle` keeps it so."""

OF_RECORD = "verdicts v INDEXED BY verdicts_record"
"""For one record's verdicts: SQLite may else look for them among all of a filter's."""

LAST_WORD = (
    "UPDATE records SET (kept, reason, person) = ("
    " SELECT x.kept, CASE WHEN x.kept THEN '' ELSE x.reason END, x.person FROM ("
    f"  SELECT v.kept, v.reason, v.filter = '{PERSON}' AS person, v.id "
    f"  FROM {OF_RECORD} WHERE v.record_id = records.id AND {IN_FORCE}"
    "  UNION ALL SELECT 1, '', 0, 9e18"
    " ) x ORDER BY x.person DESC, x.kept, x.id LIMIT 1)"
)

SETTLE = (
    "UPDATE verdicts SET in_force = 1 - in_force"
    " WHERE record_id IN (SELECT value FROM json_each(?)) AND filter = ?"
    " AND in_force != (undone = 0 AND id = (SELECT max(w.id) FROM verdicts w"
    " WHERE w.record_id = verdicts.record_id AND w.filter = verdicts.filter AND w.undone = 0))"
)


def settle(conn: sqlite3.Connection, record_ids: Iterable[int], filter_name: str) -> None:
    """Bring ``in_force`` up to date for one filter's verdicts on these records."""
    conn.execute(SETTLE, (json.dumps(list(record_ids)), filter_name))


def refresh(conn: sqlite3.Connection, record_ids: Iterable[int]) -> None:
    """Bring the last word on these records up to date."""
    marks = "(SELECT value FROM json_each(?))"
    conn.execute(f"{LAST_WORD} WHERE id IN {marks}", (json.dumps(list(record_ids)),))


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
            for name in {v.filter for v in verdicts}:
                settle(conn, (v.record_id for v in verdicts if v.filter == name), name)
            refresh(conn, (v.record_id for v in verdicts))

    def undo(self, verdict_id: int) -> None:
        """Take one verdict back; the one before it is in force again."""
        with write(self.db) as conn:
            conn.execute("UPDATE verdicts SET undone = 1 WHERE id = ?", (verdict_id,))
            sql = "SELECT record_id, filter FROM verdicts WHERE id = ?"
            for record_id, name in rows(self.db, sql, (verdict_id,)):
                settle(conn, [record_id], name)
                refresh(conn, [record_id])

    def undo_filters(self, names: Iterable[str], type: str) -> None:
        """Take back what these filters said of the records of a type: a new chain begins.

        People's word stays, and so does what a run said of its own records, such as ``test-leak``.
        """
        for name in set(self.filters()) & set(names):
            self.undo_filter(name, type)

    def undo_filter(self, filter_name: str, type: str) -> None:
        """Take back what one filter said of a type (it was interrupted and begins anew).

        Done in short steps, so that nobody waits; done again, it goes on where it was stopped.
        """
        # Undone with the verdicts they moved: redone later they would judge by an old run.
        sql = "UPDATE changes SET state = 'gone' WHERE kind = 'threshold' AND filter = ?"
        with write(self.db) as conn:
            conn.execute(sql, (filter_name,))
        sql = (
            "SELECT v.record_id FROM verdicts v WHERE v.in_force = 1 AND v.filter = ? AND EXISTS"
            " (SELECT 1 FROM records r WHERE r.id = v.record_id AND r.type = ?) LIMIT ?"
        )
        while found := [row[0] for row in rows(self.db, sql, (filter_name, type, STEP))]:
            with write(self.db) as conn:
                conn.execute(
                    "UPDATE verdicts SET undone = 1, in_force = 0 WHERE undone = 0 AND filter = ?"
                    " AND record_id IN (SELECT value FROM json_each(?))",
                    (filter_name, json.dumps(found)),
                )
                refresh(conn, found)

    def reasons_of_job(self, job_id: int) -> dict[str, int]:
        """Reason → records that one job's filters have dropped, the most first."""
        sql = (
            "SELECT reason, count(*) FROM verdicts WHERE job_id = ? AND in_force = 1 AND kept = 0"
            " GROUP BY reason ORDER BY 2 DESC, 1"
        )
        return {row[0]: int(row[1]) for row in rows(self.db, sql, (job_id,))}

    def filters(self) -> list[str]:
        """The filters that have verdicts in force, by name; people are none."""
        # One seek for each name, not a walk over every verdict.
        sql = (
            "WITH RECURSIVE names(name) AS ("
            " SELECT min(filter) FROM verdicts WHERE in_force = 1 UNION ALL SELECT"
            " (SELECT min(filter) FROM verdicts WHERE in_force = 1 AND filter > name) FROM names"
            " WHERE name IS NOT NULL"
            ") SELECT name FROM names WHERE name IS NOT NULL AND name != ?"
        )
        return [row[0] for row in rows(self.db, sql, (PERSON,))]

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

    def of_filter(self, filter_name: str, every: int = 1) -> dict[int, tuple[bool, float | None]]:
        """Record → whether the filter keeps it, and its score; what a judge could not score is out.

        every: only of every so-maniest record.
        """
        sql = (
            "SELECT record_id, kept, score FROM verdicts WHERE in_force = 1 AND filter = ?"
            " AND reason != ? AND record_id % ? = 0"
        )
        found = rows(self.db, sql, (filter_name, Reason.UNSCORED, every))
        return {row[0]: (bool(row[1]), row[2]) for row in found}

    def scores_of_jobs(self, filter_name: str, job_ids: Sequence[int]) -> dict[int, float]:
        """Record → the last score that a filter gave it in one of these jobs, in force or not.

        Records that were ever edited are left out: their text may be another one by now.
        """
        sql = (
            "SELECT v.record_id, v.score FROM verdicts v WHERE v.filter = ? AND v.score IS NOT NULL"
            " AND v.job_id IN (SELECT value FROM json_each(?)) AND NOT EXISTS"
            " (SELECT 1 FROM record_edits e WHERE e.record_id = v.record_id) ORDER BY v.id"
        )
        return {row[0]: row[1] for row in rows(self.db, sql, (filter_name, json.dumps(job_ids)))}

    def judged_by_job(self, filter_name: str, job_id: int) -> dict[int, bool]:
        """Record → whether it was kept, by a filter's verdicts in force that one job gave."""
        sql = (
            "SELECT record_id, kept FROM verdicts WHERE in_force = 1 AND filter = ? AND job_id = ?"
        )
        return {row[0]: bool(row[1]) for row in rows(self.db, sql, (filter_name, job_id))}

    def chain(self) -> list[ChainLink]:
        """Counts per filter, of the verdicts in force, in the order in which the filters ran."""
        sql = "SELECT count(*), sum(kept) FROM verdicts WHERE in_force = 1 AND filter = ?"
        return [
            ChainLink(name, *row) for name in self.order() for row in rows(self.db, sql, (name,))
        ]

    def order(self) -> list[str]:
        """The filters with verdicts in force, in the order in which they ran."""
        return sorted(self.filters(), key=self._first)

    def _first(self, filter_name: str) -> int:
        """One verdict of the filter as its job gave it: a threshold moved later keeps its place."""
        [(record_id, job_id)] = rows(
            self.db,
            "SELECT record_id, job_id FROM verdicts WHERE in_force = 1 AND filter = ? LIMIT 1",
            (filter_name,),
        )
        sql = "SELECT min(id) FROM verdicts WHERE record_id = ? AND filter = ? AND job_id IS ?"
        return int(value(self.db, sql, (record_id, filter_name, job_id)))

    def would_keep(self, filter_name: str, thresholds: Sequence[float]) -> dict[float, int]:
        """K → records whose stored rank is among the first K; 0 stands for a document not found."""
        sql = (
            "SELECT count(*) FROM verdicts WHERE in_force = 1 AND filter = ?"
            " AND score BETWEEN 1 AND ?"
        )
        return {t: int(value(self.db, sql, (filter_name, t))) for t in thresholds}
