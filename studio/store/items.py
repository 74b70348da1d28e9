"""Records of labelled runs: the same table as all records, so that every verdict works on them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.labelled import Item, SyntheticItem
from studio.records import Verdict, content_sha
from studio.store.db import now, one, rows, storable, value, write
from studio.store.review_shapes import Decision
from studio.store.review_window import decision_of
from studio.store.verdicts import Verdicts

if TYPE_CHECKING:
    from studio.store.db import Database

SELECT = (
    "SELECT r.id, r.run_id, r.round, r.place, r.error_id, r.generation_id, r.document_id, r.kept,"
    " r.reason, r.text, r.label, r.answer, coalesce(c.text, '') AS context"
    " FROM records r LEFT JOIN contents c ON c.id = r.context_id"
)


def _item(row: sqlite3.Row) -> SyntheticItem:
    answers = (row["answer"],) if row["answer"] else ()
    return SyntheticItem(
        item=Item(row["text"], row["label"], row["context"], answers, row["id"]),
        run_id=row["run_id"],
        round=row["round"],
        place=row["place"],
        error_id=row["error_id"],
        generation_id=row["generation_id"],
        document_id=row["document_id"],
        kept=bool(row["kept"]),
        reason=row["reason"],
        id=row["id"],
    )


@dataclass(frozen=True, slots=True)
class Items:
    """The labelled records of all runs."""

    db: Database

    def add(self, items: Iterable[SyntheticItem], job_id: int | None = None) -> int:
        """Store items; one whose place in its run is taken is left out. Returns how many are new.

        A ``reason`` on an item is the verdict of the filter by that name: it is stored as dropped.
        """
        added, dropped = 0, []
        with write(self.db, durable=True) as conn:
            for item in items:
                row = self._insert(conn, item, job_id)
                added += row is not None
                if row is not None and item.reason:
                    dropped.append(Verdict(row, item.reason, False, reason=item.reason))
            Verdicts(self.db).add(dropped, job_id)
        return added

    def _insert(
        self, conn: sqlite3.Connection, item: SyntheticItem, job_id: int | None
    ) -> int | None:
        context = _content(conn, item.item.context) if item.item.context else None
        cursor = conn.execute(
            "INSERT OR IGNORE INTO records(run_id, round, place, error_id, generation_id,"
            " document_id, job_id, text, label, context_id, answer, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                item.run_id,
                item.round,
                item.place,
                item.error_id,
                item.generation_id,
                item.document_id,
                job_id,
                storable(item.item.text),
                storable(item.item.label),
                context,
                storable(item.item.answers[0]) if item.item.answers else "",
                now(),
            ),
        )
        return cursor.lastrowid if cursor.rowcount > 0 else None

    def get(self, record_id: int) -> SyntheticItem | None:
        """One item."""
        row = one(self.db, f"{SELECT} WHERE r.id = ?", (record_id,))
        return _item(row) if row else None

    def has(self, record_id: int) -> bool:
        """Whether a record belongs to a run."""
        sql = "SELECT 1 FROM records WHERE id = ? AND run_id IS NOT NULL"
        return value(self.db, sql, (record_id,)) is not None

    def of_run(
        self, run_id: int, *, kept: bool | None = True, up_to_round: int | None = None
    ) -> Iterator[SyntheticItem]:
        """A run's items by round and place, a page at a time."""
        conditions = "r.run_id = ?" + ("" if kept is None else f" AND r.kept = {int(kept)}")
        most = 1 << 40 if up_to_round is None else up_to_round
        sql = (
            f"{SELECT} WHERE {conditions} AND r.round <= ? AND (r.round, r.place) > (?, ?)"
            " ORDER BY r.round, r.place LIMIT 1000"
        )
        after = (-1, -1)
        while page := rows(self.db, sql, (run_id, most, *after)):
            yield from (_item(row) for row in page)
            after = (page[-1]["round"], page[-1]["place"])

    def newest(self, run_id: int, limit: int) -> list[SyntheticItem]:
        """What came last in a run, kept or not, the newest first."""
        sql = f"{SELECT} WHERE r.run_id = ? ORDER BY r.id DESC LIMIT ?"
        return [_item(row) for row in rows(self.db, sql, (run_id, limit))]

    def of_error(self, error_id: int) -> list[SyntheticItem]:
        """What an LLM wrote from one error, the oldest first."""
        sql = f"{SELECT} WHERE r.error_id = ? ORDER BY r.id"
        return [_item(row) for row in rows(self.db, sql, (error_id,))]

    def decisions_of_error(self, error_id: int) -> dict[int, Decision]:
        """Row → a person's last word on it, for what was written from one error."""
        sql = "SELECT id, person, kept FROM records WHERE error_id = ?"
        found = rows(self.db, sql, (error_id,))
        return {int(row["id"]): decision_of(row["person"], row["kept"]) for row in found}

    def places(self, run_id: int, round_number: int) -> set[int]:
        """The places of a round that are taken."""
        sql = "SELECT place FROM records WHERE run_id = ? AND round = ?"
        return {int(row[0]) for row in rows(self.db, sql, (run_id, round_number))}

    def next_place(self, run_id: int, round_number: int) -> int:
        """A free place after all others, for what a person asks again."""
        sql = "SELECT coalesce(max(place), -1) + 1 FROM records WHERE run_id = ? AND round = ?"
        return int(value(self.db, sql, (run_id, round_number)))

    def counts(self, run_id: int) -> dict[int, tuple[int, int]]:
        """Round → (kept, dropped)."""
        sql = (
            "SELECT round, sum(kept), sum(NOT kept) FROM records WHERE run_id = ?"
            " GROUP BY round ORDER BY round"
        )
        return {int(row[0]): (int(row[1]), int(row[2])) for row in rows(self.db, sql, (run_id,))}

    def reasons(self, run_id: int, round_number: int) -> dict[str, int]:
        """Why a round's items are dropped, the commonest first."""
        sql = (
            "SELECT reason, count(*) FROM records WHERE run_id = ? AND round = ? AND NOT kept"
            " GROUP BY reason ORDER BY count(*) DESC"
        )
        return {row[0]: int(row[1]) for row in rows(self.db, sql, (run_id, round_number))}


def _content(conn: sqlite3.Connection, text: str) -> int:
    """Each context once, however many items share it."""
    text = storable(text)
    sha = content_sha(text)
    found = conn.execute("SELECT id FROM contents WHERE sha = ?", (sha,)).fetchone()
    if found:
        return int(found[0])
    cursor = conn.execute("INSERT INTO contents(sha, text) VALUES (?, ?)", (sha, text))
    return int(cursor.lastrowid or 0)
