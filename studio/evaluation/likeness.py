"""How well an encoder's cosines order pairs of texts as people do: Spearman's rank correlation.

The usual score of semantic textual similarity (STS). It is of the whole set, so intervals and the
test of a difference come from drawing the pairs anew with replacement (bootstrap), both systems on
the same draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST: Final = 3
"""Pairs from which on an order says anything."""
DRAWS: Final = 2_000


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """Spearman's rho with its 95% interval, or a difference of two with its p-value."""

    value: float
    low: float
    high: float
    p_value: float | None = None
    """Two-sided, of no difference; None for one system alone."""


def spearman(cosines: Sequence[float], scores: Sequence[float], seed: int) -> RankCorrelation:
    """One system's correlation with people's scores; 0 where all are the same."""
    import numpy as np

    drawn = _drawn(cosines, scores, seed)
    low, high = np.quantile(drawn, (0.025, 0.975))
    value = float(_rho(np.asarray(cosines), np.asarray(scores)))
    return RankCorrelation(value, float(low), float(high))


def compared(
    new: Sequence[float], old: Sequence[float], scores: Sequence[float], seed: int
) -> RankCorrelation:
    """The new system's correlation minus the old one's, on the same draws."""
    import numpy as np

    apart = _drawn(new, scores, seed) - _drawn(old, scores, seed)
    low, high = np.quantile(apart, (0.025, 0.975))
    against = min(float((apart <= 0).mean()), float((apart >= 0).mean()))
    told = np.asarray(scores)
    value = float(_rho(np.asarray(new), told) - _rho(np.asarray(old), told))
    return RankCorrelation(value, float(low), float(high), min(1.0, 2 * against))


def _drawn(cosines: Sequence[float], scores: Sequence[float], seed: int) -> NDArray[np.float64]:
    """The correlation on each draw of pairs, which the seed decides."""
    import numpy as np

    ours, told = np.asarray(cosines, dtype=float), np.asarray(scores, dtype=float)
    generator = np.random.default_rng(seed)
    draws = generator.integers(0, len(told), size=(DRAWS, len(told)))
    # Some at a time: all of a large set's would take much memory.
    parts = np.array_split(draws, DRAWS // 100)
    return np.concatenate([_rho(ours[rows], told[rows]) for rows in parts])


def _rho(ours: NDArray[np.float64], told: NDArray[np.float64]) -> NDArray[np.float64]:
    """Along the last axis."""
    import numpy as np
    from scipy.stats import rankdata

    left, right = (rankdata(one, axis=-1) for one in (ours, told))
    left, right = (one - one.mean(axis=-1, keepdims=True) for one in (left, right))
    spread = np.sqrt((left**2).sum(axis=-1) * (right**2).sum(axis=-1))
    together = (left * right).sum(axis=-1)
    found: NDArray[np.float64] = np.divide(
        together, spread, out=np.zeros_like(spread), where=spread > 0
    )
    return found
