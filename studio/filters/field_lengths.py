"""Drop records with a field that is far too short or too long: EasyInstruct's length selector.

Its bounds (Ou et al. 2024, arXiv:2402.03049): 3 to 150 words of instruction, 1 to 350 of output.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from studio.filters.base import INSTRUCTIONS, FilterContext, FilterRow, Fits, Judgement
from studio.prompting.words import count_words
from studio.records import Reason, StudioError

Bounds = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class FieldLengths:
    """Keeps what lies within the bounds of each field; the score is the words beyond them.

    Below 0 it is too short by so many words, above 0 too long, of the field that is worst.
    """

    name: ClassVar[str] = "field-lengths"
    order: ClassVar[int] = 11
    fits: ClassVar[Fits] = INSTRUCTIONS
    needs_document_text: ClassVar[bool] = False

    words: str = "instruction:3-150,output:1-350"
    """The fewest and the most words of each field that has bounds."""

    def __post_init__(self) -> None:
        """Refuse bounds that cannot be read."""
        bounds_in(self.words)

    @property
    def label(self) -> str:
        """The bounds."""
        told = (f"{name} {low}–{high}" for name, (low, high) in bounds_in(self.words).items())
        return f"Field lengths: {', '.join(told)} words (characters where words have no spaces)"

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by its fields' numbers of words.

        Raises:
            StudioError: there are bounds for a field that the records do not have.
        """
        bounds = bounds_in(self.words)
        for row in rows:
            score = max((_beyond(row, name, *ends) for name, ends in bounds.items()), key=abs)
            kept = self.keeps(score, context)
            reason = Reason.TOO_SHORT if score < 0 else Reason.TOO_LONG
            yield Judgement(row.record_id, kept, float(score), "" if kept else reason)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether no word is missing or too many."""
        return not score


FILTER = FieldLengths


@lru_cache(maxsize=64)
def bounds_in(typed: str) -> Bounds:
    """Field → fewest and most words, of a text such as ``instruction:3-150,output:1-350``."""
    found = {}
    for part in typed.split(","):
        match = re.fullmatch(r"\s*(\w+)\s*:\s*(\d{1,9})\s*[-–]\s*(\d{1,9})\s*", part)
        if match is None or int(match[2]) > int(match[3]):
            raise StudioError(
                f"The filter field-lengths cannot read “{part.strip()}”; write a field and its "
                "fewest and most words, such as output:1-350, and commas between them."
            )
        found[match[1]] = int(match[2]), int(match[3])
    return found


def _beyond(row: FilterRow, name: str, fewest: int, most: int) -> int:
    if name not in row.fields:
        raise StudioError(
            f"The filter field-lengths has bounds for “{name}”, and the records' fields are "
            f"{', '.join(row.fields)}. Set them, such as field-lengths.words="
            f"{next(iter(row.fields), 'text')}:3-150."
        )
    text = row.fields[name]
    # A sign alone, such as an operator, is an answer too.
    count = count_words(text) or bool(text.strip())
    return min(0, count - fewest) + max(0, count - most)
