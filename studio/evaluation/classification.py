"""How good labels are: accuracy, F1, and McNemar's test between two models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

EXACT_UP_TO = 1_000
"""Discordant pairs up to which McNemar's test sums the binomial; beyond, the chi-square is used."""


def scores(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, Any]:
    """``accuracy``, ``macro_f1`` over the labels that gold has, and ``labels``: each one's F1.

    Raises:
        ValueError: the two differ in length, or are empty.
    """
    if len(gold) != len(predicted) or not gold:
        raise ValueError(f"{len(predicted)} predictions for {len(gold)} items")
    from sklearn.metrics import precision_recall_fscore_support

    names = sorted(set(gold))
    precision, recall, f1, count = precision_recall_fscore_support(
        list(gold), list(predicted), labels=names, zero_division=0
    )
    table = {
        name: {
            "precision": float(precision[place]),
            "recall": float(recall[place]),
            "f1": float(f1[place]),
            "items": int(count[place]),
        }
        for place, name in enumerate(names)
    }
    right = sum(one == other for one, other in zip(gold, predicted, strict=True))
    return {
        "accuracy": right / len(gold),
        "macro_f1": sum(row["f1"] for row in table.values()) / len(table),
        "labels": table,
    }


@dataclass(frozen=True, slots=True)
class McNemar:
    """Do two models err differently often on the same items? (McNemar 1947)"""

    only_new: int
    """Items that the new model alone gets right."""
    only_old: int
    """Items that the old model alone gets right."""
    p_value: float
    """Two-sided; 1 when they are right and wrong on the same items."""


def mcnemar(new: Sequence[bool], old: Sequence[bool]) -> McNemar:
    """The exact test on the discordant pairs; continuity-corrected chi-square for very many.

    Raises:
        ValueError: the two differ in length.
    """
    from scipy.stats import binomtest, chi2

    pairs = list(zip(new, old, strict=True))
    only_new = sum(a and not b for a, b in pairs)
    only_old = sum(b and not a for a, b in pairs)
    apart = only_new + only_old
    if not apart:
        return McNemar(only_new, only_old, 1.0)
    if apart <= EXACT_UP_TO:
        return McNemar(only_new, only_old, float(binomtest(only_new, apart).pvalue))
    statistic = (abs(only_new - only_old) - 1) ** 2 / apart
    return McNemar(only_new, only_old, float(chi2.sf(statistic, 1)))
