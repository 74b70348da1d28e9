"""All records with their provenance as CSV for spreadsheets."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from studio.formats.data_card import DataFile, ExportCounts, Feature, card
from studio.formats.provenance import cells, features, what
from studio.formats.rows import ExportContext, Exported, Exporter, ExportRow
from studio.formats.spreadsheet import safe_cell, table_row
from studio.formats.staging import staged

NAME = "records.csv"
NOTE = (
    "Cells that a spreadsheet might run as a formula have an apostrophe in front. `shots` and "
    "`scores` are JSON."
)


def write(rows: Iterable[ExportRow], target: Path, context: ExportContext) -> Exported:
    """Writes ``records.csv`` and its card, one row in memory at a time."""
    counts, columns = ExportCounts(), features(context)
    with staged(target) as staging:
        with staging.open(NAME) as file:
            # Excel takes a file without the mark for the machine's old code page.
            file.write("\ufeff" + table_row(list(columns)))
            for row in counts.counted(rows, kept_only=False):
                file.write(table_row([_cell(cell) for cell in cells(row, context).values()]))
        said = f"{what(context)} {NOTE}"
        with staging.open("README.md") as file:
            file.write(card(context.card, counts, [_data_file(columns)], said))
    return Exported((target / NAME, target / "README.md"), counts.total)


def _cell(cell: object) -> object:
    """Texts made safe, lists as JSON, yes and no as 1 and 0; numbers are never formulas."""
    if isinstance(cell, str):
        return safe_cell(cell)
    if isinstance(cell, list):
        return json.dumps(cell, ensure_ascii=False)
    return int(cell) if isinstance(cell, bool) else cell


def _data_file(columns: dict[str, Feature]) -> DataFile:
    flat: dict[str, Feature] = {
        name: kind if isinstance(kind, str) and not kind.endswith("[]") else "string"
        for name, kind in columns.items()
    }
    return DataFile("default", {"train": NAME}, {**flat, "kept": "int64"})


EXPORTERS = (Exporter("csv", "CSV for spreadsheets: all records with provenance", write),)
