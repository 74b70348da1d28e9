"""``studio tune``, and what ``studio evaluate`` says of a tuned LLM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.text import Text

from studio.cli.fitting import opened_for
from studio.cli.following import run_job, show_result
from studio.cli.options import takes_params
from studio.cli.output import DetachOption, JsonOption, ProjectOption, emit, out, table, visible
from studio.cli.run_options import run_told
from studio.evaluation.measures import OF_ANSWERS, judged_line
from studio.evaluation.systems import label_of, of_pair_key
from studio.jobs.params import RunParams
from studio.jobs.tune_params import AnswerParams, PairJudgeParams, TuneParams
from studio.project import Project


@takes_params
def tune(
    *,
    project: ProjectOption = Path(),
    params: TuneParams,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Tune a small LLM on the kept instructions; gold is left out. Needs the extra sft."""
    from studio.jobs.base_encoders import absolute
    from studio.jobs.training_data import choice_of, refuse_unknown

    params = replace(params, base=absolute(params.base))
    opened = opened_for("tune", project)
    refuse_unknown(opened.store, choice_of(params))
    result = run_job(opened, "tune", params.to_row(), detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_result(result, lambda: _show_tuned(opened, result)))


def _show_tuned(project: Project, result: dict[str, Any]) -> None:
    lines = [
        f"Model {result['model_id']} tuned on {result['pairs']:,} instructions in "
        f"{result['steps']:,} steps: {visible(project.path / result['model_path'])}"
    ]
    if left_out := result["left_out_gold"]:
        lines.append(f"{left_out:,} left out: each has a gold instruction's words.")
    before, after = result["validation_loss"].values()
    if after is not None:
        lines.append(f"Loss on validation gold: {before:.3f} before, {after:.3f} after.")
    if path := result.get("gguf_path"):
        lines.append(f"GGUF, for llama.cpp and its kin: {visible(project.path / path)}")
    out.print("\n".join(lines), highlight=False, soft_wrap=True)
    if "scores" in result:
        out.print(answer_table(result))


def answer_table(result: dict[str, Any]) -> Group:
    """Base and tuned model with 95% intervals, and the paired tests."""
    labels = result["systems"]
    cells = [
        [label_of(system, labels), *(_cell(result, system, measure) for measure in OF_ANSWERS)]
        for system in result["scores"]
    ]
    grid = table(f"Scores on {result['gold']}", ("system", *OF_ANSWERS.values()), cells)
    lines = [line for key in result["tests"] for line in _test_lines(result, key)]
    return Group(grid, *(Text.from_markup(visible(line)) for line in lines))


def _cell(result: dict[str, Any], system: str, measure: str) -> str:
    low, high = result["intervals"][system][measure]
    return f"{result['scores'][system][measure]:.3f} ({low:.3f}–{high:.3f})"


def _test_lines(result: dict[str, Any], key: str) -> Iterator[str]:
    new, old = (label_of(name, result["systems"]) for name in of_pair_key(key))
    for measure, found in result["tests"][key].items():
        mean, low, high = found["difference"]
        p = found["p_value"]
        said = "significant" if p < 0.05 else "not significant"
        yield (
            f"{new} − {old}: {mean:+.3f} {OF_ANSWERS[measure]} (95% {low:+.3f} … {high:+.3f}), "
            f"p = {p:.4f}, {said}"
        )
    wins = result["wins"][key]
    answers = "answer" if wins["won"] == 1 else "answers"
    yield f"{wins['won']} {answers} won, {wins['lost']} lost, {wins['tied']} the same, by ROUGE-L"
    if found := result.get("judged"):
        yield judged_line(found)


def told_of_judge(project: Project, judge: PairJudgeParams) -> dict[str, Any] | None:
    """What the row of the job says of the pairwise judge; None without one.

    Raises StudioError for an endpoint that cannot be.
    """
    from studio.jobs.plans import endpoint_of

    if not judge.judge_endpoint:
        return None
    run = RunParams(
        endpoint=judge.judge_endpoint,
        budget_usd=judge.budget_usd,
        budget_tokens=judge.budget_tokens,
        max_concurrency=judge.max_concurrency,
    )
    told = run_told(project, run, judge.judge_model)
    endpoint_of(project, RunParams.from_row(told))
    return told


def evaluate_answers(
    project: Project, params: AnswerParams, *, detach: bool, as_json: bool
) -> None:
    """Score base and tuned model on gold instructions."""
    result = run_job(project, "evaluate", params.to_row(), detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_result(result, lambda: out.print(answer_table(result))))
