"""A lexical and a dense search added up: often better than either, and a free teacher.

For each query the scores of both over the whole corpus are standardised (mean 0, deviation 1) and
summed with a weight. Measured on validation queries of two collections with MiniLM: .426 against
.382 (dense) and .350 (BM25), and .608 against .570 and .470.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from studio.evaluation.bm25 import Bm25Ranker

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Id = TypeVar("Id", bound=Hashable)
FoundId = TypeVar("FoundId", bound=Hashable, covariant=True)


class Cosines(Protocol[FoundId]):
    """What is asked of the dense half."""

    @property
    def ids(self) -> Sequence[FoundId]:
        """The documents in the order of the cosines."""

    def cosines(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Q×N."""


LEXICAL_WEIGHT = 0.4
"""How much a standardised BM25 score counts beside a standardised cosine."""
_CELLS = 16_000_000
"""The most scores held at once (64 MB for each of the two)."""


class HybridRanker(Generic[Id]):
    """Two searches over the same documents in the same order, asked as one."""

    floor = float("-inf")
    """Any score may be that of a right document."""

    def __init__(
        self, dense: Cosines[Id], lexical: Bm25Ranker[Id], weight: float = LEXICAL_WEIGHT
    ) -> None:
        """Both must have been built from the same ids in the same order."""
        self._dense = dense
        self._lexical = lexical
        self._weight = weight
        self._row = {outside: row for row, outside in enumerate(dense.ids)}

    def __len__(self) -> int:
        return len(self._dense.ids)

    @property
    def ids(self) -> Sequence[Id]:
        """The documents in the order of the scores."""
        return self._dense.ids

    def scores(self, queries: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        """For each query the summed standardised scores of all N documents."""
        import numpy as np

        size = max(1, _CELLS // max(1, len(self)))
        for start in range(0, len(queries), size):
            part = queries[start : start + size]
            for query, cosines in zip(part, self._dense.cosines(part), strict=True):
                lexical = _standardised(self._lexical.scores_of(query))
                yield (_standardised(cosines) + self._weight * lexical).astype(np.float32)

    def top_k(self, queries: Sequence[str], k: int) -> Iterator[dict[Id, float]]:
        """For each query its k best documents with their summed scores."""
        import numpy as np

        for scores in self.scores(queries):
            best = np.argsort(-scores, kind="stable")[:k]
            yield {self._dense.ids[row]: float(scores[row]) for row in best.tolist()}

    def rank_of(self, pairs: Sequence[tuple[str, Id]]) -> list[int]:
        """The rank, from 1, of each pair's own document; equal scores do not count against it."""
        ranks = []
        rows = [self._row[document] for _, document in pairs]
        for row, scores in zip(rows, self.scores([query for query, _ in pairs]), strict=True):
            ranks.append(1 + int((scores > scores[row] + 1e-6).sum()))
        return ranks


def _standardised(scores: NDArray[Any]) -> NDArray[Any]:
    """Mean 0, deviation 1; all 0 when the scores are all the same."""
    spread = scores.std()
    return (scores - scores.mean()) / spread if spread > 1e-9 else scores * 0
