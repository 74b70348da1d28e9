"""The columns of exports that tell where each record came from: one list for all formats."""

from __future__ import annotations

from studio.formats.data_card import Feature
from studio.formats.details import DETAILS, ORIGIN, packed
from studio.formats.rows import ExportContext, ExportRow
from studio.records import INSTRUCTION

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

BROUGHT_IN: dict[str, Feature] = {ORIGIN: "string", DETAILS: "string"}
"""Column → type, of records that may be from files of others. ``details`` is JSON."""
DOCUMENT = {"document_id": "document_id", "title": "title", "text": "passage"}
"""Column → attribute, of what a record was written for."""


def _about(context: ExportContext) -> dict[str, str]:
    """Column → attribute of the documents, whole where no field of the records holds them."""
    if not context.task.needs_documents:
        return {}
    about = {"document_id": "document_id"} if context.record.context else DOCUMENT
    return {name: item for name, item in about.items() if name not in context.record.fields}


def features(context: ExportContext) -> dict[str, Feature]:
    """Column → type of the records."""
    own = dict.fromkeys((*context.record.fields, *_about(context)), "string")
    return {**own, **{name: kind for name, kind in _made_by(context).items() if name not in own}}


def _made_by(context: ExportContext) -> dict[str, Feature]:
    brought_in = BROUGHT_IN if context.record == INSTRUCTION else {}
    return {**MADE_BY, **brought_in, **({"note": "string"} if context.has_notes else {})}


def what(context: ExportContext) -> str:
    """One sentence on what a row is, for the card."""
    _, *others = context.record.fields
    parts = " and ".join(others or ["passage"] * context.task.needs_documents)
    note = " `note` is what a person wrote on it." if context.has_notes else ""
    if context.record == INSTRUCTION:
        note = (
            " `origin` is the file and row that a record was brought in with, `details` what else "
            f"that row said, as JSON.{note}"
        )
    return (
        f"Each row is one {context.record.noun}{f' with its {parts}' if parts else ''}, the "
        "generation, prompt version, model, seed and example revisions (`shots`) that made it, the "
        "number each filter gave it (`scores`), and whether it was kept. Dropped rows are here "
        f"too: take those with `kept` for training.{note}"
    )


def cells(row: ExportRow, context: ExportContext) -> dict[str, object]:
    """The row's columns, in the order of :func:`features`."""
    found: dict[str, object] = {
        **{name: row.fields.get(name, "") for name in context.record.fields},
        **{column: getattr(row, name) for column, name in _about(context).items()},
    }
    scores = [{"filter": name, "score": score} for name, score in row.scores.items()]
    details = packed(row.details, *_made_by(context))
    lists: dict[str, object] = {"shots": list(row.shots), "scores": scores, DETAILS: details}
    for name in _made_by(context):
        found.setdefault(name, lists.get(name, getattr(row, name)))
    return found
