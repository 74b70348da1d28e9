"""Few-shot examples. An edit keeps a wording that was used, so that each shot shows as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.records import Example, Record, StudioError
from studio.store.db import now, one, rows, storable, value, write

if TYPE_CHECKING:
    from studio.store.db import Database

SELECT = (
    "SELECT e.id, e.revision_id, e.enabled, e.position, e.tags, r.document_id, r.document_text,"
    " r.query FROM examples e JOIN example_revisions r ON r.id = e.revision_id"
)


def _example(row: sqlite3.Row) -> Example:
    return Example(
        id=row["id"],
        revision_id=row["revision_id"],
        document_id=row["document_id"],
        document_text=row["document_text"],
        query=row["query"],
        enabled=bool(row["enabled"]),
        position=row["position"],
        tags=row["tags"],
    )


@dataclass(frozen=True, slots=True)
class ExampleUse:
    """What came of one example: how good a shot it is."""

    records: int
    """Records that had any of its wordings among their shots."""
    kept: int
    """Those still kept."""


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples in the person's order."""

    db: Database

    def all(self, *, enabled_only: bool = False) -> list[Example]:
        """Every example that is not deleted, in order."""
        condition = " AND e.enabled" if enabled_only else ""
        sql = f"{SELECT} WHERE e.deleted IS NULL{condition} ORDER BY e.position, e.id"
        return [_example(row) for row in rows(self.db, sql)]

    def get(self, example_id: int) -> Example | None:
        """One example, deleted or not."""
        row = one(self.db, f"{SELECT} WHERE e.id = ?", (example_id,))
        return _example(row) if row else None

    def add(self, examples: Iterable[Example]) -> list[int]:
        """Store new examples at the end; returns their rows."""
        added = []
        with write(self.db) as conn:
            position = int(value(self.db, "SELECT coalesce(max(position), -1) FROM examples"))
            for example in examples:
                position += 1
                cursor = conn.execute(
                    "INSERT INTO examples(enabled, position, tags) VALUES (?, ?, ?)",
                    (example.enabled, position, storable(example.tags)),
                )
                example_id = int(cursor.lastrowid or 0)
                self._revise(conn, example_id, example)
                added.append(example_id)
        return added

    def edit(self, example: Example) -> int:
        """Write a changed example; a changed wording that was used makes a new revision.

        Returns the revision. Raises StudioError when there is no such example.
        """
        with write(self.db) as conn:
            conn.execute(
                "UPDATE examples SET enabled = ?, tags = ? WHERE id = ?",
                (example.enabled, storable(example.tags), example.id),
            )
            current = self.get(example.id)
            if current is None:
                raise StudioError(f"There is no example {example.id} in this project.")
            if _wording(current) == _wording(example):
                return current.revision_id
            if not self._is_used(current.revision_id):
                # Keystrokes between two uses are one wording: only what a request saw must stay.
                conn.execute(
                    "UPDATE example_revisions SET document_id = ?, document_text = ?, query = ?,"
                    " created = ? WHERE id = ?",
                    (*_wording(example), now(), current.revision_id),
                )
                return current.revision_id
            return self._revise(conn, example.id, example)

    def _is_used(self, revision_id: int) -> bool:
        sql = "SELECT 1 FROM shots WHERE revision_id = ?"
        return value(self.db, sql, (revision_id,)) is not None

    def _revise(self, conn: sqlite3.Connection, example_id: int, example: Example) -> int:
        cursor = conn.execute(
            "INSERT INTO example_revisions(example_id, document_id, document_text, query, created)"
            " VALUES (?, ?, ?, ?, ?)",
            (example_id, *_wording(example), now()),
        )
        conn.execute(
            "UPDATE examples SET revision_id = ? WHERE id = ?", (cursor.lastrowid, example_id)
        )
        return int(cursor.lastrowid or 0)

    def delete(self, example_id: int) -> None:
        """Take an example off the list; :meth:`restore` brings it back."""
        with write(self.db) as conn:
            conn.execute("UPDATE examples SET deleted = ? WHERE id = ?", (now(), example_id))

    def restore(self, example_id: int) -> None:
        """Undo :meth:`delete`."""
        with write(self.db) as conn:
            conn.execute("UPDATE examples SET deleted = NULL WHERE id = ?", (example_id,))

    def reorder(self, example_ids: Sequence[int]) -> None:
        """Give the examples this order."""
        with write(self.db) as conn:
            conn.executemany(
                "UPDATE examples SET position = ? WHERE id = ?",
                [(place, example_id) for place, example_id in enumerate(example_ids)],
            )

    def use(self, example_id: int) -> ExampleUse:
        """How many records the example helped to make, and how many of them are kept."""
        row = one(
            self.db,
            "SELECT count(*), coalesce(sum(r.kept), 0) FROM records r"
            " JOIN generations g ON g.id = r.generation_id WHERE g.shot_set_id IN"
            " (SELECT s.shot_set_id FROM shots s JOIN example_revisions v ON v.id = s.revision_id"
            "  WHERE v.example_id = ?)",
            (example_id,),
        )
        return ExampleUse(row[0], row[1]) if row else ExampleUse(0, 0)

    def made(self, example_id: int, limit: int = 10) -> list[Record]:
        """The newest records that had any wording of the example among their shots."""
        sql = (
            "SELECT r.id, r.document_id, r.text, r.generation_id, r.job_id, r.kept, r.reason"
            " FROM records r JOIN generations g ON g.id = r.generation_id WHERE g.shot_set_id IN"
            " (SELECT s.shot_set_id FROM shots s JOIN example_revisions v ON v.id = s.revision_id"
            "  WHERE v.example_id = ?) ORDER BY r.id DESC LIMIT ?"
        )
        return [
            Record(**{**dict(row), "kept": bool(row["kept"])})
            for row in rows(self.db, sql, (example_id, limit))
        ]

    def revisions(self, revision_ids: Sequence[int]) -> list[Example]:
        """Examples as they were worded in these revisions, in the order asked for."""
        found = []
        for revision_id in revision_ids:
            row = one(
                self.db,
                "SELECT e.id, r.id AS revision_id, e.enabled, e.position, e.tags, r.document_id,"
                " r.document_text, r.query FROM example_revisions r"
                " JOIN examples e ON e.id = r.example_id WHERE r.id = ?",
                (revision_id,),
            )
            if row:
                found.append(_example(row))
        return found


def _wording(example: Example) -> tuple[int | None, str, str]:
    return (example.document_id, storable(example.document_text), storable(example.query))
