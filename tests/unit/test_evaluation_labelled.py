"""Accuracy, McNemar, and SQuAD's exact match and F1 against values worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.evaluation import reading
from studio.evaluation.classification import mcnemar, scores


def test_accuracy_and_macro_f1() -> None:
    found = scores(["a", "a", "a", "b"], ["a", "a", "b", "b"])
    assert found["accuracy"] == 0.75
    # a: precision 1, recall 2/3 → .8; b: precision 1/2, recall 1 → 2/3.
    assert found["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert found["labels"]["b"]["items"] == 1


def test_a_label_that_gold_lacks_counts_against_the_others_only() -> None:
    found = scores(["a", "b"], ["c", "b"])
    assert set(found["labels"]) == {"a", "b"}
    assert found["accuracy"] == 0.5


def test_predictions_must_be_as_many_as_items() -> None:
    with pytest.raises(ValueError, match="1 predictions for 2 items"):
        scores(["a", "b"], ["a"])


def test_mcnemar_is_the_binomial_on_discordant_pairs() -> None:
    new = [True] * 8 + [False] * 2 + [True] * 30
    old = [False] * 8 + [True] * 2 + [True] * 30
    found = mcnemar(new, old)
    assert (found.only_new, found.only_old) == (8, 2)
    # 2 · (C(10,0) + C(10,1) + C(10,2)) / 2^10
    assert found.p_value == pytest.approx(2 * (1 + 10 + 45) / 1024)


def test_two_models_that_err_alike_do_not_differ() -> None:
    assert mcnemar([True, False], [True, False]).p_value == 1.0


def test_mcnemar_of_very_many_pairs_is_near_the_exact_one() -> None:
    from scipy.stats import binomtest

    new, old = [True] * 800 + [False] * 700, [False] * 800 + [True] * 700
    assert mcnemar(new, old).p_value == pytest.approx(binomtest(800, 1500).pvalue, rel=0.05)


@pytest.mark.parametrize(
    ("said", "answers", "em", "f1"),
    [
        ("The  Cat!", ["cat"], True, 1.0),
        ("an apple", ["apple", "pear"], True, 1.0),
        ("red apple", ["green apple"], False, 0.5),
        ("", ["apple"], False, 0.0),
        ("the", [""], True, 1.0),
        ("北京市", ["北京"], False, 0.8),
        ("“七日”", ["七日"], True, 1.0),
        ("$5.00", ["5.00"], True, 1.0),
        ("apple", [], False, 0.0),
    ],
)
def test_answers_are_compared_as_squad_does(
    said: str, answers: list[str], em: bool, f1: float
) -> None:
    assert reading.exact(said, answers) is em
    assert reading.token_f1(said, answers) == pytest.approx(f1)


def test_means_over_questions() -> None:
    found = reading.scores(["cat", "red dog"], [["cat"], ["dog"]])
    assert found == {"em": 0.5, "f1": pytest.approx((1 + 2 / 3) / 2)}


@given(st.text(), st.lists(st.text(), max_size=3))
def test_any_text_scores_between_0_and_1(said: str, answers: list[str]) -> None:
    f1 = reading.token_f1(said, answers)
    assert 0 <= f1 <= 1
    assert f1 == 1 or not reading.exact(said, answers) or not answers
