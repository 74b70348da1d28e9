"""The causal LLMs that filters ask in a job, loaded once for all filters that ask the same one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from studio.filters.answer_losses import MODEL, AnswerFilter, Losses
from studio.filters.choosing import settings_in
from studio.jobs.context import JobContext
from studio.llm import catalogue
from studio.llm.causal import AnswerLoss, CausalModel, Prompted
from studio.llm.loading import best_device
from studio.records import StudioError
from studio.runs import Job
from studio.store import Store

ON_CPU, ON_GPU = 16, 512
"""Records asked about at once; after each such batch their verdicts are stored."""


def asking_llms(context: JobContext) -> tuple[Callable[[str], Losses], int]:
    """What an LLM by a name says of answers, and how many answers it is to be asked about at once.

    A cancelled job raises Cancelled within a batch of the network.
    """

    def losses_of(name: str) -> Losses:
        model = context.loads(lambda: _opened(name), name)

        def losses(pairs: Sequence[Prompted], without_prompt: bool) -> Sequence[AnswerLoss]:
            found = model.losses(
                pairs, without_prompt=without_prompt, should_stop=context.should_stop
            )
            context.check()
            return found

        return losses

    return losses_of, ON_CPU if best_device() == "cpu" else ON_GPU


def scores_before(store: Store, link: AnswerFilter) -> dict[int, float]:
    """Record → what the filter's LLM has said of it in earlier jobs, whatever the bounds were.

    Only of LLMs of the catalogue: what lies in a folder may be another one by now.
    """
    if not is_pinned(link.model):
        return {}
    jobs = [job.id for job in store.jobs.all() if _model_of(job, link.name) == link.model]
    return store.verdicts.scores_of_jobs(link.name, jobs)


def is_pinned(name: str) -> bool:
    """Whether an LLM by this name is always the same one."""
    return name in catalogue.load()


def _model_of(job: Job, filter_name: str) -> str:
    """Which LLM a job's filter by this name asked, if it has one."""
    params = job.params if job.kind == "filter" else job.params.get("filter") or {}
    try:
        told = settings_in(str(params.get("settings", ""))).get(filter_name, {})
    except StudioError:
        # A setting of a filter that is gone.
        return ""
    return str(told.get("model", MODEL))


@lru_cache(maxsize=1)
def _opened(name: str) -> CausalModel:
    return CausalModel.open(name)
