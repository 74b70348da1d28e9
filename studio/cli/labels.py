"""``studio labels``: the classes of a labelled project, and how prompts say them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from studio.cli.fitting import opened_for
from studio.cli.output import JsonOption, ProjectOption, emit, out, show_rows
from studio.records import Label, StudioError

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


def separated(text: str) -> list[str]:
    """``a=x,b=y`` at its commas; where every label has a wording, wordings may have commas."""
    import re

    parts = [part.strip() for part in text.split(",") if part.strip()]
    if parts and "=" in parts[0] and any("=" not in part for part in parts):
        parts = [part.strip() for part in re.split(r",(?=[^,=]+=)", text)]
    return parts


def parsed(labels: list[str]) -> list[Label]:
    """``name=wording`` each.

    Raises:
        StudioError: fewer than two, an empty name, or one twice.
    """
    found = []
    for text in labels:
        name, _, wording = text.partition("=")
        found.append(Label(name.strip(), wording.strip()))
    names = [label.name for label in found]
    if not all(names):
        raise StudioError('A label has no name; write each as name or "name=wording".')
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise StudioError(f"The label {doubled[0]!r} is named twice.")
    if len(names) < 2:
        raise StudioError("A classifier tells at least two labels apart; name two or more.")
    return found
