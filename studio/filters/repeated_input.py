"""Drop answers that say their input or their instruction over again (Self-Instruct, appendix).

An input may come back with other signs or capitals, where the task was to mend those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.base import INSTRUCTIONS, FilterContext, FilterRow, Fits, Judgement
from studio.prompting.words import normal, one_line
from studio.records import Reason


@dataclass(frozen=True, slots=True)
class RepeatedInput:
    """Keeps answers that say something of their own; the score is 1 for one that does not."""

    name: ClassVar[str] = "repeated-input"
    order: ClassVar[int] = 15
    fits: ClassVar[Fits] = INSTRUCTIONS
    needs_document_text: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """What is dropped."""
        return "Repeated input: the output is neither the input nor the instruction again"

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by its output."""
        for row in rows:
            score = float(repeats(row.fields))
            kept = self.keeps(score, context)
            yield Judgement(row.record_id, kept, score, "" if kept else Reason.COPIED)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether the output is one of its own."""
        return not score


FILTER = RepeatedInput


def repeats(fields: Mapping[str, str]) -> bool:
    """Whether an output is its input, but for white space, or has the instruction's words."""
    output = one_line(fields.get("output", ""))
    if not output:
        return False
    is_input = output == one_line(fields.get("input", ""))
    return is_input or normal(output) == normal(fields.get("instruction", ""))
