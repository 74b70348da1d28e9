"""A corpus of a few documents in memory, where no store is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studio.records import Document


@dataclass(frozen=True, slots=True)
class FixedCorpus:
    """Some documents, for previews, estimates and trials."""

    documents: Sequence[Document]

    def sampled(self) -> Sequence[Document]:
        """All of them."""
        return self.documents

    def contexts(self) -> Sequence[Document]:
        """All of them."""
        return self.documents

    def many(self, rows: Sequence[int]) -> Mapping[int, Document]:
        """Row → document, for those that are there."""
        known = {document.id: document for document in self.documents}
        return {row: known[row] for row in rows if row in known}
