"""Drop queries that are nearly the same as another one anywhere in the corpus.

Such a query is a false negative in a training batch that holds the other one's document. The
threshold is strict, since across documents one word often makes another question.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.base import FilterContext, FilterRow, Judgement
from studio.filters.duplicates import check_likeness
from studio.filters.similarity import NearTexts, Vocabulary
from studio.records import Reason


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Keeps the first of several like queries; the score is the likeness to one kept before.

    Kept rows have no score: that their likeness is under the threshold is all that is known. So
    the threshold can be raised on stored scores, while a lower one needs a new run.
    """

    name: ClassVar[str] = "near-duplicates"
    order: ClassVar[int] = 45
    of_documents: ClassVar[bool] = True
    needs_document_text: ClassVar[bool] = False

    near: float = 0.9
    """ROUGE-L above which two queries are alike, whatever their documents; 1 keeps all."""

    def __post_init__(self) -> None:
        """Refuse a threshold that is no likeness."""
        check_likeness(self.name, self.near)

    @property
    def label(self) -> str:
        """What it does, with its threshold."""
        return f"Near duplicates: ROUGE-L over {self.near:g} with any other query of the corpus"

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by its likeness to the rows kept before it, exactly, without trying all pairs.

        All queries are held in memory as one character per word.
        """
        vocabulary = Vocabulary()
        held = [(row.record_id, vocabulary.encode(row.query)) for row in rows]
        kept = NearTexts(self.near, (text for _, text in held))
        for record_id, text in held:
            score = kept.nearest(text) or None
            if score is None:
                kept.add(text)
            reason = "" if score is None else Reason.NEAR_DUPLICATE
            yield Judgement(record_id, score is None, score, reason)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether a likeness is no more than the threshold."""
        return score is None or score <= self.near


FILTER = NearDuplicates
