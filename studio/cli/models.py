"""``studio models``: the models that the studio knows, and fetching them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from studio.cli.output import JsonOption, emit, err, out, table, visible
from studio.llm import catalogue

app = typer.Typer(help="List, fetch and find embedded models.", no_args_is_help=True)
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
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=err, disable=quiet) as progress:
        task = progress.add_task(name, total=None)

        def show(now: catalogue.PullProgress) -> None:
            line = now.message or now.stage
            progress.update(task, completed=now.done, total=now.total, description=line)

        return catalogue.pull(name, show, accept_licence=accept)
