"""Estimates: a range that holds the truth, and unknown where a price is unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.calls import Answer, Decoding, Message, Request
from studio.llm.estimate import Range, estimate
from studio.settings import Endpoint

PRICED = Endpoint("priced", price_in=1.0, price_out=4.0)


def request(words: int, max_tokens: int = 50) -> Request:
    return Request((Message("user", "word " * words),), "m", Decoding(max_tokens=max_tokens))


def words(text: str) -> int:
    return len(text.split())


def test_the_range_holds_what_a_rough_count_can_miss() -> None:
    found = estimate([request(100)] * 10, 1000, PRICED, words)
    assert found.prompt_tokens.low < 100_000 < found.prompt_tokens.high
    assert found.completion_tokens == Range(4000, 50_000)
    assert found.requests == 1000


def test_the_cost_follows_from_both_ends() -> None:
    found = estimate([request(100)] * 10, 1000, PRICED, words)
    assert found.cost is not None
    expected = (found.prompt_tokens.high + 4 * found.completion_tokens.high) / 1e6
    assert found.cost.high == pytest.approx(expected, rel=1e-3)


def test_an_unknown_price_is_unknown_and_a_free_one_is_free() -> None:
    sample = [request(10)]
    assert estimate(sample, 5, Endpoint("x"), words).cost is None
    assert estimate(sample, 5, Endpoint("x", price_in=1.0), words).cost is None
    assert estimate(sample, 5, Endpoint("x", price_in=0.0, price_out=0.0), words).cost == Range(
        0, 0
    )


def test_earlier_answers_set_the_count_right_and_narrow_the_range() -> None:
    done = request(100)
    answers = [(done, Answer("x", prompt_tokens=210, completion_tokens=12))] * 30
    found = estimate([done] * 10, 100, PRICED, words, answered=answers)
    assert found.prompt_tokens.low < 21_000 < found.prompt_tokens.high
    assert found.prompt_tokens.high - found.prompt_tokens.low < 1500
    assert found.completion_tokens == Range(1200, 1200)
    assert "30 earlier answers" in found.basis


def test_a_varied_sample_has_a_wider_range() -> None:
    even = estimate([request(100)] * 10, 100, PRICED, words).prompt_tokens
    varied = estimate([request(10), request(190)] * 5, 100, PRICED, words).prompt_tokens
    assert varied.high - varied.low > even.high - even.low


def test_nothing_to_do_costs_nothing() -> None:
    assert estimate([], 10, PRICED, words).cost == Range(0, 0)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=20), st.integers(1, 10**6))
def test_low_is_never_above_high_nor_below_nothing(lengths: list[int], total: int) -> None:
    found = estimate([request(n) for n in lengths], total, PRICED, words)
    assert found.cost is not None
    for span in (found.prompt_tokens, found.completion_tokens, found.cost):
        assert 0 <= span.low <= span.high
