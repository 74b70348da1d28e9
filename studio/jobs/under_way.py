"""What a run of LLM calls shows while it goes: counts, rates, pace. Screens read it in the row."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from studio.calls import Answer, Reservation
from studio.llm.engine import Concurrency
from studio.llm.money import dollars
from studio.plurals import so_many
from studio.store.generations import Spent

SAMPLE_S = 1.0
"""Seconds that one sample of the rate stands for."""
SAMPLES = 120
"""The latest samples that are kept."""
LATENCIES = 512
"""The latest answers whose latencies are kept."""
RECENT = 15
"""Samples that the present rate is the mean of."""


@dataclass(slots=True)
class RunCounters:
    """Counts of one job, over its interruptions."""

    answered: int = 0
    records: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    untold_calls: int = 0
    """Calls that nobody said the tokens of."""
    untold_tokens: int = 0
    """The most that they can have taken."""
    cost: float | None = 0.0
    """US dollars, those calls at their most; None as soon as one price is unknown."""
    reasons: Counter[str] = field(default_factory=Counter)
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES))
    """Seconds of the latest answers."""

    def begin_with(self, spent: Spent, records: int, reasons: dict[str, int]) -> None:
        """Go on from what the job did before it was interrupted."""
        self.records = records
        self.prompt_tokens = spent.prompt_tokens
        self.completion_tokens = spent.completion_tokens
        self.cached_tokens = spent.cached_tokens
        self.untold_calls = spent.untold_calls
        self.untold_tokens = spent.untold_tokens
        self.cost = spent.cost
        self.reasons.update(reasons)

    def add(self, records: int, reasons: Iterable[str]) -> None:
        """Count one answer, how many records came of it, and why others, or none, did not."""
        self.answered += 1
        self.records += records
        self.reasons.update(reasons)

    def pay(self, answer: Answer, most: Reservation | None) -> None:
        """Count what an answer took, or can have taken where the endpoint does not say."""
        if answer.finish_reason == "error":
            return
        self.latencies.append(answer.latency_s)
        if not answer.is_counted and most is not None:
            self.lose(most)
            return
        self.prompt_tokens += answer.prompt_tokens or 0
        self.completion_tokens += answer.completion_tokens or 0
        self.cached_tokens += answer.cached_tokens or 0
        self._pay(answer.cost)

    def lose(self, most: Reservation) -> None:
        """Count a call that nobody said the tokens of."""
        self.untold_calls += 1
        self.untold_tokens += most.tokens
        self._pay(most.cost)

    def regain(self, most: Reservation) -> None:
        """One of these turns out to be under way: its answer will say."""
        self.untold_calls -= 1
        self.untold_tokens -= most.tokens
        if self.cost is not None:
            self.cost -= most.cost or 0.0

    def _pay(self, cost: float | None) -> None:
        self.cost = None if self.cost is None or cost is None else self.cost + cost

    def latency(self) -> list[float]:
        """The median and the 95th percentile of the latest latencies; nothing without any."""
        found = sorted(self.latencies)
        return [round(found[int(part * (len(found) - 1))], 3) for part in (0.5, 0.95) if found]

    @property
    def tokens(self) -> int:
        """In and out, as far as the endpoint says."""
        return self.prompt_tokens + self.completion_tokens

    def line(self, words: str) -> str:
        """Such as ``312 queries · 48,446 tokens · $0.0123 · dropped: 4 empty, 2 loop``."""
        parts = [so_many(self.records, words)]
        if self.tokens:
            parts.append(so_many(self.tokens, "tokens"))
        if self.cost:
            parts.append(dollars(self.cost))
        dropped = ", ".join(f"{count} {reason}" for reason, count in self.reasons.most_common(3))
        return " · ".join([*parts, f"dropped: {dropped}"] if dropped else parts)


@dataclass(frozen=True, slots=True)
class _Point:
    """The counts at one moment (seconds of a monotonic clock)."""

    moment: float
    answered: int
    records: int
    tokens: int


class Meter:
    """The rates of a run, a sample a second; rests are not counted."""

    def __init__(self, started: float) -> None:
        self._last = _Point(started, 0, 0, 0)
        self._answers: deque[float] = deque(maxlen=SAMPLES)
        self._queries: deque[float] = deque(maxlen=SAMPLES)
        self._tokens: deque[float] = deque(maxlen=SAMPLES)
        self._seconds = 0.0
        self._answered = 0

    def begin(self, now: float, counters: RunCounters) -> None:
        """Count from here: what was there before is no speed."""
        self._last = _Point(now, counters.answered, counters.records, counters.tokens)

    def tick(self, now: float, counters: RunCounters, reused: int, *, resting: bool) -> None:
        """Take a sample when a second has gone by. reused: answers that were there already."""
        point = _Point(now, counters.answered - reused, counters.records, counters.tokens)
        spent = now - self._last.moment
        if resting:
            self._last = point
        elif spent >= SAMPLE_S:
            self._answers.append((point.answered - self._last.answered) / spent)
            # A new stage counts its own records from the beginning.
            self._queries.append(max(0, point.records - self._last.records) / spent)
            self._tokens.append((point.tokens - self._last.tokens) / spent)
            self._seconds += spent
            self._answered += point.answered - self._last.answered
            self._last = point

    @property
    def mean(self) -> float | None:
        """Answers a second over the whole run; None before the first sample."""
        return self._answered / self._seconds if self._seconds else None

    def shown(self) -> dict[str, Any]:
        """The rates for the row."""
        recent = list(self._answers)[-RECENT:]
        return {
            "answers_s": round(sum(recent) / len(recent), 3) if recent else None,
            "queries_s": [round(rate, 2) for rate in self._queries],
            "tokens_s": [round(rate, 1) for rate in self._tokens],
        }


def live(counters: RunCounters, meter: Meter, pace: Concurrency, **others: Any) -> dict[str, Any]:
    """The figures of a moment, as the job's row keeps them."""
    return {
        **others,
        "answered": counters.answered,
        "records": counters.records,
        "tokens_in": counters.prompt_tokens,
        "tokens_out": counters.completion_tokens,
        "tokens_cached": counters.cached_tokens,
        "uncounted": counters.untold_calls,
        "tokens_untold": counters.untold_tokens,
        "cost": counters.cost,
        "reasons": dict(counters.reasons.most_common()),
        "in_flight": pace.in_flight,
        "limit": pace.limit,
        "most": pace.most,
        "ceiling": pace.ceiling,
        "retries": pace.retries,
        "latency_s": counters.latency(),
        **meter.shown(),
    }
