"""Spearman's correlation of cosines with people's scores, and whether a gain in it is real."""

from __future__ import annotations

import random

import pytest

from studio.evaluation.likeness import compared, spearman

TOLD = [random.Random(n).uniform(0, 5) for n in range(60)]
GOOD = [score + random.Random(n).gauss(0, 1) for n, score in enumerate(TOLD)]
BAD = [random.Random(n + 99).random() for n in range(60)]


def test_it_is_scipys_correlation_within_its_interval() -> None:
    from scipy.stats import spearmanr

    found = spearman(GOOD, TOLD, seed=1)
    assert found.value == pytest.approx(spearmanr(GOOD, TOLD).statistic)
    assert found.low < found.value < found.high


def test_a_gain_is_told_from_luck() -> None:
    gain, none = compared(GOOD, BAD, TOLD, seed=1), compared(GOOD, GOOD, TOLD, seed=1)
    assert gain.low > 0
    assert gain.p_value is not None
    assert gain.p_value < 0.01
    assert (none.value, none.p_value) == (0.0, 1.0)


def test_a_system_that_says_the_same_of_all_orders_nothing() -> None:
    assert spearman([0.5] * 60, TOLD, seed=1).value == 0.0
