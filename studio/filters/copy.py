"""Drop queries that are mostly stretches of their document, word for word.

They teach a retriever to match strings. InPars drops queries that stand in the document; here the
words in stretches of some length are counted, so that neither "what is" before a copied sentence
nor a document said over again with small changes hides anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.base import QUERIES, FilterContext, FilterRow, Fits, Judgement
from studio.prompting.words import spaceless_pattern, words
from studio.records import Reason

SHORTEST = 5
"""Queries of fewer words may be copied: terms have to be named. CJK characters count half."""
STRETCH = 4
"""Words in a row that the document has make a copied stretch."""
SPACELESS_STRETCH = 6
"""The same in characters, for scripts without spaces."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Keeps queries of which less than ``most_copied`` is copied; the score is the share."""

    name: ClassVar[str] = "copy"
    order: ClassVar[int] = 20
    fits: ClassVar[Fits] = QUERIES
    needs_document_text: ClassVar[bool] = True

    most_copied: float = 0.8
    """The share of a query's words, 0 to 1, from which it counts as copied."""

    @property
    def label(self) -> str:
        """What it does, with its threshold."""
        return (
            f"Copy: less than {self.most_copied:.0%} of the query stands in the document in "
            f"stretches of {STRETCH} words or more (queries under {SHORTEST} words pass)"
        )

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by the share of its words that stand in the document in stretches."""
        for row in rows:
            score = copied_share(row.query, row.document_text)
            kept = self.keeps(score, context)
            yield Judgement(row.record_id, kept, score, "" if kept else Reason.COPIED)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether a share lies under the threshold."""
        return score is None or score < self.most_copied


FILTER = Copy


def copied_share(query: str, document_text: str) -> float:
    """The share of a query's words in stretches of :data:`STRETCH` words that the document has.

    0 for a query under :data:`SHORTEST` words.
    """
    said = words(query)
    spaceless = 0
    if not query.isascii():
        spaceless = sum(1 for word in said if spaceless_pattern().match(word))
    if len(said) - spaceless / 2 < SHORTEST:
        return 0.0
    length = SPACELESS_STRETCH if spaceless > len(said) / 2 else STRETCH
    there = f" {' '.join(words(document_text))} "
    copied: set[int] = set()
    for start in range(len(said) - length + 1):
        if f" {' '.join(said[start : start + length])} " in there:
            copied.update(range(start, start + length))
    return len(copied) / len(said)
