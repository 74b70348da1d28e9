"""``studio gold import`` and what ``studio gold list`` shows of labelled projects."""

from __future__ import annotations

from dataclasses import fields as fields_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from studio.cli.fitting import opened_for
from studio.cli.output import JsonOption, ProjectOption, emit, out, show_rows, table, visible
from studio.cli.tables import show_switched_off
from studio.project import Project
from studio.records import TRIPLET, Gold, Split

if TYPE_CHECKING:
    from studio.formats.labelled import GoldFields

SHOWN = 80
"""Characters of a text in a table."""
FILE_SHOWN = 5
"""Skipped rows that are named one by one in a table."""


def import_(
    file: Annotated[
        Path, typer.Argument(readable=False, help="JSONL, CSV or TSV; for qa also SQuAD's JSON.")
    ],
    split: Annotated[
        Literal["validation", "test", "auto"],
        typer.Option(help="auto draws both from the file, each label shared out alike."),
    ],
    test_share: Annotated[
        float, typer.Option("--test-share", help="With --split auto: how much becomes test.")
    ] = 0.5,
    seed: Annotated[int, typer.Option(help="With --split auto: decides the draw.")] = 13,
    fields: Annotated[
        str,
        typer.Option(
            "--fields", help="Column names, such as text=review,label=stars (context=, answers=)."
        ),
    ] = "",
    encoding: Annotated[
        str, typer.Option("--encoding", help="Of the file, such as gb18030; default: found out.")
    ] = "",
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Import the labelled items that S3 finds its errors with, or is scored on."""
    from studio.jobs.gold_items import import_labelled

    if not 0 < test_share < 1:
        raise typer.BadParameter("--test-share lies between 0 and 1, such as 0.5")
    named = _fields(fields, encoding)
    opened = opened_for("gold import", project)
    path = file.expanduser().absolute()
    done = import_labelled(opened, path, split, test_share=test_share, seed=seed, fields=named)
    emit(done.to_row(), as_json, lambda: _show(done.to_row()))


def _fields(text: str, encoding: str) -> GoldFields:
    """``text=a,label=b`` as the names of columns."""
    from studio.formats.encodings import checked_encoding
    from studio.formats.labelled import GoldFields

    known = [field.name for field in fields_of(GoldFields) if field.name != "encoding"]
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    found = {name.strip(): column.strip() for name, _, column in pairs}
    if not set(found) <= set(known) or not all(found.values()):
        shape = ",".join(f"{name}=COLUMN" for name in known)
        raise typer.BadParameter(f"write --fields as {shape}; leave out what is usual")
    return GoldFields(**found, encoding=checked_encoding(encoding) if encoding else "")


def _show(result: dict[str, Any]) -> None:
    rows: list[list[object]] = [
        *[[f"added to {split}", count] for split, count in result["added"].items()],
        *[[f"left out: {code}", count] for code, count in result["skipped"].items()],
    ]
    out.print(table("Gold", ("what", "items"), rows))
    for sample in result["skipped_samples"][:FILE_SHOWN]:
        out.print(f"  {visible(sample['where'])}: {visible(sample['reason'])}", style="dim")
    for note in result["notes"]:
        out.print(visible(note), highlight=False, soft_wrap=True)
    show_switched_off(result)


def list_items(opened: Project, split: Split | None, as_json: bool) -> None:
    """Every gold item of a labelled project."""
    found = opened.store.gold.all(split)
    cells = [[g.outside_id, g.split, _short(_right(g)), _short(g.text)] for g in found]
    right = {"answers": "answer"}.get(opened.task.gold, opened.task.gold)
    columns = ("id", "split", right, "text")
    none = "No gold item yet. Import some: studio gold import FILE --split auto"
    emit(
        [_row(gold) for gold in found],
        as_json,
        lambda: show_rows(f"Gold: {len(found)}", columns, cells, none),
    )


def _right(gold: Gold) -> str:
    one = gold.fields
    return gold.label or " / ".join(gold.answers) or one.get("output", one.get("positive", ""))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def _row(gold: Gold) -> dict[str, Any]:
    """An item as its file had it, with only the fields that its task has."""
    row: dict[str, Any] = {"id": gold.outside_id, "split": gold.split, "text": gold.text}
    if gold.label:
        row["label"] = gold.label
    if gold.context:
        row["context"] = gold.context
    if gold.answers:
        row["answers"] = list(gold.answers)
    for name in ("output", *TRIPLET.fields[1:]):
        if gold.fields.get(name):
            row[name] = gold[name]
    if "positive" in row and gold.other_answers:
        row["other_positives"] = list(gold.other_answers)
    return row | {"origin": gold.origin}
