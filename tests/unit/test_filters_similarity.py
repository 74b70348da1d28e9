"""ROUGE-L as the reference computes it, and near texts found as brute force finds them."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import LCSseq

from studio.filters.similarity import (
    NearTexts,
    Vocabulary,
    best_of,
    fewest_common,
    rouge_l,
)

SENTENCES = st.lists(
    st.sampled_from(["what", "is", "the", "rate", "of", "tax", "on", "a", "gift", "due"]),
    min_size=1,
    max_size=14,
).map(" ".join)
CODES = st.text("abcdef", min_size=1, max_size=12)


def reference(left: str, right: str) -> float:
    """What rouge_score says; it takes seconds to import."""
    from rouge_score.rouge_scorer import RougeScorer

    return float(RougeScorer(["rougeL"], use_stemmer=False).score(left, right)["rougeL"].fmeasure)


@given(SENTENCES, SENTENCES)
@example("a b c d e f g x y z", "a b c d e f g p q r")  # 0.7 exactly
def test_scores_are_bit_identical_to_rouge_score(left: str, right: str) -> None:
    vocabulary = Vocabulary()
    assert best_of(vocabulary.encode(left), [vocabulary.encode(right)]) == reference(left, right)


def test_chinese_texts_have_a_score_where_rouge_score_sees_nothing() -> None:
    vocabulary = Vocabulary()
    left, right = "增值税怎么计算", "增值税如何计算"
    assert reference(left, right) == 0
    assert best_of(vocabulary.encode(left), [vocabulary.encode(right)]) == pytest.approx(5 / 7)


def test_a_vocabulary_larger_than_the_plane_of_surrogates_makes_valid_text() -> None:
    vocabulary = Vocabulary()
    text = vocabulary.encode(" ".join(f"w{i}" for i in range(0xD810)))
    assert len(set(text)) == 0xD810
    assert text.encode("utf-8")


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([0.3, 0.5, 0.7, 0.9]))
def test_the_fewest_common_words_are_the_first_over_the_threshold(
    left: int, right: int, threshold: float
) -> None:
    over = [n for n in range(1, min(left, right) + 1) if rouge_l(n, left, right) > threshold]
    least = fewest_common(left, right, threshold)
    assert least == over[0] if over else least > min(left, right)


@settings(max_examples=300)
@given(
    st.lists(CODES, max_size=40),
    st.sampled_from([0.2, 0.5, 0.7, 0.8, 0.9]),
    st.booleans(),
)
def test_near_texts_are_those_of_brute_force(
    texts: list[str], threshold: float, known: bool
) -> None:
    near = NearTexts(threshold, texts if known else ())
    for place, text in enumerate(texts):
        scores = [
            rouge_l(LCSseq.similarity(text, other), len(text), len(other))
            for other in texts[:place]
        ]
        best = max(scores, default=0.0)
        assert near.nearest(text) == (best if best > threshold else 0.0)
        near.add(text)


def test_empty_texts_are_near_to_nothing() -> None:
    near = NearTexts(0.5)
    near.add("")
    assert near.nearest("") == near.nearest("a") == best_of("", ["a"]) == best_of("a", []) == 0
