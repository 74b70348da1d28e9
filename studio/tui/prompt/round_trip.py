"""Does BM25 find a query's own document first? Built on first use, asked from threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from studio.records import Document

BM25_LIMIT = 20_000
"""Documents that the preview's BM25 ranks among; a bigger corpus is sampled, and that is said."""


class RoundTripCheck:
    """BM25 over the corpus, with what it has said already."""

    def __init__(self, path: Path, language: str) -> None:
        self._path, self._language = path, language
        self._lock = threading.Lock()
        self._ranks: Callable[[Sequence[tuple[str, int]]], list[int]] | None = None
        self._extra: dict[int, Document] = {}
        self._known: dict[tuple[str, int], bool] = {}
        self.among = ""
        """What it ranks, in words; empty before the first answer."""

    def known(self, query: str, document_id: int) -> bool | None:
        """What it has said of this query; None when it was not asked."""
        return self._known.get((query, document_id))

    def judge(self, asked: Sequence[tuple[str, Document]]) -> None:
        """Rank each query's own document; runs in a thread, one at a time.

        Raises StudioError for a corpus without words.
        """
        with self._lock:
            for query, document in asked:
                if self.known(query, document.id) is None:
                    self._known[query, document.id] = self._first(query, document)

    def _first(self, query: str, document: Document) -> bool:
        ranks = self._ranks or self._built()
        try:
            return ranks([(query, document.id)])[0] == 1
        except KeyError:
            # A document outside the sample of a big corpus.
            self._extra[document.id] = document
            return self._built()([(query, document.id)])[0] == 1

    def _built(self) -> Callable[[Sequence[tuple[str, int]]], list[int]]:
        from studio.evaluation.bm25 import Bm25Ranker
        from studio.evaluation.counting import ranks_in
        from studio.jobs.datasets import counting_of
        from studio.store import Store

        store = Store(self._path)
        try:
            total = store.documents.count()
            found = {document.id: document for document in store.documents.page(limit=BM25_LIMIT)}
            counting = counting_of(store)
        finally:
            store.close()
        found |= self._extra
        self.among = f"{len(found):,}" + (f" of {total:,}" if total > len(found) else "")
        texts = [document.full_text for document in found.values()]
        ranker = Bm25Ranker(list(found), texts, language=self._language)
        self._ranks = ranks_in(ranker, counting)
        return self._ranks
