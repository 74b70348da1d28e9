"""JSON Lines: one object a line; also JSON arrays and other files that hold rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from studio.formats import columns
from studio.formats.columns import BadRow
from studio.formats.json_values import is_of_lines, rows_in, values
from studio.formats.rows import FieldMap, Importer, RawDocument, SkippedRow
from studio.formats.text_source import Line, bare_stem, lines


def read(path: Path, fields: FieldMap) -> Iterator[RawDocument | SkippedRow]:
    """The documents of a JSONL file, one line in memory at a time."""
    stem = bare_stem(path)
    for item in objects(path, fields.encoding):
        if isinstance(item, SkippedRow):
            yield item
            continue
        number, row = item
        where = f"{path.name}:{number}"
        try:
            yield columns.document(row, fields, where, f"{stem}:{number}")
        except BadRow as bad:
            yield bad.skipped(where)


def objects(path: Path, encoding: str = "") -> Iterator[tuple[int, dict[str, object]] | SkippedRow]:
    """Each object with its line number; blank lines are passed over, broken ones reported.

    A file that is one array or one object gives the rows in it, numbered from 1.
    """
    if not is_of_lines(path, encoding):
        yield from _in_one(path, encoding)
        return
    for line in lines(path, encoding):
        if not line.problem and not line.text.strip():
            continue
        try:
            yield line.number, _object(line)
        except BadRow as bad:
            yield bad.skipped(f"{path.name}:{line.number}")


def _in_one(path: Path, encoding: str) -> Iterator[tuple[int, dict[str, object]] | SkippedRow]:
    number = 0
    found = values(path, encoding)
    while True:
        try:
            value = next(found, None)
            if value is None:
                return
            for row in rows_in(value):
                number += 1
                yield number, row
        except BadRow as bad:
            number += 1
            yield bad.skipped(f"{path.name}:{number}")


def _object(line: Line) -> dict[str, object]:
    if line.problem:
        raise BadRow(line.code, line.problem)
    try:
        row = json.loads(line.text)
    except json.JSONDecodeError as error:
        raise BadRow("json", f"not JSON: {error.msg} at column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise BadRow("json", "not JSON that can be read: nested too deep or too long") from error
    if not isinstance(row, dict):
        raise BadRow("json", "the line is JSON but not an object with fields")
    return row


def _claims(path: Path, head: bytes) -> bool:
    return path.is_file() and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b'{"', b"[{"))


IMPORTER = Importer(
    name="jsonl",
    label="JSON Lines: one object a line (plain or gzip)",
    suffixes=(".jsonl", ".ndjson", ".json"),
    read=read,
    claims=_claims,
)
