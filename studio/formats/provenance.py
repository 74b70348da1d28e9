"""The columns of exports that tell where each record came from: one list for all formats."""

from __future__ import annotations

from studio.formats.data_card import Feature
from studio.formats.rows import ExportRow
from studio.labelled import RECORD_FIELDS
from studio.records import TaskKind

MADE_BY: dict[str, Feature] = {
    "record_id": "int64",
    "generation_id": "int64",
    "prompt_name": "string",
    "prompt_version": "int64",
    "model": "string",
    "endpoint": "string",
    "seed": "int64",
    "draw": "int64",
    "shots": "int64[]",
    "scores": {"filter": "string", "score": "float64"},
    "kept": "bool",
    "reason": "string",
}
"""Column → type. ``scores`` is a list of objects: its keys differ from row to row otherwise."""

DOCUMENT = {"document_id": "document_id", "title": "title", "text": "passage"}
"""Column → attribute, of what a query was written for."""


def columns(task: TaskKind) -> dict[str, str]:
    """Column → attribute of the rows: what the record consists of, and which document it is of."""
    if task == "retrieval":
        return {**RECORD_FIELDS[task], **DOCUMENT}
    of_corpus = {} if task == "classification" else {"document_id": "document_id"}
    return {**RECORD_FIELDS[task], **of_corpus}


def features(task: TaskKind) -> dict[str, Feature]:
    """Column → type of a task's records."""
    return {**dict.fromkeys(columns(task), "string"), **MADE_BY}


def what(task: TaskKind) -> str:
    """One sentence on what a row is, for the card."""
    first, *others = RECORD_FIELDS[task]
    with_ = "passage" if task == "retrieval" else " and ".join(others)
    return (
        f"Each row is a {first} with its {with_}, the generation, prompt version, model, seed and "
        "example revisions (`shots`) that made it, the number each filter gave it (`scores`), and "
        "whether it was kept. Dropped rows are here too: take those with `kept` for training."
    )


def cells(row: ExportRow, task: TaskKind) -> dict[str, object]:
    """The row's columns, in the order of :func:`features`."""
    own = {column: getattr(row, name) for column, name in columns(task).items()}
    made_by = {name: getattr(row, name) for name in MADE_BY}
    scores = [{"filter": name, "score": score} for name, score in row.scores.items()]
    return {**own, **made_by, "shots": list(row.shots), "scores": scores}
