"""``studio labels``: the classes of a labelled project, and how prompts say them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from studio.cli.fitting import opened_for
from studio.cli.output import JsonOption, ProjectOption, emit, out, show_rows
from studio.formats.label_list import parsed
from studio.records import StudioError

app = typer.Typer(help="List and set the labels of a project.", no_args_is_help=True)


@app.command("list")
def list_(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """Every label, its wording and its gold items."""
    store = opened_for("labels", project).store
    counts = store.gold.counts()
    rows = [
        {
            **asdict(label),
            "validation": counts.get(("validation", label.name), 0),
            "test": counts.get(("test", label.name), 0),
        }
        for label in store.labels.all()
    ]
    cells = [[row["name"], row["wording"], row["validation"], row["test"]] for row in rows]
    columns = ("label", "in prompts", "validation", "test")
    none = 'No labels yet. Name them: studio labels set "pos=a good opinion" "neg=a bad opinion"'
    emit(rows, as_json, lambda: show_rows("Labels", columns, cells, none))


@app.command("set")
def set_(
    labels: Annotated[
        list[str],
        typer.Argument(help='Each as name or name=wording, such as "pos=a good opinion".'),
    ],
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Name the labels, in order."""
    opened = opened_for("labels", project)
    found = parsed(labels)
    used = {label for _, label in opened.store.gold.counts() if label}
    if gone := sorted(used - {label.name for label in found}):
        raise StudioError(f"Gold items have the label {gone[0]!r}; it must stay among the labels.")
    opened.store.labels.set(found)
    shown = ", ".join(label.name for label in found)
    emit(
        [asdict(one) for one in found], as_json, lambda: out.print(f"Labels: {shown}", markup=False)
    )
