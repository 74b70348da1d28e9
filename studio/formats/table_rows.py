"""Lines of a table as rows of cells: no quote that is left open swallows the rows behind it."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from studio.formats.rows import SkippedRow
from studio.formats.text_source import MAX_TEXT, Line, lines

ENOUGH = 20
"""Lines after an open quote of which most are rows by themselves: the quote is a letter then."""
FEW = 3
"""Lines of a CSV cell that may look like rows by chance."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written."""

    delimiter: str
    quoted: bool
    """Whether a quote at the start of a cell opens it (CSV); off: quotes are letters."""


@dataclass(slots=True)
class TableRows:
    """The rows of a table with the number of their first line, or what is wrong with them."""

    source: Iterator[Line]
    dialect: Dialect
    path: Path
    width: int = 0
    """Cells of the first row."""
    _back: deque[Line] = field(default_factory=deque)
    """Lines that were looked at and are still to be read."""

    def __iter__(self) -> Iterator[tuple[int, list[str] | SkippedRow]]:
        # The limit is one for the whole process, and 128 KiB unless told.
        csv.field_size_limit(MAX_TEXT)
        while (line := self._take()) is not None:
            cells = self._cells(line)
            if not self.width and not isinstance(cells, SkippedRow) and any(map(str.strip, cells)):
                self.width = len(cells)
            yield line.number, cells

    def _take(self) -> Line | None:
        return self._back.popleft() if self._back else next(self.source, None)

    def _cells(self, line: Line) -> list[str] | SkippedRow:
        if line.problem:
            return self._skipped(line, line)
        if not self.dialect.quoted or '"' not in line.text:
            return line.text.rstrip("\r\n").split(self.dialect.delimiter)
        try:
            return next(csv.reader([line.text], delimiter=self.dialect.delimiter, strict=True))
        except csv.Error as error:
            is_open = "unexpected end" in str(error)
        return self._of_several_lines(line) if is_open else self._as_it_is(line.text)

    def _of_several_lines(self, first: Line) -> list[str] | SkippedRow:
        """The row that an open quote begins, or its first line alone where no row comes of it."""
        taken = [first]
        reader = csv.reader(self._following(taken), delimiter=self.dialect.delimiter, strict=True)
        try:
            cells = next(reader)
        except csv.Error:
            cells = []
        is_row = 0 < len(cells) <= max(self.width, len(cells) * (not self.width))
        if not is_row or self._are_rows(taken):
            self._back.extendleft(reversed(taken[1:]))
            return self._as_it_is(first.text)
        bad = next((line for line in taken if line.problem), None)
        return self._skipped(first, bad) if bad else cells

    def _following(self, taken: list[Line]) -> Iterator[str]:
        yield taken[0].text
        size = len(taken[0].text)
        rows = int(self._is_row(taken[0]))
        while size <= MAX_TEXT and (line := self._take()) is not None:
            taken.append(line)
            size += len(line.text)
            rows += self._is_row(line)
            if len(taken) >= ENOUGH and rows >= 0.9 * len(taken):
                return
            yield line.text or "\n"

    def _is_row(self, line: Line) -> bool:
        return self.width > 1 and line.text.count(self.dialect.delimiter) == self.width - 1

    def _are_rows(self, taken: list[Line]) -> bool:
        """Whether each line is a row by itself: text of several lines hardly ever looks so."""
        fewest = 1 if self.dialect.delimiter == "\t" else FEW
        filled = [line for line in taken if line.text.strip()]
        return len(filled) > fewest and all(map(self._is_row, filled))

    def _as_it_is(self, text: str) -> list[str]:
        """A line whose quotes are letters; where that gives no row, as lenient readers read it."""
        plain = text.rstrip("\r\n").split(self.dialect.delimiter)
        if len(plain) == self.width:
            return plain
        try:
            lenient = next(csv.reader([text], delimiter=self.dialect.delimiter))
        except csv.Error:
            return plain
        return lenient if len(lenient) == self.width else plain

    def _skipped(self, first: Line, bad: Line) -> SkippedRow:
        return SkippedRow(f"{self.path.name}:{first.number}", bad.problem, bad.code)


def has_plain_quotes(path: Path, encoding: str, tabs: int) -> bool:
    """Whether the quotes of a TSV are letters, as in MS MARCO: somewhere one opens and does not
    close although its line, and the one after it, are rows by themselves."""
    before = False
    for line in lines(path, encoding):
        is_row = line.text.count("\t") == tabs
        if before and is_row:
            return True
        before = False
        if is_row and '"' in line.text and (line.text.startswith('"') or '\t"' in line.text):
            try:
                next(csv.reader([line.text], delimiter="\t", strict=True), None)
            except csv.Error as error:
                before = "unexpected end" in str(error)
                if not before:
                    return True
    return before
