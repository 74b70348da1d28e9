"""A search in two steps: what a first one finds is put in a new order by reading it closely."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from studio.evaluation.rankers import Ranker

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Id = TypeVar("Id", bound=Hashable)
Score = Callable[[str, Sequence[str]], "NDArray[np.float32]"]
"""Gives for a query and texts a number for each text, higher for a better one."""
TOGETHER: Final = 8
"""Queries whose documents are read in one go, so that batches hold texts of about one length."""


class PairScore(Protocol):
    """A reranker, asked for many pairs."""

    def __call__(
        self, pairs: Sequence[tuple[str, str]], on_batch: Callable[[int], None]
    ) -> NDArray[np.float32]:
        """A number for each (query, text); ``on_batch`` is told how many are read, and may raise
        to end it."""
        ...


def reranked(
    found: Mapping[Id, float], texts: Sequence[str], query: str, score: Score
) -> dict[Id, float]:
    """What was found in a new order, the first ones by ``score``; texts: theirs, in that order."""
    return rescored(found, score(query, texts).tolist() if texts else [])


def rescored(found: Mapping[Id, float], scores: Sequence[float]) -> dict[Id, float]:
    """What was found in a new order: the first ones by their scores, the others after them.

    The others keep their order and get made-up scores below all of the first.
    """
    names = list(found)
    first, rest = names[: len(scores)], names[len(scores) :]
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
        score: PairScore,
        depth: int,
        on_query: Callable[[int], None] = lambda done: None,
    ) -> None:
        """``depth`` documents are read for each query; ``on_query`` is told after each batch how
        many of the queries are done, and may raise to end it."""
        self._first = first
        self._text_of = text_of
        self._score = score
        self._depth = depth
        self._on_query = on_query
        self._known: dict[tuple[str, Id], float] = {}
        self.read = 0
        """Pairs so far; none is read twice."""
        self.seconds = 0.0
        """What that took."""

    @property
    def ids(self) -> Sequence[Id]:
        """The documents in the order of the scores."""
        return self._first.ids

    def top_k(self, queries: Sequence[str], k: int) -> Iterator[dict[Id, float]]:
        """For each query its k best documents, those that were read first."""
        asked = zip(queries, self._first.top_k(queries, max(k, self._depth)), strict=True)
        done = 0
        while part := list(islice(asked, TOGETHER)):
            self._read(part, done)
            done += len(part)
            for query, found in part:
                known = [self._known[query, name] for name in list(found)[: self._depth]]
                yield dict(list(rescored(found, known).items())[:k])

    def _read(self, part: Sequence[tuple[str, Mapping[Id, float]]], done: int) -> None:
        """Score what is not known yet. done: queries before these."""
        wanted = [(query, name) for query, found in part for name in list(found)[: self._depth]]
        new = [key for key in dict.fromkeys(wanted) if key not in self._known]
        began = time.perf_counter()
        self._on_query(done)
        if new:
            scores = self._score(
                [(query, self._text_of(name)) for query, name in new],
                lambda read: self._on_query(done + len(part) * read // len(new)),
            )
            self._known.update(zip(new, scores.tolist(), strict=True))
        self.read += len(new)
        self.seconds += time.perf_counter() - began

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
