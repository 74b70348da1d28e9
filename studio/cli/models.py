"""``studio models``: the models that the studio knows, and fetching them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from studio.cli.fitting import opened_for
from studio.cli.output import (
    JsonOption,
    ProjectOption,
    emit,
    err,
    out,
    show_rows,
    table,
    visible,
)
from studio.cli.tables import scores_line
from studio.evaluation.systems import BEFORE_AFTER, find_system
from studio.llm import catalogue
from studio.project import Project
from studio.records import StudioError
from studio.runs import Model

if TYPE_CHECKING:
    from studio.jobs.comparing import Duel

app = typer.Typer(
    help="List, fetch and find embedded models; list and compare trained ones.",
    no_args_is_help=True,
)
NameArgument = Annotated[str, typer.Argument(help="The model's name in the catalogue.")]


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """Every model of the catalogue, and whether it is here."""
    rows: list[dict[str, Any]] = []
    for name, entry in catalogue.load().items():
        path = catalogue.installed_path(name)
        rows.append(
            {
                "name": name,
                "kind": entry.kind,
                "megabytes": round(entry.size / 1e6),
                "licence": entry.licence,
                "installed": path is not None,
                "note": entry.note,
            }
        )
    cells = [
        [
            r["name"],
            r["kind"],
            r["megabytes"],
            r["licence"],
            "yes" if r["installed"] else "",
            r["note"],
        ]
        for r in rows
    ]
    columns = ("name", "kind", "MB", "licence", "here", "note")
    emit(rows, as_json, lambda: out.print(table("Models", columns, cells)))


@app.command("path")
def path(name: NameArgument, as_json: JsonOption = False) -> None:
    """Where a model lies."""
    found = catalogue.required_path(name)
    emit({"name": name, "path": str(found)}, as_json, lambda: typer.echo(found))


@app.command("pull")
def pull(
    name: NameArgument,
    accept: Annotated[
        bool, typer.Option("--accept-licence", help="For models with restrictions.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Fetch a model, check its size and hash, and put it in place; goes on where it stopped."""
    entry = catalogue.entry_of(name)
    found = catalogue.installed_path(name) or _fetch(name, accept, quiet=as_json)
    text = f"{visible(name)} ({visible(entry.licence)}) is at {visible(found)}"
    emit({"name": name, "path": str(found)}, as_json, lambda: out.print(text, highlight=False))


def _fetch(name: str, accept: bool, *, quiet: bool) -> Path:
    from studio.llm.download import PullProgress
    from studio.llm.fetch import pull

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=err, disable=quiet) as progress:
        task = progress.add_task(name, total=None)

        def show(now: PullProgress) -> None:
            line = now.message or now.stage
            progress.update(task, completed=now.done, total=now.total, description=line)

        return pull(name, show, accept_licence=accept)


@app.command("trained")
def trained(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """Every model that was trained in the project, the newest first."""
    from studio.tui.train.words import model_cells

    opened = Project.open(project)
    store, models = opened.store, opened.store.models.all()
    counts = store.snapshots.counts()
    if opened.task.has_rounds:
        _show_labelled(models, counts, as_json)
        return
    if opened.task.trained_by == "tune":
        _show_llms(models, counts, as_json)
        return
    rows = [_trained_row(model, counts.get(model.snapshot_id or 0)) for model in models]
    cells = [
        [model.id, *model_cells(model, counts.get(model.snapshot_id or 0), "")[1:-1]]
        for model in models
    ]
    columns = ("model", "name", "base", "pairs", "validation", "test nDCG@10", "p")
    none = "No model is trained yet. `studio train` trains one on the kept queries."
    emit(rows, as_json, lambda: show_rows("Trained models", columns, cells, none))


def _show_labelled(models: list[Model], counts: dict[int, int], as_json: bool) -> None:
    """Models that rounds have trained."""
    rows: list[dict[str, Any]] = [
        {
            **_facts(model, counts),
            "run": model.scores.get("run"),
            **{one: model.scores.get(one, {}) for one in ("validation", "test")},
        }
        for model in models
    ]
    cells = [
        [*[row[name] for name in ("model", "name", "base", "records", "run")],
         scores_line(row["validation"]), scores_line(row["test"])]
        for row in rows
    ]  # fmt: skip
    columns = ("model", "name", "base", "records", "run", "validation", "test")
    none = "No model is trained yet. `studio s3` trains one on what an LLM writes."
    emit(rows, as_json, lambda: show_rows("Trained models", columns, cells, none))


def _show_llms(models: list[Model], counts: dict[int, int], as_json: bool) -> None:
    """Tuned LLMs."""
    from studio.tui.train.words import model_cells

    rows = [
        _facts(model, counts)
        | {one: model.scores.get(one, {}) for one in ("validation_loss", "test")}
        for model in models
    ]
    cells = [
        [model.id, *model_cells(model, counts.get(model.snapshot_id or 0), "", "rouge_l")[1:-1]]
        for model in models
    ]
    columns = ("model", "name", "base", "records", "validation loss", "test ROUGE-L", "p")
    none = "No model is tuned yet. `studio tune` tunes one on the kept instructions."
    emit(rows, as_json, lambda: show_rows("Trained models", columns, cells, none))


def _facts(model: Model, counts: dict[int, int]) -> dict[str, Any]:
    """What is told of a model of any kind."""
    return {
        "model": model.id,
        "name": model.name,
        "base": model.base,
        "records": counts.get(model.snapshot_id or 0),
        "job": model.job_id,
        "path": model.path,
        "created": model.created,
    }


def _trained_row(model: Model, pairs: int | None) -> dict[str, Any]:
    from studio.tui.train.words import gain_p_value, validation_of

    test = model.scores.get("test") or {}
    return {
        "model": model.id,
        "name": model.name,
        "base": model.base,
        "parent": model.parent_id,
        "snapshot": model.snapshot_id,
        "pairs": pairs,
        "job": model.job_id,
        "path": model.path,
        "created": model.created,
        "validation_ndcg@10": dict(zip(BEFORE_AFTER, validation_of(model), strict=True)),
        "test": test.get("scores", {}),
        "p_value": gain_p_value(test, model.learner),
    }


@app.command("copy")
def copy(
    model: Annotated[int, typer.Argument(help="A trained model's number.", min=1)],
    folder: Annotated[Path, typer.Argument(readable=False, help="A folder that is not there yet.")],
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Copy a trained model's folder, for whoever loads it without this program."""
    from studio.jobs.exporting import copy_model

    opened = Project.open(project)
    found = opened.store.models.get(model)
    if found is None:
        raise StudioError(f"There is no model {model}. `studio models trained` lists them.")
    target = copy_model(opened, found, folder)
    said = f"{visible(found.name)} is copied to {visible(target)}"
    row = {"model": model, "path": str(target)}
    emit(row, as_json, lambda: out.print(said, highlight=False))


@app.command("compare")
def compare(
    new: Annotated[str, typer.Argument(help="A trained model's number, or any other system.")],
    old: Annotated[str, typer.Argument(help="What it is compared with, such as 2, base or bm25.")],
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Two systems on the gold that both were scored on: is the difference real?"""
    from studio.jobs import comparing

    opened = opened_for("models compare", project)
    ours, theirs = (_system(opened, name) for name in (new, old))
    duel = comparing.between(opened.store, ours, theirs)
    apart = None
    if isinstance(ours, Model) and isinstance(theirs, Model):
        apart = comparing.settings_apart(ours, theirs)
    emit(_duel_row(duel, apart or []), as_json, lambda: _show_duel(duel, apart))


def _system(project: Project, named: str) -> Model | str:
    """A model by its number, name or as the newest one; another system by its name."""
    from studio.jobs.project_systems import model_by_number, systems_of

    if named.isdecimal():
        model_by_number(project, int(named))
    system = find_system(systems_of(project), named)
    if system.problem:
        raise StudioError(f"{system.problem} `studio {project.task.trained_by}` trains a model.")
    model = project.store.models.get(system.model_id) if system.model_id is not None else None
    return model or system.name


def _duel_row(duel: Duel, apart: list[tuple[str, Any, Any]]) -> dict[str, Any]:
    between = duel.test.difference
    return {
        "new": duel.new,
        "old": duel.old,
        "gold": duel.gold,
        "split": duel.split,
        "measure": duel.measure,
        "scores": {name: {"new": a, "old": b} for name, (a, b) in duel.means.items()},
        "difference": [between.mean, between.low, between.high],
        "p_value": duel.test.p_value,
        "significant": duel.test.significant,
        "won": duel.won,
        "lost": duel.lost,
        "tied": duel.tied,
        "settings": {name: {"new": a, "old": b} for name, a, b in apart},
        "queries": [
            {"id": q.outside_id, "text": q.text, "new": q.new, "old": q.old} for q in duel.queries
        ],
    }


def _show_duel(duel: Duel, apart: list[tuple[str, Any, Any]] | None) -> None:
    from studio.tui.train.words import comparison

    out.print(visible(comparison(duel.new, duel.old, apart, duel)), highlight=False)
