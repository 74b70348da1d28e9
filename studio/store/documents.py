"""The corpus: bulk import in one step, full-text search in any script, paging by key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from studio.records import Document, content_sha
from studio.store.db import one, rows, value, write

if TYPE_CHECKING:
    from sqlite_utils import Database

COLUMNS = "id, outside_id, title, text, source_id, position"
CHUNK = 1_000
"""Rows that are read or staged at a time."""


@dataclass(frozen=True, slots=True)
class Source:
    """A long document as it came, before it was cut into passages."""

    outside_id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Staged:
    """What one import would add: counted before anything is."""

    documents: int
    """New passages added."""
    duplicates: int
    """Passages left out because their content is there already."""
    renamed: int
    """Passages whose outside id was taken by other content; they got a suffix."""


def _document(row: sqlite3.Row) -> Document:
    return Document(
        id=row["id"],
        outside_id=row["outside_id"],
        title=row["title"],
        text=row["text"],
        source_id=row["source_id"],
        position=row["position"],
    )


@dataclass(frozen=True, slots=True)
class Documents:
    """Passages and the long sources that some were cut from."""

    db: Database

    def begin_import(self) -> None:
        """Start an empty stage. It is private to this connection and gone with it."""
        conn = self.db.conn
        conn.execute("DROP TABLE IF EXISTS temp.staged")
        conn.execute("DROP TABLE IF EXISTS temp.staged_sources")
        conn.execute(
            "CREATE TEMP TABLE staged (id INTEGER PRIMARY KEY, outside_id TEXT, title TEXT,"
            " text TEXT, sha TEXT UNIQUE, source TEXT, position INTEGER)"
        )
        conn.execute(
            "CREATE TEMP TABLE staged_sources (outside_id TEXT PRIMARY KEY, title TEXT, text TEXT,"
            " sha TEXT UNIQUE)"
        )

    def stage(self, documents: Iterable[Document], source: Source | None = None) -> int:
        """Put passages on the stage, which nobody else sees; returns how many were new there."""
        conn = self.db.conn
        alone = not conn.in_transaction
        outside = None
        if source is not None:
            outside = source.outside_id
            sha = content_sha(source.title, source.text)
            conn.execute(
                "INSERT OR IGNORE INTO staged_sources VALUES (?, ?, ?, ?)",
                (source.outside_id, source.title, source.text, sha),
            )
        before = conn.total_changes
        conn.executemany(
            "INSERT OR IGNORE INTO staged(outside_id, title, text, sha, source, position)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            ((d.outside_id, d.title, d.text, d.sha, outside, d.position) for d in documents),
        )
        added = conn.total_changes - before
        if alone:
            # An open transaction would make the next progress write hold the lock to the end.
            conn.commit()
        return added

    def commit_import(self, job_id: int | None = None) -> Staged:
        """Move the whole stage into the corpus in one transaction: all of it or nothing."""
        with write(self.db) as conn:
            staged = value(self.db, "SELECT count(*) FROM temp.staged")
            conn.execute("DELETE FROM temp.staged WHERE sha IN (SELECT sha FROM documents)")
            renamed = self._rename_taken_ids(conn)
            conn.execute(
                "INSERT OR IGNORE INTO sources(outside_id, title, text, sha)"
                " SELECT outside_id, title, text, sha FROM temp.staged_sources"
            )
            conn.execute(
                "INSERT INTO documents(outside_id, title, text, sha, source_id, position, job_id)"
                " SELECT t.outside_id, t.title, t.text, t.sha, s.id, t.position, ?"
                " FROM temp.staged t LEFT JOIN sources s ON s.outside_id = t.source ORDER BY t.id",
                (job_id,),
            )
            added = value(self.db, "SELECT count(*) FROM temp.staged")
            conn.execute("DROP TABLE temp.staged")
            conn.execute("DROP TABLE temp.staged_sources")
        return Staged(added, staged - added, renamed)

    def _rename_taken_ids(self, conn: sqlite3.Connection) -> int:
        """Give a suffix of the content hash to each outside id that other content already has."""
        taken = conn.execute(
            "UPDATE temp.staged SET outside_id = outside_id || '~' || substr(sha, 1, 8)"
            " WHERE outside_id IN (SELECT outside_id FROM documents) OR id NOT IN"
            " (SELECT min(id) FROM temp.staged GROUP BY outside_id)"
        )
        return taken.rowcount

    def count(self) -> int:
        """How many passages there are."""
        return int(value(self.db, "SELECT count(*) FROM documents"))

    def get(self, document_id: int) -> Document | None:
        """One passage by its row."""
        row = one(self.db, f"SELECT {COLUMNS} FROM documents WHERE id = ?", (document_id,))
        return _document(row) if row else None

    def by_outside_id(self, outside_id: str) -> Document | None:
        """One passage by the id it had outside."""
        row = one(self.db, f"SELECT {COLUMNS} FROM documents WHERE outside_id = ?", (outside_id,))
        return _document(row) if row else None

    def ids_by_outside_id(self, outside_ids: Iterable[str]) -> dict[str, int]:
        """Outside id → row, for those that exist."""
        found: dict[str, int] = {}
        pending = iter(outside_ids)
        while chunk := list(islice(pending, CHUNK)):
            marks = ",".join("?" * len(chunk))
            found.update(
                (row["outside_id"], row["id"])
                for row in rows(
                    self.db,
                    f"SELECT outside_id, id FROM documents WHERE outside_id IN ({marks})",
                    tuple(chunk),
                )
            )
        return found

    def passages_of_sources(self, outside_ids: Iterable[str]) -> dict[str, list[int]]:
        """Outside id of a long document → rows of the passages it was cut into."""
        found: dict[str, list[int]] = {}
        for outside_id in outside_ids:
            sql = (
                "SELECT d.id FROM documents d JOIN sources s ON s.id = d.source_id"
                " WHERE s.outside_id = ? ORDER BY d.position"
            )
            passages = [int(row[0]) for row in rows(self.db, sql, (outside_id,))]
            if passages:
                found[outside_id] = passages
        return found

    def many(self, document_ids: Sequence[int]) -> dict[int, Document]:
        """Row → passage, for those that exist."""
        found: dict[int, Document] = {}
        for start in range(0, len(document_ids), CHUNK):
            chunk = tuple(document_ids[start : start + CHUNK])
            marks = ",".join("?" * len(chunk))
            sql = f"SELECT {COLUMNS} FROM documents WHERE id IN ({marks})"
            found.update((row["id"], _document(row)) for row in rows(self.db, sql, chunk))
        return found

    def page(self, after: int = 0, limit: int = 100) -> list[Document]:
        """Passages whose row comes after, in order (keyset paging)."""
        sql = f"SELECT {COLUMNS} FROM documents WHERE id > ? ORDER BY id LIMIT ?"
        return [_document(row) for row in rows(self.db, sql, (after, limit))]

    def all(self) -> Iterator[Document]:
        """Every passage in order, a page at a time."""
        after = 0
        while page := self.page(after, CHUNK):
            yield from page
            after = page[-1].id

    def sample_ids(self, count: int, seed: int) -> list[int]:
        """Rows of a seeded sample without replacement, in order of draw."""
        import random

        ids = [int(row[0]) for row in rows(self.db, "SELECT id FROM documents ORDER BY id")]
        return random.Random(seed).sample(ids, min(count, len(ids)))

    def search(self, query: str, limit: int = 100) -> list[Document]:
        """Passages that hold every word of the query, best first.

        Words shorter than three characters (most Chinese words) are looked for by scanning.
        """
        words = query.split()
        if not words:
            return self.page(limit=limit)
        long = ['"' + word.replace('"', '""') + '"' for word in words if len(word) >= 3]
        short = [word for word in words if len(word) < 3]
        likes = " AND ".join(["(d.title LIKE ? ESCAPE '\\' OR d.text LIKE ? ESCAPE '\\')"] * len(short))
        patterns = tuple(_pattern(word) for word in short for _ in range(2))
        columns = ", ".join("d." + name for name in COLUMNS.split(", "))
        if not long:
            sql = f"SELECT {columns} FROM documents d WHERE {likes} ORDER BY d.id LIMIT ?"
            return [_document(row) for row in rows(self.db, sql, (*patterns, limit))]
        sql = (
            f"SELECT {columns} FROM documents_fts f JOIN documents d ON d.id = f.rowid"
            f" WHERE documents_fts MATCH ? {'AND ' + likes if short else ''} ORDER BY f.rank LIMIT ?"
        )
        return [_document(row) for row in rows(self.db, sql, (" ".join(long), *patterns, limit))]


def _pattern(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
