"""CSV and TSV with a header line, also with semicolons or bars; cells may hold line ends."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from studio.formats import columns
from studio.formats.columns import BadRow
from studio.formats.rows import FieldMap, Importer, RawDocument, SkippedRow
from studio.formats.text_source import MAX_TEXT, Line, bare_stem, lines
from studio.records import StudioError

SUFFIXES = (".csv", ".tsv", ".tab")
_SAMPLE_LINES = 200


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written."""

    delimiter: str
    quoted: bool
    """Whether a quote at the start of a cell opens it (CSV); off: quotes are letters."""


@dataclass(slots=True)
class _Feed:
    """Lines on their way to the csv reader, which knows nothing of their problems."""

    source: Iterator[Line]
    problems: list[Line] = field(default_factory=list)
    """The bad lines since they were last taken."""
    ended: bool = False
    """Whether the reader asked for more than there is: a quote was left open."""

    def __iter__(self) -> Iterator[str]:
        for line in self.source:
            if line.problem:
                self.problems.append(line)
            yield line.text or "\n"
        self.ended = True


def read(path: Path, fields: FieldMap) -> Iterator[RawDocument | SkippedRow]:
    """The documents of a table with a header; columns are guessed by name or given."""
    chosen: columns.TableColumns | None = None
    stem = bare_stem(path)
    for item in table(path, fields.encoding):
        if isinstance(item, SkippedRow):
            yield item
            continue
        number, row = item
        if chosen is None:
            chosen = columns.table_columns(fields, list(row), path)
            fields = FieldMap(chosen.id, chosen.title, chosen.text)
        where = f"{path.name}:{number}"
        try:
            yield columns.document(row, fields, where, f"{stem}:{number}")
        except BadRow as bad:
            yield bad.skipped(where)


def table(path: Path, encoding: str = "") -> Iterator[tuple[int, dict[str, object]] | SkippedRow]:
    """Each row as header → cell with the number of its first line; broken rows are reported."""
    source = lines(path, encoding)
    sample = [line for _, line in zip(range(_SAMPLE_LINES), source, strict=False)]
    dialect = dialect_of([line.text for line in sample], path)
    feed = _Feed(_chained(sample, source))
    header: list[str] = []
    for number, cells in _rows(feed, dialect, path):
        if isinstance(cells, SkippedRow):
            if not header:
                raise StudioError(f"{path} has no header that can be read: {cells.reason}.")
            yield cells
        elif not header:
            header = _header(cells, path)
        elif len(cells) > len(header):
            reason = f"{len(cells)} cells, but the header has {len(header)}"
            yield SkippedRow(f"{path.name}:{number}", reason, "cells")
        elif any(cell.strip() for cell in cells):
            yield number, dict(zip(header, cells, strict=False))


def dialect_of(sample: Sequence[str], path: Path) -> Dialect:
    """How the table is written, from its ending, its header, and whether its quotes close."""
    header = next((line for line in sample if line.strip()), "")
    usual = "," if ".csv" in path.name.lower() else "\t"
    present = [mark for mark in (usual, ",", "\t", ";", "|") if mark in header]
    delimiter = present[0] if present else usual
    # MS MARCO and many TSV files use quotes as plain letters.
    quoted = delimiter != "\t" or not _loose_quotes(sample, header.count("\t"))
    return Dialect(delimiter, quoted)


def _loose_quotes(sample: Sequence[str], tabs: int) -> bool:
    """Whether each line is a row by itself although some cell has an unpaired quote."""
    opening = [line for line in sample if line.startswith('"') or '\t"' in line]
    whole = all(line.count("\t") == tabs for line in sample if line.strip())
    return whole and any(not _closes(line) for line in opening)


def _closes(line: str) -> bool:
    try:
        return bool(list(csv.reader([line], delimiter="\t", strict=True)))
    except csv.Error:
        return False


def _rows(
    feed: _Feed, dialect: Dialect, path: Path
) -> Iterator[tuple[int, list[str] | SkippedRow]]:
    """Rows with the number of their first line, or what is wrong with them."""
    reader = csv.reader(
        feed,
        delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
    )
    start = 1
    while True:
        where = f"{path.name}:{start}"
        # The limit is one for the whole process, and 128 KiB unless told.
        csv.field_size_limit(MAX_TEXT)
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield start, SkippedRow(where, _explained(error, reader.line_num), "cells")
        else:
            yield start, _flawed(feed, where) or cells
        feed.problems.clear()
        start = reader.line_num + 1


def _explained(error: csv.Error, last: int) -> str:
    if "field limit" in str(error):
        size = f"{MAX_TEXT // 2**20} MB"
        return f"a quote opens here and does not close within {size}: all to line {last} is lost"
    return f"not a row that can be read: {str(error).partition(' - ')[0]}"


def _flawed(feed: _Feed, where: str) -> SkippedRow | None:
    if feed.problems:
        return SkippedRow(where, feed.problems[0].problem, feed.problems[0].code)
    if feed.ended:
        return SkippedRow(
            where, "a quote opens here and never closes: all to the end is lost", "cells"
        )
    return None


def _header(cells: list[str], path: Path) -> list[str]:
    names = [cell.strip() for cell in cells]
    doubled = {name for name in names if name and names.count(name) > 1}
    if doubled:
        raise StudioError(f"{path} has two columns named {min(doubled)!r}: rename one of them.")
    return [name or f"column {at}" for at, name in enumerate(names, 1)]


def _chained(sample: list[Line], rest: Iterator[Line]) -> Iterator[Line]:
    yield from sample
    yield from rest


IMPORTER = Importer(
    name="csv",
    label="CSV or TSV with a header line (plain or gzip)",
    suffixes=SUFFIXES,
    read=read,
    claims=lambda path, head: False,
)
