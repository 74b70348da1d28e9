"""Scores of written answers: ROUGE-L as the published scorer has it, loss and perplexity."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from studio.evaluation.generation import rouge_l, scores
from studio.llm.causal import AnswerLoss

WORDS = st.lists(st.sampled_from(["Boil", "the", "water,", "then", "x2", "-", "rice."]), max_size=9)
TEXTS = WORDS.map(" ".join) | st.text(st.characters(max_codepoint=127), max_size=30)


@cache
def published() -> Any:
    """The published scorer. Its libraries take a second that no other test has a use for."""
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=False)


@settings(max_examples=200)
@given(TEXTS, TEXTS)
@example("Boil the rice.", "the water, then boil")
def test_on_ascii_text_it_is_the_published_scorer(answer: str, reference: str) -> None:
    assert rouge_l(answer, reference) == published().score(reference, answer)["rougeL"].fmeasure


def test_in_a_script_without_spaces_each_character_is_a_word() -> None:
    assert rouge_l("把水烧开", "先把水烧开") == pytest.approx(8 / 9)
    assert rouge_l("把水烧开", "加一勺盐") == 0


def test_what_stands_for_each_answer_has_the_whole_as_its_mean() -> None:
    found = scores(
        [AnswerLoss(6.0, 2), AnswerLoss(2.0, 6)], ["red", "a tall tree"], ["red", "a small tree"]
    )
    assert found.loss == 1.0
    assert sum(found.losses) / 2 == pytest.approx(found.loss)
    assert found.rouges == (1.0, pytest.approx(2 / 3))
    assert found.metrics() == {
        "rouge_l": pytest.approx(5 / 6),
        "loss": 1.0,
        "perplexity": pytest.approx(math.e),
    }


@pytest.mark.parametrize(
    ("losses", "answers"), [([], []), ([AnswerLoss(1.0, 1)], []), ([AnswerLoss(0.0, 0)], ["a"])]
)
def test_what_cannot_be_scored_is_an_error(losses: list[AnswerLoss], answers: list[str]) -> None:
    with pytest.raises(ValueError, match=r"answers to 1|has a token"):
        scores(losses, answers, ["a"])
