"""``studio rerank``: a reranker over what the retriever finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.cli.fitting import opened_for
from studio.cli.following import run_job, show_result
from studio.cli.options import takes_params
from studio.cli.output import DetachOption, JsonOption, ProjectOption, emit, err, out, visible
from studio.cli.tables import score_table
from studio.jobs.rerank_params import RerankParams
from studio.jobs.scoring_plans import ScoringPlan, scoring_plan
from studio.project import Project
from studio.records import Split


@takes_params
def rerank(
    *,
    project: ProjectOption = Path(),
    params: RerankParams,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a reranker on the kept queries, to order what a retriever finds; gold is left out."""
    from studio.jobs.base_encoders import absolute
    from studio.jobs.datasets import encoder_name
    from studio.jobs.reranking import retriever_of
    from studio.jobs.training_data import choice_of, refuse_unknown

    params = replace(params, base=absolute(params.base))
    opened = opened_for("rerank", project)
    refuse_unknown(opened.store, choice_of(params))
    retriever_of(opened, params)
    if params.evaluate and not as_json:
        base = encoder_name(opened, params.base)
        tell_scoring(scoring_plan(opened.store, "test", base, params.max_length), "test")
    result = run_job(opened, "rerank", params.to_row(), detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_result(result, lambda: _show(opened, result)))


def tell_scoring(plan: ScoringPlan, split: Split) -> None:
    """What a reranker will read to be scored, before it does."""
    if plan.queries:
        told = f"To be scored, the reranker reads {plan.words(split)} ({plan.source})."
        err.print(visible(told), highlight=False, soft_wrap=True)


def _show(project: Project, result: dict[str, Any]) -> None:
    lines = [
        f"Reranker {result['model_id']} trained on {result['pairs']:,} queries in "
        f"{result['steps']:,} steps: {visible(project.path / result['model_path'])}"
    ]
    before, after = result["validation"].values()
    if after is not None:
        found = visible(result["retriever"])
        lines.append(f"nDCG@10 on validation: {found} {before:.3f}, reranked {after:.3f}.")
    if left_out := result["left_out_gold"]:
        lines.append(f"{left_out:,} left out: each has a gold query's words.")
    out.print("\n".join(lines), highlight=False, soft_wrap=True)
    if "scores" in result:
        out.print(score_table(result))
