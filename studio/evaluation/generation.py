"""How good written answers are: their likeness to right ones, and what right ones cost the model.

ROUGE-L (Lin 2004) is the F1 over the longest common subsequence of words, the measure of
Super-NaturalInstructions (Wang et al. 2022, arXiv:2204.07705), here without a stemmer: on ASCII
text it is ``rouge_score``'s, and in scripts without spaces each character is a word.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from studio.filters import similarity
from studio.llm.causal import AnswerLoss

ROUGE_L: Final = "rouge_l"
LOSS: Final = "loss"
PERPLEXITY: Final = "perplexity"
PREFERRED: Final = "preferred"
"""What a judge that compares two systems' answers says of each: 1 the new one's is better, −1 the
old one's, 0 neither."""


@dataclass(frozen=True, slots=True)
class GenerationScores:
    """One system on all gold instructions. What stands for each of them is for paired tests."""

    loss: float
    """Mean nats a token over all tokens of the right answers; lower is better."""
    rouge_l: float
    """Mean over the answers, 0 to 1."""
    losses: tuple[float, ...]
    """For each right answer its nats, divided by the mean number of tokens of all: their mean is
    the loss."""
    rouges: tuple[float, ...]
    """For each answer its ROUGE-L."""

    @property
    def perplexity(self) -> float:
        """e to the loss: among how many tokens the model hesitates."""
        return math.exp(self.loss) if self.loss < 700 else math.inf

    def metrics(self) -> dict[str, float]:
        """Metric → value, for tables."""
        return {ROUGE_L: self.rouge_l, LOSS: self.loss, PERPLEXITY: self.perplexity}


def rouge_l(answer: str, reference: str) -> float:
    """ROUGE-L's F1, 0 to 1; 0 where one has no word."""
    vocabulary = similarity.Vocabulary()
    return similarity.likeness(vocabulary.encode(reference), vocabulary.encode(answer))


def scores(
    losses: Sequence[AnswerLoss], answers: Sequence[str], references: Sequence[str]
) -> GenerationScores:
    """What a system reaches.

    Args:
        losses: what each right answer costs it.
        answers: what it wrote itself.
        references: the right answers, in the same order.

    Raises:
        ValueError: they differ in number, there are none, or no right answer has a token.
    """
    if not len(losses) == len(answers) == len(references) or not references:
        raise ValueError(f"{len(losses)} losses and {len(answers)} answers to {len(references)}")
    tokens = sum(one.tokens for one in losses)
    if not tokens:
        raise ValueError("no right answer has a token")
    each = tokens / len(losses)
    rouges = tuple(rouge_l(*pair) for pair in zip(answers, references, strict=True))
    return GenerationScores(
        loss=sum(one.nats for one in losses) / tokens,
        rouge_l=sum(rouges) / len(rouges),
        losses=tuple(one.nats / each for one in losses),
        rouges=rouges,
    )
