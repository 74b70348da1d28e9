"""What a rank counts: documents by their best passages where gold names them; never the query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest

from studio.evaluation.bm25 import Bm25Ranker
from studio.evaluation.counting import Counting, DocumentRanks, places, ranks_in
from studio.evaluation.rankers import run_of

PASSAGES = {"1": "red fox runs", "2": "red fox sleeps red", "3": "a red hen", "4": "blue whale"}
ANIMALS = {"1": ("fox",), "2": ("fox",), "3": ("hen",)}
"""Passage 4 was never cut out of anything."""


class Fixed:
    """A search with the same scores for every query."""

    floor = float("-inf")

    def __init__(self, scores: Mapping[str, float]) -> None:
        self.ids = list(scores)
        self._scores = scores
        self.depths: list[int] = []

    def top_k(self, queries: Sequence[str], k: int) -> Iterator[dict[str, float]]:
        self.depths.append(k)
        best = sorted(self._scores.items(), key=lambda one: -one[1])[:k]
        return (dict(best) for _ in queries)

    def scores(self, queries: Sequence[str]) -> Iterator[np.ndarray]:
        return (np.array([self._scores[name] for name in self.ids]) for _ in queries)

    def rank_of(self, pairs: Sequence[tuple[str, str]]) -> list[int]:
        order = sorted(self.ids, key=lambda name: -self._scores[name])
        return [order.index(name) + 1 for _, name in pairs]


SEARCH = {"1": 0.9, "2": 0.8, "3": 0.5, "4": 0.1}


def test_a_document_stands_where_its_best_passage_stands_and_once() -> None:
    found = places({"q": "?"}, Fixed(SEARCH).top_k, 10, Counting(ANIMALS))
    assert [(one.name, one.passage, one.score) for one in found["q"]] == [
        ("fox", "1", 0.9), ("hen", "3", 0.5), ("4", "4", 0.1),
    ]  # fmt: skip


def test_passages_are_found_until_there_are_documents_enough() -> None:
    many = {str(n): 1 - n / 1000 for n in range(900)}
    counting = Counting({str(n): ("long",) for n in range(500)})
    search = Fixed(many)
    found = places({"q": "?"}, search.top_k, 3, counting)
    assert [one.name for one in found["q"]] == ["long", "500", "501"]
    assert search.depths == [3, 12, 48, 192, 768]


def test_where_passages_count_nothing_is_searched_for_twice() -> None:
    search = Fixed(SEARCH)
    assert run_of({"q": "?"}, search, 2) == {"q": {"1": 0.9, "2": 0.8}}
    assert search.depths == [2]


def test_what_is_left_out_gives_its_place_to_the_next() -> None:
    counting = Counting(left_out={"q": frozenset({"1"})})
    found = run_of({"q": "?", "r": "?"}, Fixed(SEARCH), 2, counting)
    assert found == {"q": {"2": 0.8, "3": 0.5}, "r": {"1": 0.9, "2": 0.8}}


def test_a_passage_of_two_documents_stands_for_both() -> None:
    counting = Counting({"1": ("fox", "hen"), "2": ("fox",), "3": ("hen",)})
    found = run_of({"q": "?"}, Fixed(SEARCH), 10, counting)
    assert found == {"q": {"fox": 0.9, "hen": 0.9, "4": 0.1}}


def test_the_rank_of_a_document_counts_no_passage_of_its_own() -> None:
    ranks = DocumentRanks(Fixed(SEARCH), Counting(ANIMALS)).rank_of
    assert ranks([("?", "2"), ("?", "3"), ("?", "4")]) == [1, 2, 3]
    assert ranks_in(Fixed(SEARCH), Counting())([("?", "2"), ("?", "3")]) == [2, 3]


def test_equal_scores_push_no_document_down() -> None:
    ranks = DocumentRanks(Fixed(dict.fromkeys(PASSAGES, 0.5)), Counting(ANIMALS)).rank_of
    assert ranks([("?", "3"), ("?", "4")]) == [1, 1]


def test_a_document_without_a_word_of_the_query_ranks_last() -> None:
    ranker = Bm25Ranker(list(PASSAGES), PASSAGES.values())
    ranks = DocumentRanks(ranker, Counting(ANIMALS)).rank_of
    assert ranks([("red hen", "3"), ("red hen", "1"), ("red", "4"), ("unknown", "1")]) == [
        1,
        2,
        3,
        3,
    ]


@pytest.mark.parametrize("named", [{}, {"1": "fox", "2": "fox"}])
def test_judged_passages_are_their_documents_grades(named: dict[str, str]) -> None:
    grades = Counting(ANIMALS).grades({"1": 1, "2": 2, "4": 1}, named)
    assert grades == {"fox": 2, "4": 1}


def test_a_shared_passage_of_a_named_document_makes_no_other_one_right() -> None:
    counting = Counting({"1": ("fox", "hen"), "2": ("fox",), "3": ("hen",)})
    assert counting.grades({"1": 1, "2": 1}, {"1": "fox", "2": "fox"}) == {"fox": 1}
    assert counting.grades({"1": 1}, {}) == {"fox": 1, "hen": 1}
