"""Sums of money in words."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal


def dollars(amount: float) -> str:
    """Such as ``$1.20`` or ``$0.014449``: small sums to the millionth, never rounded up.

    So a sum below another one never looks greater than it.
    """
    places = 2 if amount >= 100 else 4 if amount >= 1 else 6
    # First to where floats still tell the truth: 0.1 + 0.2 is 0.3.
    exact = Decimal(str(round(amount, 9))).quantize(Decimal(1).scaleb(-places), ROUND_DOWN)
    whole, _, parts = f"{exact:,f}".partition(".")
    return f"${whole}.{parts.rstrip('0'):0<2}"


def untold(calls: int) -> str:
    """What is said behind a sum that holds estimates; empty when it holds none."""
    if not calls:
        return ""
    if calls == 1:
        return ", with 1 call that did not say what it took, at its most"
    return f", with {calls:,} calls that did not say what they took, at their most"
