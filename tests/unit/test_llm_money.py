"""Sums of money to the digits that they have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.llm.money import dollars


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.00"),
        (2, "$2.00"),
        (0.1 + 0.2, "$0.30"),
        (0.0145, "$0.0145"),
        (0.01, "$0.01"),
        (0.0000019, "$0.000001"),
        (1.23456789, "$1.2345"),
        (1234.5, "$1,234.50"),
    ],
)
def test_a_sum_in_words(amount: float, text: str) -> None:
    assert dollars(amount) == text


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_what_was_spent_never_looks_like_more_than_the_cap(one: float, other: float) -> None:
    least, most = (float(dollars(x)[1:].replace(",", "")) for x in sorted((one, other)))
    assert least <= most
