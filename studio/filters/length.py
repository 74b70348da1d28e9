"""Drop queries far shorter or longer than the task's usual query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.base import NOT_INSTRUCTIONS, FilterContext, FilterRow, Fits, Judgement
from studio.prompting.words import count_words
from studio.records import Reason


@dataclass(frozen=True, slots=True)
class Length:
    """Keeps what has between ``fewest`` and ``most`` words; the score is the number of words."""

    name: ClassVar[str] = "length"
    order: ClassVar[int] = 10
    fits: ClassVar[Fits] = NOT_INSTRUCTIONS
    needs_document_text: ClassVar[bool] = False

    fewest: int | None = None
    """None: half of the prompt's own lower norm."""
    most: int | None = None
    """None: one and a half times the prompt's own upper norm."""

    @property
    def label(self) -> str:
        """What it does, with its bounds where they are set."""
        low = self.fewest if self.fewest is not None else "half the prompt's fewest"
        high = self.most if self.most is not None else "1.5 × the prompt's most"
        return f"Length: from {low} to {high} words (characters where words have no spaces)"

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by its number of words."""
        fewest, _ = self.bounds(context)
        for row in rows:
            count = count_words(row.query)
            kept = self.keeps(count, context)
            short = Reason.TOO_SHORT if count < fewest else Reason.TOO_LONG
            yield Judgement(row.record_id, kept, float(count), "" if kept else short)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether a number of words lies within the bounds."""
        fewest, most = self.bounds(context)
        return score is None or fewest <= score <= most

    def bounds(self, context: FilterContext) -> tuple[int, int]:
        """The fewest and the most words that are kept."""
        fewest, most = context.query_words
        return (
            max(1, fewest // 2) if self.fewest is None else self.fewest,
            most * 3 // 2 if self.most is None else self.most,
        )


FILTER = Length
