"""How near extrapolations are to their errors, and how much of gold is covered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.evaluation import gap
from studio.prompting.words import words

VOCABULARY = {
    word: place
    for place, word in enumerate(["the", "film", "was", "fine", "dull", "long", "short"])
}


def embed(texts: Sequence[str]) -> np.ndarray:
    """Counted words, of length 1."""
    vectors = np.zeros((len(texts), len(VOCABULARY) + 1), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in words(text):
            vectors[row, VOCABULARY.get(word, len(VOCABULARY))] += 1
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def test_a_pair_is_measured_in_words() -> None:
    found = gap.measure([("The film was fine.", "The film was long, dull")], embed)[0]
    assert (found.edits, found.error_words, found.addition_words) == (2, 4, 5)
    assert found.cosine == pytest.approx(3 / (2 * 5**0.5))
    assert not found.copy


def test_case_and_punctuation_do_not_hide_a_copy() -> None:
    found = gap.measure([("The film was FINE!", "the film was fine")], embed)[0]
    assert found.copy
    assert found.edits == 0
    assert found.cosine == pytest.approx(1.0)


def test_chinese_is_measured_by_characters() -> None:
    found = gap.measure([("房间很干净", "房间不干净")], embed)[0]
    assert (found.edits, found.error_words) == (1, 5)


def test_means_of_a_round() -> None:
    pairs = [("the film", "the film"), ("the film", "the dull film was long")]
    found = gap.summary(gap.measure(pairs, embed))
    assert found is not None
    assert (found.pairs, found.copies, found.edits, found.addition_words) == (2, 0.5, 1.5, 3.5)


def test_a_round_without_pairs_has_no_means() -> None:
    assert gap.summary([]) is None
    assert gap.coverage(["a", "b"], [], embed) is None
    assert gap.coverage(["a"], ["b"], embed) is None


def test_gold_is_covered_where_synthetic_data_is_as_near_as_gold_itself() -> None:
    gold = ["the film was fine", "the film was long", "dull short", "dull dull short"]
    near = gap.coverage(gold, ["the film was fine long"], embed)
    both = gap.coverage(gold, ["the film was fine long", "dull short"], embed)
    assert near is not None
    assert both is not None
    assert 0 < near.covered < both.covered
    assert both.covered == 1.0


def test_synthetic_data_of_another_world_covers_nothing() -> None:
    gold = ["the film was fine", "the film was long", "the film was short"]
    found = gap.coverage(gold, ["zebra"], embed)
    assert found is not None
    assert found.covered == 0.0


def test_memory_is_bounded_by_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gap, "CHUNK", 10)
    most = 0

    def watched(texts: Sequence[str]) -> np.ndarray:
        nonlocal most
        most = max(most, len(texts))
        return embed(texts)

    found = gap.measure([(f"the film {n}", "the film") for n in range(95)], watched)
    assert len(found) == 95
    assert most == 20


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_two_texts_can_be_measured(error: str, addition: str) -> None:
    found = gap.measure([(error, addition)], embed)[0]
    assert found.edits <= max(found.error_words, found.addition_words)
    assert -1.01 <= found.cosine <= 1.01
