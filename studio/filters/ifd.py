"""Instruction-following difficulty (Li et al. 2024, arXiv:2308.12032).

The IFD is the perplexity of the answer after its instruction, divided by that of the same answer
without it. At 1 or more the instruction does not help at all: the two do not belong together, and
the record is dropped. The nearer below 1, the more there is to learn from following it; the paper
trains on the 5 to 10% with the highest IFD below 1. A small LLM ranks much as a large one does
(Superfiltering, Li et al. 2024, arXiv:2402.00530), which is why one in this process will do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.answer_losses import AnswerFilter, Losses, check_bounds, perplexity
from studio.filters.base import FilterContext
from studio.llm.causal import AnswerLoss, Prompted
from studio.records import Reason


@dataclass(frozen=True, slots=True)
class InstructionDifficulty(AnswerFilter):
    """Keeps an IFD of ``least`` or more that is under ``under``; the score is the IFD."""

    name: ClassVar[str] = "ifd"
    order: ClassVar[int] = 54
    reason: ClassVar[str] = Reason.NO_HELP

    under: float = 1.0
    """The IFD from which on a record is dropped."""

    def __post_init__(self) -> None:
        """Refuse bounds that keep nothing."""
        check_bounds(self.name, self.least, self.under)

    @property
    def label(self) -> str:
        """The measure, the LLM and the bounds."""
        low = f"from {self.least:g} " if self.least else ""
        return (
            f"IFD: how much harder the answer is without its instruction, by {self.model}, "
            f"{low}under {self.under:g}"
        )

    def scores(self, pairs: Sequence[Prompted], losses: Losses) -> Iterator[float | None]:
        """The IFD of each."""
        return map(ifd, losses(pairs, False), losses(pairs, True))

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether an IFD lies within the bounds."""
        return score is None or self.least <= score < self.under


def ifd(asked: AnswerLoss, alone: AnswerLoss) -> float | None:
    """The ratio of an answer's perplexities after its instruction and without it.

    None for an answer without a token.
    """
    if asked.mean is None or alone.mean is None:
        return None
    return perplexity(AnswerLoss(asked.mean - alone.mean, 1))


FILTER = InstructionDifficulty
