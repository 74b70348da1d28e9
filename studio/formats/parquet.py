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
BATCH_BYTES = 32 * 2**20
"""What the rows of a batch may take."""
MOST_BYTES = 256 * 2**20
MOST_SHRUNK = 200
"""A column of a row group that is larger is refused when it was shrunk more than this."""


def read(path: Path, fields: FieldMap) -> Iterator[RawDocument | SkippedRow]:
    """The documents of a Parquet file; rows are numbered from 1."""
    stem = bare_stem(path)
    for number, row in _rows(path, fields):
        where = f"{path.name}:{number}"
        try:
            yield columns.document(row, fields, where, f"{stem}:{number}")
        except BadRow as bad:
            yield bad.skipped(where)


def rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """The rows of a Parquet file with all their columns."""
    with _opened(path) as file:
        yield from enumerate(_values(file, file.schema_arrow.names, path), 1)


def _rows(path: Path, fields: FieldMap) -> Iterator[tuple[int, dict[str, object]]]:
    with _opened(path) as file:
        names = columns.table_columns(fields, file.schema_arrow.names, path).names
        yield from enumerate(_values(file, names, path), 1)


def _values(file: ParquetFile, names: list[str], path: Path) -> Iterator[dict[str, object]]:
    from pyarrow import ArrowException

    try:
        with explained(path):
            for group in range(file.num_row_groups):
                size = _batch_size(file, group, names, path)
                batches = file.iter_batches(size, row_groups=[group], columns=names)
                for batch in batches:
                    # A row at a time: a value that the file holds once may stand in every row.
                    for row in range(batch.num_rows):
                        yield {
                            name: column[row].as_py()
                            for name, column in zip(batch.schema.names, batch.columns, strict=True)
                        }
    except (ArrowException, ValueError) as error:
        raise _damaged(path, error) from error


def _batch_size(file: ParquetFile, group: int, names: list[str], path: Path) -> int:
    """Rows that fit :data:`BATCH_BYTES`, as far as the file tells.

    Raises StudioError for columns that are small only because one thing stands there again and
    again: a file of 10 kB may hold gigabytes.
    """
    found = file.metadata.row_group(group)
    columns = [found.column(place) for place in range(found.num_columns)]
    columns = [one for one in columns if one.path_in_schema.split(".")[0] in names]
    for one in columns:
        told = one.total_uncompressed_size
        if told > MOST_BYTES and told > MOST_SHRUNK * max(1, one.total_compressed_size):
            raise StudioError(
                f"{path} would unpack to {told / 2**20:,.0f} MB and more from "
                f"{one.total_compressed_size:,} bytes of {one.path_in_schema}. Write it again in "
                "smaller row groups, or as JSONL."
            )
    a_row: int = sum(one.total_uncompressed_size for one in columns) // max(1, found.num_rows)
    return max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, a_row)))


def _texts(path: Path) -> list[str]:
    """The columns of texts: read as they lie there, each value of a dictionary once."""
    from pyarrow import types
    from pyarrow.parquet import read_schema

    return [
        one.name
        for one in read_schema(path)
        if types.is_string(one.type) or types.is_large_string(one.type)
    ]


def _opened(path: Path) -> ParquetFile:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    if path.suffix.lower() == ".gz":
        raise StudioError(f"{path} is a gzipped Parquet file: unpack it first.")
    try:
        with explained(path):
            return ParquetFile(
                path, buffer_size=2**20, pre_buffer=False, read_dictionary=_texts(path)
            )
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
