"""Drop tasks of which one input has several answers: all their records, as nobody knows which is
right (Self-Instruct, Wang et al. 2022, arXiv:2212.10560, and its code).

Without an input there is nothing to be at odds about: "Write a poem" has many answers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.base import INSTRUCTIONS, FilterContext, FilterRow, Fits, Judgement
from studio.prompting.words import one_line
from studio.records import Reason, content_sha


@dataclass(frozen=True, slots=True)
class Conflicts:
    """Keeps tasks with one answer an input; the score is the most answers that one input has."""

    name: ClassVar[str] = "conflicts"
    order: ClassVar[int] = 35
    fits: ClassVar[Fits] = INSTRUCTIONS
    needs_document_text: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """What is dropped."""
        return "Conflicts: no input of the task has two different outputs"

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by its whole task, so that all are read first.

        A hash for each text stays in memory.
        """
        answers: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        tasks: list[tuple[int, str]] = []
        for row in rows:
            task = content_sha(one_line(row.query))
            tasks.append((row.record_id, task))
            if given := one_line(row.fields.get("input", "")):
                answers[task, content_sha(given)].add(content_sha(_said(row.fields["output"])))
        most: defaultdict[str, int] = defaultdict(lambda: 1)
        for (task, _), outputs in answers.items():
            most[task] = max(most[task], len(outputs))
        for record_id, task in tasks:
            kept = self.keeps(most[task], context)
            yield Judgement(record_id, kept, float(most[task]), "" if kept else Reason.CONFLICT)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether no input has more than one answer."""
        return score is None or score <= 1


FILTER = Conflicts


def _said(output: str) -> str:
    """Equal for answers that differ in capitals and a full stop; signs may be all of an answer."""
    line = one_line(output).casefold()
    return line.rstrip(".。 ") or line
