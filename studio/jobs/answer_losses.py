"""The causal LLMs that filters ask in a job, loaded once for all filters that ask the same one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from studio.filters.answer_losses import Losses
from studio.jobs.context import JobContext
from studio.llm.causal import AnswerLoss, CausalModel, Prompted
from studio.llm.loading import best_device

ON_CPU, ON_GPU = 16, 512
"""Records asked about at once; after each such batch their verdicts are stored."""


def asking_llms(context: JobContext) -> tuple[Callable[[str], Losses], int]:
    """What an LLM by a name says of answers, and how many answers it is to be asked about at once.

    A cancelled job raises Cancelled within a batch of the network.
    """

    def losses_of(name: str) -> Losses:
        context.progress(0, None, f"loading {name}", at_once=True)
        model = _opened(name)

        def losses(pairs: Sequence[Prompted], without_prompt: bool) -> Sequence[AnswerLoss]:
            found = model.losses(
                pairs, without_prompt=without_prompt, should_stop=context.should_stop
            )
            context.check()
            return found

        return losses

    return losses_of, ON_CPU if best_device() == "cpu" else ON_GPU


@lru_cache(maxsize=1)
def _opened(name: str) -> CausalModel:
    return CausalModel.open(name)
