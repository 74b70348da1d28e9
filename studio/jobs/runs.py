"""The jobs ``generate`` and ``s3``: one method at work.

A method without feedback adds records to the project; one with feedback trains as well, round by
round (:mod:`studio.jobs.rounds`). What was answered is not asked again.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from studio.jobs.collect import Collector
from studio.jobs.context import JobContext
from studio.jobs.params import RunParams
from studio.jobs.plans import method_of, planned, requests_of
from studio.jobs.rounds import rounds
from studio.jobs.run_rows import asked_with, begun, nothing_came
from studio.methods.protocol import Plan, Stage
from studio.records import StudioError


def run(context: JobContext) -> None:
    """The jobs ``generate`` and ``s3``."""
    row = context.job.params
    name = RunParams.from_row(row).method
    if context.job.kind == "s3" or method_of(context.project, name).has_feedback:
        rounds(context, row)
    else:
        generate(context, row)


def generate(context: JobContext, row: dict[str, Any]) -> None:
    """Every stage of a method without feedback. A resumed job asks only what has no answer."""
    started = time.monotonic()
    params = RunParams.from_row(row)
    chosen = method_of(context.project, params.method)
    run_ = begun(context, chosen.name, chosen, row)
    method, plan, endpoint = planned(context.project, asked_with(run_, row))
    sizes = [requests_of(stage, plan) for stage in method.stages]
    known = [size for size in sizes if size is not None]
    total = sum(known) if len(known) == len(sizes) else None
    asked = 0
    with Collector(
        context, run_, method, plan, endpoint, params, owns=False, total=total
    ) as collector:
        for stage in method.stages:
            if stage.name in run_.finished_stages:
                continue
            asked += collector.collect_all(stage, total=requests_of(stage, plan))
            if collector.stopped_by:
                break
            context.store.runs.finish_stage(run_.id, stage.name)
    prompt = context.store.prompts.get(plan.prompt_id) if plan.prompt_id else None
    documents = plan.corpus.sampled() if total is not None else ()
    types = context.store.query_types.of_job(context.job.id) if plan.members else {}
    context.keep(
        query_types={
            name: {"judged": asked, "kept": kept, "share": round(kept / asked, 4)}
            for name, (asked, kept) in types.items()
        },
        documents=len(documents),
        requests=asked,
        noun=method.stages[-1].makes.noun,
        nouns=method.stages[-1].makes.nouns,
        generated=context.store.records.kept_of_job(context.job.id),
        reused=collector.reused,
        generation_drops=collector.drops(),
        spent=asdict(context.store.generations.spent(context.job.id)),
        stopped_by=collector.stopped_by,
        answers_s=collector.meter.mean and round(collector.meter.mean, 3),
        model=endpoint.model,
        endpoint=endpoint.name,
        prompt_version=prompt.version if prompt else None,
        seconds_generate=round(time.monotonic() - started, 1),
    )
    _tell_of_shortage(context, plan, collector, method.stages[-1], asked)
    collector.check_cap()
    if not (context.result["generated"] or collector.reused):
        raise StudioError(nothing_came(context, asked, method.stages[-1]))


def _tell_of_shortage(
    context: JobContext, plan: Plan, collector: Collector, last: Stage, asked: int
) -> None:
    """A sentence where fewer came about than were wanted, though nothing stopped the run."""
    wanted, kept = getattr(plan.settings, "wanted", 0), collector.made.count(last.name)
    if not collector.stopped_by and kept < wanted:
        context.note(
            f"Only {kept:,} of the {wanted:,} wanted came about of {asked:,} requests; too much "
            "was dropped to go on. Look at the reasons, or let another model or other seeds try."
        )
