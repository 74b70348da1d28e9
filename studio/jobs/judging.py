"""The job ``judge``: an LLM rates the records that are kept, and its word is a filter's verdict.

What is asked, paid and stored goes the one way of :mod:`studio.jobs.collect`, as a run of a judge:
equal requests are asked once, a killed job goes on, the caps hold. The verdicts are drawn from the
judgements that are stored, so that a threshold can move in Review without a new call.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache, partial
from itertools import islice
from typing import Any

from studio.calls import Prompt
from studio.evaluation.bm25 import Bm25Ranker
from studio.jobs.categories import MOST_CATEGORIES, retention_of, retention_row
from studio.jobs.collect import Collector
from studio.jobs.context import Cancelled, JobContext
from studio.jobs.datasets import bm25_ranker, read_corpus
from studio.jobs.filtering import record_type
from studio.jobs.params import JudgeParams, RunParams
from studio.jobs.plans import (
    Beginning,
    endpoint_of,
    plan_for,
)
from studio.jobs.run_estimates import (
    LOOKED_AT,
    spread,
    without_answer,
)
from studio.jobs.run_rows import begun
from studio.llm.estimate import Estimate, estimate
from studio.methods.judging import (
    JUDGES,
    OF_SEARCH,
    PROMPTS,
    RUBRIC,
    SCALES,
    USUAL,
    Judged,
    JudgeSettings,
    by_score,
    judged_by,
    judging,
)
from studio.methods.protocol import Method, Plan
from studio.methods.relabelling import NEAREST, RELABEL, Nearest, relabelling
from studio.project import Project
from studio.prompting.builtin import builtin, builtin_names, localised_name
from studio.records import QUERY, TRIPLET, Reason, Record, RecordType, StudioError, Verdict
from studio.settings import Endpoint
from studio.store import Store

WINDOW = 1_000
"""Verdicts in one transaction."""


def run(context: JobContext) -> None:
    """The job ``judge``. A resumed one asks only what has no answer."""
    started = time.monotonic()
    params = JudgeParams.from_row(context.job.params)
    judged = checked(context.project, params)
    params = replace(params, keep_from=floor_of(params))
    refuse_none(context.project, judged)
    template = params.template or template_of(params.by, context.project.language)
    row = {**context.job.params, "template": template, "method": params.by}
    run_ = begun(context, params.by, None, row)
    params = replace(params, template=str(run_.params["template"]))
    method, plan, endpoint = planned_judge(context.project, params, judged)
    # As if it had not spoken: what it dropped before is judged again, by the answers there are.
    context.store.verdicts.undo_filter(params.by, judged.name)
    total = context.store.records.counts(judged.name).kept
    told = RunParams.from_row({**row, **params.to_row()})
    stage = method.stages[0]
    with Collector(context, run_, method, plan, endpoint, told, owns=True, total=total) as asked:
        try:
            asked.collect_all(stage, total=total)
        except Cancelled:
            _conclude(context, run_.id, params, judged, whole=False)
            raise
    found = _conclude(context, run_.id, params, judged, whole=not asked.stopped_by)
    context.keep(
        by=params.by,
        keep_from=floor_of(params),
        **summary(context.store, found, floor_of(params)),
        reused=asked.reused,
        generation_drops=asked.drops(),
        spent=asdict(context.store.generations.spent(context.job.id)),
        stopped_by=asked.stopped_by,
        answers_s=asked.meter.mean and round(asked.meter.mean, 3),
        model=endpoint.model,
        endpoint=endpoint.name,
        seconds_judge=round(time.monotonic() - started, 1),
    )
    asked.check_cap()
    if not context.result["by_score"]:
        raise StudioError(_nothing_scored(context, found))


def checked(project: Project, params: JudgeParams) -> RecordType:
    """The type that is judged. Raises StudioError for params that cannot be."""
    if params.by not in JUDGES:
        raise StudioError(f"There is no judge “{params.by}”; choose one of: {', '.join(JUDGES)}.")
    if params.by == RUBRIC and not params.rubric.strip():
        raise StudioError("The judge rubric needs your rubric: write it, or name its file.")
    if params.by != RUBRIC and params.rubric.strip():
        raise StudioError(f"The judge {params.by} takes no rubric; the judge rubric does.")
    highest, floor = SCALES.get(params.by, USUAL)[0], floor_of(params)
    if not 0 <= floor <= highest:
        raise StudioError(
            f"No record can be kept from a score of {floor:g}: scores go from 0 to {highest:g}."
        )
    judged = record_type(project, params.type)
    _check_search(project, params.by, judged)
    if not judged.is_trained_on:
        raise StudioError(f"Nobody trains on {judged.nouns}, so there is nothing to judge.")
    return judged


def floor_of(params: JudgeParams) -> float:
    """The lowest score that is kept."""
    usual = SCALES.get(params.by, USUAL)[1]
    return usual if params.keep_from is None else params.keep_from


def _check_search(project: Project, by: str, judged: RecordType) -> None:
    """Raises StudioError for a judge of searches on other records."""
    fits = judged == QUERY or (judged == TRIPLET and by != RELABEL)
    if by in OF_SEARCH and not fits:
        others = ", ".join(name for name in JUDGES if name not in OF_SEARCH)
        raise StudioError(
            f"The judge {by} looks at queries with their documents, and these are "
            f"{judged.nouns}; choose one of: {others}."
        )


def nearest_of(project: Project) -> Nearest:
    """BM25 over the corpus; read when it is first asked."""

    @cache
    def ranker() -> Bm25Ranker[str]:
        return bm25_ranker(read_corpus(project.store), project.language)

    def nearest(records: Sequence[Record]) -> list[list[int]]:
        found = ranker().top_k([one.text for one in records], NEAREST)
        return [[int(name) for name in best] for best in found]

    return nearest


def refuse_none(project: Project, judged: RecordType) -> None:
    """Raises StudioError where there is nothing to judge."""
    if not project.store.records.counts(judged.name).total:
        verb = project.task.verb
        raise StudioError(f"There are no {judged.nouns} to judge. Run `{verb}` first.")


def template_of(by: str, language: str) -> str:
    """The bundled template of a judge, in the language where there is one."""
    return builtin(localised_name(by, language, builtin_names(PROMPTS)), PROMPTS)


def planned_judge(
    project: Project, params: JudgeParams, judged: RecordType
) -> tuple[Method, Plan, Endpoint]:
    """Method, plan and endpoint. Raises StudioError for a template that cannot be used."""
    records = partial(project.store.records.all, kept=True, type=judged.name)
    method = (
        relabelling(records, nearest_of(project))
        if params.by == RELABEL
        else judging(params.by, records)
    )
    template = params.template or template_of(params.by, project.language)
    told = RunParams.from_row(params.to_row())
    endpoint = endpoint_of(project, told)
    settings = JudgeSettings(rubric=params.rubric)
    prompt = Prompt(params.by, template)
    return method, plan_for(project, method, prompt, told, settings, endpoint), endpoint


def estimate_judge(project: Project, params: JudgeParams) -> Estimate:
    """What it would take if each score can be read at the first try."""
    judged = checked(project, params)
    refuse_none(project, judged)
    method, plan, endpoint = planned_judge(project, params, judged)
    total = project.store.records.counts(judged.name).kept
    asks = list(islice(method.stages[0].ask(plan, 0, Beginning()), LOOKED_AT))
    new, there = without_answer(project, asks, total)
    return replace(estimate(spread(new), total - there, endpoint, plan.count), stored=there)


def _conclude(
    context: JobContext, run_id: int, params: JudgeParams, judged: RecordType, *, whole: bool
) -> list[Judged]:
    """The verdicts of what has been judged; where the run is whole, also of what got no answer."""
    records = context.store.records
    found = judged_by(records.of_stage(run_id, "judgements"))
    if whole:
        for record in records.all(kept=True, type=judged.name):
            found.setdefault(record.id, Judged(record.id, None, "", "no-answer"))
    verdicts = iter([_verdict(one, params) for one in found.values()])
    while window := list(islice(verdicts, WINDOW)):
        context.store.verdicts.add(window, context.job.id)
    return list(found.values())


def _verdict(one: Judged, params: JudgeParams) -> Verdict:
    """Unscored records stay as they are."""
    if one.score is None:
        return Verdict(one.record_id, params.by, True, reason=Reason.UNSCORED)
    kept = one.score >= floor_of(params)
    return Verdict(one.record_id, params.by, kept, one.score, "" if kept else Reason.LOW_SCORE)


def summary(store: Store, found: Sequence[Judged], keep_from: float) -> dict[str, Any]:
    """How many are kept, dropped and unscored, by score and by category."""
    scored = [one for one in found if one.score is not None]
    kept = {one.record_id for one in scored if (one.score or 0.0) >= keep_from}
    return {
        "judged": len(found),
        "kept": len(kept),
        "dropped": len(scored) - len(kept),
        "unscored": len(found) - len(scored),
        "unscored_why": dict(Counter(one.why for one in found if one.score is None).most_common()),
        "by_score": by_score(found),
        "retention": _retention(store, scored, kept),
    }


def _retention(store: Store, scored: Sequence[Judged], kept: set[int]) -> dict[str, Any]:
    """Category → scored, kept and their share, the largest first."""
    verdicts = {one.record_id: (one.record_id in kept, one.score) for one in scored}
    return retention_row(retention_of(store, verdicts).now(), MOST_CATEGORIES)


def _nothing_scored(context: JobContext, found: Sequence[Judged]) -> str:
    whys = Counter(one.why for one in found)
    said = next((one.explanation for one in found if one.explanation), "")
    sample = f" One answer was {said[:80]!r}." if said else ""
    failed = context.store.generations.with_reason("error", 1)
    if failed and failed[0]["error"]:
        sample = f" {failed[0]['error']}"
    worst = whys.most_common(1)[0][0] if whys else "no answer"
    return (
        f"None of the {len(found):,} records got a score (most often: {worst}).{sample} They stay "
        "as they were. Choose another model, or a template of your own."
    )
