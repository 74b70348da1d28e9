"""Drop what speaks of things that text cannot hold: pictures, files, plots (Self-Instruct's list).

The words stand in the project's template, one list a language, for people to edit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from studio.filters.base import MAINLY_INSTRUCTIONS, FilterContext, FilterRow, Fits, Judgement
from studio.prompting.words import words_found
from studio.records import Reason

LIST: Final = "blacklist"
"""The name of the list in a template's ``[lists]``."""


@dataclass(frozen=True, slots=True)
class Blacklist:
    """Keeps what has none of the listed words; the score is how many of them it has."""

    name: ClassVar[str] = "blacklist"
    order: ClassVar[int] = 12
    fits: ClassVar[Fits] = MAINLY_INSTRUCTIONS
    needs_document_text: ClassVar[bool] = False

    words: str = ""
    """Words or rows of words, with commas, in place of the template's."""

    @property
    def label(self) -> str:
        """Where the words are from."""
        return f"Blacklist: none of {self.words or 'the words that the template lists'}"

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by how many listed words stand in its text."""
        listed = listed_in(self.words) or context.lists.get(LIST, ())
        for row in rows:
            score = len(words_found(row.query, listed))
            kept = self.keeps(score, context)
            yield Judgement(row.record_id, kept, float(score), "" if kept else Reason.BLACKLIST)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether no listed word was found."""
        return not score


FILTER = Blacklist


def listed_in(typed: str) -> tuple[str, ...]:
    """What stands between the commas."""
    return tuple(word.strip() for word in typed.split(",") if word.strip())
