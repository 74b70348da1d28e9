"""The embedding cache, and dense search on top of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from studio.evaluation.embeddings import (
    BETWEEN_PIECES,
    EmbeddingCache,
    Role,
    cache_home,
    embed,
    open_cache,
)
from studio.evaluation.rankers import DenseRanker, run_of


class LetterEncoder:
    """Counts letters: a real, deterministic encoder whose work can be counted."""

    def __init__(self, fingerprint: str = "letters") -> None:
        self._fingerprint = fingerprint
        self.encoded: list[str] = []

    at_once = 1024

    def identity(self, role: Role) -> str:
        return self._fingerprint

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        self.encoded.extend(texts)
        rows = [[text.count(letter) + 1e-3 for letter in "abcdefgh"] for text in texts]
        matrix = np.array(rows, dtype=np.float32)
        return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "embeddings.db")


def test_vectors_come_in_the_order_of_the_texts() -> None:
    texts = ["a", "bb", "ccc", "a"]
    vectors = embed(texts, LetterEncoder())
    assert vectors.shape == (4, 8)
    assert vectors.argmax(axis=1).tolist() == [0, 1, 2, 0]


def test_each_distinct_text_is_encoded_once_and_never_again(cache: EmbeddingCache) -> None:
    encoder = LetterEncoder()
    first = embed(["a", "b", "a"], encoder, cache=cache)
    again = embed(["b", "a", "c"], encoder, cache=cache)
    assert sorted(encoder.encoded) == ["a", "b", "c"]
    assert (again[0] == first[1]).all()


def test_another_model_or_role_has_its_own_vectors(cache: EmbeddingCache) -> None:
    one, other = LetterEncoder("one"), LetterEncoder("other")
    embed(["a"], one, cache=cache)
    embed(["a"], other, cache=cache)
    embed(["a"], one, "query", cache=cache)
    assert (one.encoded, other.encoded) == (["a", "a"], ["a"])


def test_a_forgotten_model_is_encoded_anew(cache: EmbeddingCache) -> None:
    encoder = LetterEncoder()
    embed(["a"], encoder, cache=cache)
    cache.forget("letters")
    embed(["a"], encoder, cache=cache)
    assert encoder.encoded == ["a", "a"]


def test_a_damaged_cache_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "embeddings.db").write_bytes(
        b"not a database at all, but long enough to be read" * 50
    )
    cache = EmbeddingCache(tmp_path / "embeddings.db")
    assert embed(["a"], LetterEncoder(), cache=cache).shape == (1, 8)
    assert embed(["a"], LetterEncoder(), cache=cache).shape == (1, 8)


def test_the_cache_lies_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "here"))
    assert cache_home() == tmp_path / "here"
    assert open_cache() is not None


def test_without_a_writable_folder_the_work_goes_on_uncached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "file"))
    assert open_cache() is None
    assert embed(["a"], LetterEncoder(), cache=None).shape == (1, 8)


def test_odd_texts_can_be_cached(cache: EmbeddingCache) -> None:
    texts = ["", "\x00", "\ud800", "a\x1fb"]
    assert embed(texts, LetterEncoder(), cache=cache).shape == (4, 8)


def test_no_texts_give_an_empty_matrix() -> None:
    assert embed([], LetterEncoder()).shape == (0, 0)


def test_dense_search_finds_and_ranks(cache: EmbeddingCache) -> None:
    ranker = DenseRanker(["x", "y", "z"], ["aaa", "bbb", "ab"], LetterEncoder(), cache=cache)
    assert run_of({"q": "aab"}, ranker, k=2)["q"].keys() == {"z", "x"}
    assert ranker.rank_of([("aaa", "x"), ("aab", "x"), ("aab", "y")]) == [1, 2, 3]


def test_whoever_can_be_told_to_stop_is_asked_before_each_piece(cache: EmbeddingCache) -> None:
    class Stopped(Exception):
        pass

    encoder, texts = LetterEncoder(), [f"text {number}" for number in range(9)]
    encoder.at_once = 2

    def ask() -> None:
        if len(encoder.encoded) >= 4:
            raise Stopped

    token = BETWEEN_PIECES.set(ask)
    try:
        with pytest.raises(Stopped):
            embed(texts, encoder, cache=cache)
    finally:
        BETWEEN_PIECES.reset(token)
    assert len(encoder.encoded) == 4
    # What was encoded before is kept.
    assert embed(texts, encoder, cache=cache).shape == (9, 8)
    assert len(encoder.encoded) == 9
