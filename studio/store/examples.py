"""Few-shot examples. An edit keeps a wording that was used, so that each shot shows as it was.

Several studios may edit one project: :meth:`Examples.reword` only writes over a wording that the
writer has seen, and raises :class:`Conflict` otherwise; tags and switches are merged.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from studio.records import Datum, Example, Record, RecordType, StudioError
from studio.store.db import from_json, now, one, rows, storable, value, write
from studio.store.record_types import UNTRAINED, RecordTypes, to_row
from studio.store.records import R_COLUMNS, read_records

if TYPE_CHECKING:
    from studio.store.db import Database

SELECT = (
    "SELECT e.id, e.revision_id, e.enabled, e.position, e.tags, r.document_id, r.document_text,"
    " r.query, r.type, r.fields FROM examples e JOIN example_revisions r ON r.id = e.revision_id"
)


def _read(db: Database, sql: str, parameters: tuple[Any, ...] = ()) -> list[Example]:
    found = rows(db, sql, parameters)
    types = RecordTypes(db).known() if found else {}
    return [_example(row, types) for row in found]


def _example(row: sqlite3.Row, types: Mapping[str, RecordType]) -> Example:
    return Example(
        id=row["id"],
        revision_id=row["revision_id"],
        document_id=row["document_id"],
        document_text=row["document_text"],
        query=row["query"],
        enabled=bool(row["enabled"]),
        position=row["position"],
        tags=row["tags"],
        type=types[row["type"]],
        fields=from_json(row["fields"], "examples.fields"),
    )


@dataclass(frozen=True, slots=True)
class ExampleUse:
    """What came of one example: how good a shot it is."""

    records: int
    """Records that had any of its wordings among their shots."""
    kept: int
    """Those still kept."""

    @property
    def share(self) -> float:
        """The part of the records that is kept, 0 to 1; 0 without records."""
        return self.kept / self.records if self.records else 0.0


@dataclass(frozen=True, slots=True)
class Uses:
    """What came of all examples, to hold one against the rest."""

    by_example: dict[int, ExampleUse]
    """Example → its use; one that helped to make nothing is left out."""
    together: ExampleUse
    """Records that had any shots at all, each counted once."""


class Conflict(StudioError):
    """Another writer has changed or deleted the example since this one looked at it."""

    def __init__(self, theirs: Example, *, deleted: bool) -> None:
        deed = "deleted" if deleted else "changed"
        super().__init__(
            f"Example {theirs.id} was {deed} elsewhere meanwhile; nothing was overwritten. "
            "Look at it again, then decide."
        )
        self.theirs = theirs
        """The example as it is stored now."""
        self.deleted = deleted
        """Whether it is off the list now."""


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples in the person's order."""

    db: Database

    def all(self, *, enabled_only: bool = False) -> list[Example]:
        """Every example that is not deleted, in order."""
        condition = " AND e.enabled" if enabled_only else ""
        sql = f"{SELECT} WHERE e.deleted IS NULL{condition} ORDER BY e.position, e.id"
        return _read(self.db, sql)

    def get(self, example_id: int) -> Example | None:
        """One example, deleted or not."""
        found = _read(self.db, f"{SELECT} WHERE e.id = ?", (example_id,))
        return found[0] if found else None

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
            current = self._stored(example.id)
            conn.execute(
                "UPDATE examples SET enabled = ?, tags = ? WHERE id = ?",
                (example.enabled, storable(example.tags), example.id),
            )
            return self._word(conn, current, example)

    def reword(self, example: Example, seen: Example) -> Example:
        """Write a changed wording if the stored one is still the one that the writer had seen.

        Nothing but the wording is written. Returns the example as it is stored now. Raises
        :class:`Conflict` when another wording is stored or the example is off the list.
        """
        with write(self.db) as conn:
            current, deleted = self._stored(example.id), self.is_deleted(example.id)
            unseen = wording(current) not in (wording(seen), wording(example))
            if deleted or unseen:
                raise Conflict(current, deleted=deleted)
            revision = self._word(conn, current, example)
            stored = {name: storable(text) for name, text in example.texts.items()}
            document_id, type = example.document_id, example.type
            written = replace(current, revision_id=revision, document_id=document_id, type=type)
            return written.worded(stored)

    def _stored(self, example_id: int) -> Example:
        current = self.get(example_id)
        if current is None:
            raise StudioError(f"There is no example {example_id} in this project.")
        return current

    def _word(self, conn: sqlite3.Connection, current: Example, example: Example) -> int:
        if wording(current) == wording(example):
            return current.revision_id
        if self._is_used(current.revision_id):
            return self._revise(conn, example.id, example)
        RecordTypes(self.db).register([example.type])
        # Keystrokes between two uses are one wording: only what a request saw must stay.
        conn.execute(
            "UPDATE example_revisions SET document_id = ?, document_text = ?, query = ?, type = ?,"
            " fields = ?, created = ? WHERE id = ?",
            (*wording(example), now(), current.revision_id),
        )
        return current.revision_id

    def switch(self, example_id: int, *, on: bool) -> None:
        """Let an example be drawn as a shot, or not; its wording and tags stay as they are."""
        with write(self.db) as conn:
            conn.execute("UPDATE examples SET enabled = ? WHERE id = ?", (on, example_id))

    def tag(self, example_id: int, *, add: Sequence[str], drop: Sequence[str]) -> None:
        """Add and take away tags; those that another writer has added meanwhile stay."""
        with write(self.db) as conn:
            have = self._stored(example_id).tags.split()
            kept = [tag for tag in have if tag not in drop]
            tags = " ".join([*kept, *(tag for tag in add if tag not in kept)])
            conn.execute("UPDATE examples SET tags = ? WHERE id = ?", (storable(tags), example_id))

    def add_after(self, example_id: int, example: Example) -> int:
        """Store a new example right below another one; returns its row."""
        with write(self.db):
            (added,) = self.add([example])
            order = [e.id for e in self.all() if e.id != added]
            place = order.index(example_id) + 1 if example_id in order else len(order)
            self.reorder([*order[:place], added, *order[place:]])
        return added

    def is_deleted(self, example_id: int) -> bool:
        """Whether the example is off the list."""
        sql = "SELECT deleted IS NOT NULL FROM examples WHERE id = ?"
        return bool(value(self.db, sql, (example_id,)))

    def _is_used(self, revision_id: int) -> bool:
        sql = "SELECT 1 FROM shots WHERE revision_id = ?"
        return value(self.db, sql, (revision_id,)) is not None

    def _revise(self, conn: sqlite3.Connection, example_id: int, example: Example) -> int:
        RecordTypes(self.db).register([example.type])
        cursor = conn.execute(
            "INSERT INTO example_revisions(example_id, document_id, document_text, query, type,"
            " fields, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (example_id, *wording(example), now()),
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
        self.put({example_id: place for place, example_id in enumerate(example_ids)})

    def places(self) -> dict[int, int]:
        """Example → its position, also of those that are off the list."""
        return {row[0]: row[1] for row in rows(self.db, "SELECT id, position FROM examples")}

    def put(self, places: Mapping[int, int]) -> None:
        """Give the examples these positions; others stay where they are."""
        with write(self.db) as conn:
            conn.executemany(
                "UPDATE examples SET position = ? WHERE id = ?",
                [(position, example_id) for example_id, position in places.items()],
            )

    def use(self, example_id: int) -> ExampleUse:
        """How many records the example helped to make, notes on the way aside, and how many of
        them are kept."""
        row = one(
            self.db,
            "SELECT count(*), coalesce(sum(r.kept), 0) FROM records r"
            f" JOIN generations g ON g.id = r.generation_id WHERE r.type NOT IN ({UNTRAINED})"
            " AND g.shot_set_id IN"
            " (SELECT s.shot_set_id FROM shots s JOIN example_revisions v ON v.id = s.revision_id"
            "  WHERE v.example_id = ?)",
            (example_id,),
        )
        return ExampleUse(row[0], row[1]) if row else ExampleUse(0, 0)

    def uses(self) -> Uses:
        """What came of every example, in one walk over the records (seconds at a million)."""
        sql = (
            "WITH made AS (SELECT g.shot_set_id, count(*) AS records, sum(r.kept) AS kept"
            "  FROM generations g JOIN records r ON r.generation_id = g.id"
            f"  WHERE g.shot_set_id IS NOT NULL AND r.type NOT IN ({UNTRAINED})"
            "  GROUP BY g.shot_set_id),"
            " drawn AS (SELECT DISTINCT s.shot_set_id, v.example_id FROM shots s"
            "  JOIN example_revisions v ON v.id = s.revision_id)"
            " SELECT d.example_id, sum(m.records), sum(m.kept) FROM made m"
            "  JOIN drawn d ON d.shot_set_id = m.shot_set_id GROUP BY d.example_id"
            " UNION ALL SELECT NULL, coalesce(sum(records), 0), coalesce(sum(kept), 0) FROM made"
        )
        found = {row[0]: ExampleUse(row[1], row[2]) for row in rows(self.db, sql)}
        together = found.pop(None)
        return Uses(found, together)

    def made(self, example_id: int, limit: int = 10) -> list[Record]:
        """The newest records that had any wording of the example among their shots."""
        sql = (
            f"SELECT {R_COLUMNS} FROM records r JOIN generations g"
            f" ON g.id = r.generation_id WHERE r.type NOT IN ({UNTRAINED}) AND g.shot_set_id IN"
            " (SELECT s.shot_set_id FROM shots s JOIN example_revisions v ON v.id = s.revision_id"
            "  WHERE v.example_id = ?) ORDER BY r.id DESC LIMIT ?"
        )
        return read_records(self.db, sql, (example_id, limit))

    def revisions(self, revision_ids: Sequence[int]) -> list[Example]:
        """Examples as they were worded in these revisions, in the order asked for."""
        return _read(
            self.db,
            "SELECT e.id, r.id AS revision_id, e.enabled, e.position, e.tags, r.document_id,"
            " r.document_text, r.query, r.type, r.fields FROM json_each(?) j"
            " CROSS JOIN example_revisions r ON r.id = j.value"
            " JOIN examples e ON e.id = r.example_id ORDER BY j.key",
            (json.dumps(list(revision_ids)),),
        )


def wording(example: Example) -> tuple[int | None, str, str, str, str]:
    """Document, its text, the query and more: what a request sees of an example, as columns.

    Raises KeyError for a field that its type does not have.
    """
    first = example.type.fields[0]
    text, more = to_row(Datum(example.type, {**example.fields, first: example.query}))
    return example.document_id, storable(example.document_text), text, example.type.name, more
