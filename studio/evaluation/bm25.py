"""BM25, the lexical baseline that every trained retriever is held against.

Lucene's variant (Kamphuis et al., ECIR 2020) through bm25s, with k1 = 1.0 and b = 0.75, stop words
out and no stemming.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from studio.evaluation.words import stopwords, words
from studio.records import StudioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

K1 = 1.0
"""How soon a repeated word stops counting."""
B = 0.75
"""How much long documents are marked down, 0 to 1."""

Id = TypeVar("Id", bound=Hashable)


class Bm25Ranker(Generic[Id]):
    """A BM25 index over documents in memory, searched by text.

    Raises:
        StudioError: no document holds a single word.
    """

    def __init__(
        self,
        ids: Sequence[Id],
        texts: Sequence[str],
        *,
        language: str = "en",
        k1: float = K1,
        b: float = B,
    ) -> None:
        """``ids`` and ``texts`` run in parallel; ``language`` chooses the stop words."""
        import bm25s

        self._stop = stopwords(language)
        corpus = self._numbered(texts)
        if not corpus[1]:
            raise StudioError(
                f"None of the {len(texts)} documents holds a word, so BM25 cannot index them; "
                "check which field of the import was taken as the text."
            )
        self._ids = list(ids)
        self._row = {outside: row for row, outside in enumerate(self._ids)}
        self._index: Any = bm25s.BM25(k1=k1, b=b, method="lucene")
        self._index.index(corpus, show_progress=False)

    def __len__(self) -> int:
        return len(self._ids)

    def top_k(self, queries: Sequence[str], k: int) -> Iterator[dict[Id, float]]:
        """For each query its best documents with their scores; only documents that share a word."""
        for query in queries:
            scores = self.scores(query)
            yield {self._ids[row]: float(scores[row]) for row in _best(scores, k)}

    def rank_of(self, pairs: Sequence[tuple[str, Id]]) -> list[int]:
        """The rank, from 1, of each pair's own document for its query.

        Equal scores do not count against a document. One that shares no word with the query
        ranks last.
        """
        return [self._rank(query, self._row[document]) for query, document in pairs]

    def _rank(self, query: str, row: int) -> int:
        scores = self.scores(query)
        if scores[row] <= 0:
            return len(self)
        return 1 + int((scores > scores[row]).sum())

    def scores(self, query: str) -> NDArray[np.float32]:
        """The score of every document, 0 for one that shares no word with the query."""
        import numpy as np

        known = [word for word in self._words(query) if word in self._index.vocab_dict]
        if not known:
            return np.zeros(len(self), dtype=np.float32)
        scores: NDArray[np.float32] = self._index.get_scores(known)
        return scores

    def _words(self, text: str) -> list[str]:
        return [word for word in words(text) if word not in self._stop]

    def _numbered(self, texts: Sequence[str]) -> tuple[list[list[int]], dict[str, int]]:
        # Numbers instead of strings: lists of str take many times the memory.
        vocabulary: dict[str, int] = {}
        rows = [
            [vocabulary.setdefault(word, len(vocabulary)) for word in self._words(text)]
            for text in texts
        ]
        return rows, vocabulary


def _best(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """The rows of the k highest positive scores, best first, ties by row."""
    import numpy as np

    k = min(k, len(scores))
    rows = np.argpartition(-scores, k - 1)[:k] if k < len(scores) else np.arange(len(scores))
    rows = rows[scores[rows] > 0]
    return rows[np.lexsort((rows, -scores[rows]))]
