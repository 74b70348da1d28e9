"""Synthetic data, read in pages by key; a record is never deleted."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.records import Record
from studio.store.db import now, one, rows, storable, value, write

if TYPE_CHECKING:
    from studio.store.db import Database

COLUMNS = (
    "r.id, r.document_id, r.text, r.generation_id, r.job_id, r.kept, r.reason, r.label,"
    " coalesce((SELECT c.text FROM contents c WHERE c.id = r.context_id), '') AS context, r.answer"
)
"""All that a :class:`Record` has, of ``records r``."""
CHUNK = 1_000


def record_of(row: sqlite3.Row) -> Record:
    """The record in a row of :data:`COLUMNS`."""
    return Record(
        id=row["id"],
        document_id=row["document_id"],
        text=row["text"],
        generation_id=row["generation_id"],
        job_id=row["job_id"],
        kept=bool(row["kept"]),
        reason=row["reason"],
        label=row["label"],
        context=row["context"],
        answer=row["answer"],
    )


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records there are, and why some are dropped."""

    total: int
    kept: int
    dropped: dict[str, int]
    """Reason → number of records."""


@dataclass(frozen=True, slots=True)
class NewQuery:
    """A record as it streams by."""

    record_id: int
    text: str
    document: str
    """The document's outside id; empty for a record that is about none."""
    title: str
    """The document's title; may be empty."""
    label: str
    """What the text was written for, in labelled tasks."""


@dataclass(frozen=True, slots=True)
class Records:
    """All records of the project."""

    db: Database

    def add(self, records: Iterable[Record], job_id: int | None = None) -> int:
        """Store records that were made elsewhere; returns how many."""
        with write(self.db) as conn:
            cursor = conn.executemany(
                "INSERT INTO records(generation_id, document_id, job_id, text, created)"
                " VALUES (?, ?, ?, ?, ?)",
                (
                    (r.generation_id, r.document_id, job_id, storable(r.text), now())
                    for r in records
                ),
            )
        return cursor.rowcount

    def get(self, record_id: int) -> Record | None:
        """One record."""
        row = one(self.db, f"SELECT {COLUMNS} FROM records r WHERE r.id = ?", (record_id,))
        return record_of(row) if row else None

    def page(self, after: int = 0, limit: int = 100, *, kept: bool | None = None) -> list[Record]:
        """Records whose row comes after, in order; all, kept or dropped ones."""
        condition = "" if kept is None else f"AND r.kept = {int(kept)}"
        sql = f"SELECT {COLUMNS} FROM records r WHERE r.id > ? {condition} ORDER BY r.id LIMIT ?"
        return [record_of(row) for row in rows(self.db, sql, (after, limit))]

    def all(self, *, kept: bool | None = None) -> Iterator[Record]:
        """Every record in order, a page at a time."""
        after = 0
        while page := self.page(after, CHUNK, kept=kept):
            yield from page
            after = page[-1].id

    def many(self, record_ids: Sequence[int]) -> list[Record]:
        """These records, in this order; unknown ones are left out."""
        sql = (
            f"SELECT {COLUMNS} FROM json_each(?) j CROSS JOIN records r ON r.id = j.value"
            " ORDER BY j.key"
        )
        found = rows(self.db, sql, (json.dumps(list(record_ids)),))
        return [record_of(row) for row in found]

    def of_document(self, document_id: int, limit: int = -1) -> list[Record]:
        """The records of one document, the oldest first; at most so many (-1: all)."""
        sql = f"SELECT {COLUMNS} FROM records r WHERE r.document_id = ? ORDER BY r.id LIMIT ?"
        return [record_of(row) for row in rows(self.db, sql, (document_id, limit))]

    def counts(self) -> Counts:
        """Totals and reasons."""
        kept = int(value(self.db, "SELECT count(*) FROM records WHERE kept = 1"))
        dropped = self.reasons()
        return Counts(total=kept + sum(dropped.values()), kept=kept, dropped=dropped)

    def reasons(self) -> dict[str, int]:
        """Reason → dropped records, the most first."""
        sql = (
            "SELECT reason, count(*) FROM records INDEXED BY records_dropped"
            " WHERE kept = 0 GROUP BY reason ORDER BY 2 DESC, 1"
        )
        return {row[0]: row[1] for row in rows(self.db, sql)}

    def count_of_job(self, job_id: int) -> int:
        """How many records one job made."""
        return int(value(self.db, "SELECT count(*) FROM records WHERE job_id = ?", (job_id,)))

    def kept_of_job(self, job_id: int) -> int:
        """How many records of one job are kept."""
        sql = "SELECT count(*) FROM records WHERE job_id = ? AND kept"
        return int(value(self.db, sql, (job_id,)))

    def newest_of_job(self, job_id: int, limit: int = 50) -> list[NewQuery]:
        """What one job made last, the latest first."""
        sql = (
            "SELECT r.id, r.text, coalesce(d.outside_id, ''), coalesce(d.title, ''), r.label"
            " FROM records r LEFT JOIN documents d ON d.id = r.document_id"
            " WHERE r.job_id = ? ORDER BY r.id DESC LIMIT ?"
        )
        return [NewQuery(*row) for row in rows(self.db, sql, (job_id, limit))]

    def count(self, *, after: int = 0) -> int:
        """How many records have a row after this one."""
        return int(value(self.db, "SELECT count(*) FROM records WHERE id > ?", (after,)))

    def with_provenance(self, *, kept: bool | None = True) -> Iterator[dict[str, Any]]:
        """Each record with all that made it, as flat rows for exports, in order."""
        after = 0
        condition = "" if kept is None else f"AND r.kept = {int(kept)}"
        sql = (
            "SELECT r.id AS record_id, r.text AS query, r.label, r.answer, r.kept, r.reason,"
            " coalesce(c.text, '') AS context, r.generation_id,"
            " coalesce(d.outside_id, '') AS document_id, coalesce(d.title, '') AS title,"
            " coalesce(d.text, '') AS text,"
            " p.name AS prompt, p.version AS prompt_version, g.model, g.endpoint, g.seed, g.draw,"
            " g.shot_set_id, r.created FROM records r"
            " LEFT JOIN documents d ON d.id = r.document_id"
            " LEFT JOIN contents c ON c.id = r.context_id"
            " LEFT JOIN generations g ON g.id = r.generation_id"
            f" LEFT JOIN prompts p ON p.id = g.prompt_id WHERE r.id > ? {condition}"
            " ORDER BY r.id LIMIT ?"
        )
        while page := rows(self.db, sql, (after, CHUNK)):
            scores = self._scores([row["record_id"] for row in page])
            shots = self._shots({row["shot_set_id"] for row in page if row["shot_set_id"]})
            for row in page:
                yield {
                    **dict(row),
                    "shots": shots.get(row["shot_set_id"], []),
                    "scores": scores.get(row["record_id"], {}),
                }
            after = page[-1]["record_id"]

    def _scores(self, record_ids: list[int]) -> dict[int, dict[str, float]]:
        marks = ",".join("?" * len(record_ids))
        sql = (
            f"SELECT record_id, filter, score FROM verdicts WHERE record_id IN ({marks})"
            " AND in_force = 1 AND score IS NOT NULL ORDER BY id"
        )
        found: dict[int, dict[str, float]] = {}
        for row in rows(self.db, sql, tuple(record_ids)):
            found.setdefault(row["record_id"], {})[row["filter"]] = row["score"]
        return found

    def _shots(self, shot_set_ids: set[int]) -> dict[int, list[int]]:
        marks = ",".join("?" * len(shot_set_ids))
        sql = (
            f"SELECT shot_set_id, revision_id FROM shots WHERE shot_set_id IN ({marks})"
            " ORDER BY shot_set_id, position"
        )
        found: dict[int, list[int]] = {}
        for row in rows(self.db, sql, tuple(shot_set_ids)):
            found.setdefault(row["shot_set_id"], []).append(row["revision_id"])
        return found
