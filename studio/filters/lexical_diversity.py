"""Keep texts with the usual variety of words, as EasyInstruct's MTLD selector does.

MTLD (McCarthy & Jarvis 2010, Behavior Research Methods 42:381-392) is the mean length of stretches
in which the share of different words stays over .72, forwards and backwards. A short text that
repeats no word has its own length as MTLD, so the bounds 8 to 22 that EasyInstruct (Ou et al. 2024,
arXiv:2402.03049) takes also bound the length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.base import ON_REQUEST, FilterContext, FilterRow, Fits, Judgement
from studio.prompting.words import words
from studio.records import Reason, StudioError


@dataclass(frozen=True, slots=True)
class LexicalDiversity:
    """Keeps an MTLD from ``least`` to ``most``; the score is the MTLD."""

    name: ClassVar[str] = "lexical-diversity"
    order: ClassVar[int] = 32
    fits: ClassVar[Fits] = ON_REQUEST
    needs_document_text: ClassVar[bool] = False

    least: float = 8.0
    """The lowest MTLD that is kept."""
    most: float = 22.0
    """The highest."""
    ttr: float = 0.72
    """The share of different words at which a stretch ends."""

    def __post_init__(self) -> None:
        """Refuse bounds that keep nothing, and a share that no stretch has."""
        if not 0 < self.ttr < 1:
            raise StudioError(f"The filter lexical-diversity's ttr is {self.ttr}; it is in (0, 1).")
        if self.least > self.most:
            raise StudioError(
                f"The filter lexical-diversity keeps from {self.least:g} to {self.most:g}, which "
                "is nothing; least is at most most."
            )

    @property
    def label(self) -> str:
        """The measure and its bounds."""
        return f"Diversity: of words, MTLD from {self.least:g} to {self.most:g} (TTR {self.ttr:g})"

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by the variety of its text's words."""
        for row in rows:
            score = mtld(words(row.query), self.ttr)
            kept = self.keeps(score, context)
            reason = Reason.MONOTONOUS if score < self.least else Reason.TOO_DIVERSE
            yield Judgement(row.record_id, kept, score, "" if kept else reason)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether an MTLD lies within the bounds."""
        return score is None or self.least <= score <= self.most


FILTER = LexicalDiversity


def mtld(said: Sequence[str], ttr: float = 0.72) -> float:
    """The measure of textual lexical diversity, in words; 0 for no words."""
    return (_one_way(said, ttr) + _one_way(said[::-1], ttr)) / 2 if said else 0.0


def _one_way(said: Sequence[str], ttr: float) -> float:
    factors, share = 0.0, 1.0
    seen: set[str] = set()
    length = 0
    for word in said:
        seen.add(word)
        length += 1
        share = len(seen) / length
        if share <= ttr:
            factors += 1
            seen.clear()
            length, share = 0, 1.0
    # What is left counts as far as it went from 1 down to the share.
    factors += (1 - share) / (1 - ttr)
    return len(said) / (factors or 1.0)
