"""Requests and tokens a minute, where an endpoint is set to a limit: spread, never passed."""

from __future__ import annotations

from dataclasses import dataclass, field

from studio.settings import Endpoint

BURST_S = 1.0
"""Seconds' worth that may go out at once; a minute has so much less, so that none passes it."""
REMEMBERED = 0.1
"""The weight of the latest answer in what a call is thought to take."""


@dataclass(slots=True)
class _Bucket:
    """What may be used now; it fills up by the clock."""

    per_minute: float
    level: float = 0.0
    filled_at: float = -BURST_S

    def fill(self, now: float) -> None:
        rate = self.per_minute / (60.0 + BURST_S)
        most = max(1.0, rate * BURST_S)
        first = self.filled_at < 0
        self.level = most if first else min(most, self.level + rate * (now - self.filled_at))
        self.filled_at = now


@dataclass(slots=True)
class Pacing:
    """What an endpoint may be asked now, all its addresses together: the limits are a key's."""

    endpoint: Endpoint
    _requests: _Bucket | None = field(init=False)
    _tokens: _Bucket | None = field(init=False)
    _share: float = 1.0
    """What calls have taken of the most that they could take."""

    def __post_init__(self) -> None:
        each = (self.endpoint.requests_per_minute, self.endpoint.tokens_per_minute)
        self._requests, self._tokens = (_Bucket(limit) if limit else None for limit in each)

    def is_free(self, now: float) -> bool:
        """Whether one more call may go out; one that takes more than there is waits for no more."""
        least = ((self._requests, 1.0), (self._tokens, 0.0))
        for bucket, wanted in least:
            if bucket is not None:
                bucket.fill(now)
                if bucket.level < wanted or bucket.level <= 0:
                    return False
        return True

    def take(self, most_tokens: int) -> None:
        """A call goes out that can take so many tokens."""
        if self._requests is not None:
            self._requests.level -= 1
        if self._tokens is not None:
            self._tokens.level -= self._share * most_tokens

    def settle(self, most_tokens: int, tokens: int) -> None:
        """It took so many: what it was thought to take is put right, and the next ones' too."""
        if self._tokens is not None:
            self._tokens.level += self._share * most_tokens - tokens
        self._share += REMEMBERED * (tokens / max(1, most_tokens) - self._share)
