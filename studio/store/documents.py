"""The corpus: bulk import in one step, full-text search in any script, paging by key."""

from __future__ import annotations

import hashlib
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from studio.records import Document, content_sha
from studio.store.db import one, path_of, roll_back, rows, storable, value, write
from studio.store.faults import explained
from studio.store.migrations import split_statements

if TYPE_CHECKING:
    from studio.store.db import Database

COLUMNS = "id, outside_id, title, text, source_id, position"
D_COLUMNS = ", ".join(f"d.{name}" for name in COLUMNS.split(", "))
LIKE = " AND (d.title LIKE ? ESCAPE '\\' OR d.text LIKE ? ESCAPE '\\')"
CHUNK = 1_000
"""Rows that are read or staged at a time."""
SEARCH_WORDS = 32
"""Words of a query that count."""
SEARCH_WORD_LENGTH = 256
"""Characters of a word that count."""
T = TypeVar("T")

STAGE = """
DROP TABLE IF EXISTS temp.staged;
DROP TABLE IF EXISTS temp.staged_sources;
DROP TABLE IF EXISTS temp.staged_names;
CREATE TEMP TABLE staged (
  id INTEGER PRIMARY KEY, outside_id TEXT, title TEXT, text TEXT, sha TEXT, source TEXT,
  position INTEGER
);
CREATE TEMP TABLE staged_sources (sha TEXT UNIQUE, outside_id TEXT, title TEXT, text TEXT);
CREATE TEMP TABLE staged_names (id INTEGER PRIMARY KEY, outside_id TEXT, sha TEXT, source TEXT);
"""
"""The stage; ``source`` is the content hash of the long document that a passage was cut from."""

REPEATED = """
INSERT INTO temp.staged_names SELECT t.id, t.outside_id, t.sha,
  (SELECT outside_id FROM temp.staged_sources s WHERE s.sha = t.source)
FROM temp.staged t WHERE EXISTS (SELECT 1 FROM documents d WHERE d.sha = t.sha)
  OR EXISTS (SELECT 1 FROM temp.staged u WHERE u.sha = t.sha AND u.id < t.id)
"""
"""Passages whose content is there already, with the names by which gold may mean them."""

TAKEN = """
INSERT INTO temp.staged_names SELECT t.id, t.outside_id, t.sha,
  (SELECT outside_id FROM temp.staged_sources s WHERE s.sha = t.source)
FROM temp.staged t WHERE t.outside_id IN (SELECT outside_id FROM documents)
"""
"""Passages with new content under an id that other content has."""

NAME = """
DELETE FROM document_names WHERE outside_id IN (SELECT outside_id FROM temp.staged_names)
  OR outside_id IN (SELECT source FROM temp.staged_names);
INSERT OR IGNORE INTO document_names(outside_id, document_id, part)
  SELECT n.outside_id, d.id, 0 FROM temp.staged_names n JOIN documents d ON d.sha = n.sha
  WHERE d.outside_id != n.outside_id;
INSERT OR IGNORE INTO document_names(outside_id, document_id, part)
  SELECT n.source, d.id, 1 FROM temp.staged_names n JOIN documents d ON d.sha = n.sha
  LEFT JOIN sources s ON s.id = d.source_id
  WHERE n.source IS NOT NULL AND n.source IS NOT s.outside_id;
DROP TABLE temp.staged;
DROP TABLE temp.staged_sources;
DROP TABLE temp.staged_names;
"""
"""Remember the names that the import used for passages of other ids; the latest import counts."""


@dataclass(frozen=True, slots=True)
class SourceDocument:
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


def document_of(row: sqlite3.Row) -> Document:
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
        with explained(path_of(self.db)):
            for statement in split_statements(STAGE):
                self.db.conn.execute(statement)

    def stage(self, documents: Iterable[Document], source: SourceDocument | None = None) -> int:
        """Put passages on the stage, which nobody else sees; returns how many."""
        conn = self.db.conn
        sha = content_sha(source.title, source.text) if source else None
        before = conn.total_changes
        with explained(path_of(self.db)), _temporary(conn):
            if source is not None:
                conn.execute(
                    "INSERT OR IGNORE INTO temp.staged_sources VALUES (?, ?, ?, ?)",
                    (sha, source.outside_id, source.title, source.text),
                )
                before = conn.total_changes
            conn.executemany(
                "INSERT INTO temp.staged(outside_id, title, text, sha, source, position)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                ((d.outside_id, d.title, d.text, d.sha, sha, d.position) for d in documents),
            )
        return conn.total_changes - before

    def commit_import(self, job_id: int | None = None) -> Staged:
        """Move the whole stage into the corpus in one transaction: all of it or nothing."""
        with write(self.db) as conn:
            staged = value(self.db, "SELECT count(*) FROM temp.staged")
            conn.execute("CREATE INDEX temp.staged_sha ON staged(sha)")
            conn.execute(REPEATED)
            conn.execute("DELETE FROM temp.staged WHERE id IN (SELECT id FROM temp.staged_names)")
            _rename_taken(conn, "staged_sources", "sources")
            conn.execute(TAKEN)
            renamed = _rename_taken(conn, "staged", "documents")
            conn.execute(
                "INSERT INTO sources(outside_id, title, text, sha)"
                " SELECT outside_id, title, text, sha FROM temp.staged_sources"
                " WHERE sha IN (SELECT source FROM temp.staged)"
                " AND sha NOT IN (SELECT sha FROM sources)"
            )
            conn.execute(
                "INSERT INTO documents(outside_id, title, text, sha, source_id, position, job_id)"
                " SELECT t.outside_id, t.title, t.text, t.sha, s.id, t.position, ?"
                " FROM temp.staged t LEFT JOIN sources s ON s.sha = t.source ORDER BY t.id",
                (job_id,),
            )
            added = value(self.db, "SELECT count(*) FROM temp.staged")
            for statement in split_statements(NAME):
                conn.execute(statement)
        return Staged(added, staged - added, renamed)

    def index_next(self, rows_at_once: int = 2_000) -> int:
        """Bring the next passages into the full-text index; returns how many are left.

        An import is one transaction; to index inside it would keep every other writer waiting for
        minutes. Until this returns 0, :meth:`search` scans what is not indexed yet.
        """
        with write(self.db) as conn:
            done = self._indexed_up_to()
            conn.execute(
                "INSERT INTO documents_fts(rowid, title, text)"
                " SELECT id, title, text FROM documents WHERE id > ? ORDER BY id LIMIT ?",
                (done, rows_at_once),
            )
            done = self._indexed_up_to()
        # Rows are numbered without gaps; to count them would read the whole corpus at each step.
        return self.last_id() - done

    def _indexed_up_to(self) -> int:
        """The last row in the index: it is filled in order, and passages are never deleted."""
        return int(value(self.db, "SELECT coalesce(max(id), 0) FROM documents_fts_docsize"))

    def count(self) -> int:
        """How many passages there are."""
        return int(value(self.db, "SELECT count(*) FROM documents"))

    def get(self, document_id: int) -> Document | None:
        """One passage by its row."""
        row = one(self.db, f"SELECT {COLUMNS} FROM documents WHERE id = ?", (document_id,))
        return document_of(row) if row else None

    def by_outside_id(self, outside_id: str) -> Document | None:
        """One passage by the id it had outside."""
        row = one(self.db, f"SELECT {COLUMNS} FROM documents WHERE outside_id = ?", (outside_id,))
        return document_of(row) if row else None

    def ids_by_outside_id(self, outside_ids: Iterable[str]) -> dict[str, int]:
        """Outside id → row, for those that exist, as the latest import meant the ids.

        That is another row than :meth:`by_outside_id` gives where that import brought other
        content under a taken id, or content under a new id that was there already.
        """
        found: dict[str, int] = {}
        for chunk, marks in chunks(outside_ids):
            sql = (
                f"SELECT outside_id, id FROM documents WHERE outside_id IN ({marks}) UNION ALL"
                " SELECT outside_id, document_id FROM document_names"
                f" WHERE outside_id IN ({marks}) AND NOT part"
            )
            found.update((row[0], row[1]) for row in rows(self.db, sql, chunk * 2))
        return found

    def passages_of_sources(self, outside_ids: Iterable[str]) -> dict[str, list[int]]:
        """Outside id of a long document → rows of the passages it was cut into, in order."""
        found: dict[str, list[int]] = {}
        for chunk, marks in chunks(outside_ids):
            sql = (
                "SELECT s.outside_id, d.id, d.position FROM sources s"
                f" JOIN documents d ON d.source_id = s.id WHERE s.outside_id IN ({marks}) UNION"
                " SELECT n.outside_id, d.id, d.position FROM document_names n"
                " JOIN documents d ON d.id = n.document_id"
                f" WHERE n.outside_id IN ({marks}) AND part"
                " ORDER BY 3, 2"
            )
            for row in rows(self.db, sql, chunk * 2):
                found.setdefault(row[0], []).append(row[1])
        return found

    def many(self, document_ids: Sequence[int]) -> dict[int, Document]:
        """Row → passage, for those that exist."""
        found: dict[int, Document] = {}
        for chunk, marks in chunks(document_ids):
            sql = f"SELECT {COLUMNS} FROM documents WHERE id IN ({marks})"
            found.update((row["id"], document_of(row)) for row in rows(self.db, sql, chunk))
        return found

    def heads(self, document_ids: Sequence[int], characters: int = 400) -> dict[int, Document]:
        """Row → passage with no more than the beginning of its text: for lists of huge ones."""
        found: dict[int, Document] = {}
        for chunk, marks in chunks(document_ids):
            sql = (
                "SELECT id, outside_id, substr(title, 1, ?) AS title, substr(text, 1, ?) AS text,"
                f" source_id, position FROM documents WHERE id IN ({marks})"
            )
            for row in rows(self.db, sql, (characters, characters, *chunk)):
                found[row["id"]] = document_of(row)
        return found

    def ids(self, up_to: int) -> array[int]:
        """All rows up to one, in order, at eight bytes each."""
        sql = "SELECT id FROM documents WHERE id <= ? ORDER BY id"
        return array("q", (row[0] for row in self.db.conn.execute(sql, (up_to,))))

    def fingerprint(self, up_to: int) -> str:
        """Equal for corpora of the same contents in the same order, up to a row."""
        digest = hashlib.sha256()
        sql = "SELECT sha FROM documents WHERE id <= ? ORDER BY id"
        for row in self.db.conn.execute(sql, (up_to,)):
            digest.update(row[0].encode())
        return digest.hexdigest()

    def last_id(self) -> int:
        """The newest passage's row; 0 without any. It grows with each import and never shrinks."""
        return int(value(self.db, "SELECT coalesce(max(id), 0) FROM documents"))

    def page(self, after: int = 0, limit: int = 100) -> list[Document]:
        """Passages whose row comes after, in order (keyset paging)."""
        sql = f"SELECT {COLUMNS} FROM documents WHERE id > ? ORDER BY id LIMIT ?"
        return [document_of(row) for row in rows(self.db, sql, (after, limit))]

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
        """Passages that hold every word of the query, best first; case does not matter.

        Words shorter than three characters (most Chinese words) are looked for by scanning. Of a
        very long query the first words count. An empty query gives the first passages.
        """
        long, short = _words(query)
        if not long and not short:
            return self.page(limit=limit)
        if not long:
            return self._scan(short, limit)
        found = self._match(long, short, limit)
        return found + self._scan(long + short, limit - len(found), after=self._indexed_up_to())

    def _match(self, long: list[str], short: list[str], limit: int) -> list[Document]:
        phrases = " ".join('"' + word.replace('"', '""') + '"' for word in long)
        sql = (
            f"SELECT {D_COLUMNS} FROM documents_fts f JOIN documents d ON d.id = f.rowid"
            f" WHERE documents_fts MATCH ? {LIKE * len(short)} ORDER BY f.rank LIMIT ?"
        )
        return [document_of(row) for row in rows(self.db, sql, (phrases, *_patterns(short), limit))]

    def _scan(self, words: list[str], limit: int, after: int = 0) -> list[Document]:
        sql = (
            f"SELECT {D_COLUMNS} FROM documents d WHERE d.id > ? {LIKE * len(words)}"
            " ORDER BY d.id LIMIT ?"
        )
        return [document_of(row) for row in rows(self.db, sql, (after, *_patterns(words), limit))]


def _words(query: str) -> tuple[list[str], list[str]]:
    """The words that the trigram index can find, and the shorter ones."""
    # NUL would end the expression for SQLite; more words than these only cost time.
    words = list(dict.fromkeys(storable(query).replace("\0", " ").split()))[:SEARCH_WORDS]
    long = [word[:SEARCH_WORD_LENGTH] for word in words if len(word) >= 3]
    return long, [word for word in words if len(word) < 3]


def _patterns(words: Sequence[str]) -> Iterator[str]:
    """Each word's LIKE pattern twice: for the title and for the text."""
    for word in words:
        escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        yield from (f"%{escaped}%",) * 2


def chunks(items: Iterable[T]) -> Iterator[tuple[tuple[T, ...], str]]:
    """The items in tuples of bounded size, each with its SQL placeholders."""
    pending = iter(items)
    while chunk := tuple(islice(pending, CHUNK)):
        yield chunk, ",".join("?" * len(chunk))


@contextmanager
def _temporary(conn: sqlite3.Connection) -> Iterator[None]:
    """One transaction on temporary tables: it takes no lock on the file."""
    if conn.in_transaction:
        yield
        return
    conn.execute("BEGIN")
    try:
        yield
        conn.execute("COMMIT")
    finally:
        roll_back(conn)


def _rename_taken(conn: sqlite3.Connection, stage: str, table: str) -> int:
    """Add part of the content hash to each staged outside id that is taken; returns how many."""
    key = "rowid" if stage == "staged_sources" else "id"
    renamed: set[int] = set()
    for digits in (8, 16, 64):
        # A longer suffix, should an id have been made to look like a renamed one.
        taken = conn.execute(
            f"SELECT {key} FROM temp.{stage} WHERE (outside_id IN (SELECT outside_id FROM {table})"
            f" AND sha NOT IN (SELECT sha FROM {table})) OR {key} NOT IN"
            f" (SELECT min({key}) FROM temp.{stage} GROUP BY outside_id)"
        ).fetchall()
        if not taken:
            break
        renamed.update(row[0] for row in taken)
        conn.executemany(
            f"UPDATE temp.{stage} SET outside_id = outside_id || '~' || substr(sha, 1, {digits})"
            f" WHERE {key} = ?",
            taken,
        )
    return len(renamed)
