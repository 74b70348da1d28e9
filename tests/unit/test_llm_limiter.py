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
    queue_slots: int | None = None
    """So many calls are worked on at a time, the others wait; None is no end of them."""
    seed: int = 1
    now: float = 1.0
    attempts: int = 0
    limits: list[float] = field(default_factory=list)
    limiter: AdaptiveLimiter = field(init=False)
    spread: float = 0.3
    """σ of the logarithm of what a call takes."""
    slow: float = 1.0
    """So many times as long."""
    broken: float = 0.0
    """A share of the calls that end without an answer, whatever the limit."""

    def __post_init__(self) -> None:
        endpoint = Endpoint("played", max_concurrency=MOST)
        self.limiter = AdaptiveLimiter(LLMClient(endpoint, None), MOST)
        self.random = random.Random(self.seed)
        self.free = [0.0] * (self.queue_slots or 0)

    def seconds(self) -> float:
        """Until a call that comes now is answered."""
        works = (
            self.slow * ANSWER_S * self.random.lognormvariate(-(self.spread**2) / 2, self.spread)
        )
        if self.queue_slots is None:
            return works
        begins = max(self.now, heapq.heappop(self.free))
        heapq.heappush(self.free, begins + works)
        return begins + works - self.now

    def answer(self, wanted: int) -> float:
        """Until so many are answered; the mean limit of the last half of the calls."""
        flying: list[tuple[float, int, float, bool]] = []
        good = answered = 0
        while answered < wanted:
            while self.limiter.has_room(self.now):
                refused = good >= self.room or self.random.random() < self.share
                lasts = REFUSAL_S if refused else self.seconds()
                good += not refused
                self.attempts += 1
                self.limiter.send(self.now)
                heapq.heappush(flying, (self.now + lasts, self.attempts, self.now, refused))
            if not flying:
                self.now = self.limiter.paused_until
                continue
            ends, _, sent_at, refused = heapq.heappop(flying)
            self.now = max(self.now, ends)
            self.limiter.in_flight -= 1
            self.limits.append(self.limiter.limit)
            good -= not refused
            if refused or (self.broken and self.random.random() < self.broken):
                self.limiter.went_wrong(sent_at)
            else:
                answered += 1
                self.limiter.went_well(sent_at, self.now)
            if refused:
                failed = CallFailed("busy", "busy", retry_after=self.retry_after)
                self.limiter.congested(failed, sent_at, self.now)
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


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("slots", [4, 8, 20])
def test_a_server_that_queues_is_asked_for_about_what_it_works_on(slots: int, seed: int) -> None:
    played = Played(queue_slots=slots, seed=seed)
    began = played.now
    assert played.answer(3000) < 3 * slots
    assert 3000 / (played.now - began) > 0.85 * slots / ANSWER_S


@pytest.mark.parametrize("share", [0.0, 0.2])
@pytest.mark.parametrize("broken", [0.15, 0.4])
def test_calls_that_fail_hide_no_queue(broken: float, share: float) -> None:
    played = Played(share, queue_slots=8, broken=broken)
    began = played.now
    assert played.answer(3000) < 3 * 8
    assert 3000 / (played.now - began) > 0.75 * (1 - broken) * 8 / ANSWER_S


@pytest.mark.parametrize("broken", [0.15, 0.4])
def test_calls_that_fail_are_no_queue(broken: float) -> None:
    assert Played(broken=broken).answer(3000) > 0.8 * MOST


@pytest.mark.parametrize("seed", range(5))
def test_latencies_of_every_length_are_no_queue(seed: int) -> None:
    assert Played(spread=1.0, seed=seed).answer(4000) > 0.8 * MOST


def test_a_server_that_grows_slow_by_itself_is_asked_no_less() -> None:
    played = Played()
    played.answer(2000)
    for more in (2.0, 4.0, 1.0):
        played.slow = more
        assert played.answer(1500) > 0.8 * MOST
