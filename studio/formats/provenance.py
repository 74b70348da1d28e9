"""The columns of exports that tell where each record came from: one list for all formats."""

from __future__ import annotations

from studio.formats.data_card import Feature
from studio.formats.rows import ExportRow

FEATURES: dict[str, Feature] = {
    "query": "string",
    "document_id": "string",
    "title": "string",
    "text": "string",
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

WHAT = (
    "Each row is a query with its passage, the generation, prompt version, model, seed and example "
    "revisions (`shots`) that made it, the number each filter gave it (`scores`), and whether it "
    "was kept. Dropped rows are here too: take those with `kept` for training."
)


def cells(row: ExportRow) -> dict[str, object]:
    """The row's columns, in the order of :data:`FEATURES`."""
    plain = {name: getattr(row, name) for name in FEATURES}
    scores = [{"filter": name, "score": score} for name, score in row.scores.items()]
    return {**plain, "shots": list(row.shots), "scores": scores}
