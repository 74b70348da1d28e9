"""The long documents that passages were cut from, as they came."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.records import Document
from studio.store.db import one, rows
from studio.store.documents import COLUMNS, SourceDocument, chunks, document_of

if TYPE_CHECKING:
    from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class Sources:
    """Long documents, and what they share with the passages."""

    db: Database

    def get(self, source_id: int) -> SourceDocument | None:
        """A long document as it was imported."""
        sql = "SELECT outside_id, title, text FROM sources WHERE id = ?"
        row = one(self.db, sql, (source_id,))
        return SourceDocument(row[0], row[1], row[2]) if row else None

    def named(self, outside_ids: Iterable[str]) -> dict[str, tuple[int, SourceDocument]]:
        """Outside id → row and content of the long document of that name, for those there are."""
        found: dict[str, tuple[int, SourceDocument]] = {}
        for chunk, marks in chunks(outside_ids):
            sql = f"SELECT id, outside_id, title, text FROM sources WHERE outside_id IN ({marks})"
            for row in rows(self.db, sql, chunk):
                found[row[1]] = row[0], SourceDocument(row[1], row[2], row[3])
        return found

    def names(self, source_ids: Iterable[int]) -> dict[int, str]:
        """Long document → its outside id."""
        found: dict[int, str] = {}
        for chunk, marks in chunks(source_ids):
            sql = f"SELECT id, outside_id FROM sources WHERE id IN ({marks})"
            found.update((row[0], row[1]) for row in rows(self.db, sql, chunk))
        return found

    def parts(self, document_ids: Sequence[int] | None = None) -> Iterator[tuple[int, int]]:
        """(passage, long document that it is a part of), of these passages or of all.

        A passage that stands in several documents comes once for each; a document that stands
        among the passages as a whole too is a part of itself.
        """
        within = "" if document_ids is None else " AND d.id IN (SELECT value FROM json_each(?1))"
        sql = (
            f"SELECT d.id, d.source_id FROM documents d WHERE d.source_id IS NOT NULL{within} UNION"
            " SELECT d.id, s.id FROM document_names n JOIN sources s ON s.outside_id = n.outside_id"
            f" JOIN documents d ON d.id = n.document_id WHERE n.part{within} UNION"
            f" SELECT d.id, s.id FROM sources s JOIN documents d ON d.sha = s.sha WHERE 1{within}"
            " ORDER BY 2, 1"
        )
        parameters = () if document_ids is None else (json.dumps(list(document_ids)),)
        for row in self.db.conn.execute(sql, parameters):
            yield row[0], row[1]

    def passages_of(self, source_id: int) -> list[int]:
        """The passages of a long document in order, those that it shares with others among them."""
        sql = (
            "SELECT id, position FROM documents WHERE source_id = ?1 UNION SELECT d.id, d.position"
            " FROM sources s JOIN document_names n ON n.outside_id = s.outside_id AND n.part"
            " JOIN documents d ON d.id = n.document_id WHERE s.id = ?1 ORDER BY 2, 1"
        )
        return [row[0] for row in rows(self.db, sql, (source_id,))]

    def whole(self) -> Iterator[SourceDocument]:
        """Every document as it was imported, the long ones before they were cut."""
        sql = (
            "SELECT outside_id, title, text FROM sources UNION ALL SELECT outside_id, title, text"
            " FROM documents WHERE source_id IS NULL AND sha NOT IN (SELECT sha FROM sources)"
        )
        for row in self.db.conn.execute(sql):
            yield SourceDocument(row[0], row[1], row[2])

    def first_passages(self, limit: int) -> list[Document]:
        """The first passage of each of so many documents, long ones and others."""
        sql = (
            f"SELECT {COLUMNS} FROM documents WHERE id IN (SELECT min(id) FROM documents"
            " GROUP BY coalesce(-source_id, id) ORDER BY 1 LIMIT ?) ORDER BY id"
        )
        return [document_of(row) for row in rows(self.db, sql, (limit,))]
