"""``studio generate, train, evaluate, search``: the path, a step at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.fitting import opened_for
from studio.cli.following import run_job, show_result
from studio.cli.options import refuse_other_options, takes_params
from studio.cli.output import (
    DetachOption,
    JsonOption,
    ProjectOption,
    emit,
    out,
    show_rows,
    table,
    visible,
)
from studio.cli.reranking import tell_scoring
from studio.cli.run_options import (
    EstimateOption,
    MethodSettings,
    ModelOption,
    PromptOption,
    refuse_foreign,
    run_told,
)
from studio.cli.s3 import show_rounds
from studio.cli.tables import retention_table, score_table
from studio.cli.tuning import evaluate_answers, told_of_judge
from studio.evaluation.systems import TRAINED, System, find_system
from studio.jobs.params import RunParams
from studio.jobs.passkey import PasskeyParams
from studio.jobs.train_params import (
    EvaluateParams,
    TrainParams,
)
from studio.jobs.tune_params import AnswerParams, PairJudgeParams
from studio.llm.money import dollars, untold
from studio.project import Project
from studio.records import StudioError
from studio.tasks import Task


@takes_params
def generate(
    *,
    project: ProjectOption = Path(),
    run: RunParams,
    settings: MethodSettings,
    model: ModelOption = "",
    prompt: PromptOption = None,
    estimate: EstimateOption = False,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let an LLM write records: queries for the documents, or what the task's methods make."""
    from studio.cli.estimates import estimate_run
    from studio.jobs.plans import method_of, prompt_of, run_row

    opened = Project.open(project)
    refuse_foreign(opened, run, settings)
    told = run_told(opened, run, model, prompt)
    if prompt is None:
        chosen = prompt_of(opened, method_of(opened, run.method), None, keep=not estimate)
        told["prompt_id"] = chosen.id or None
    row = run_row(opened, **told, **settings)
    if estimate:
        estimate_run(opened, row, as_json)
        return
    result = run_job(opened, "generate", row, detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_result(result, lambda: _show_generated(result, opened.task)))


def _show_generated(result: dict[str, Any], task: Task) -> None:
    if "rounds" in result:
        show_rounds(result)
        return
    spent = result["spent"]
    cost = "unknown" if spent["cost"] is None else dollars(spent["cost"])
    rows: list[list[object]] = [
        *([["documents", result["documents"]]] if task.needs_documents else []),
        ["requests", result["requests"]],
        *([["answered before", result["reused"]]] if result["reused"] else []),
        [f"{task.record.nouns} generated", result["generated"]],
        *[[f"dropped: {reason}", n] for reason, n in result["generation_drops"].items()],
        ["prompt tokens", spent["prompt_tokens"]],
        ["completion tokens", spent["completion_tokens"]],
    ]
    out.print(table(f"Generated with {result['model']}", ("what", "count"), rows))
    if types := result.get("query_types"):
        out.print(retention_table(types, "Kept by query type", ("query type", "asked")))
    out.print(f"Cost: {cost}{untold(spent['untold_calls'])}", highlight=False)


@takes_params
def train(
    *,
    project: ProjectOption = Path(),
    params: TrainParams,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a retriever on the kept queries; those with a gold query's words are left out."""
    from studio.jobs.base_encoders import absolute
    from studio.jobs.training_data import choice_of, refuse_unknown

    encoder, teacher = absolute(params.encoder), absolute(params.teacher)
    params = replace(params, encoder=encoder, teacher=teacher)
    opened = opened_for("train", project)
    refuse_unknown(opened.store, choice_of(params))
    result = run_job(opened, "train", params.to_row(), detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_result(result, lambda: _show_trained(opened, result)))


def _show_trained(project: Project, result: dict[str, Any]) -> None:
    out.print(
        f"Model {result['model_id']} trained on {result['pairs']:,} pairs in "
        f"{result['steps']:,} steps: {visible(project.path / result['model_path'])}",
        highlight=False,
    )
    if left_out := result.get("left_out_gold"):
        out.print(f"{left_out:,} left out: each has a gold query's words.", highlight=False)
    if "scores" in result:
        out.print(score_table(result))


@takes_params
def evaluate(
    *,
    project: ProjectOption = Path(),
    params: EvaluateParams,
    answers: AnswerParams,
    judge: PairJudgeParams,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score BM25, base and trained encoder on gold queries; on instructions base and tuned LLM."""
    from studio.jobs.base_encoders import absolute
    from studio.jobs.evaluating import names_in, rerankers_scored
    from studio.jobs.scoring_plans import plan_of_system

    params = replace(params, encoder=absolute(params.encoder), reranker=absolute(params.reranker))
    opened = opened_for("evaluate", project)
    if opened.task.trained_by == "tune":
        refuse_other_options((answers, judge), (params,), opened.task.record.nouns)
        answers = replace(answers, judge=told_of_judge(opened, judge))
        evaluate_answers(opened, answers, detach=detach, as_json=as_json)
        return
    refuse_other_options((params,), (answers, judge), opened.task.record.nouns)
    named = (_system(opened, name).name for name in names_in(params.systems))
    params = replace(params, systems=",".join(named))
    if not as_json:
        for system in rerankers_scored(opened, params):
            tell_scoring(plan_of_system(opened, system, params.split), params.split)
    result = run_job(opened, "evaluate", params.to_row(), detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_result(result, lambda: out.print(score_table(result))))


@takes_params
def passkey(
    *,
    project: ProjectOption = Path(),
    params: PasskeyParams,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """In how long texts base and trained encoder still find one sentence; the curve is in Train."""
    from studio.jobs.base_encoders import absolute
    from studio.jobs.passkey import rows_of

    params = replace(params, encoder=absolute(params.encoder))
    opened = opened_for("passkey", project)
    result = run_job(opened, "passkey", params.to_row(), detach=detach, as_json=as_json)

    def show() -> None:
        columns, rows = rows_of(result["passkey"], result["systems"])
        show_rows("Pass keys found at first", columns, rows, "")

    emit(result, as_json, lambda: show_result(result, show))


def search(
    query: Annotated[
        str, typer.Argument(help="What to look for, the text to predict, or an instruction.")
    ],
    project: ProjectOption = Path(),
    system: Annotated[
        str,
        typer.Option(
            help="Which one answers: bm25, base, hybrid, a model by number or name. Default: the "
            "newest model; where labels are predicted, the newest ones; where LLMs are tuned, the "
            "base and the newest one."
        ),
    ] = "",
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many.")] = 10,
    context: Annotated[
        str,
        typer.Option(
            help="Where labels are predicted: the premise or passage. Of an instruction: its input."
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Search the corpus with any system; where models predict or answer, see what each says."""
    from studio.jobs import searching

    opened = opened_for("search", project)
    if opened.task.trained_by == "tune":
        name = _system(opened, system).name if system else ""
        answers = searching.answers(opened, query, context, name)
        rows = [[one["label"], one["answer"]] for one in answers]
        emit(answers, as_json, lambda: show_rows(query, ("model", "answer"), rows, ""))
        return
    if opened.task.gold != "documents":
        name = _system(opened, system).name if system else ""
        said = searching.predict(opened, query, context, name)
        shown = [[one["label"], one["predicted"], one["confidence"]] for one in said]
        told = ("model", "predicted", "confidence")
        emit(said, as_json, lambda: show_rows(query, told, shown, ""))
        return
    chosen = _system(opened, system or TRAINED)
    hits = searching.search(opened, query, chosen.name, k)
    cells = [
        [n, round(h["score"], 4), h["document"], h["title"], h["text"][:160]]
        for n, h in enumerate(hits, 1)
    ]
    columns = ("", "score", "document", "title", "text")
    none = "No document has a word of the query."
    emit(hits, as_json, lambda: show_rows(f"{chosen.label}: {query}", columns, cells, none))


def _system(project: Project, name: str) -> System:
    """The system of the project that is meant; to name another is wrong use."""
    from studio.jobs.project_systems import systems_of

    try:
        return find_system(systems_of(project), name)
    except StudioError as error:
        raise typer.BadParameter(str(error)) from error
