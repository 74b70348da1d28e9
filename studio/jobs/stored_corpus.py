"""The documents that a run may write about, as the store has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

from studio.jobs.leaks import LeakGuard
from studio.jobs.params import RunParams
from studio.records import Document, StudioError
from studio.store import Store

WINDOW = 1_000
"""Documents that are read at once."""
CONTEXTS = 20_000
"""Documents of a corpus that contexts are drawn from."""


class StoredDocuments(Sequence[Document]):
    """Documents by their rows, in this order; read in windows when they are walked through."""

    def __init__(self, store: Store, rows: Sequence[int]) -> None:
        self._store, self._rows = store, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Document: ...
    @overload
    def __getitem__(self, place: slice) -> StoredDocuments: ...
    def __getitem__(self, place: int | slice) -> Document | StoredDocuments:
        if isinstance(place, slice):
            return StoredDocuments(self._store, self._rows[place])
        row = self._rows[place]
        return self._store.documents.many([row])[row]

    def __iter__(self) -> Iterator[Document]:
        for start in range(0, len(self._rows), WINDOW):
            window = list(self._rows[start : start + WINDOW])
            found = self._store.documents.many(window)
            yield from (found[row] for row in window if row in found)


@dataclass
class StoredCorpus:
    """The documents of a run; see :class:`studio.methods.protocol.Corpus`."""

    store: Store
    params: RunParams

    @cached_property
    def rows(self) -> list[int]:
        """The rows of the documents to write for, without those that examples were written for.

        Raises StudioError when there is none.
        """
        store, params = self.store, self.params
        shown = {e.document_id for e in store.examples.all() if e.document_id}
        if params.search:
            limit = params.documents or store.documents.count()
            ids = [document.id for document in store.documents.search(params.search, limit)]
        else:
            ids = store.documents.sample_ids(store.documents.count(), params.seed)
        chosen = [row for row in ids if row not in shown][: params.documents]
        if not chosen:
            raise StudioError(self._why_none(found=bool(ids)))
        return chosen

    def _why_none(self, *, found: bool) -> str:
        if not self.store.documents.count():
            return "The project has no documents. Import some with `studio import`."
        if self.params.search and not found:
            return f"No document matches {self.params.search!r}. Search for other words."
        return (
            "All of these documents have examples: there is nothing left to ask about. Import more "
            "with `studio import`, or take examples away."
        )

    def sampled(self) -> Sequence[Document]:
        """Those that the run was told to write for, in a random order that its seed decides."""
        return StoredDocuments(self.store, self.rows)

    @cached_property
    def _contexts(self) -> list[Document]:
        guard = LeakGuard.of(self.store.gold.all("test"))
        page = self.store.documents.page(limit=CONTEXTS)
        return [one for one in page if not guard.is_about(one.full_text, one.text)]

    def contexts(self) -> Sequence[Document]:
        """Those that pairs and questions may be about: none that gold test is about."""
        return self._contexts

    def many(self, rows: Sequence[int]) -> Mapping[int, Document]:
        """Row → document, for those that are there."""
        return self.store.documents.many(list(rows))
