"""Curves as text: axes, ticks and several series in braille or block cells. Pure functions.

A series is told from the others by its symbol, which stands on the line and in the legend, and by
its colour; so a chart reads the same without colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from rich.cells import cell_len

from studio.safe_text import cut, one_line

Cells = Literal["braille", "block"]

SYMBOLS: Final = ("●", "▲", "■", "◆")
"""One for each series, each one cell wide."""
TONES: Final = ("$primary", "$accent", "$success", "$foreground")
"""The colour of each series."""
NOTHING: Final = "no points yet"
SMALLEST: Final = (24, 5)
"""Cells below which only a line of numbers is shown."""

_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Braille dots by row and column of a cell."""


@dataclass(frozen=True, slots=True)
class StyledSpan:
    """A stretch of a line in one style."""

    text: str
    tone: str = ""
    """A theme variable, or empty for the usual colour."""


Line = tuple[StyledSpan, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One curve."""

    name: str
    points: Sequence[tuple[float, float]]
    """(x, y); points that are no numbers are left out. A later point at the same x replaces."""


@dataclass(frozen=True, slots=True)
class PlotMark:
    """A point worth a look, such as where a training was best."""

    x: float
    text: str
    """A few words, shown beneath the chart."""


def chart(
    series: Sequence[Series],
    width: int,
    height: int,
    *,
    title: str = "",
    x_label: str = "",
    marks: Sequence[PlotMark] = (),
    until: float | None = None,
    since: float | None = None,
    cells: Cells = "braille",
) -> list[Line]:
    """``height`` lines of exactly ``width`` cells: title with legend, plot, axis.

    until: where the x axis ends at least, for curves that still grow; since: where it begins at
    most.

    A chart too small for axes shows the last value of each series instead.
    """
    clean = [_clean(one) for one in series]
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return _numbers(clean, width, height)
    head = [_fitted(_head(clean, title), width)]
    if not any(one.points for one in clean):
        return _empty(head, width, height)
    plot_height = height - 2 - len(head)
    y_low, y_high = _bounds(y for one in clean for _, y in one.points)
    x_low, x_high = _x_bounds(clean, [*(mark.x for mark in marks), since, until])
    y_ticks = _y_labels(y_low, y_high, plot_height)
    margin = max(cell_len(label) for label in y_ticks.values()) + 1
    area = _Area(width - margin - 1, plot_height, (x_low, x_high), (y_low, y_high), cells)
    for place, one in enumerate(clean):
        area.draw(one.points, place)
    for mark in marks:
        area.mark(mark.x)
    body = [
        (StyledSpan(y_ticks.get(row, "").rjust(margin - 1) + " ", "$secondary"), *line)
        for row, line in enumerate(area.lines())
    ]
    axis = _x_axis(margin, area.width, (x_low, x_high), marks)
    foot = _x_labels(margin, area.width, (x_low, x_high), x_label, marks)
    return [*head, *(_fitted(line, width) for line in (*body, axis, foot))]


def plain(lines: Iterable[Line]) -> str:
    """The chart without its colours."""
    return "\n".join("".join(piece.text for piece in line).rstrip() for line in lines)


def number(value: float, step: float = 0.0) -> str:
    """A number as an axis shows it; with a step, no more decimals than that step needs."""
    if not math.isfinite(value):
        return "—"
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")
    if step:
        return f"{value:.{min(max(0, -math.floor(math.log10(step) + 1e-9)), 6)}f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"


def _clean(series: Series) -> Series:
    """The same curve by rising x, without what is no number."""
    found = {float(x): float(y) for x, y in series.points if math.isfinite(x) and math.isfinite(y)}
    return Series(series.name, tuple(sorted(found.items())))


def _head(series: Sequence[Series], title: str) -> Line:
    """Title, then each series' symbol, name and last value."""
    parts = [StyledSpan(one_line(title), "bold")] if title else []
    for place, one in enumerate(series):
        last = number(one.points[-1][1]) if one.points else "—"
        gap = "  " if parts else ""
        parts.append(StyledSpan(f"{gap}{_symbol(place)} {one_line(one.name)} {last}", _tone(place)))
    return tuple(parts)


def _symbol(place: int) -> str:
    return SYMBOLS[place % len(SYMBOLS)]


def _tone(place: int) -> str:
    return TONES[place % len(TONES)]


def _fitted(line: Line, width: int) -> Line:
    """The line cut or padded to exactly so many cells."""
    found: list[StyledSpan] = []
    left = width
    for piece in line:
        if left <= 0:
            break
        text = piece.text if cell_len(piece.text) <= left else cut(piece.text, left)
        if text:
            found.append(StyledSpan(text, piece.tone))
        left -= cell_len(text)
    return (*found, StyledSpan(" " * left)) if left > 0 else tuple(found)


def _numbers(series: Sequence[Series], width: int, height: int) -> list[Line]:
    """What fits where no chart does: one line a series."""
    lines = [_fitted(_head([one], ""), width) for one in series[:height]]
    blank = _fitted((), width)
    return [*lines, *[blank] * (max(height, 0) - len(lines))]


def _empty(head: list[Line], width: int, height: int) -> list[Line]:
    lines = [*head, *[_fitted((), width)] * (height - len(head))]
    middle = len(head) + (height - len(head)) // 2
    text = " " * max((width - len(NOTHING)) // 2, 0) + NOTHING
    lines[min(middle, height - 1)] = _fitted((StyledSpan(text, "$secondary"),), width)
    return lines


def _bounds(values: Iterable[float]) -> tuple[float, float]:
    """A range that holds all values, with room around a constant."""
    found = list(values)
    low, high = min(found), max(found)
    room = (high - low) * 0.05
    if not math.isfinite(room):
        return low, high
    if high - low <= max(abs(high), abs(low)) * 1e-9:
        room = abs(high) * 0.1 or 1.0
    return low - room, high + room


def _x_bounds(series: Sequence[Series], others: Sequence[float | None]) -> tuple[float, float]:
    found = [x for one in series for x, _ in one.points]
    found += [x for x in others if x is not None and math.isfinite(x)]
    low, high = min(found), max(found)
    return (low, high) if high > low else (low - 1, high + 1)


def _y_labels(low: float, high: float, height: int) -> dict[int, str]:
    """Row of the plot → its label: at most one in two rows, round numbers."""
    step = _nice_step(low, high, max(height * 2 // 3, 1))
    if step <= 0 or not math.isfinite(step):
        return {0: number(high), height - 1: number(low)}
    labels: dict[int, str] = {}
    count = 0
    tick = math.ceil(low / step) * step
    while tick <= high and count < 100:
        row = round((high - tick) / (high - low) * (height - 1))
        labels.setdefault(row, number(0.0 if abs(tick) < step / 1e6 else tick, step))
        tick += step
        count += 1
    return labels or {0: number(high), height - 1: number(low)}


def _nice_step(low: float, high: float, ticks: int) -> float:
    """1, 2 or 5 times a power of ten, so that about so many ticks fit."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return 0.0
    raw = span / max(ticks, 1)
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 0.0
    return next((power * unit for unit in (1, 2, 5, 10) if power * unit >= raw), power * 10)


class _Area:
    """The plot itself: dots finer than cells, a symbol here and there on each line."""

    def __init__(
        self,
        width: int,
        height: int,
        x: tuple[float, float],
        y: tuple[float, float],
        cells: Cells,
    ) -> None:
        self.width, self.height = width, height
        self._x, self._y, self._cells = x, y, cells
        self._across, self._down = (2, 4) if cells == "braille" else (1, 2)
        self._bits: dict[tuple[int, int], int] = {}
        self._owner: dict[tuple[int, int], int] = {}
        self._symbols: dict[tuple[int, int], int] = {}
        self._columns: set[int] = set()

    def draw(self, points: Sequence[tuple[float, float]], place: int) -> None:
        """Join the points by lines of dots; put the series' symbol on some of them."""
        dots = [self._dot(x, y) for x, y in points]
        for (x0, y0), (x1, y1) in pairwise(dots):
            for x, y in _line(x0, y0, x1, y1):
                self._set(x, y, place)
        every = max(len(dots) // max(self.width // 12, 1), 1)
        for count, (x, y) in enumerate(reversed(dots)):
            if count % every == 0:
                self._symbols[(y // self._down, x // self._across)] = place

    def mark(self, x: float) -> None:
        """A dotted line down the plot."""
        if math.isfinite(x):
            self._columns.add(self._dot(x, self._y[0])[0] // self._across)

    def _dot(self, x: float, y: float) -> tuple[int, int]:
        across = _share(x, *self._x) * (self.width * self._across - 1)
        down = (1 - _share(y, *self._y)) * (self.height * self._down - 1)
        return round(across), round(down)

    def _set(self, x: int, y: int, place: int) -> None:
        cell = (y // self._down, x // self._across)
        bit = _DOTS[y % 4][x % 2] if self._cells == "braille" else 1 << (y % 2)
        self._bits[cell] = self._bits.get(cell, 0) | bit
        self._owner[cell] = place

    def lines(self) -> list[Line]:
        """The rows from the top, each with the axis at its left."""
        return [(StyledSpan("│", "$secondary"), *self._row(row)) for row in range(self.height)]

    def _row(self, row: int) -> list[StyledSpan]:
        pieces: list[StyledSpan] = []
        for column in range(self.width):
            text, tone = self._cell(row, column)
            if pieces and pieces[-1].tone == tone:
                pieces[-1] = StyledSpan(pieces[-1].text + text, tone)
            else:
                pieces.append(StyledSpan(text, tone))
        return pieces

    def _cell(self, row: int, column: int) -> tuple[str, str]:
        cell = (row, column)
        if cell in self._symbols:
            return _symbol(self._symbols[cell]), _tone(self._symbols[cell])
        if cell in self._bits:
            return self._glyph(self._bits[cell]), _tone(self._owner[cell])
        return ("┊", "$secondary") if column in self._columns else (" ", "")

    def _glyph(self, bits: int) -> str:
        return chr(0x2800 + bits) if self._cells == "braille" else " ▀▄█"[bits]


def _share(value: float, low: float, high: float) -> float:
    """Where in the range, from 0 to 1; halves keep the range of huge numbers finite."""
    span = high / 2 - low / 2
    return min(max((value / 2 - low / 2) / span, 0.0), 1.0) if span > 0 else 0.5


def _line(x0: int, y0: int, x1: int, y1: int) -> Iterable[tuple[int, int]]:
    """The dots from one point to the other."""
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    for step in range(steps + 1):
        yield round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps)


def _x_axis(margin: int, width: int, x: tuple[float, float], marks: Sequence[PlotMark]) -> Line:
    cells = ["─"] * width
    for mark in marks:
        if math.isfinite(mark.x):
            cells[_column(mark.x, x, width)] = "┴"
    return (StyledSpan(" " * margin + "└" + "".join(cells), "$secondary"),)


def _column(value: float, x: tuple[float, float], width: int) -> int:
    return min(round(_share(value, *x) * (width - 1)), width - 1)


def _x_labels(
    margin: int, width: int, x: tuple[float, float], label: str, marks: Sequence[PlotMark]
) -> Line:
    """First and last x, the axis's name, and the words of the first mark beneath its place."""
    first, last = _whole(x[0]), _whole(x[1])
    line = [" "] * width
    _write(line, 0, first)
    _write(line, width - len(last), last)
    words = one_line(label, max(width - len(first) - len(last) - 4, 0))
    shown = [mark for mark in marks if math.isfinite(mark.x)]
    if shown and (place := _room(line, _column(shown[0].x, x, width), shown[0].text)) is not None:
        _write(line, place, shown[0].text)
    elif words.isascii():
        _write(line, (width - len(words)) // 2, words)
    return (StyledSpan(" " * (margin + 1) + "".join(line), "$secondary"),)


def _room(line: list[str], column: int, text: str) -> int | None:
    """Where in the line the text can stand, near the column; None when nowhere."""
    size = cell_len(text)
    taken = [place for place, character in enumerate(line) if character != " "]
    left = max((place for place in taken if place < len(line) // 2), default=-1) + 2
    right = min((place for place in taken if place >= len(line) // 2), default=len(line)) - 1
    if size != len(text) or size > right - left:
        return None
    return min(max(column - size // 2, left), right - size)


def _whole(value: float) -> str:
    return f"{value:,.0f}" if abs(value) < 1e9 else number(value)


def _write(line: list[str], place: int, text: str) -> None:
    for offset, character in enumerate(text):
        if 0 <= place + offset < len(line):
            line[place + offset] = character
