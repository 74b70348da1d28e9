"""A search in two steps: what a first one finds is put in a new order by reading it closely."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from studio.evaluation.rankers import Ranker

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Id = TypeVar("Id", bound=Hashable)
Score = Callable[[str, Sequence[str]], "NDArray[np.float32]"]
"""Gives for a query and texts a number for each text, higher for a better one."""


def reranked(
    found: Mapping[Id, float], texts: Sequence[str], query: str, score: Score
) -> dict[Id, float]:
    """What was found in a new order: the first ones by ``score``, the others after them.

    texts: of the first of ``found``, in its order. The others keep their order and get made-up
    scores below all of the first.
    """
    names = list(found)
    first, rest = names[: len(texts)], names[len(texts) :]
    scores = score(query, texts).tolist() if texts else []
    best = sorted(zip(first, scores, strict=True), key=lambda one: -one[1])
    lowest = min(scores, default=0.0)
    return dict(best) | {name: lowest - place for place, name in enumerate(rest, 1)}


class RerankingRanker(Generic[Id]):
    """A first search and a reranker over its best documents, asked as one."""

    floor = float("-inf")
    """Any score may be that of a right document."""

    def __init__(
        self,
        first: Ranker[Id],
        text_of: Callable[[Id], str],
        score: Score,
        depth: int,
        on_query: Callable[[], None] | None = None,
    ) -> None:
        """``depth`` documents are read for each query; ``on_query`` is called after each."""
        self._first = first
        self._text_of = text_of
        self._score = score
        self._depth = depth
        self._on_query = on_query

    @property
    def ids(self) -> Sequence[Id]:
        """The documents in the order of the scores."""
        return self._first.ids

    def top_k(self, queries: Sequence[str], k: int) -> Iterator[dict[Id, float]]:
        """For each query its k best documents, those that were read first."""
        for query, found in zip(
            queries, self._first.top_k(queries, max(k, self._depth)), strict=True
        ):
            texts = [self._text_of(name) for name in list(found)[: self._depth]]
            ordered = reranked(found, texts, query, self._score)
            if self._on_query is not None:
                self._on_query()
            yield dict(list(ordered.items())[:k])

    def scores(self, queries: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        """For each query a score of every document: those that were not read come last."""
        import numpy as np

        row_of = {name: row for row, name in enumerate(self.ids)}
        for query, plain in zip(queries, self._first.scores(queries), strict=True):
            found = next(iter(self.top_k([query], self._depth)))
            lowest = min(found.values(), default=0.0)
            # Shifted below the lowest, in the first search's own order.
            scores = (plain - plain.max() - 1 + lowest).astype(np.float32)
            for name, score in found.items():
                scores[row_of[name]] = score
            yield scores

    def rank_of(self, pairs: Sequence[tuple[str, Id]]) -> list[int]:
        """The rank, from 1, of each pair's own document; equal scores do not count against it."""
        row_of = {name: row for row, name in enumerate(self.ids)}
        found = zip(pairs, self.scores([query for query, _ in pairs]), strict=True)
        return [1 + int((scores > scores[row_of[own]]).sum()) for (_, own), scores in found]
