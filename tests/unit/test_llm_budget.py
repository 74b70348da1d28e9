"""The budget: what is set aside, what is booked, what does not fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.calls import Answer, Decoding, Message, Request
from studio.llm.budget import Budget, most_prompt_tokens
from studio.records import StudioError
from studio.settings import Endpoint

PRICED = Endpoint("priced", price_in=1.0, price_out=2.0)
UNPRICED = Endpoint("unpriced")


def request(text: str = "x" * 100, max_tokens: int = 50) -> Request:
    return Request((Message("user", text),), "m", Decoding(max_tokens=max_tokens))


def test_a_call_is_booked_at_what_it_took() -> None:
    budget = Budget(cap_usd=1.0)
    reservation = budget.reserve(request(), PRICED)
    assert reservation is not None
    budget.settle(reservation, Answer("hi", prompt_tokens=30, completion_tokens=5, cost=4e-05))
    assert (budget.spent_tokens, budget.spent_usd) == (35, 4e-05)
    assert (budget.reserved_tokens, budget.reserved_usd) == (0, 0.0)


def test_a_call_without_counts_is_booked_at_its_most() -> None:
    budget = Budget()
    reservation = budget.reserve(request(), PRICED)
    assert reservation is not None
    budget.settle(reservation, Answer("hi"))
    assert budget.spent_tokens == reservation.tokens


def test_a_call_that_was_not_paid_gives_all_back() -> None:
    budget = Budget(cap_tokens=300)
    reservation = budget.reserve(request(), PRICED)
    assert reservation is not None
    assert budget.reserve(request(), PRICED) is None
    budget.release(reservation)
    assert budget.reserve(request(), PRICED) is not None


def test_what_was_spent_before_a_stop_still_counts() -> None:
    assert Budget(cap_usd=1.0, spent_usd=1.0).reserve(request(), PRICED) is None


def test_a_cost_cap_needs_prices() -> None:
    with pytest.raises(StudioError, match="price of unpriced is unknown"):
        Budget(cap_usd=5.0).refuse_unpriced([PRICED, UNPRICED])
    Budget(cap_tokens=5).refuse_unpriced([UNPRICED])


@pytest.mark.parametrize("text", ["plain words", "税务问题", "🙂🙂🙂", "\ud800", ""])
def test_the_bound_is_never_below_the_bytes(text: str) -> None:
    assert most_prompt_tokens(request(text)) >= len(text.encode("utf-8", "replace"))


@given(
    st.integers(0, 5000),
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 200), st.integers(0, 2)), max_size=40),
)
def test_no_order_of_calls_passes_the_cap(cap: int, calls: list[tuple[int, int, int]]) -> None:
    budget = Budget(cap_tokens=cap)
    flying = []
    for length, max_tokens, action in calls:
        if action == 2 and flying:
            reservation = flying.pop()
            budget.settle(
                reservation,
                Answer("", prompt_tokens=length, completion_tokens=0)
                if length <= reservation.tokens
                else None,
            )
        elif reservation := budget.reserve(request("x" * length, max_tokens), UNPRICED):
            flying.append(reservation)
        assert budget.spent_tokens + budget.reserved_tokens <= cap
