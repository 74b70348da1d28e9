"""Requests and tokens a minute, played on a clock."""

from __future__ import annotations

import pytest

from studio.llm.pacing import Pacing
from studio.settings import Endpoint


def played(pacing: Pacing, seconds: float, most: int = 100, took: int = 100) -> list[float]:
    """When calls went out that are sent as soon as they may be."""
    sent = []
    for tick in range(int(seconds * 50)):
        now = 100.0 + tick / 50
        while pacing.is_free(now) and len(sent) < 100_000:
            pacing.take(most)
            pacing.settle(most, took)
            sent.append(now)
            if len(sent) > 50 * seconds * 50:
                return sent
    return sent


def most_in_a_minute(sent: list[float]) -> int:
    return max(sum(first <= at < first + 60 for at in sent) for first in sent)


@pytest.mark.parametrize("limit", [3, 60, 1200])
def test_no_minute_has_more_requests_than_are_allowed(limit: int) -> None:
    sent = played(Pacing(Endpoint("x", requests_per_minute=limit)), 150)
    assert 0.9 * limit - 1 <= most_in_a_minute(sent) <= limit
    # Spread evenly, not all at once.
    assert sum(at < 101 for at in sent) <= max(1, limit / 30)


@pytest.mark.parametrize("took", [100, 25])
def test_no_minute_has_more_tokens_than_are_allowed(took: int) -> None:
    sent = played(Pacing(Endpoint("x", tokens_per_minute=6000)), 150, most=100, took=took)
    assert 0.9 * 6000 <= most_in_a_minute(sent) * took <= 6000 + 100


def test_without_limits_nothing_is_held_back() -> None:
    assert Pacing(Endpoint("x")).is_free(0.0)
