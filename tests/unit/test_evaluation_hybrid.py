"""Lexical and dense search added up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from studio.evaluation.bm25 import Bm25Ranker
from studio.evaluation.hybrid import HybridRanker
from studio.evaluation.rankers import DenseRanker

TEXTS = {
    "a": "a lantern for the harbour wall",
    "b": "the falcon nests above the glacier",
    "c": "copper kettles and pepper mills",
    "d": "the harbour lantern is made of copper",
}


class Letters:
    """An encoder that counts letters: deterministic, and unlike BM25."""

    at_once = 1024

    def identity(self, role: str) -> str:
        return "letters"

    fingerprint = "letters"

    def encode(self, texts: Sequence[str], role: str) -> np.ndarray:
        counts = np.array([[t.count(c) for c in "abcdefghijklmnopqrstuvwxyz"] for t in texts], "f4")
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


@pytest.fixture
def ranker() -> HybridRanker[str]:
    ids, texts = list(TEXTS), list(TEXTS.values())
    return HybridRanker(DenseRanker(ids, texts, Letters()), Bm25Ranker(ids, texts))


def test_scores_are_the_standardised_sum(ranker: HybridRanker[str]) -> None:
    (scores,) = ranker.scores(["copper lantern"])
    dense = ranker._dense.cosines(["copper lantern"])[0]
    lexical = ranker._lexical.scores_of("copper lantern")
    expected = (dense - dense.mean()) / dense.std() + 0.4 * (
        lexical - lexical.mean()
    ) / lexical.std()
    assert np.allclose(scores, expected, atol=1e-5)


def test_ranks_agree_with_the_ranking(ranker: HybridRanker[str]) -> None:
    (found,) = ranker.top_k(["harbour lantern copper"], 4)
    assert next(iter(found)) == "d"
    for place, name in enumerate(found, 1):
        assert ranker.rank_of([("harbour lantern copper", name)]) == [place]


def test_a_query_without_known_words_is_ranked_by_the_encoder_alone(
    ranker: HybridRanker[str],
) -> None:
    (both,) = ranker.top_k(["zzz qqq ffff"], 4)
    (dense,) = ranker._dense.top_k(["zzz qqq ffff"], 4)
    assert next(iter(both)) == next(iter(dense))
