"""What a run would take, from a sample of the prompts that it would really send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from studio.calls import Request
from studio.jobs.plans import (
    Beginning,
    planned,
    requests_of,
)
from studio.llm.estimate import Estimate, estimate
from studio.methods.fixed_corpus import FixedCorpus
from studio.methods.mixing import asks_of
from studio.methods.protocol import Ask, ExpectedStage, Plan, Stage
from studio.project import Project

ESTIMATE_SAMPLE = 50
"""Prompts counted, and earlier answers read, for an estimate."""
LOOKED_AT = 400
"""Requests rendered to see whether they are stored; a larger run is estimated from so many."""


def estimate_for(project: Project, row: dict[str, Any]) -> Estimate:
    """What a run would take until its first feedback, from a sample of its own rendered prompts.

    What is stored already is taken out of it: exactly in a small run, by its share of the sample
    in a large one.
    """
    method, plan, endpoint = planned(project, row, keep_shots=False)
    sample: list[Request] = []
    seen: list[Request] = []
    left, stored = 0, 0
    for stage in method.stages:
        if stage.feedback:
            break
        looked_at, total = _looked_at(stage, plan)
        new, there = without_answer(project, looked_at, total)
        left, stored = left + total - there, stored + there
        sample, seen = sample + spread(new), seen or spread([ask.request for ask in looked_at])
    answered = project.store.generations.answered_sample(
        plan.prompt_id or 0, endpoint.model, ESTIMATE_SAMPLE
    )
    # What later stages ask is as long as what the first one asked, as far as anybody knows.
    found = estimate(sample or seen, left, endpoint, plan.count, answered=answered)
    return replace(found, stored=stored)


def _looked_at(stage: Stage, plan: Plan) -> tuple[list[Ask], int]:
    """Requests of a stage, all of them or from all over the corpus; how many it has."""
    total = requests_of(stage, plan)
    if total is None:
        found = list(asks_of(stage, plan, 0, Beginning()))
        return found, stage.expected(plan) if isinstance(stage, ExpectedStage) else len(found)
    if total > LOOKED_AT:
        documents = plan.corpus.sampled()
        each = max(1, total // max(1, len(documents)))
        wanted = max(ESTIMATE_SAMPLE // 2, LOOKED_AT // each)
        step = max(1, len(documents) // wanted)
        plan = replace(plan, corpus=FixedCorpus(list(documents[::step])[:wanted]))
    return list(islice(asks_of(stage, plan, 0, Beginning()), 8 * LOOKED_AT)), total


def without_answer(project: Project, asks: Sequence[Ask], total: int) -> tuple[list[Request], int]:
    """Those of the requests that have no answer yet; how many of ``total`` have one, by these."""
    known = project.store.generations.stored([ask.request.sha for ask in asks])
    new = [ask.request for ask in asks if ask.request.sha not in known]
    return new, total - round(total * len(new) / len(asks)) if asks else 0


def spread(requests: Sequence[Request]) -> list[Request]:
    """A few of them, from the first to the last; draws of one document are the same prompt."""
    distinct = list({request.messages: request for request in requests}.values())
    return distinct[:: max(1, len(distinct) // ESTIMATE_SAMPLE)][:ESTIMATE_SAMPLE]
