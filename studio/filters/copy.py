"""Drop queries that are mostly a stretch of their document, word for word.

They teach a retriever to match strings. InPars drops queries that stand in the document; here the
longest common stretch is measured, so that "what is" before a copied sentence hides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.base import FilterContext, FilterRow, Judgement
from studio.prompting.words import spaceless_pattern, words
from studio.records import Reason

SHORTEST = 5
"""Fewer words may be copied at will: terms have to be named. Characters of CJK count half."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Keeps queries of which less than ``most_copied`` is one stretch of the document."""

    name: ClassVar[str] = "copy"
    order: ClassVar[int] = 20
    needs_document_text: ClassVar[bool] = True

    most_copied: float = 0.8
    """The share of a query's words, 0 to 1, from which it counts as copied."""

    @property
    def label(self) -> str:
        """What it does, with its threshold."""
        return (
            f"Copy: less than {self.most_copied:.0%} of the query is one stretch of the document "
            f"(queries under {SHORTEST} words are let through)"
        )

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by the share of its words that the document has in one stretch."""
        for row in rows:
            score = copied_share(row.query, row.document_text)
            kept = self.keeps(score, context)
            yield Judgement(row.record_id, kept, score, "" if kept else Reason.COPIED)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether a share lies under the threshold."""
        return score is None or score < self.most_copied


FILTER = Copy


def copied_share(query: str, document_text: str) -> float:
    """The longest stretch of the query that stands in the document, as a share of its words.

    0 for a query under :data:`SHORTEST` words.
    """
    said = words(query)
    weight = sum(0.5 if spaceless_pattern().match(word) else 1.0 for word in said)
    if weight < SHORTEST:
        return 0.0
    there = f" {' '.join(words(document_text))} "
    return _longest_stretch(said, there) / len(said)


def _longest_stretch(said: list[str], there: str) -> int:
    """By bisection: a stretch of n words holds stretches of every shorter length."""
    known, bound = 0, len(said) + 1
    while bound - known > 1:
        middle = (known + bound) // 2
        stretches = range(len(said) - middle + 1)
        if any(f" {' '.join(said[i : i + middle])} " in there for i in stretches):
            known = middle
        else:
            bound = middle
    return known
