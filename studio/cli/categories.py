"""``studio categories``: what the records ask for, and what a filter or judge keeps of each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.output import JsonOption, ProjectOption, emit, out, table, visible
from studio.jobs.categories import By
from studio.project import Project
from studio.records import StudioError


def categories(
    *,
    project: ProjectOption = Path(),
    every: Annotated[
        bool, typer.Option("--all/--kept", help="Count the dropped records too.")
    ] = False,
    by: Annotated[
        By,
        typer.Option(
            help="verb: each root verb with its objects; object: the other way; kind: labels, and "
            "kinds of tasks that a file or method names."
        ),
    ] = "verb",
    of: Annotated[
        str,
        typer.Option(
            "--filter", metavar="NAME", help="What this filter or judge keeps of each category."
        ),
    ] = "",
    top: Annotated[int, typer.Option(help="How many categories.", min=1)] = 20,
    parts: Annotated[int, typer.Option(help="How many parts of each.", min=0)] = 4,
    type: Annotated[
        str, typer.Option(help="Records of another type, such as note; default: the task's own.")
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option(
            "--out", readable=False, help="A file to write: .csv, .json, .svg (sunburst) or .txt."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Count the records by what they ask for: the root verb and its object."""
    from studio.jobs import category_files
    from studio.jobs.categories import counted, retention
    from studio.jobs.filtering import record_type

    if of and (every or type):
        raise typer.BadParameter(f"--filter counts what {of} has judged, whatever --all and --type")
    opened = Project.open(project)
    judged = record_type(opened, type)
    if of:
        found = retention(opened.store, of).now(by)
    else:
        kept = None if every else True
        found = counted(opened.store, judged.name, kept=kept, by=by)
    if not found:
        which = judged.nouns if every else f"kept {judged.nouns}"
        raise StudioError(f"There are no {which} to count. Run `{opened.task.verb}` first.")
    if file:
        category_files.write(file.expanduser(), found, top, parts)
    result: dict[str, Any] = {
        "by": by,
        "filter": of,
        "records": sum(one.count for one in found),
        "without": sum(one.count for one in found if not one.name),
        "categories": category_files.row_of(found, top, parts, with_kept=bool(of)),
        "file": str(file or ""),
    }
    emit(result, as_json, lambda: _show(result, category_files.bars(found, top, parts, out.width)))


def _show(result: dict[str, Any], bars: str) -> None:
    if result["filter"]:
        rows = [
            [shown, one["count"], one["kept"], f"{one['kept_share']:.1%}"]
            for category in result["categories"]
            for shown, one in [
                (category["name"], category),
                *((f"  {part['name']}", part) for part in category["parts"]),
            ]
        ]
        title = f"Kept by {result['filter']}"
        out.print(table(title, (result["by"], "judged", "kept", "share kept"), rows))
    else:
        out.print(visible(bars), highlight=False)
    without = result["without"]
    said = f"{result['records']:,} records; {without:,} have no {result['by']} that was found."
    out.print(said, style="dim", highlight=False)
    if result["file"]:
        out.print(f"Written to {visible(result['file'])}", highlight=False)
