"""Keep no more than a few records of one instruction, so that none outweighs the others.

Self-Instruct (Wang et al. 2022, arXiv:2212.10560) draws five; here the first five stay, so that
the same records stay whenever the filter runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.base import INSTRUCTIONS, FilterContext, FilterRow, Fits, Judgement
from studio.prompting.words import one_line
from studio.records import Reason, StudioError, content_sha


@dataclass(frozen=True, slots=True)
class PerTask:
    """Keeps the first ``most`` of an instruction; the score is the record's number among them."""

    name: ClassVar[str] = "per-task"
    order: ClassVar[int] = 48
    fits: ClassVar[Fits] = INSTRUCTIONS
    needs_document_text: ClassVar[bool] = False

    most: int = 5
    """How many records of one instruction are kept."""

    def __post_init__(self) -> None:
        """Refuse a cap that keeps nothing."""
        if self.most < 1:
            raise StudioError(f"The filter per-task keeps {self.most} of a task; it keeps 1 or up.")

    @property
    def label(self) -> str:
        """The cap."""
        return f"Per task: the first {self.most} records of one instruction"

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by how many of its instruction came before; a hash each stays in memory."""
        seen: Counter[str] = Counter()
        for row in rows:
            task = content_sha(one_line(row.query).casefold())
            seen[task] += 1
            kept = self.keeps(seen[task], context)
            yield Judgement(
                row.record_id, kept, float(seen[task]), "" if kept else Reason.ENOUGH_OF_TASK
            )

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether it is among the first ones."""
        return score is None or score <= self.most


FILTER = PerTask
