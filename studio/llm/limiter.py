"""How many calls one server takes at a time, found by trying: up by one, down by half.

Halving is for congestion: faults that become rarer with fewer calls in flight. A server that
refuses one call in seven at random refuses as many of two calls as of two hundred; there, halving
would starve the run. So each halving is a trial: when the share of faults does not fall with the
limit, it is noise, the limit is given back, and only more faults than that count from then on.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from studio.llm.client import LLMClient
from studio.llm.failures import CallFailed
from studio.llm.slowness import Slowness

START_LIMIT = 16.0
START_SHARE = 0.25
"""The same as a share of the most that are allowed: who allows many knows the server."""
CLIMB = 2.0
"""Calls more at a time for each answer, until it is once too much: three times as many a round."""
BACKOFF_BASE_S = 0.5
BACKOFF_MOST_S = 30.0
TRIAL = 20
"""Calls that end at the lower limit before a halving is judged."""
FALLS = 0.6
"""Congestion falls below this part of its share when the limit is halved; noise stays."""
MOST_NOISE = 0.35
"""A server that refuses more than this share is too busy, whatever the limit."""
REMEMBERED = 400
"""Calls after which the older ones count half: a burst must not drown in a long good time."""
DOUBTS = 3.0
"""Standard deviations by which faults must exceed the noise to count."""


@dataclass(slots=True)
class _Counted:
    """Calls that were sent at one limit, and ended."""

    calls: float = 0.0
    faults: float = 0.0

    def add(self, *, fault: bool) -> None:
        if self.calls >= REMEMBERED:
            self.calls, self.faults = self.calls / 2, self.faults / 2
        self.calls += 1
        self.faults += fault

    @property
    def share(self) -> float:
        return self.faults / self.calls if self.calls else 0.0

    def exceeds(self, noise: float) -> bool:
        """Whether so many faults are more than that share explains."""
        spread = math.sqrt(self.calls * noise * (1 - noise))
        return self.faults > self.calls * noise + DOUBTS * spread


class AdaptiveLimiter:
    """One base URL with its own limit (as TCP finds its window) and its own pauses.

    Times are seconds of one monotonic clock. Signals of calls that were sent before the last
    change tell nothing new: each burst counts once.
    """

    def __init__(self, client: LLMClient, most: int) -> None:
        self.client = client
        self.most = max(1, min(most, client.endpoint.max_concurrency))
        self.limit = min(max(START_LIMIT, START_SHARE * self.most), float(self.most))
        self.in_flight = 0
        self.paused_until = 0.0
        self.strikes = 0
        """Times in a row that nobody listened."""
        self.noise = 0.0
        """The share of faults that comes at any limit."""
        self._counted = _Counted()
        self._before = _Counted()
        """Those of the limit before the last change; what was in flight then still ends."""
        self._slowness = Slowness()
        self._trial: float | None = None
        """While a halving is judged: the limit before it."""
        self._climbing = True
        self._full_at = 0.0
        self._changed_at = 0.0
        self._struck_at = 0.0

    def has_room(self, now: float) -> bool:
        """Whether one more call may start now."""
        if self.in_flight >= int(self.limit):
            self._full_at = now
            return False
        return now >= self.paused_until

    def send(self, now: float) -> None:
        """One call goes out."""
        self.in_flight += 1
        self._slowness.sent(now, self.limit)

    def allow(self, most: int) -> None:
        """Another limit from now on; calls over it that are under way end by themselves."""
        self.most = max(1, min(most, self.client.endpoint.max_concurrency))
        # What a server bears is known only once it was too much for it.
        least = min(START_LIMIT, float(self.most)) if self._climbing else 1.0
        self.limit = min(float(self.most), max(self.limit, least))

    def went_well(self, sent_at: float, now: float = 0.0) -> None:
        """An answer came: a bit more may be tried, if the limit held a call back meanwhile."""
        self.strikes = 0
        self._count(sent_at, now, fault=False)
        if self._trial is not None:
            return
        slower = self._slowness.answered(sent_at, now, self.limit)
        if slower != self.limit:
            self._climbing = False
            self._change(slower, now)
        elif self._full_at >= sent_at and not self._slowness.holds:
            step = CLIMB if self._climbing else 1.0 / self.limit
            self.limit = min(float(self.most), self.limit + step)

    def went_wrong(self, sent_at: float) -> None:
        """A call failed, in whatever way: how long it took tells nothing."""
        self._slowness.failed(sent_at)

    def congested(self, failed: CallFailed, sent_at: float, now: float) -> bool:
        """Halve, and pause as long as the server asked for. True when the limit fell.

        What is noise changes nothing: the call alone waits.
        """
        tells = self._count(sent_at, now, fault=True)
        falls = tells and self._trial is None and self._counted.exceeds(self.noise)
        if failed.retry_after is not None and (falls or not self.noise):
            self.paused_until = max(self.paused_until, now + failed.retry_after)
        if falls:
            # The fault that was noticed says nothing of how many there are.
            self._counted.faults -= 1
            self._trial, self._climbing = self.limit, False
            self._slowness.restart(now)
            self._change(max(1.0, self.limit / 2), now)
        return falls

    def _count(self, sent_at: float, now: float, *, fault: bool) -> bool:
        """Whether the call was sent at the present limit; judge a trial that has seen enough."""
        if sent_at < self._changed_at:
            self._before.add(fault=fault)
            return False
        self._counted.add(fault=fault)
        if self._trial is not None and self._counted.calls >= TRIAL:
            self._judge(self._trial, now)
            return False
        return True

    def _judge(self, before: float, now: float) -> None:
        """Was it the limit, or does it come at any?"""
        found, self._trial = self._counted.share, None
        self._slowness.restart(now)
        if found > MOST_NOISE or found < FALLS * self._before.share or not found:
            # From here one more at a time.
            self.noise = min(self.noise, found)
            self._change(self.limit, now)
        else:
            self.noise, self._climbing = max(self.noise, found), True
            self._change(min(float(self.most), max(self.limit, before)), now)

    def _change(self, limit: float, now: float) -> None:
        self.limit, self._changed_at = limit, now
        self._before, self._counted = self._counted, _Counted()

    def unreachable(self, sent_at: float, now: float) -> None:
        """Nobody listens: try again after a growing pause."""
        if sent_at >= self._struck_at:
            self._struck_at = now
            self.strikes += 1
            self.paused_until = max(self.paused_until, now + backoff(self.strikes))


def backoff(attempt: int) -> float:
    """Seconds before the next attempt (1 and up): doubling, with jitter so that calls spread."""
    longest = min(BACKOFF_MOST_S, BACKOFF_BASE_S * 2.0 ** (attempt - 1))
    return longest * random.uniform(0.5, 1.0)
