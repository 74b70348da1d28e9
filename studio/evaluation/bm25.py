"""BM25, the lexical baseline that every trained retriever is held against.

Lucene's variant (Kamphuis et al., ECIR 2020) through bm25s, with k1 = 1.0 and b = 0.75, stop words
out and no stemming.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
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

    floor = 0.0
    """What shares no word with a query scores this."""

    def __init__(
        self,
        ids: Sequence[Id],
        texts: Iterable[str],
        *,
        language: str = "en",
        k1: float = K1,
        b: float = B,
    ) -> None:
        """``ids`` and ``texts`` run in parallel; ``language`` chooses the stop words.

        The texts are read once, one after the other, and not kept.
        """
        import bm25s

        self._stop = stopwords(language)
        corpus = self._numbered(texts)
        if not corpus[1]:
            raise StudioError(
                f"None of the {len(corpus[0])} documents holds a word, so BM25 cannot index them; "
                "check which field of the import was taken as the text."
            )
        self._ids = list(ids)
        self._index: Any = bm25s.BM25(k1=k1, b=b, method="lucene")
        self._index.index(corpus, show_progress=False)

    def save(self, folder: Path) -> None:
        """Write the index, without the ids, as files of a new folder. Raises OSError."""
        self._index.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path, ids: Sequence[Id], *, language: str = "en") -> Bm25Ranker[Id]:
        """What :meth:`save` wrote, over the same ids; its arrays stay on the disk.

        Raises OSError, ValueError or KeyError when the folder holds no whole index of so many.
        """
        import bm25s

        index = bm25s.BM25.load(folder, mmap=True, show_progress=False, verbosity=0)
        if index.scores["num_docs"] != len(ids):
            raise ValueError(f"{folder} indexes {index.scores['num_docs']} documents")
        ranker = cls.__new__(cls)
        ranker._stop = stopwords(language)
        ranker._ids = list(ids)
        ranker._index = index
        return ranker

    @cached_property
    def _row(self) -> dict[Id, int]:
        return {outside: row for row, outside in enumerate(self._ids)}

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> Sequence[Id]:
        """The documents in the order of the scores."""
        return self._ids

    def top_k(self, queries: Sequence[str], k: int) -> Iterator[dict[Id, float]]:
        """For each query its best documents with their scores; only documents that share a word."""
        for query in queries:
            scores = self.scores_of(query)
            yield {self._ids[row]: float(scores[row]) for row in _best(scores, k)}

    def rank_of(self, pairs: Sequence[tuple[str, Id]]) -> list[int]:
        """The rank, from 1, of each pair's own document for its query.

        Equal scores do not count against a document. One that shares no word with the query
        ranks last.
        """
        return [self._rank(query, self._row[document]) for query, document in pairs]

    def _rank(self, query: str, row: int) -> int:
        scores = self.scores_of(query)
        if scores[row] <= 0:
            return len(self)
        return 1 + int((scores > scores[row]).sum())

    def scores(self, queries: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        """For each query the scores of all documents."""
        return map(self.scores_of, queries)

    def scores_of(self, query: str) -> NDArray[np.float32]:
        """The score of every document, 0 for one that shares no word with the query."""
        import numpy as np

        known = [word for word in self.words(query) if word in self._index.vocab_dict]
        if not known:
            return np.zeros(len(self), dtype=np.float32)
        scores: NDArray[np.float32] = self._index.get_scores(known)
        return scores

    def words(self, text: str) -> list[str]:
        """The words of a text that count here: without the stop words, repeated ones repeated."""
        return [word for word in words(text) if word not in self._stop]

    def _numbered(self, texts: Iterable[str]) -> tuple[list[array[int]], dict[str, int]]:
        # Numbers instead of strings: lists of str take many times the memory.
        vocabulary: dict[str, int] = {}
        rows = [
            array("i", [vocabulary.setdefault(word, len(vocabulary)) for word in self.words(text)])
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
