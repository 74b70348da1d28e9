"""Drop queries that are nearly the same as another one anywhere in the corpus.

Such a query is a false negative in a training batch that holds the other one's document. The
threshold is strict, since across documents one word often makes another question.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.base import QUERIES, FilterContext, FilterRow, Fits, Judgement
from studio.filters.duplicates import check_likeness
from studio.filters.similarity import NearTexts, Vocabulary
from studio.records import Reason, content_sha


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Keeps the first of several like queries; the score is the likeness to one kept before.

    Kept rows have no score: that their likeness is under the threshold is all that is known. So
    the threshold can be raised on stored scores, while a lower one needs a new run.
    """

    name: ClassVar[str] = "near-duplicates"
    order: ClassVar[int] = 45
    fits: ClassVar[Fits] = QUERIES
    needs_document_text: ClassVar[bool] = False

    near: float = 0.9
    """ROUGE-L above which two queries are alike, whatever their documents; 1 drops equal ones."""

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
        return first_ones(rows, self.near, self.near)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether a likeness is no more than the threshold; equal queries never pass."""
        return score is None or (score <= self.near and score < 1)


FILTER = NearDuplicates


def first_ones(
    rows: Iterable[FilterRow], near: float, floor: float, known: Iterable[str] = ()
) -> Iterator[Judgement]:
    """Each row by its likeness to what is known and to the rows kept before it.

    near: ROUGE-L above which a row is dropped.
    floor: ROUGE-L from which it is told, at most ``near``; a lower one makes more comparisons.
    """
    vocabulary = Vocabulary()
    held = [(row.record_id, vocabulary.told(row.query), content_sha(row.context)) for row in rows]
    texts = {vocabulary.told(text) for text in known}
    kept = NearTexts(floor, (*texts, *(text for _, text, _ in held)))
    for text in texts:
        kept.add(text)
    seen: dict[str, set[str]] = {}
    for record_id, text, about in held:
        instances = seen.get(text)
        if instances is not None and about not in instances:
            instances.add(about)
            yield Judgement(record_id, True, None)
            continue
        is_there = instances is not None or text in texts
        score = 1.0 if is_there else kept.nearest(text)
        if is_kept := score <= near and score < 1:
            kept.add(text)
            seen[text] = {about}
        same = Reason.DUPLICATE if score == 1 else Reason.NEAR_DUPLICATE
        yield Judgement(record_id, is_kept, score or None, "" if is_kept else same)
