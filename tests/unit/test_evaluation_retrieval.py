"""Scores of a ranked list, wins and losses, and whether a difference is real."""

from __future__ import annotations

import math
import random

import pytest

from studio.evaluation.retrieval import compare, evaluate
from studio.evaluation.significance import (
    bootstrap_difference,
    bootstrap_mean,
    paired_randomisation,
    paired_test,
)
from studio.records import StudioError

QRELS = {"q1": {"a": 1, "b": 2}, "q2": {"c": 1}, "unjudged": {}, "irrelevant": {"a": 0}}


def ranking(*documents: str) -> dict[str, float]:
    return {document: 1.0 - rank / 1000 for rank, document in enumerate(documents)}


def test_a_perfect_ranking_scores_one_everywhere() -> None:
    scores = evaluate({"q1": ranking("b", "a"), "q2": ranking("c")}, QRELS)
    assert scores.means == pytest.approx(
        {"ndcg@10": 1, "map": 1, "recall@10": 1, "recall@100": 1, "mrr@10": 1}
    )


def test_a_document_in_second_place() -> None:
    scores = evaluate({"q1": {}, "q2": ranking("x", "c")}, QRELS)
    assert scores.per_query["ndcg@10"]["q2"] == pytest.approx(1 / math.log2(3))
    assert scores.per_query["mrr@10"]["q2"] == 0.5


def test_beyond_the_tenth_place_only_the_deep_measures_count() -> None:
    others = [f"x{n}" for n in range(10)]
    scores = evaluate({"q2": ranking(*others, "c")}, {"q2": {"c": 1}}).means
    assert scores["mrr@10"] == scores["ndcg@10"] == scores["recall@10"] == 0
    assert scores["recall@100"] == 1
    assert scores["map"] == pytest.approx(1 / 11)


def test_a_judged_query_that_the_run_lacks_scores_zero_and_an_unjudged_one_does_not_count() -> None:
    scores = evaluate({"q2": ranking("c"), "unjudged": ranking("a")}, QRELS)
    assert scores.per_query["ndcg@10"] == {"q1": 0.0, "q2": 1.0}
    assert scores.values() == [0.0, 1.0]


def test_gold_without_a_relevant_document_is_refused() -> None:
    with pytest.raises(StudioError, match="nothing to score"):
        evaluate({"q": ranking("a")}, {"q": {"a": 0}})


def test_wins_losses_and_ties_by_query() -> None:
    gold = {name: {"d": 1} for name in ("better", "worse", "much worse", "same")}
    old = evaluate({q: ranking("d") for q in ("worse", "much worse", "same")}, gold)
    new = evaluate({"better": ranking("d"), "worse": ranking("x", "d"), "same": ranking("d")}, gold)
    result = compare(new, old)
    assert list(result.wins) == ["better"]
    assert list(result.losses) == ["much worse", "worse"]
    assert result.ties == 1


def test_a_steady_gain_is_significant_and_its_interval_excludes_zero() -> None:
    noise = random.Random(0)
    old = [noise.random() for _ in range(100)]
    new = [value + 0.05 + noise.gauss(0, 0.05) for value in old]
    result = paired_test(new, old)
    assert result.significant
    assert result.p_value == pytest.approx(1 / 10_001)
    assert 0 < result.difference.low < result.difference.mean < result.difference.high


def test_noise_is_not_significant() -> None:
    noise = random.Random(1)
    old = [noise.random() for _ in range(100)]
    new = [value + noise.gauss(0, 0.05) for value in old]
    assert not paired_test(new, old).significant


def test_the_p_value_of_four_pairs_is_that_of_all_sixteen_sign_patterns() -> None:
    p = paired_randomisation([1, 1, 1, 1], [0, 0, 0, 0])
    assert p == pytest.approx(2 / 16, abs=0.01)


def test_equal_systems_have_a_p_value_of_one() -> None:
    assert paired_randomisation([0.5, 0.25], [0.5, 0.25]) == 1.0


def test_the_same_seed_gives_the_same_answer() -> None:
    old, new = [0.1, 0.4, 0.3, 0.8], [0.2, 0.3, 0.5, 0.9]
    assert paired_test(new, old, seed=3) == paired_test(new, old, seed=3)
    assert bootstrap_difference(new, old, seed=3).mean == pytest.approx(0.075)


def test_the_interval_of_a_mean_shrinks_with_more_queries() -> None:
    noise = random.Random(2)
    values = [noise.random() for _ in range(400)]
    few, many = bootstrap_mean(values[:25]), bootstrap_mean(values)
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize(("new", "old"), [([], []), ([1.0], [1.0, 2.0])])
def test_unpaired_values_are_an_error(new: list[float], old: list[float]) -> None:
    with pytest.raises(ValueError, match="a paired test"):
        paired_randomisation(new, old)
