"""Searching a corpus by meaning: the same two questions as to BM25."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from studio.evaluation.counting import Counting, Scored, places
from studio.evaluation.embeddings import EmbeddingCache, Prefixes, TextEncoder, embed
from studio.evaluation.search import Progress, source_ranks, top_k

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Id = TypeVar("Id", bound=Hashable)
_QUERIES_AT_ONCE = 8192
"""Query vectors held at once: 12 MiB at 384 dimensions."""
_CELLS = 16_000_000
"""The most scores held at once (64 MB)."""


class Ranker(Scored[Id], Protocol[Id]):
    """What evaluation and the round trip ask of any search, lexical or dense."""

    def top_k(self, queries: Sequence[str], k: int) -> Iterator[dict[Id, float]]:
        """For each query its best documents with their scores, in the order of the queries."""
        ...


class DenseRanker(Generic[Id]):
    """An encoder and the embeddings of the corpus, searched exactly."""

    floor = float("-inf")
    """Any cosine may be that of a right document."""

    def __init__(
        self,
        ids: Sequence[Id],
        texts: Sequence[str],
        encoder: TextEncoder,
        *,
        cache: EmbeddingCache | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        """``ids`` and ``texts`` run in parallel; the texts are encoded now, through the cache."""
        self._ids = list(ids)
        self._row = {outside: row for row, outside in enumerate(self._ids)}
        self._encoder = encoder
        self._cache = cache
        self.matrix: NDArray[np.float32] = embed(
            texts, encoder, "document", cache=cache, on_progress=on_progress
        )

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def prefixes(self) -> Prefixes:
        """What the encoder puts before queries and documents."""
        return self._encoder.prefixes

    @property
    def ids(self) -> Sequence[Id]:
        """The documents in the order of the matrix."""
        return self._ids

    def cosines(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Q×N: every document's cosine; ask for as many queries as memory bears."""
        vectors = embed(queries, self._encoder, "query", cache=self._cache)
        scores: NDArray[np.float32] = vectors @ self.matrix.T
        return scores

    def scores(self, queries: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        """For each query every document's cosine, a few queries at once."""
        size = max(1, _CELLS // max(1, len(self)))
        for start in range(0, len(queries), size):
            yield from self.cosines(queries[start : start + size])

    def top_k(self, queries: Sequence[str], k: int) -> Iterator[dict[Id, float]]:
        """For each query its k nearest documents with their cosines."""
        for part in _parts(queries, k):
            vectors = embed(part, self._encoder, "query", cache=self._cache)
            rows, scores = top_k(vectors, self.matrix, k)
            for found, cosines in zip(rows.tolist(), scores.tolist(), strict=True):
                yield {self._ids[row]: cosine for row, cosine in zip(found, cosines, strict=True)}

    def rank_of(self, pairs: Sequence[tuple[str, Id]]) -> list[int]:
        """The exact rank, from 1, of each pair's own document; exact copies of it do not count."""
        import numpy as np

        ranks: list[int] = []
        for part in _parts(pairs):
            vectors = embed([query for query, _ in part], self._encoder, "query", cache=self._cache)
            sources = np.array([self._row[document] for _, document in part], dtype=np.int64)
            ranks.extend(source_ranks(vectors, self.matrix, sources).tolist())
        return ranks


def run_of(
    queries: Mapping[str, str],
    ranker: Ranker[str],
    k: int = 100,
    counting: Counting = Counting(),
) -> dict[str, dict[str, float]]:
    """Query id → what counts → score: what :func:`studio.evaluation.retrieval.evaluate` takes."""
    found = places(queries, ranker.top_k, k, counting)
    return {query: {one.name: one.score for one in ranking} for query, ranking in found.items()}


Item = TypeVar("Item")


def _parts(items: Sequence[Item], k: int = 1) -> Iterator[Sequence[Item]]:
    size = max(1, min(_QUERIES_AT_ONCE, _CELLS // max(1, k)))
    for start in range(0, len(items), size):
        yield items[start : start + size]
