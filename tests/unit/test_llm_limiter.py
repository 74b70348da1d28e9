"""How many calls at a time: down where fewer calls help, not where faults come at random.

A server is played on a clock of its own, so that nothing depends on this machine.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

import pytest

from studio.llm.client import LLMClient
from studio.llm.failures import CallFailed
from studio.llm.limiter import AdaptiveLimiter
from studio.settings import Endpoint

ANSWER_S, REFUSAL_S = 0.2, 0.01
MOST = 128


@dataclass
class Played:
    """A server that takes ``room`` calls at a time and refuses a share of them besides."""

    share: float = 0.0
    room: int = MOST
    retry_after: float | None = None
    seed: int = 1
    now: float = 1.0
    attempts: int = 0
    limits: list[float] = field(default_factory=list)
    limiter: AdaptiveLimiter = field(init=False)

    def __post_init__(self) -> None:
        endpoint = Endpoint("played", max_concurrency=MOST)
        self.limiter = AdaptiveLimiter(LLMClient(endpoint, None), MOST)
        self.random = random.Random(self.seed)

    def answer(self, wanted: int) -> float:
        """Until so many are answered; the mean limit of the last half of the calls."""
        flying: list[tuple[float, int, float, bool]] = []
        good = answered = 0
        while answered < wanted:
            while self.limiter.has_room(self.now):
                refused = good >= self.room or self.random.random() < self.share
                lasts = REFUSAL_S if refused else ANSWER_S * self.random.uniform(0.5, 1.5)
                good += not refused
                self.attempts += 1
                self.limiter.in_flight += 1
                heapq.heappush(flying, (self.now + lasts, self.attempts, self.now, refused))
            if not flying:
                self.now = self.limiter.paused_until
                continue
            ends, _, sent_at, refused = heapq.heappop(flying)
            self.now = max(self.now, ends)
            self.limiter.in_flight -= 1
            self.limits.append(self.limiter.limit)
            if refused:
                failed = CallFailed("busy", "busy", retry_after=self.retry_after)
                self.limiter.congested(failed, sent_at, self.now)
            else:
                good, answered = good - 1, answered + 1
                self.limiter.went_well(sent_at, self.now)
        late = self.limits[len(self.limits) // 2 :]
        return sum(late) / len(late)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.01, 0.05, 0.15, 0.2])
def test_random_refusals_do_not_starve_a_run(share: float, seed: int) -> None:
    assert Played(share, seed=seed).answer(4000) > MOST / 2


@pytest.mark.parametrize("seed", range(3))
def test_neither_do_random_refusals_that_ask_for_a_pause(seed: int) -> None:
    played = Played(0.1, retry_after=1.0, seed=seed)
    assert played.answer(4000) > MOST / 2
    # A pause of all calls for each of them would take over a hundred.
    assert played.now < 60


@pytest.mark.parametrize("room", [4, 20, 60])
@pytest.mark.parametrize("share", [0.0, 0.1])
def test_a_server_without_more_room_is_not_pressed(room: int, share: float) -> None:
    played = Played(share, room)
    assert 0.6 * room < played.answer(2000) <= 1.25 * room
    refused_at_random = played.attempts * share
    assert played.attempts - 2000 - refused_at_random < 0.3 * 2000


def test_a_server_that_refuses_all_is_asked_less_and_less() -> None:
    limiter = Played().limiter
    for number in range(400):
        limiter.congested(CallFailed("busy", "busy"), float(number), float(number))
    assert limiter.limit == 1
