"""A file of which nothing can be used is an error, and says what was wrong with its first row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from studio.formats.rows import ReadingNote, SkippedRow
from studio.records import StudioError

T = TypeVar("T")


def not_empty(rows: Iterable[T | SkippedRow], nothing: str) -> Iterator[T | SkippedRow]:
    """The rows, unchanged; a :class:`StudioError` at the end when all of them were skipped.

    ``nothing`` begins its sentence, such as ``docs.csv holds no document``.
    """
    first: SkippedRow | None = None
    used = skipped = 0
    for row in rows:
        if isinstance(row, ReadingNote):
            pass
        elif isinstance(row, SkippedRow):
            first = first or row
            skipped += 1
        else:
            used += 1
        yield row
    if not used:
        raise StudioError(_sentence(nothing, skipped, first))


def _sentence(nothing: str, skipped: int, first: SkippedRow | None) -> str:
    if first is None:
        return f"{nothing}: it is empty."
    rows = "1 row was" if skipped == 1 else f"{skipped:,} rows were"
    return (
        f"{nothing} that can be used: {rows} left out, the first at {first.where}: {first.reason}."
    )
