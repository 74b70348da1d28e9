"""``studio s3``: rounds of error extrapolation, and their kin at the same budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.fitting import opened_for
from studio.cli.following import follow, followed, left_alone, run_job, show_result
from studio.cli.options import takes_params
from studio.cli.output import (
    DetachOption,
    JsonOption,
    ProjectOption,
    emit,
    local_time,
    out,
    show_rows,
    table,
    visible,
)
from studio.cli.run_options import (
    MethodSettings,
    ModelOption,
    PromptOption,
    row_that_trains,
    run_told,
)
from studio.cli.tables import scores_line
from studio.jobs.params import RoundParams, RunParams
from studio.project import Project
from studio.records import StudioError

app = typer.Typer(
    help="Find what the small model gets wrong, let an LLM extrapolate it, train again.",
    invoke_without_command=True,
)


@app.callback()
@takes_params
def s3(
    *,
    context: typer.Context,
    project: ProjectOption = Path(),
    run: RunParams,
    settings: MethodSettings,
    rounds: RoundParams,
    model: ModelOption = "",
    prompt: PromptOption = None,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run S3 on the project: seed, rounds, final model."""
    if context.invoked_subcommand is not None:
        return
    opened = opened_for("s3", project)
    told = {**rounds.to_row(), **settings, **run_told(opened, run, model, prompt)}
    # The verb's own, whatever the task's is.
    told["method"] = run.method or "s3"
    row = row_that_trains(opened, told)
    result = run_job(opened, "s3", row, detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_result(result, lambda: show_rounds(result)))


def show_rounds(result: dict[str, Any]) -> None:
    """The table of rounds, what was dropped, and what to do next."""
    cells = [
        [
            row["round"],
            row["records"],
            "" if row["errors"] is None else row["errors"],
            scores_line(row["validation"]),
            scores_line(row["test"]),
            f"{sum(row['seconds'].values()):.0f} s",
        ]
        for row in result["rounds"]
    ]
    columns = ("round", "records", "errors", "validation", "test", "time")
    title = f"{result['method']}, run {result['run_id']}, kind {result['kind']}"
    out.print(table(title, columns, cells))
    for number, reasons in result["dropped"].items():
        for reason, count in reasons.items():
            out.print(f"round {number}, dropped: {reason} {count:,}", highlight=False)
    for warning in result["warnings"]:
        out.print(f"! {visible(warning)}", highlight=False, soft_wrap=True)
    if result.get("waiting_for"):
        out.print(
            f"The run rests: look at the additions in the Rounds pane, then go on with "
            f"studio s3 approve {result['run_id']}",
            highlight=False,
            soft_wrap=True,
        )
    elif result.get("stopped"):
        out.print(f"Ended: {visible(result['stopped'])}.", highlight=False, soft_wrap=True)


@app.command("approve")
def approve(
    run: Annotated[int, typer.Argument(help="The run that rests.")],
    project: ProjectOption = Path(),
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a resting run's additions through as they stand, and go on."""
    from studio.jobs.run_outcome import approve as let_in

    opened = Project.open(project)
    job = let_in(opened, run)
    result = left_alone(opened, job) if detach else followed(opened, job, as_json)
    emit(result, as_json, lambda: show_result(result, lambda: show_rounds(result)))


@app.command("show")
def show(
    run: Annotated[int | None, typer.Argument(help="A run; without one, all are listed.")] = None,
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """The runs of a project, or the rounds of one."""
    from studio.jobs.run_outcome import outcome

    opened = Project.open(project)
    if run is None:
        _list(opened, as_json)
        return
    found = opened.store.runs.get(run)
    if found is None:
        raise StudioError(f"There is no run {run} in this project. `studio s3 show` lists them.")
    result = {**outcome(opened, run), "warnings": [], "kind": found.params.get("kind", "")}
    emit(result, as_json, lambda: show_rounds(result))


def _list(opened: Project, as_json: bool) -> None:
    runs = opened.store.runs.all()
    rows = [
        {"run": one.id, "method": one.method, "created": one.created, "params": one.params}
        for one in runs
    ]
    cells = [[one.id, one.method, local_time(one.created)] for one in runs]
    none = "No run yet. Begin one: studio s3"
    emit(rows, as_json, lambda: show_rows("Runs", ("run", "method", "began"), cells, none))


@app.command("compare")
@takes_params
def compare(
    *,
    methods: Annotated[
        str,
        typer.Option(
            help="Names with commas, also METHOD-without-rationales; default: all of the task."
        ),
    ] = "",
    project: ProjectOption = Path(),
    run: RunParams,
    settings: MethodSettings,
    rounds: RoundParams,
    model: ModelOption = "",
    seeds: Annotated[int, typer.Option(min=1, help="Trainings per round, for the spread.")] = 3,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train each method at the same number of records; one table, with tests against s3."""
    from studio.jobs.method_comparison import CompareParams, checked, default_methods

    opened = opened_for("s3 compare", project)
    typed = (name.strip() for name in methods.split(","))
    names = tuple(dict.fromkeys(name for name in typed if name)) or default_methods(opened)
    checked(opened, names)
    told = {**rounds.to_row(), **settings, **run_told(opened, run, model, None), "method": ""}
    params = CompareParams(names, row_that_trains(opened, {**told, "seeds": seeds}))
    result = run_job(opened, "s3-compare", params.to_row(), detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_result(result, lambda: _show_compared(result)))


def _show_compared(result: dict[str, Any]) -> None:
    cells = []
    reference = ""
    for row in result["table"]:
        against = next((key for key in row if key.endswith("_against_it")), "")
        reference = reference or against.removesuffix("_against_it")
        test = _test(row.get(against), reference)
        cells.append([row["method"], row["records"], scores_line(row["test"]), test])
    columns = ("method", "records", "test", f"{reference} against it".strip())
    out.print(table("On gold test", columns, cells))


def _test(found: dict[str, Any] | None, reference: str) -> str:
    if not found:
        return ""
    said = f"right alone {found[f'only_{reference}_right']} : {found['only_other_right']}"
    said += f", McNemar p = {found['p_mcnemar']:.4f}"
    if "p_f1" in found:
        said += f"; F1 {found['f1_difference'][0]:+.3f}, p = {found['p_f1']:.4f}"
    return said


__all__ = ["app", "follow", "show_rounds"]
