"""All records with their provenance as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from studio.formats.data_card import DataFile, ExportCounts, card
from studio.formats.provenance import cells, features, what
from studio.formats.rows import ExportContext, Exported, Exporter, ExportRow
from studio.formats.staging import staged

NAME = "records.jsonl"


def write(rows: Iterable[ExportRow], target: Path, context: ExportContext) -> Exported:
    """Writes ``records.jsonl`` and its card, one row in memory at a time."""
    counts = ExportCounts()
    with staged(target) as staging:
        with staging.open(NAME) as file:
            for row in counts.counted(rows, kept_only=False):
                file.write(json.dumps(cells(row, context), ensure_ascii=False) + "\n")
        files = [DataFile("default", {"train": NAME}, features(context))]
        with staging.open("README.md") as file:
            file.write(card(context.card, counts, files, what(context)))
    return Exported((target / NAME, target / "README.md"), counts.total)


EXPORTERS = (Exporter("jsonl", "JSON Lines: all records with provenance", write),)
