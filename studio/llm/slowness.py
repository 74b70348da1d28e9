"""Whether more calls at a time bring more answers. A server that queues them sends no 429.

What tells is latency that grows with the calls while throughput does not. Then fewer are tried,
half as many each time, as long as that costs no throughput. Where latency grows by itself (longer
prompts, other people) nothing changes: fewer calls would bring fewer answers.
"""

from __future__ import annotations

from dataclasses import dataclass

LEAST_CALLS = 24
"""Calls that a level is judged by, or as many as it has at a time when that is more."""
BACK = 0.9
"""The share of them that must have ended: the last ones may take for ever."""
GREW = 1.5
"""A level is compared with a lower one when it has so many times its calls."""
GAIN = 0.25
"""The share of more calls that must come back as more answers."""
SLOWER = 1.25
"""Latency has grown when it is so many times that of the lower level."""
AS_GOOD = 0.8
"""Half the calls do as well when they bring this share of the answers."""
HELD = 20
"""Levels judged before more calls are tried again, once it is known how few do."""


@dataclass(frozen=True, slots=True)
class _Level:
    """What so many calls at a time have brought."""

    calls: float
    latency: float
    """Mean seconds of the calls that were sent then, quick and slow ones alike."""

    @property
    def rate(self) -> float:
        """Answers a second, by Little's law."""
        return self.calls / self.latency

    def queues_more_than(self, lower: _Level) -> bool:
        """Whether the calls that it has more than the other only wait."""
        wanted = 1 + GAIN * (self.calls / lower.calls - 1)
        return self.rate < wanted * lower.rate and self.latency > SLOWER * lower.latency


class Slowness:
    """The levels of one base URL, judged one after the other."""

    def __init__(self) -> None:
        self.holds = 0
        """Levels for which no more calls may be tried."""
        self._best: _Level | None = None
        """What the present level is compared with."""
        self._falls_from: _Level | None = None
        """While fewer are tried: what they must not be worse than."""
        self._begin(0.0)

    def restart(self, now: float) -> None:
        """The limit has changed for another reason: what was being tried is tried no more."""
        self.holds, self._falls_from = 0, None
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._first_at, self._last_at = now, 0.0
        self._sent, self._limits = 0, 0.0
        self._back, self._failed, self._seconds = 0, 0, 0.0

    def sent(self, now: float, limit: float) -> None:
        """A call goes out."""
        if not self._last_at:
            self._sent += 1
            self._limits += limit
            if self._sent >= max(LEAST_CALLS, limit):
                self._last_at = now

    def answered(self, sent_at: float, now: float, limit: float) -> float:
        """Take one answer in; the limit from now on."""
        if self._is_of_level(sent_at):
            self._back += 1
            self._seconds += now - sent_at
        if not self._last_at or self._back + self._failed < BACK * self._sent:
            return limit
        seconds = self._seconds / max(1, self._back)
        level = _Level(self._limits / self._sent, seconds)
        self._begin(now)
        return self._judged(level, limit) if seconds else limit

    def failed(self, sent_at: float) -> None:
        """A call ends without an answer: it is not waited for, and not timed."""
        self._failed += self._is_of_level(sent_at)

    def _is_of_level(self, sent_at: float) -> bool:
        return sent_at >= self._first_at and not 0 < self._last_at < sent_at

    def _judged(self, level: _Level, limit: float) -> float:
        best = self._best
        if self._falls_from is not None and best is not None:
            if level.rate >= AS_GOOD * self._falls_from.rate and limit > 1:
                self._best = level
                return max(1.0, limit / 2)
            self._falls_from, self.holds = None, HELD
            return max(limit, best.calls)
        self.holds = max(0, self.holds - 1)
        if best is not None and level.calls >= GREW * best.calls and level.queues_more_than(best):
            self._falls_from, self.holds = level, 1
            return best.calls
        if best is None or not best.calls < level.calls < GREW * best.calls:
            self._best = level
        return limit
