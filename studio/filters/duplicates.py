"""Drop repeated records: the same words anywhere, or nearly the same for the same document.

A query that two documents share word for word teaches nothing about either. Nearly the same is
ROUGE-L F1 over a threshold (Self-Instruct's measure) against the document's queries kept so far.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.base import ALL, FilterContext, FilterRow, Fits, Judgement
from studio.filters.similarity import Vocabulary, best_of
from studio.prompting.words import normal
from studio.records import Reason, StudioError


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Keeps the first of several like queries; the score is the likeness to one kept before."""

    name: ClassVar[str] = "duplicates"
    order: ClassVar[int] = 40
    fits: ClassVar[Fits] = ALL
    needs_document_text: ClassVar[bool] = False

    near: float = 0.7
    """ROUGE-L above which two queries of one document are alike; 1 drops equal ones only."""

    def __post_init__(self) -> None:
        """Refuse a threshold that is no likeness."""
        check_likeness(self.name, self.near)

    @property
    def label(self) -> str:
        """What it does, with its threshold."""
        return (
            "Duplicates: the words of another record, or ROUGE-L over "
            f"{self.near:g} with one about the same text"
        )

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by its likeness to the rows kept before it.

        The kept queries stay in memory as one character per word.
        """
        vocabulary = Vocabulary()
        everywhere: set[tuple[str, str]] = set()
        of_document: defaultdict[int, list[str]] = defaultdict(list)
        for row in rows:
            text = vocabulary.told(row.query)
            # Of another premise, the same hypothesis is another record; of the same one, two that
            # differ in a "not" are what a classifier learns from.
            said = normal(row.query), row.context
            same = said in everywhere
            alone = row.document_id is None or row.context
            others = [] if alone else of_document[row.document_id or 0]
            score = 1.0 if same else best_of(text, others)
            # Equal words are a duplicate whatever the threshold.
            kept = not same and self.keeps(score, context)
            if kept:
                everywhere.add(said)
                others.append(text)
            reason = Reason.DUPLICATE if same else Reason.NEAR_DUPLICATE
            yield Judgement(row.record_id, kept, score, "" if kept else reason)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether a likeness is no more than the threshold; equal words never pass."""
        return score is None or (score <= self.near and score < 1)


FILTER = Duplicates


def check_likeness(name: str, value: float) -> None:
    """Refuse a threshold outside (0, 1]."""
    if not 0 < value <= 1:
        raise StudioError(f"The filter {name}'s threshold is {value}; it lies above 0, up to 1.")
