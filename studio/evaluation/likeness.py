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
    return RankCorrelation(_rho(np.asarray(cosines), np.asarray(scores)), float(low), float(high))


def compared(
    new: Sequence[float], old: Sequence[float], scores: Sequence[float], seed: int
) -> RankCorrelation:
    """The new system's correlation minus the old one's, on the same draws."""
    import numpy as np

    apart = _drawn(new, scores, seed) - _drawn(old, scores, seed)
    low, high = np.quantile(apart, (0.025, 0.975))
    against = min(float((apart <= 0).mean()), float((apart >= 0).mean()))
    told = np.asarray(scores)
    value = _rho(np.asarray(new), told) - _rho(np.asarray(old), told)
    return RankCorrelation(value, float(low), float(high), min(1.0, 2 * against))


def _drawn(cosines: Sequence[float], scores: Sequence[float], seed: int) -> NDArray[np.float64]:
    """The correlation on each draw of pairs, which the seed decides."""
    import numpy as np

    ours, told = np.asarray(cosines, dtype=float), np.asarray(scores, dtype=float)
    generator = np.random.default_rng(seed)
    draws = generator.integers(0, len(told), size=(DRAWS, len(told)))
    return np.array([_rho(ours[rows], told[rows]) for rows in draws])


def _rho(ours: NDArray[np.float64], told: NDArray[np.float64]) -> float:
    import numpy as np
    from scipy.stats import rankdata

    left, right = rankdata(ours), rankdata(told)
    if left.std() == 0 or right.std() == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])
