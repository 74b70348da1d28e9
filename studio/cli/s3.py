"""``studio s3``: rounds of error extrapolation, and their kin at the same budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from studio.cli.fitting import opened_for
from studio.cli.following import follow, followed, left_alone, run_job, show_result
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
from studio.cli.tables import scores_line
from studio.project import Project
from studio.records import StudioError

app = typer.Typer(
    help="Find what the small model gets wrong, let an LLM extrapolate it, train again.",
    invoke_without_command=True,
)
SeedRecordsOption = Annotated[
    int, typer.Option("--seed-records", min=1, help="Seed items to keep.")
]
RoundsOption = Annotated[int, typer.Option(min=0, help="How often errors are extrapolated.")]
RecordsOption = Annotated[
    int | None, typer.Option(min=1, help="Items in all; extrapolation ends there.")
]
KindOption = Annotated[
    Literal["finetune", "head"],
    typer.Option(help="head: a linear layer on a frozen encoder, in seconds."),
]
BaseOption = Annotated[str, typer.Option(help="Checkpoint: catalogue name, hub name or folder.")]
EndpointOption = Annotated[
    str, typer.Option(help="An endpoint's URL, its name in the settings, or embedded:MODEL.")
]
EpochsOption = Annotated[float | None, typer.Option(min=0, help="Default: the task's own.")]
TrainFileOption = Annotated[
    Path | None, typer.Option(help="The human-labelled items that method gold trains on.")
]
BudgetOption = Annotated[float | None, typer.Option(min=0, help="US dollars: never spend more.")]
SeedsOption = Annotated[int, typer.Option(min=1, help="Trainings per round, for mean and spread.")]


@app.callback()
def s3(
    context: typer.Context,
    rounds: RoundsOption = 2,
    seed_records: SeedRecordsOption = 200,
    records: RecordsOption = None,
    method: Annotated[
        Literal["s3", "zerogen", "goldgen", "gold"], typer.Option(help="s3 or a baseline.")
    ] = "s3",
    kind: KindOption = "finetune",
    base: BaseOption = "",
    epochs: EpochsOption = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0, help="Default: the task's own.")
    ] = None,
    top_k: Annotated[
        int, typer.Option(min=1, help="Retrievers: a query misses beyond the first so many.")
    ] = 10,
    hard_negatives: Annotated[
        int,
        typer.Option(
            "--hard-negatives",
            "--confusers",
            min=0,
            max=5,
            help="Retrievers: wrong documents written for too.",
        ),
    ] = 1,
    approve: Annotated[
        Literal["all", "person"], typer.Option(help="person: rest after each extrapolation.")
    ] = "all",
    patience: Annotated[
        int, typer.Option(min=0, help="Rounds without a better validation score; 0: run all.")
    ] = 1,
    rationales: Annotated[int, typer.Option(min=1, help="Reasons asked for each label.")] = 20,
    without_rationales: Annotated[
        bool, typer.Option("--without-rationales", help="An ablation: texts from labels alone.")
    ] = False,
    without_extrapolation: Annotated[
        bool,
        typer.Option("--without-extrapolation", help="An ablation: seed data of the same size."),
    ] = False,
    add_records: Annotated[
        Path | None, typer.Option(help="A file of items to put on top of the seed.")
    ] = None,
    train_file: TrainFileOption = None,
    endpoint: EndpointOption = "",
    model: Annotated[str, typer.Option(help="The model at that URL.")] = "",
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="Default: the prompt's own.")
    ] = None,
    prompt: Annotated[int | None, typer.Option(help="The prompt version.")] = None,
    budget_usd: BudgetOption = None,
    budget_tokens: Annotated[int | None, typer.Option(min=1, help="Never use more.")] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Calls in flight; default: the endpoint's.")
    ] = None,
    seeds: SeedsOption = 1,
    seed: Annotated[int, typer.Option(help="Decides every draw.")] = 13,
    project: ProjectOption = Path(),
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run S3 on the project: seed, rounds, final model."""
    if context.invoked_subcommand is not None:
        return
    opened = Project.open(project)
    told = {
        "method": method,
        "seed_records": seed_records,
        "rounds": rounds,
        "records": records,
        "rationales": rationales,
        "explain": not without_rationales,
        "extrapolate": not without_extrapolation,
        "top_k": top_k,
        "hard_negatives": hard_negatives,
        "approve": approve,
        "patience": patience,
        "add_records": _file(add_records),
        "train_file": _file(train_file),
        "kind": kind,
        "base": _base(base),
        "epochs": epochs,
        "learning_rate": learning_rate,
        "seeds": seeds,
        "seed": seed,
        "prompt_id": _prompt(opened, prompt),
        "temperature": temperature,
        "budget_tokens": budget_tokens,
        "max_concurrency": concurrency,
        **_writes(opened, endpoint, model, budget_usd),
    }
    row = _row(opened, told)
    result = run_job(opened, "s3", row, detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_result(result, lambda: show_rounds(result)))


def _row(opened: Project, told: dict[str, Any]) -> dict[str, Any]:
    """The row of a run that trains; what the method has no setting for does not matter to it."""
    from studio.jobs.plans import run_row

    known = run_row(opened, trains=True, method=told["method"])
    return {**known, **{name: value for name, value in told.items() if name in known}}


def _writes(opened: Project, endpoint: str, model: str, budget_usd: float | None) -> dict[str, Any]:
    """Who writes, and what it may cost."""
    is_url = "://" in endpoint
    return {
        "endpoint": "" if is_url else endpoint,
        "base_url": endpoint if is_url else "",
        "model": model,
        "budget_usd": budget_usd if budget_usd is not None else opened.settings.budget_usd,
    }


def _file(path: Path | None) -> str:
    """By its full path, since the worker runs elsewhere."""
    return str(path.expanduser().absolute()) if path else ""


def _base(named: str) -> str:
    path = Path(named).expanduser()
    return str(path.absolute()) if named and path.is_dir() else named


def _prompt(opened: Project, version: int | None) -> int | None:
    if version is None:
        return None
    found = opened.store.prompts.by_version(version)
    if found is None:
        raise StudioError(f"There is no prompt version {version}. `studio prompt list` shows them.")
    return found.id


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
    from studio.jobs.runs import approve as let_in

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
    from studio.jobs.runs import outcome

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
    rows = [
        {"run": one.id, "method": one.method, "created": one.created, "params": one.params}
        for one in opened.store.runs.all()
    ]
    cells = [[row["run"], row["method"], row["created"]] for row in rows]
    none = "No run yet. Begin one: studio s3"
    emit(rows, as_json, lambda: show_rows("Runs", ("run", "method", "began"), cells, none))


@app.command("compare")
def compare(
    methods: Annotated[
        str,
        typer.Option(
            help="Names with commas, also METHOD-without-rationales; default: all of the task."
        ),
    ] = "",
    rounds: RoundsOption = 2,
    seed_records: SeedRecordsOption = 200,
    records: RecordsOption = None,
    kind: KindOption = "finetune",
    base: BaseOption = "",
    epochs: EpochsOption = None,
    train_file: TrainFileOption = None,
    endpoint: EndpointOption = "",
    model: Annotated[str, typer.Option(help="The model at that URL.")] = "",
    budget_usd: BudgetOption = None,
    seeds: SeedsOption = 3,
    seed: Annotated[int, typer.Option(help="Decides every draw.")] = 13,
    project: ProjectOption = Path(),
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train each method at the same number of records; one table, with tests against s3."""
    from studio.jobs.method_comparison import CompareParams, checked, default_methods

    opened = opened_for("s3 compare", project)
    typed = (name.strip() for name in methods.split(","))
    names = tuple(dict.fromkeys(name for name in typed if name)) or default_methods(opened)
    checked(opened, names)
    told = {
        "method": "",
        "seed_records": seed_records,
        "rounds": rounds,
        "records": records,
        "kind": kind,
        "base": _base(base),
        "epochs": epochs,
        "train_file": _file(train_file),
        "seeds": seeds,
        "seed": seed,
        **_writes(opened, endpoint, model, budget_usd),
    }
    params = CompareParams(names, _row(opened, told))
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
