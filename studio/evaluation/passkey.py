"""Personalised passkey retrieval (Wang et al. 2024, arXiv:2401.00368, §5.2): what does an encoder
still find in a long text?

Each candidate tells one person's pass key at a random place of a text that says nothing else; a
query asks for one person's. All candidates are equally long, so only the sentence with the name
tells them apart. The score is the share of queries whose own candidate comes first.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

LENGTHS: Final = (256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768)
"""Tokens of the candidates."""
FIRST: Final = (
    "Anna", "Bruno", "Clara", "David", "Elsa", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Karla",
    "Leo", "Mira", "Nils", "Olga", "Paul", "Rosa", "Simon", "Thea", "Viktor",
)  # fmt: skip
LAST: Final = (
    "Ahlberg", "Becker", "Castell", "Dahl", "Eriksen", "Fuchs", "Grimaldi", "Hansen", "Ivarsson",
    "Jensen", "Keller", "Lindqvist", "Moreau", "Novak", "Olsen", "Petrov", "Quist", "Romero",
    "Sandberg", "Tanaka",
)  # fmt: skip
FILLER: Final = (
    "Waves roll on to the shore.", "The wind turns in the evening.", "A bell rings from afar.",
    "Then it is still again.",
)  # fmt: skip
"""Sentences that are said over and over."""


@dataclass(frozen=True, slots=True)
class PasskeySet:
    """Candidates of one length, and who is asked for."""

    candidates: tuple[str, ...]
    queries: tuple[str, ...]
    right: tuple[int, ...]
    """The place of each query's candidate."""

    def hits(self, best: Sequence[int]) -> float:
        """The share of queries that found their candidate first. best: place by query."""
        return sum(a == b for a, b in zip(best, self.right, strict=True)) / len(self.right)


def passkey_set(
    length: int, count: Callable[[str], int], *, candidates: int, queries: int, seed: int
) -> PasskeySet:
    """Candidates of about so many tokens, and queries; decided by the seed and the length.

    count: counts a text's tokens as the encoder does. Raises ValueError for more candidates than
    there are names.
    """
    names = [f"{first} {last}" for first in FIRST for last in LAST]
    if candidates > len(names) or queries > candidates:
        raise ValueError(f"{candidates} candidates and {queries} queries of {len(names)} names")
    lots = random.Random(f"{seed} {length}")
    chosen = lots.sample(names, candidates)
    asked = lots.sample(range(candidates), queries)
    told = [f"The pass key of {name} is {lots.randint(10_000, 99_999)}." for name in chosen]
    each = count(" ".join(FILLER)) / len(FILLER)
    return PasskeySet(
        tuple(_text(sentence, length, each, count, lots) for sentence in told),
        tuple(f"What is the pass key of {chosen[place]}?" for place in asked),
        tuple(asked),
    )


def _text(
    sentence: str, length: int, each: float, count: Callable[[str], int], lots: random.Random
) -> str:
    """The sentence at a random place among as many others as there is room for."""
    # Two tokens are the encoder's own marks at the ends.
    room = max(0, int((length - count(sentence) - 2) / each))
    filler = [FILLER[number % len(FILLER)] for number in range(room)]
    filler.insert(lots.randint(0, room), sentence)
    return " ".join(filler)
