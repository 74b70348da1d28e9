"""CSV and TSV, also with semicolons or bars, with a header or without; cells may hold lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TypeGuard

from studio.formats import columns
from studio.formats.columns import BadRow
from studio.formats.rows import FieldMap, Importer, RawDocument, ReadingNote, SkippedRow
from studio.formats.table_rows import Dialect, TableRows, has_plain_quotes
from studio.formats.text_source import bare_stem, lines
from studio.records import StudioError

SUFFIXES = (".csv", ".tsv", ".tab")
SAMPLE_ROWS = 20
"""Rows that tell whether there is a header, and what the columns are where there is none."""
_NUMBER = re.compile(r"[-+]?[\d.,]*\d")
SENTENCE = 6
"""So many words are no name of a column."""
NAMES = frozenset({
    *columns.IDS, *columns.TITLES, *columns.TEXTS, "query", "question", "label", "labels", "answer",
    "answers", "premise", "hypothesis", "url", "sentence", "sentence1", "sentence2", "review",
    "context", "positive", "anchor", "score", "query-id", "query_id", "qid", "corpus-id",
    "corpus_id", "class", "category", "tags", "instruction", "input", "output", "prompt",
    "response", "completion", "inputs", "targets", "conversations", "messages", "instances",
})  # fmt: skip
"""Names of columns by which a header is known, lower case."""


def read(path: Path, fields: FieldMap) -> Iterator[RawDocument | SkippedRow]:
    """The documents of a table with a header; columns are guessed by name or given."""
    chosen: columns.TableColumns | None = None
    stem = bare_stem(path)
    for item in table(path, fields.encoding, (fields.id, fields.title, fields.text)):
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


def table(
    path: Path, encoding: str = "", names: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, object]] | SkippedRow]:
    """Each row as header → cell with the number of its first line; broken rows are reported.

    A table without a header has columns ``id``, ``title`` and ``text`` as far as they can be told.
    ``names`` are names of columns by which a header is known beside the usual ones.
    """
    source = lines(path, encoding)
    first = next((line for line in source if line.text.strip() or line.problem), None)
    if first is None:
        return
    if first.problem:
        raise StudioError(f"{path} has no header that can be read: {first.problem}.")
    dialect = _dialect(first.text, path, encoding)
    rows = iter(TableRows(chain([first], source), dialect, path))
    sample = list(islice(rows, SAMPLE_ROWS))
    filled = [cells for _, cells in sample if _is_filled(cells)]
    if not filled:
        header = []
    elif _has_header(filled, {*NAMES, *(name.lower() for name in names if name)}):
        header = _header(filled[0], path)
        place = next(at for at, (_, cells) in enumerate(sample) if cells is filled[0])
        del sample[place]
    else:
        header = _guessed(filled)
        taken = f"it has no header line: its columns were taken as {', '.join(header)}"
        yield ReadingNote(path.name, taken, "header")
    for number, cells in chain(sample, rows):
        if isinstance(cells, SkippedRow):
            yield cells
            continue
        while len(cells) > len(header) and not cells[-1].strip():
            cells.pop()
        if len(cells) > len(header):
            reason = f"{len(cells)} cells, but the header has {len(header)}"
            yield SkippedRow(f"{path.name}:{number}", reason, "cells")
        elif _is_filled(cells):
            row: dict[str, object] = dict(zip(header, cells, strict=False))
            # What a short row lacks is empty: the columns are those of the header.
            yield number, row if len(cells) == len(header) else dict.fromkeys(header, "") | row


def _is_filled(cells: list[str] | SkippedRow) -> TypeGuard[list[str]]:
    return not isinstance(cells, SkippedRow) and any(cell.strip() for cell in cells)


def _dialect(header: str, path: Path, encoding: str) -> Dialect:
    """How the table is written, from its ending, its header, and whether its quotes close."""
    usual = "," if ".csv" in path.name.lower() else "\t"
    present = [mark for mark in (usual, ",", "\t", ";", "|") if mark in header]
    delimiter = present[0] if present else usual
    is_tsv = delimiter == "\t"
    return Dialect(delimiter, not (is_tsv and has_plain_quotes(path, encoding, header.count("\t"))))


def _has_header(rows: Sequence[list[str]], names: set[str]) -> bool:
    """Whether the first row names the columns: by a usual name, or as nothing there is a datum.

    A number, a sentence, or an id of the same form as the one below it are data.
    """
    first = [cell.strip().lower() for cell in rows[0]]
    if not names.isdisjoint(first):
        return True
    below = rows[1] if len(rows) > 1 else []
    is_datum = (
        _NUMBER.fullmatch(cell)
        or len(cell.split()) >= SENTENCE
        or (_form(cell) == _form(other.strip().lower()) != cell)
        for cell, other in zip_longest(first, below[: len(first)], fillvalue="")
    )
    return not any(is_datum)


def _form(cell: str) -> str:
    """``d12`` and ``d7`` are of one form."""
    return re.sub(r"\d+", "#", cell) if len(cell.split()) == 1 else cell


def _guessed(rows: Sequence[list[str]]) -> list[str]:
    """Names for the columns: the longest is the text, words that are all different are ids."""
    width = max(map(len, rows))
    by_column = [[row[at].strip() if at < len(row) else "" for row in rows] for at in range(width)]
    lengths = [sum(map(len, cells)) for cells in by_column]
    text = lengths.index(max(lengths))
    found = {text: "text"}
    for at, cells in enumerate(by_column):
        are_ids = all(len(cell.split()) == 1 for cell in cells) and len({*cells}) == len(cells)
        if are_ids and at not in found:
            found[at] = "id"
            break
    rest = [at for at in range(width) if at not in found and any(map(_is_title, by_column[at]))]
    if rest:
        found[rest[0]] = "title"
    return [found.get(at, f"column {at + 1}") for at in range(width)]


def _is_title(cell: str) -> bool:
    return "://" not in cell and any(map(str.isalpha, cell))


def _header(cells: list[str], path: Path) -> list[str]:
    names = [cell.strip() for cell in cells]
    doubled = {name for name in names if name and names.count(name) > 1}
    if doubled:
        raise StudioError(f"{path} has two columns named {min(doubled)!r}: rename one of them.")
    return [name or f"column {at}" for at, name in enumerate(names, 1)]


IMPORTER = Importer(
    name="csv",
    label="CSV or TSV, with a header line or without (plain or gzip)",
    suffixes=SUFFIXES,
    read=read,
    claims=lambda path, head: False,
)
