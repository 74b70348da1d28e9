"""Parquet: read in batches of rows, only the columns that are needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from studio.formats import columns
from studio.formats.columns import BadRow
from studio.formats.rows import FieldMap, Importer, RawDocument, SkippedRow
from studio.formats.text_source import bare_stem, explained
from studio.records import StudioError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

BATCH_ROWS = 512


def read(path: Path, fields: FieldMap) -> Iterator[RawDocument | SkippedRow]:
    """The documents of a Parquet file; rows are numbered from 1."""
    stem = bare_stem(path)
    for number, row in _rows(path, fields):
        where = f"{path.name}:{number}"
        try:
            yield columns.document(row, fields, where, f"{stem}:{number}")
        except BadRow as bad:
            yield bad.skipped(where)


def _rows(path: Path, fields: FieldMap) -> Iterator[tuple[int, dict[str, object]]]:
    with _opened(path) as file:
        names = columns.table_columns(fields, file.schema_arrow.names, path).names
        yield from enumerate(_values(file, names, path), 1)


def _values(file: ParquetFile, names: list[str], path: Path) -> Iterator[dict[str, object]]:
    from pyarrow import ArrowException

    try:
        with explained(path):
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names):
                yield from batch.to_pylist()
    except (ArrowException, ValueError) as error:
        raise _damaged(path, error) from error


def _opened(path: Path) -> ParquetFile:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    if path.suffix.lower() == ".gz":
        raise StudioError(f"{path} is a gzipped Parquet file: unpack it first.")
    try:
        with explained(path):
            return ParquetFile(path, buffer_size=2**20, pre_buffer=False)
    except (ArrowException, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> StudioError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return StudioError(f"{path} is not a Parquet file that can be read: {reason}")


IMPORTER = Importer(
    name="parquet",
    label="Parquet",
    suffixes=(".parquet", ".pq"),
    read=read,
    claims=lambda path, head: head.startswith(b"PAR1"),
)
