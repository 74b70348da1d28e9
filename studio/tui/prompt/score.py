"""How the previews of a prompt do so far: each figure with its n and its range. No Textual here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studio.safe_text import one_line, padded
from studio.tui.prompt.sampling import Outcome, Slot

ENOUGH = 30
"""Previews from which rates begin to mean something; below, the screen says that they are few."""
NAMES = 17
"""Cells of the measures' names."""
Z = 1.96
"""Of a 95% interval."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the score."""

    name: str
    values: tuple[str, ...]
    """One for each side, then that of the texts by people (may be empty)."""


def measures(
    sides: Sequence[Mapping[Slot, Outcome]], own: Sequence[str], *, ranked: bool = True
) -> list[Measure]:
    """All lines, the ones that decide most first.

    own: texts by people, to hold the previews against. ranked: whether BM25 looks for the document
    of each text.
    """
    found = [list(side.values()) for side in sides]
    good = [[text for one in side for text in one.texts] for side in found]
    own = [text for text in own if text.strip()]
    judged = [Measure("round trip (BM25)", (*(_hits(side) for side in found), ""))]
    if len(sides) > 1:
        judged.append(_alone(*sides[:2]))
    price = cost if ranked else price_parsed
    return [
        Measure("parsed", (*(_parsed(side) for side in found), "")),
        *(judged if ranked else ()),
        Measure("words", tuple(spread(_lengths(texts)) for texts in (*good, own))),
        Measure("first words", tuple(openings(texts) for texts in (*good, own))),
        Measure("distinct", tuple(distinct(texts) for texts in (*good, own))),
        Measure(
            f"$ per 1,000 {'kept' if ranked else 'texts'}", (*(price(side) for side in found), "")
        ),
    ]


def table(
    found: Sequence[Measure], heads: Sequence[str], width: int, *, names: int = NAMES
) -> list[str]:
    """The measures as aligned lines of ``width`` cells: name, one column a side, the examples.

    ``heads``: of the names' column, too.
    """
    columns = len(heads) - 1
    room = max((width - names - 2 * columns) // columns, 8)
    lines = ["  ".join([padded(heads[0], names), *(padded(head, room) for head in heads[1:])])]
    for measure in found:
        # A value without a neighbour at its right may be as long as it likes.
        cells = list(measure.values[:columns])
        while cells and not cells[-1]:
            cells.pop()
        shown = [padded(cell, room) for cell in cells[:-1]]
        left = width - names - 2 - len(shown) * (room + 2)
        last = [one_line(cells[-1], max(left, 8))] if cells else []
        lines.append("  ".join([padded(measure.name, names), *shown, *last]))
    return [line.rstrip() for line in lines]


def verdict(count: int) -> str:
    """Whether so many previews allow a conclusion, in plain words."""
    return f"n = {count}: too few to judge by" if 0 < count < ENOUGH else f"n = {count}"


def _alone(first: Mapping[Slot, Outcome], second: Mapping[Slot, Outcome]) -> Measure:
    """McNemar's exact test of the round trip on the documents that both were asked for."""
    both = [
        (one, other)
        for draw in first.keys() & second.keys()
        if (one := _kept(first[draw])) is not None and (other := _kept(second[draw])) is not None
    ]
    only_first = sum(one and not other for one, other in both)
    only_second = sum(other and not one for one, other in both)
    chance = mcnemar(only_first, only_second)
    says = "luck?" if chance >= 0.05 else "hardly luck"
    words = f" · p = {chance:.2f}, {says}" if both else ""
    return Measure("found by it alone", (str(only_first), f"{only_second}{words}", ""))


def _kept(outcome: Outcome) -> bool | None:
    """Whether a run would keep it, as far as a preview can tell; None while BM25 is at it."""
    return outcome.hit if outcome.texts else False


def mcnemar(one: int, other: int) -> float:
    """The exact two-sided p-value that so many one-sided differences are luck."""
    total = one + other
    tail = sum(math.comb(total, k) for k in range(min(one, other) + 1))
    return min(1.0, 2 * tail / float(2**total))


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The 95% interval of a share after Wilson (1927), which is honest for small n too."""
    if not whole:
        return 0.0, 1.0
    share, square = part / whole, Z * Z
    middle = share + square / (2 * whole)
    margin = Z * math.sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    low, high = (middle - margin) / (1 + square / whole), (middle + margin) / (1 + square / whole)
    return max(0.0, low), min(1.0, high)


def rate(part: int, whole: int) -> str:
    """Such as ``11/12 92% (65–99)``."""
    if not whole:
        return "—"
    low, high = wilson(part, whole)
    return f"{part}/{whole} {100 * part / whole:.0f}% ({100 * low:.0f}–{100 * high:.0f})"


def _parsed(found: Sequence[Outcome]) -> str:
    reasons = Counter(outcome.reason for outcome in found if not outcome.texts)
    why = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(3))
    return rate(len(found) - reasons.total(), len(found)) + (f"; {why}" if why else "")


def _hits(found: Sequence[Outcome]) -> str:
    judged = [outcome.hit for outcome in found if outcome.texts and outcome.hit is not None]
    return rate(sum(judged), len(judged))


def _lengths(texts: Sequence[str]) -> list[int]:
    from studio.prompting.words import count_words

    return [count_words(text) for text in texts]


def spread(lengths: Sequence[int]) -> str:
    """Mean and range, such as ``9.1 (4–14)``."""
    if not lengths:
        return "—"
    return f"{sum(lengths) / len(lengths):.1f} ({min(lengths)}–{max(lengths)})"


def openings(texts: Sequence[str], most: int = 4) -> str:
    """The commonest first words with their counts, such as ``how 3, can 2``."""
    from studio.prompting.words import words

    first = Counter(found[0] for text in texts if (found := words(text)))
    return ", ".join(f"{word} {count}" for word, count in first.most_common(most)) or "—"


def distinct(texts: Sequence[str]) -> str:
    """Different texts out of all, and the share of different word pairs (distinct-2)."""
    from studio.prompting.words import distinct_pairs, words

    if not texts:
        return "—"
    shown = f"{len({tuple(words(text)) for text in texts})}/{len(texts)}"
    share = distinct_pairs(texts)
    return shown if share is None else f"{shown} · word pairs {share:.0%}"


def price_parsed(found: Sequence[Outcome]) -> str:
    """Dollars for 1,000 texts that could be read out of the answers."""
    spent, texts = _spent(found), sum(len(outcome.texts) for outcome in found)
    if spent is None or not spent:
        return _no_price(found, spent)
    return f"${1000 * spent / texts:.2f}" if texts else "none parsed yet"


def _spent(found: Sequence[Outcome]) -> float | None:
    """Dollars in all; None where a price is unknown."""
    costs = [outcome.cost for outcome in found if outcome.cost is not None]
    return sum(costs) if len(costs) == len(found) else None


def _no_price(found: Sequence[Outcome], spent: float | None) -> str:
    if not found:
        return "—"
    return "price unknown" if spent is None else "0, it is free"


def cost(found: Sequence[Outcome]) -> str:
    """Dollars for 1,000 texts that BM25 keeps, with the range that the rate kept allows."""
    spent = _spent(found)
    if spent is None or not spent:
        return _no_price(found, spent)
    each = 1000 * spent / len(found)
    judged = [hit for outcome in found if (hit := _kept(outcome)) is not None]
    if not sum(judged):
        return "none kept yet"
    low, high = wilson(sum(judged), len(judged))
    middle = each * len(judged) / sum(judged)
    return f"${middle:.2f} ({each / high:.2f}–{each / low:.2f})"
