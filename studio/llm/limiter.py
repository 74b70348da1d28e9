"""How many calls one server takes at a time, found by trying: up by one, down by half."""

from __future__ import annotations

import random

from studio.llm.client import LLMClient
from studio.llm.failures import CallFailed

START_LIMIT = 8.0
BACKOFF_BASE_S = 0.5
BACKOFF_MOST_S = 30.0


class AdaptiveLimiter:
    """One base URL with its own limit (as TCP finds its window) and its own pauses.

    Times are seconds of one monotonic clock. Signals of calls that were sent before the last
    change tell nothing new: each burst counts once.
    """

    def __init__(self, client: LLMClient, most: int) -> None:
        self.client = client
        self.most = max(1, min(most, client.endpoint.max_concurrency))
        self.limit = min(START_LIMIT, float(self.most))
        self.in_flight = 0
        self.paused_until = 0.0
        self.strikes = 0
        """Times in a row that nobody listened."""
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

    def allow(self, most: int) -> None:
        """Another limit from now on; calls over it that are under way end by themselves."""
        self.most = max(1, min(most, self.client.endpoint.max_concurrency))
        # What a server bears is known only once it was too much for it.
        least = min(START_LIMIT, float(self.most)) if self._climbing else 1.0
        self.limit = min(float(self.most), max(self.limit, least))

    def went_well(self, sent_at: float) -> None:
        """An answer came: a bit more may be tried, if the limit held a call back meanwhile."""
        self.strikes = 0
        if self._full_at >= sent_at:
            step = 1.0 if self._climbing else 1.0 / self.limit
            self.limit = min(float(self.most), self.limit + step)

    def congested(self, failed: CallFailed, sent_at: float, now: float) -> bool:
        """Halve, and pause as long as the server asked for. True when the limit changed."""
        if failed.retry_after is not None:
            self.paused_until = max(self.paused_until, now + failed.retry_after)
        if sent_at < self._changed_at:
            return False
        self._climbing, self._changed_at = False, now
        self.limit = max(1.0, self.limit / 2)
        return True

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
