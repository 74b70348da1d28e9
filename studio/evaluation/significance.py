"""Is a gain real? Paired randomisation and bootstrap over queries (Smucker et al., CIKM 2007)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROUNDS = 10_000
"""Random draws; the p-value cannot be smaller than 1 / (ROUNDS + 1)."""
_CELLS = 4_000_000
"""The most random numbers held at once (32 MB)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95% bootstrap interval."""

    mean: float
    low: float
    """The 2.5th percentile of the resampled means."""
    high: float
    """The 97.5th percentile."""


@dataclass(frozen=True, slots=True)
class PairedTest:
    """How a new system compares with an old one on the same queries."""

    difference: Interval
    """New minus old."""
    p_value: float
    """Two-sided: how often random signs give a mean difference at least as large."""
    queries: int
    """How many pairs."""

    @property
    def significant(self) -> bool:
        """At the 5% level."""
        return self.p_value < 0.05


def paired_randomisation(
    new: Sequence[float], old: Sequence[float], *, rounds: int = ROUNDS, seed: int = 0
) -> float:
    """The two-sided p-value of the mean difference under random swaps of the two systems.

    Args:
        new: one value a query.
        old: the other system's values for the same queries in the same order.
        rounds: random sign patterns.
        seed: the same seed gives the same p-value.

    Raises:
        ValueError: the two differ in length or are empty.
    """
    import numpy as np

    differences = _differences(new, old)
    seen = abs(differences.mean())
    hits = 0
    generator = np.random.default_rng(seed)
    for size in _chunks(rounds, len(differences)):
        signs = generator.integers(0, 2, size=(size, len(differences)), dtype=np.int8) * 2 - 1
        hits += int((np.abs(signs @ differences) / len(differences) >= seen - 1e-12).sum())
    return (hits + 1) / (rounds + 1)


def bootstrap_mean(values: Sequence[float], *, rounds: int = ROUNDS, seed: int = 0) -> Interval:
    """The mean over queries with its 95% percentile interval.

    Raises:
        ValueError: no values.
    """
    import numpy as np

    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers):
        raise ValueError("a mean of no queries")
    generator = np.random.default_rng(seed)
    means = [
        numbers[generator.integers(0, len(numbers), size=(size, len(numbers)))].mean(axis=1)
        for size in _chunks(rounds, len(numbers))
    ]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return Interval(float(numbers.mean()), float(low), float(high))


def bootstrap_difference(
    new: Sequence[float], old: Sequence[float], *, rounds: int = ROUNDS, seed: int = 0
) -> Interval:
    """The mean of new minus old with its 95% interval, resampling queries in pairs."""
    return bootstrap_mean(_differences(new, old).tolist(), rounds=rounds, seed=seed)


def paired_test(
    new: Sequence[float], old: Sequence[float], *, rounds: int = ROUNDS, seed: int = 0
) -> PairedTest:
    """Both of the above in one: the difference with its interval, and its p-value."""
    return PairedTest(
        difference=bootstrap_difference(new, old, rounds=rounds, seed=seed),
        p_value=paired_randomisation(new, old, rounds=rounds, seed=seed),
        queries=len(new),
    )


def sign_test(won: int, lost: int) -> float:
    """The two-sided p-value of so many wins and losses, were each as likely; ties do not count."""
    count = won + lost
    tail = sum(comb(count, k) for k in range(max(won, lost), count + 1))
    return float(min(1.0, 2 * tail / 2**count))


def _differences(new: Sequence[float], old: Sequence[float]) -> NDArray[np.float64]:
    import numpy as np

    if len(new) != len(old) or not len(new):
        raise ValueError(f"a paired test of {len(new)} values against {len(old)}")
    return np.asarray(new, dtype=np.float64) - np.asarray(old, dtype=np.float64)


def _chunks(rounds: int, width: int) -> Iterator[int]:
    size = max(1, min(rounds, _CELLS // width))
    for start in range(0, rounds, size):
        yield min(size, rounds - start)
