"""``studio export``: records on their way out, with their provenance and a data card."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.output import JsonOption, ProjectOption, emit, out, visible
from studio.formats import exporters
from studio.project import Project
from studio.records import StudioError


def export(
    format: Annotated[
        str, typer.Argument(help="Such as beir, pairs, alpaca, messages, jsonl, csv.")
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(readable=False, help="Where to; default: exports/FORMAT in the project."),
    ] = None,
    project: ProjectOption = Path(),
    dropped: Annotated[bool, typer.Option("--dropped", help="Dropped records too.")] = False,
    type: Annotated[
        str, typer.Option(help="Records of another type, such as note; default: the task's own.")
    ] = "",
    snapshot: Annotated[
        int | None,
        typer.Option(help="Only the records of this snapshot, such as those of a model.", min=1),
    ] = None,
    licence: Annotated[str, typer.Option(help="What may be done with the texts.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Write the kept records as files."""
    from studio.jobs import exporting

    if format not in exporters():
        fits = ", ".join(_fitting(project, type))
        raise typer.BadParameter(f"there is no export format {format!r}; choose one of: {fits}")
    opened = Project.open(project)
    params = exporting.ExportParams(
        format, str(folder or ""), dropped, licence, type, snapshot_id=snapshot
    )
    exporting.refuse(opened, params)
    written = exporting.write(opened, params, exporting.rows_of(opened, params))
    result: dict[str, Any] = {
        "format": format,
        "rows": written.rows,
        "left_out_gold": written.left_out_gold,
        "files": [str(file) for file in written.files],
    }
    emit(result, as_json, lambda: _show(result, exporting.folder_of(opened, params)))


def _fitting(path: Path, type: str) -> Iterable[str]:
    """The formats that fit a project's records; all of them where there is no project."""
    from studio.jobs.exporting import fitting
    from studio.jobs.filtering import record_type

    try:
        opened = Project.open(path)
        return fitting(opened.task, record_type(opened, type))
    except StudioError:
        return exporters()


def _show(result: dict[str, Any], target: Path) -> None:
    out.print(f"{result['rows']:,} records written to {visible(target)}", highlight=False)
    if result["left_out_gold"]:
        out.print(f"{result['left_out_gold']:,} left out: they say what gold says", style="yellow")
    for file in result["files"]:
        out.print(f"  {visible(Path(file).name)}", style="dim", highlight=False)
