"""All records with their provenance as Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from studio.formats.data_card import DataFile, ExportCounts, Feature, Struct, card
from studio.formats.provenance import cells, features, what
from studio.formats.rows import ExportContext, Exported, Exporter, ExportRow
from studio.formats.staging import staged

if TYPE_CHECKING:
    from pyarrow import DataType, Schema

NAME = "records.parquet"
GROUP_ROWS = 5000


def write(rows: Iterable[ExportRow], target: Path, context: ExportContext) -> Exported:
    """Writes ``records.parquet`` and its card, one row group in memory at a time."""
    counts, columns = ExportCounts(), features(context)
    with staged(target) as staging:
        counted = counts.counted(rows, kept_only=False)
        made = (cells(row, context) for row in counted)
        _write_groups(made, columns, staging.path(NAME))
        files = [DataFile("default", {"train": NAME}, columns)]
        with staging.open("README.md") as file:
            file.write(card(context.card, counts, files, what(context)))
    return Exported((target / NAME, target / "README.md"), counts.total)


def _write_groups(
    rows: Iterable[dict[str, object]], columns: Mapping[str, Feature], path: Path
) -> None:
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetWriter

    remaining, schema = iter(rows), _schema(columns)
    with ParquetWriter(path, schema, compression="zstd") as writer:
        while group := list(islice(remaining, GROUP_ROWS)):
            writer.write_batch(RecordBatch.from_pylist(group, schema=schema))


def _schema(features: Mapping[str, Feature]) -> Schema:
    import pyarrow

    return pyarrow.schema([(name, _type(kind)) for name, kind in features.items()])


def _type(kind: Feature) -> DataType:
    import pyarrow

    if isinstance(kind, Struct):
        return pyarrow.struct([(name, _type(one)) for name, one in kind.columns.items()])
    if not isinstance(kind, str):
        return pyarrow.list_(_type(Struct(kind)))
    if kind.endswith("[]"):
        return pyarrow.list_(_type(kind.removesuffix("[]")))
    return pyarrow.bool_() if kind == "bool" else getattr(pyarrow, kind)()


EXPORTERS = (Exporter("parquet", "Parquet: all records with provenance", write),)
