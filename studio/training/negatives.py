"""Mining hard negatives: documents that an encoder finds near a query that they do not answer.

Synthetic pairs know one right document each, so a near neighbour may well be right too. Three
guards keep such out: the first ranks are skipped, and a candidate must score clearly below the
right document and below a ceiling (as in NV-Retriever, Moreira et al. 2024).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from studio.evaluation.embeddings import EmbeddingCache, TextEncoder, embed
from studio.evaluation.search import top_k
from studio.records import StudioError, content_sha
from studio.training.settings import TrainingPair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_AT_ONCE = 4096
"""Queries searched between two calls of the progress."""
_CELLS = 4_000_000
"""The most neighbours held at once."""


@dataclass(frozen=True, slots=True)
class NegativeSettings:
    """Which neighbours may serve as negatives."""

    count: int = 1
    """Negatives per query."""
    first_rank: int = 5
    """The nearest rank that is taken, from 1; nearer ones are too often right."""
    last_rank: int = 50
    """The farthest rank that is taken."""
    margin: float = 0.05
    """A negative's cosine is at least this share below the right one's: 0.05 allows 95% of it."""
    max_score: float | None = None
    """No negative has a higher cosine."""
    hardest: bool = False
    """Take the nearest that are allowed instead of random ones."""
    seed: int = 13
    """Decides the random ones, for each query by itself."""


def mine(
    pairs: Sequence[TrainingPair],
    corpus: Mapping[int | str, str],
    encoder: TextEncoder,
    settings: NegativeSettings,
    *,
    sources: Mapping[int | str, tuple[int, ...]] | None = None,
    cache: EmbeddingCache | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> list[TrainingPair]:
    """The pairs with negatives put in, hardest first; some get fewer than asked, or none.

    Args:
        pairs: their own negatives are replaced.
        corpus: document id → text; the pairs' documents are in it.
        encoder: judges what is near: the base or the first stage's model.
        settings: the window and the guards.
        sources: document id → the long documents that it was cut from, whose other passages are
            never negatives.
        cache: for the embeddings.
        on_progress: called with the number of pairs done.

    Raises:
        StudioError: a pair's document is not in the corpus.
    """
    import numpy as np

    miner = _Miner(pairs, corpus, settings, sources or {})
    documents = embed(miner.texts, encoder, "document", cache=cache)
    mined: list[TrainingPair] = []
    depth = settings.last_rank + miner.most_right
    at_once = max(1, min(_AT_ONCE, _CELLS // depth))
    for start in range(0, len(pairs), at_once):
        part = pairs[start : start + at_once]
        queries = embed([pair.query for pair in part], encoder, "query", cache=cache)
        own = np.array([miner.row_of(pair) for pair in part], dtype=np.int64)
        right = np.einsum("qd,qd->q", queries, documents[own])
        rows, scores = top_k(queries, documents, depth)
        mined += [
            miner.with_negatives(pair, score, rows[place], scores[place])
            for place, (pair, score) in enumerate(zip(part, right.tolist(), strict=True))
        ]
        if on_progress is not None:
            on_progress(len(mined))
    return mined


class _Miner:
    """The corpus without copies, and what is right, or may well be, for each query."""

    def __init__(
        self,
        pairs: Sequence[TrainingPair],
        corpus: Mapping[int | str, str],
        settings: NegativeSettings,
        sources: Mapping[int | str, tuple[int, ...]],
    ) -> None:
        self.texts = list(dict.fromkeys(corpus.values()))
        self._settings = settings
        row_of_text = {text: row for row, text in enumerate(self.texts)}
        self._rows = {name: row_of_text[text] for name, text in corpus.items()}
        parts: dict[int, set[int]] = {}
        for name, cut_from in sources.items():
            for source in cut_from:
                if name in self._rows:
                    parts.setdefault(source, set()).add(self._rows[name])
        self._right: dict[str, set[int]] = {}
        for pair in pairs:
            right = self._right.setdefault(pair.query, set())
            right.add(self.row_of(pair))
            right.update(*(parts.get(source, ()) for source in sources.get(pair.document_id, ())))
        self.most_right = max((len(rows) for rows in self._right.values()), default=0)

    def row_of(self, pair: TrainingPair) -> int:
        """The row of the pair's document."""
        if pair.document_id not in self._rows:
            raise StudioError(
                f"The document {pair.document_id} of the query {pair.query[:60]!r} is not in the "
                "corpus, so its neighbours cannot be found; import it again."
            )
        return self._rows[pair.document_id]

    def with_negatives(
        self,
        pair: TrainingPair,
        right_score: float,
        rows: NDArray[np.int64],
        scores: NDArray[np.float32],
    ) -> TrainingPair:
        """The pair with the negatives that the guards let through."""
        allowed = self._allowed(pair, right_score, rows.tolist(), scores.tolist())
        count = min(self._settings.count, len(allowed))
        if not self._settings.hardest:
            drawn = random.Random(content_sha(str(self._settings.seed), pair.query))
            places = sorted(drawn.sample(range(len(allowed)), count))
            allowed = [allowed[place] for place in places]
        return replace(pair, negatives=tuple(self.texts[row] for row in allowed[:count]))

    def _allowed(
        self, pair: TrainingPair, right_score: float, rows: list[int], scores: list[float]
    ) -> list[int]:
        guard = self._settings
        # Below zero a share of the score would raise the limit instead of lowering it.
        ceiling = right_score - guard.margin * abs(right_score)
        if guard.max_score is not None:
            ceiling = min(ceiling, guard.max_score)
        right = self._right[pair.query]
        others = [(row, score) for row, score in zip(rows, scores, strict=True) if row not in right]
        window = others[guard.first_rank - 1 : guard.last_rank]
        return [row for row, score in window if score <= ceiling]
