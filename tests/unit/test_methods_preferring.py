"""The pairwise judge: what it says is read, and both orders must agree."""

from __future__ import annotations

import pytest

from studio.evaluation.significance import sign_test
from studio.methods.preferring import FORM, ORDERS, PREFERENCE, choice_in, preferences
from studio.prompting.builtin import builtin, builtin_names
from studio.records import Record


@pytest.mark.parametrize("name", builtin_names("preference"))
def test_the_bundled_templates_hold_all_that_a_judge_must_see(name: str) -> None:
    assert FORM.lint(builtin(name, "preference")) == []


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("1\nIt is right.", "1"),
        ("**Answer 2** is better, since 1 is empty", ""),
        ("Answer 2.\nThe answer 1 is wrong.", "2"),
        ("Tie\nBoth say the same.", "tie"),
        ("平\n两个都对。", "tie"),
        ("[[1]]", "1"),
        ("回答 2 更好", "2"),
        ("They are 12 and 2.5 long", ""),
        ("Neither of them.", "tie"),
        ("I cannot say.", ""),
    ],
)
def test_a_choice_is_read_from_the_first_line_or_not_at_all(said: str, choice: str) -> None:
    assert choice_in(said) == choice


def test_an_answer_wins_in_both_orders_or_it_is_a_tie() -> None:
    said = {
        "won": ("1", "2"),
        "lost": ("2", "1"),
        "place": ("1", "1"),
        "tied": ("tie", "tie"),
        "half": ("1", ""),
    }
    notes = [
        Record(PREFERENCE, {"gold": gold, "order": order, "choice": choice}, batch=batch)
        for gold, choices in said.items()
        for batch in (0, 1)
        for order, choice in zip(ORDERS, choices, strict=True)
    ]
    assert preferences(notes) == {"won": 1, "lost": -1, "place": 0, "tied": 0, "half": None}


def test_the_sign_test_is_the_binomial_one() -> None:
    assert sign_test(0, 0) == 1.0
    assert sign_test(5, 0) == 2 / 2**5
    assert sign_test(2, 8) == pytest.approx(0.109375)
