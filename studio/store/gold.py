"""Human-labelled queries. Validation is looked at; test is only ever scored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.records import GoldQuery, Split
from studio.store.db import rows, storable, value, write

if TYPE_CHECKING:
    from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class Gold:
    """Gold queries with their relevant documents."""

    db: Database

    def add(self, queries: Iterable[GoldQuery]) -> int:
        """Store gold queries; one that is there already (same outside id) is replaced.

        Where the other split has that id with other words, it is another query and gets a suffix.
        """
        count = 0
        with write(self.db) as conn:
            for query in queries:
                name = self._name(query)
                conn.execute("DELETE FROM gold_queries WHERE outside_id = ?", (name,))
                cursor = conn.execute(
                    "INSERT INTO gold_queries(outside_id, text, split, origin) VALUES (?, ?, ?, ?)",
                    (name, storable(query.text), query.split, query.origin),
                )
                conn.executemany(
                    "INSERT INTO gold_relevant(query_id, document_id, grade) VALUES (?, ?, ?)",
                    [(cursor.lastrowid, doc, grade) for doc, grade in query.relevant.items()],
                )
                count += 1
        return count

    def _name(self, query: GoldQuery) -> str:
        sql = "SELECT 1 FROM gold_queries WHERE outside_id = ? AND split != ? AND text != ?"
        taken = value(self.db, sql, (query.outside_id, query.split, storable(query.text)))
        return f"{query.outside_id}~{query.split}" if taken else query.outside_id

    def queries(self, split: Split) -> list[GoldQuery]:
        """All gold queries of one split, in order."""
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
        return [
            GoldQuery(
                id=row["id"],
                outside_id=row["outside_id"],
                text=row["text"],
                split=row["split"],
                origin=row["origin"],
                relevant=relevant.get(row["id"], {}),
            )
            for row in rows(self.db, sql, (split,))
        ]

    def counts(self) -> dict[str, int]:
        """Split → number of queries."""
        sql = "SELECT split, count(*) FROM gold_queries GROUP BY split"
        return {row[0]: row[1] for row in rows(self.db, sql)}

    def origins(self, split: Split) -> dict[str, int]:
        """Where the queries of a split come from → number."""
        sql = "SELECT origin, count(*) FROM gold_queries WHERE split = ? GROUP BY origin"
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
