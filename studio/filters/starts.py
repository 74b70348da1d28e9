"""Drop what begins as no instruction should: with a sign, or with words that the template lists.

Self-Instruct (Wang et al. 2022, arXiv:2212.10560) drops what begins with punctuation or with a
letter that is not ASCII, and "Write a program", of which GPT-3 wrote too many. Here letters of any
script and opening quotes may begin a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from studio.filters.base import MAINLY_INSTRUCTIONS, FilterContext, FilterRow, Fits, Judgement
from studio.filters.blacklist import listed_in
from studio.prompting.words import normal
from studio.records import Reason

LIST: Final = "starts"
"""The name of the list in a template's ``[lists]``."""
OPENING: Final = "\"'“‘«「『《¿¡("
"""Signs that may begin a text."""


@dataclass(frozen=True, slots=True)
class Starts:
    """Keeps what begins with a word that is not listed; the score is 1 for a bad beginning."""

    name: ClassVar[str] = "starts"
    order: ClassVar[int] = 13
    fits: ClassVar[Fits] = MAINLY_INSTRUCTIONS
    needs_document_text: ClassVar[bool] = False

    words: str = ""
    """Beginnings, with commas, in place of the template's."""

    @property
    def label(self) -> str:
        """What no text may begin with."""
        return f"Starts: not with a sign, nor with {self.words or 'what the template lists'}"

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by how it begins."""
        listed = listed_in(self.words) or context.lists.get(LIST, ())
        for row in rows:
            score = float(begins_badly(row.query, listed))
            kept = self.keeps(score, context)
            yield Judgement(row.record_id, kept, score, "" if kept else Reason.START)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether the beginning is a good one."""
        return not score


FILTER = Starts


def begins_badly(text: str, starts: Iterable[str]) -> bool:
    """Whether a text begins with a sign, or with one of these words."""
    begins = f"{normal(text)} "
    is_sign = not text[:1].isalnum() and text[:1] not in OPENING
    return is_sign or any(begins.startswith(f"{normal(start)} ") for start in starts)
