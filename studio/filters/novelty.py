"""Drop what says nearly what an example or an earlier record says: Self-Instruct's novelty.

ROUGE-L over 0.7 is not new (Wang et al. 2022, arXiv:2212.10560, §2.2). Decisions are those of the
published scorer, for all pairs, without trying all pairs (see :mod:`studio.filters.similarity`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.base import MAINLY_INSTRUCTIONS, FilterContext, FilterRow, Fits, Judgement
from studio.filters.duplicates import check_likeness
from studio.filters.near_duplicates import first_ones


@dataclass(frozen=True, slots=True)
class Novelty:
    """Keeps what is like no example and no record kept before; the score is the likeness.

    Likenesses under ``scores_from`` are not told, so that most pairs need not be compared.
    """

    name: ClassVar[str] = "novelty"
    order: ClassVar[int] = 46
    fits: ClassVar[Fits] = MAINLY_INSTRUCTIONS
    needs_document_text: ClassVar[bool] = False

    near: float = 0.7
    """ROUGE-L above which a text is not new; 1 drops equal ones only."""
    scores_from: float = 0.5
    """Likenesses above this are stored, so that the threshold can be lowered so far."""

    def __post_init__(self) -> None:
        """Refuse thresholds that are no likeness."""
        check_likeness(self.name, self.near)
        check_likeness(self.name, self.scores_from)

    @property
    def label(self) -> str:
        """What it does, with its threshold."""
        return f"Novelty: ROUGE-L over {self.near:g} with an example or an earlier record"

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by its likeness to the examples and to the rows kept before it.

        The same text with another input or premise is another instance of what was judged, and
        kept with it. All texts are held in memory as one character per word.
        """
        return first_ones(rows, self.near, min(self.near, self.scores_from), context.examples)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether a likeness is no more than the threshold; equal texts never pass."""
        return score is None or (score <= self.near and score < 1)


FILTER = Novelty
