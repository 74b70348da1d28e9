"""Does a text go round in circles, as small LLMs do?"""

from __future__ import annotations

from collections.abc import Sequence

from studio.prompting.words import spaceless_pattern, words

LONGEST = 200
"""Only so many words are looked at: a loop shows early, and the search is quadratic."""


def has_loop(text: str) -> bool:
    """Whether words repeat back to back: three times, or twice when the stretch is long.

    One word three times over, a stretch of two or more three times, a stretch of five or more
    twice. In scripts without spaces a single character needs five and a long stretch is eight.
    """
    found = words(text)[:LONGEST]
    spaceless = not text.isascii() and any(spaceless_pattern().match(word) for word in found)
    single, long = (5, 8) if spaceless else (3, 5)
    for period in range(1, len(found) // 2 + 1):
        needed = single if period == 1 else 2 if period >= long else 3
        if _rounds(found, period) >= needed:
            return True
    return False


def _rounds(found: Sequence[str], period: int) -> int:
    """How often the busiest stretch of this length stands back to back."""
    best = run = 0
    for left, right in zip(found, found[period:], strict=False):
        run = run + 1 if left == right else 0
        best = max(best, run)
    return best // period + 1
