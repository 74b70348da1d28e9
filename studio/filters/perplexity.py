"""Drop answers that a causal LLM finds very unlikely, as EasyInstruct's perplexity selector does.

The perplexity is that of the answer's tokens after the instruction in the LLM's chat template, e to
their mean negative log-likelihood. EasyInstruct (Ou et al. 2024, arXiv:2402.03049) keeps up to 200
by GPT-2; what lies above is mostly garbled, cut, or in another language than the LLM's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.answer_losses import AnswerFilter, Losses, check_bounds, perplexity
from studio.filters.base import FilterContext
from studio.llm.causal import Prompted
from studio.records import Reason


@dataclass(frozen=True, slots=True)
class Perplexity(AnswerFilter):
    """Keeps a perplexity from ``least`` to ``most``; the score is the perplexity."""

    name: ClassVar[str] = "perplexity"
    order: ClassVar[int] = 52
    reason: ClassVar[str] = Reason.UNLIKELY

    most: float = 200.0
    """The highest perplexity that is kept."""

    def __post_init__(self) -> None:
        """Refuse bounds that keep nothing."""
        check_bounds(self.name, self.least, self.most)

    @property
    def label(self) -> str:
        """The measure, the LLM and the bounds."""
        low = f"from {self.least:g} " if self.least else ""
        return f"Perplexity: of the answer by {self.model}, {low}to {self.most:g}"

    def scores(self, pairs: Sequence[Prompted], losses: Losses) -> Iterator[float | None]:
        """The perplexity of each answer after its instruction."""
        return map(perplexity, losses(pairs, False))

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether a perplexity lies within the bounds."""
        return score is None or self.least <= score <= self.most


FILTER = Perplexity
