"""What filters share that ask a causal LLM in this process how likely an answer is.

Each record is judged by itself, so that a job that was stopped goes on where it was.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from studio.filters.base import FilterContext, FilterRow, Fits, Judgement, batched, no_record
from studio.formats.instructions import prompt_text
from studio.llm.causal import AnswerLoss, Prompted
from studio.records import Reason, RecordType, StudioError

ANSWERS: Final = ("output", "answer")
"""What an answer is called in the types that have one."""

MODEL: Final = "smollm2-135m"
MOST_NATS: Final = 100.0
"""A token; no LLM is more surprised than that, and a score stays a number."""

Losses = Callable[[Sequence[Prompted], bool], Sequence[AnswerLoss]]
"""What each answer costs the filter's LLM; without its prompt where the second one says so."""


def has_answer(judged: RecordType) -> bool:
    """Types with a text that answers another one."""
    return any(name in judged.fields for name in ANSWERS)


@dataclass(frozen=True, slots=True)
class AnswerFilter(ABC):
    """The part of a filter that all of these have; a score is a number from 0, low is better."""

    name: ClassVar[str]
    reason: ClassVar[str]
    """Why a record with too high a score is dropped."""
    fits: ClassVar[Fits] = Fits(has_answer, no_record)
    needs_document_text: ClassVar[bool] = False

    model: str = MODEL
    """The LLM: a catalogue name, a folder, a GGUF file or a name on the hub."""
    least: float = 0.0
    """The lowest score that is kept: what the LLM foresees anyway teaches it little."""

    @abstractmethod
    def scores(self, pairs: Sequence[Prompted], losses: Losses) -> Iterator[float | None]:
        """One for each pair; None where there is nothing to measure."""

    @abstractmethod
    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether a score is within the bounds; what has none stays."""

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by its answer's losses, asked for in batches where they are not known.

        Raises:
            StudioError: the context brings no LLM.
        """
        if context.losses_of is None:
            raise StudioError(f"The filter {self.name} needs an LLM in this process to ask.")
        losses: Losses | None = None
        for batch in batched(rows, context.batch):
            new = [row for row in batch if row.record_id not in context.scores]
            losses = losses or (context.losses_of(self.model) if new else None)
            found = iter(self.scores([_pair(row) for row in new], losses) if losses else ())
            for row in batch:
                known = context.scores.get(row.record_id)
                score = next(found) if known is None else known
                kept = self.keeps(score, context)
                is_low = score is not None and score < self.least
                reason = "" if kept else Reason.FORESEEN if is_low else self.reason
                yield Judgement(row.record_id, kept, score, reason)


def _pair(row: FilterRow) -> Prompted:
    answer = next((row.fields[name] for name in ANSWERS if name in row.fields), "")
    return Prompted(prompt_text(row.query, row.context), answer)


def perplexity(loss: AnswerLoss) -> float | None:
    """e to the nats a token; None for an answer without a token."""
    return None if loss.mean is None else math.exp(min(loss.mean, MOST_NATS))


def check_bounds(name: str, low: float, high: float) -> None:
    """Raises StudioError for bounds that keep nothing."""
    if not 0 <= low < high:
        raise StudioError(
            f"The filter {name} keeps from {low:g} to {high:g}, which is nothing; the first bound "
            "is 0 or more and less than the second."
        )
