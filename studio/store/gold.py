"""Human-labelled queries. Validation is looked at; test is only ever scored."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.records import GoldQuery, Split, content_sha
from studio.store.db import now, one, rows, storable, value, write
from studio.store.documents import SEARCH_WORD_LENGTH, SEARCH_WORDS

if TYPE_CHECKING:
    from studio.store.db import Database

JUDGED = "EXISTS (SELECT 1 FROM gold_relevant r WHERE r.query_id = q.id AND r.grade > 0)"
"""A query without a right document can score nothing."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was said of one document for one gold query."""

    document_id: int
    grade: int
    """1 and up: right; 0: wrong."""
    origin: str = "import"
    """``import``, or ``search`` when a person marked it here."""
    reviewer: str = ""
    marked: str = ""
    """ISO 8601, UTC; empty for imported ones."""


@dataclass(frozen=True, slots=True)
class Gold:
    """Gold queries with their relevant documents."""

    db: Database

    def add(self, queries: Iterable[GoldQuery]) -> int:
        """Store gold queries; one that is there already (same outside id) is replaced.

        What a person has marked for it here stays, unless its words are others now. Where the
        other split has that id with other words, it is another query and gets a suffix.
        """
        count = 0
        with write(self.db) as conn:
            for query in queries:
                self._replace(conn, self._name(query), query)
                count += 1
        return count

    def _replace(self, conn: sqlite3.Connection, name: str, query: GoldQuery) -> None:
        text = storable(query.text)
        own = conn.execute(
            "SELECT r.document_id, r.grade, r.origin, r.reviewer, r.marked FROM gold_relevant r"
            " JOIN gold_queries q ON q.id = r.query_id"
            " WHERE q.outside_id = ? AND q.text = ? AND r.origin = 'search'",
            (name, text),
        ).fetchall()
        conn.execute("DELETE FROM gold_queries WHERE outside_id = ?", (name,))
        row = conn.execute(
            "INSERT INTO gold_queries(outside_id, text, split, origin) VALUES (?, ?, ?, ?)",
            (name, text, query.split, query.origin),
        ).lastrowid
        conn.executemany(
            "INSERT INTO gold_relevant(query_id, document_id, grade) VALUES (?, ?, ?)",
            [(row, doc, grade) for doc, grade in query.relevant.items()],
        )
        conn.executemany(
            "INSERT OR REPLACE INTO gold_relevant"
            "(query_id, document_id, grade, origin, reviewer, marked) VALUES (?, ?, ?, ?, ?, ?)",
            [(row, *mark) for mark in own],
        )

    def _name(self, query: GoldQuery) -> str:
        sql = "SELECT 1 FROM gold_queries WHERE outside_id = ? AND split != ? AND text != ?"
        taken = value(self.db, sql, (query.outside_id, query.split, storable(query.text)))
        return f"{query.outside_id}~{query.split}" if taken else query.outside_id

    def queries(self, split: Split) -> list[GoldQuery]:
        """All gold queries of one split, in order, with their right (1 and up) and wrong (0)."""
        relevant: dict[int, dict[int, int]] = {}
        sql = (
            "SELECT r.query_id, r.document_id, r.grade FROM gold_relevant r"
            " JOIN gold_queries q ON q.id = r.query_id WHERE q.split = ?"
        )
        for row in rows(self.db, sql, (split,)):
            relevant.setdefault(row["query_id"], {})[row["document_id"]] = row["grade"]
        sql = (
            "SELECT id, outside_id, text, split, origin FROM gold_queries WHERE split = ?"
            " ORDER BY id"
        )
        return [_query(row, relevant.get(row["id"], {})) for row in rows(self.db, sql, (split,))]

    def get(self, outside_id: str) -> GoldQuery | None:
        """One gold query with its marks."""
        sql = "SELECT id, outside_id, text, split, origin FROM gold_queries WHERE outside_id = ?"
        row = one(self.db, sql, (outside_id,))
        if row is None:
            return None
        return _query(row, {mark.document_id: mark.grade for mark in self.marks(outside_id)})

    def marks(self, outside_id: str) -> list[Mark]:
        """What was said of which documents for one query."""
        sql = (
            "SELECT r.document_id, r.grade, r.origin, r.reviewer, r.marked FROM gold_relevant r"
            " JOIN gold_queries q ON q.id = r.query_id WHERE q.outside_id = ?"
            " ORDER BY r.document_id"
        )
        return [Mark(*row) for row in rows(self.db, sql, (outside_id,))]

    def begin(self, text: str, split: Split) -> str:
        """Make a query gold that a person marks in Search; returns its outside id.

        The same wording has the same id, so beginning again changes nothing, not its split either.
        """
        name = f"search-{content_sha(storable(text))[:12]}"
        with write(self.db) as conn:
            conn.execute(
                "INSERT OR IGNORE INTO gold_queries(outside_id, text, split, origin)"
                " VALUES (?, ?, ?, 'search')",
                (name, storable(text), split),
            )
        return name

    def move(self, outside_id: str, split: Split) -> None:
        """Put a query into the other split."""
        with write(self.db) as conn:
            conn.execute(
                "UPDATE gold_queries SET split = ? WHERE outside_id = ?", (split, outside_id)
            )

    def put_mark(self, outside_id: str, mark: Mark) -> None:
        """Say whether a document is right for a query; a former word on it is replaced."""
        with write(self.db) as conn:
            conn.execute(
                "INSERT OR REPLACE INTO gold_relevant"
                "(query_id, document_id, grade, origin, reviewer, marked)"
                " SELECT id, ?, ?, ?, ?, ? FROM gold_queries WHERE outside_id = ?",
                (
                    mark.document_id,
                    mark.grade,
                    mark.origin,
                    mark.reviewer,
                    mark.marked or (now() if mark.origin == "search" else ""),
                    outside_id,
                ),
            )

    def take_mark(self, outside_id: str, document_id: int) -> None:
        """Say nothing of a document any more; a query of Search that has no mark left is none."""
        with write(self.db) as conn:
            conn.execute(
                "DELETE FROM gold_relevant WHERE document_id = ? AND query_id ="
                " (SELECT id FROM gold_queries WHERE outside_id = ?)",
                (document_id, outside_id),
            )
            conn.execute(
                "DELETE FROM gold_queries WHERE outside_id = ? AND origin = 'search'"
                " AND NOT EXISTS (SELECT 1 FROM gold_relevant WHERE query_id = gold_queries.id)",
                (outside_id,),
            )

    def version(self) -> tuple[int, ...]:
        """Numbers of which one differs after any import, mark, move or removal of gold."""
        queries = "SELECT count(*), total(id), total(split = 'test') FROM gold_queries"
        marks = (
            "SELECT count(*), total(document_id), total(grade), total(query_id) FROM gold_relevant"
        )
        found = (one(self.db, queries), one(self.db, marks))
        return tuple(int(number) for row in found if row is not None for number in row)

    def records_like(self, text: str, runs: Sequence[str], limit: int = 200) -> dict[int, str]:
        """Kept records, row → text, that hold all these runs of letters: to be compared.

        Where no run is long enough for the index (three letters), the text is looked for as it is.
        """
        long = [run[:SEARCH_WORD_LENGTH] for run in runs if len(run) >= 3][:SEARCH_WORDS]
        if long:
            phrases = " ".join('"' + run.replace('"', '""') + '"' for run in long)
            sql = (
                "SELECT r.id, r.text FROM records_fts f JOIN records r ON r.id = f.rowid"
                " WHERE records_fts MATCH ? AND r.kept LIMIT ?"
            )
            return dict(map(tuple, rows(self.db, sql, (phrases, limit))))
        sql = "SELECT id, text FROM records WHERE text LIKE ? ESCAPE '\\' AND kept LIMIT ?"
        pattern = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return dict(map(tuple, rows(self.db, sql, (pattern, limit))))

    def counts(self) -> dict[str, int]:
        """Split → number of queries that have a right document."""
        sql = f"SELECT split, count(*) FROM gold_queries q WHERE {JUDGED} GROUP BY split"
        return {row[0]: row[1] for row in rows(self.db, sql)}

    def origins(self, split: Split) -> dict[str, int]:
        """Where the queries of a split that have a right document come from → number."""
        sql = (
            f"SELECT origin, count(*) FROM gold_queries q WHERE split = ? AND {JUDGED}"
            " GROUP BY origin"
        )
        return {row[0]: row[1] for row in rows(self.db, sql, (split,))}

    def remove(self, outside_ids: Iterable[str]) -> int:
        """Take queries out of gold (they have become examples); returns how many there were."""
        with write(self.db) as conn:
            # Not total_changes: that counts the cascade to the relevant documents too.
            return conn.executemany(
                "DELETE FROM gold_queries WHERE outside_id = ?", [(name,) for name in outside_ids]
            ).rowcount

    def has_text(self, text: str) -> bool:
        """Whether a gold query has exactly this wording (an example must not)."""
        return value(self.db, "SELECT 1 FROM gold_queries WHERE text = ?", (text,)) is not None


def _query(row: sqlite3.Row, relevant: dict[int, int]) -> GoldQuery:
    return GoldQuery(
        id=row["id"],
        outside_id=row["outside_id"],
        text=row["text"],
        split=row["split"],
        origin=row["origin"],
        relevant=relevant,
    )
