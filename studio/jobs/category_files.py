"""Categories as a plot of bars in a text, as a sunburst in SVG, and as CSV and JSON.

The sunburst is that of Self-Instruct (Wang et al. 2022, arXiv:2212.10560, figure 2): the inner ring
has the outer categories, the outer ring what each of them consists of. In a text the same are bars
in groups.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from math import cos, pi, sin
from pathlib import Path
from typing import Any, Final

from rich.cells import set_cell_size

from studio.formats.data_card import printable_line
from studio.formats.spreadsheet import safe_cell, table_row
from studio.jobs.categories import CategoryCount
from studio.records import StudioError

EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
NAMES: Final = 22
"""Cells of the names in a plot of bars."""
INNER, MIDDLE, OUTER = 90.0, 210.0, 330.0
"""Radii of the rings in the picture, in pixels."""
SIDE: Final = 720
"""Pixels of the picture's side."""
LEAST_ARC: Final = 0.045
"""Radians that a name needs."""


def row_of(
    found: Sequence[CategoryCount], top: int, objects: int, *, with_kept: bool
) -> list[dict[str, Any]]:
    """The largest categories with their largest parts, for JSON."""
    total = sum(one.count for one in found)
    return [
        {**_row(one, total, with_kept), "parts": [_row(part, total, with_kept) for part in parts]}
        for one, parts in _largest(found, top, objects)
    ]


def _row(one: CategoryCount, total: int, with_kept: bool) -> dict[str, Any]:
    row = {"name": one.name, "count": one.count, "share": round(one.count / total, 4)}
    return row | ({"kept": one.kept, "kept_share": round(one.kept_share, 4)} if with_kept else {})


def _largest(
    found: Iterable[CategoryCount], top: int, objects: int
) -> Iterator[tuple[CategoryCount, Sequence[CategoryCount]]]:
    for one in [one for one in found if one.name][:top]:
        yield one, [part for part in one.parts if part.name][:objects]


def bar(share: float, width: int) -> str:
    """A bar of eighths of cells; a share that is not 0 is seen."""
    eighths = max(round(share * width * 8), 1) if share else 0
    return EIGHTHS[8] * (eighths // 8) + (EIGHTHS[eighths % 8] if eighths % 8 else "")


def bars(found: Sequence[CategoryCount], top: int, objects: int, width: int = 80) -> str:
    """A bar for each category and, further in, for each of its parts, all on one scale."""
    total = sum(one.count for one in found)
    most = max((one.count for one in found if one.name), default=1)
    room = max(width - NAMES - 16, 8)

    def line(one: CategoryCount, indent: str = "") -> str:
        drawn = set_cell_size(bar(one.count / most, room), room)
        shown = set_cell_size(indent + printable_line(one.name), NAMES)
        return f"{shown} {drawn} {one.count:>7,} {one.count / total:>6.1%}"

    lines = []
    for one, parts in _largest(found, top, objects):
        lines += [line(one), *(line(part, "  ") for part in parts)]
    return "\n".join(lines)


def svg(found: Sequence[CategoryCount], top: int, objects: int) -> str:
    """The sunburst, without scripts or fonts of its own."""
    chosen = [*_largest(found, top, objects)]
    total = sum(one.count for one, _ in chosen) or 1
    arcs, start = [], 0.0
    for number, (one, parts) in enumerate(chosen):
        hue = round(360 * number / len(chosen))
        end = start + 2 * pi * one.count / total
        arcs += _arc(one.name, one.count, start, end, INNER, MIDDLE, f"hsl({hue} 45% 70%)")
        inner = start
        for part in parts:
            until = inner + 2 * pi * part.count / total
            arcs += _arc(part.name, part.count, inner, until, MIDDLE, OUTER, f"hsl({hue} 45% 84%)")
            inner = until
        start = end
    half = SIDE // 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-half} {-half} {SIDE} {SIDE}" '
        'font-family="sans-serif" font-size="11">\n' + "\n".join(arcs) + "\n</svg>\n"
    )


def _arc(
    name: str, count: int, start: float, end: float, inside: float, outside: float, colour: str
) -> list[str]:
    # A whole ring begins where it ends, which is no arc: a hair is left open.
    end = min(end, start + 2 * pi - 1e-4)
    far = int(end - start > pi)
    (a, b), (c, d) = _point(start, outside), _point(end, outside)
    (e, f), (g, h) = _point(end, inside), _point(start, inside)
    path = (
        f"M{a:.1f} {b:.1f}A{outside} {outside} 0 {far} 1 {c:.1f} {d:.1f}"
        f"L{e:.1f} {f:.1f}A{inside} {inside} 0 {far} 0 {g:.1f} {h:.1f}Z"
    )
    # XML has no place for controls.
    name = printable_line(name)
    title = f"<title>{escape(name)}: {count:,}</title>"
    found = [f'<path d="{path}" fill="{colour}" stroke="white">{title}</path>']
    if end - start >= LEAST_ARC:
        middle = (start + end) / 2
        x, y = _point(middle, (inside + outside) / 2)
        degrees = middle * 180 / pi - 90
        turned = degrees if middle < pi else degrees + 180
        found.append(
            f'<text transform="translate({x:.1f} {y:.1f}) rotate({turned:.1f})" '
            f'text-anchor="middle" dominant-baseline="middle">{escape(name[:18])}</text>'
        )
    return found


def _point(angle: float, radius: float) -> tuple[float, float]:
    """From the top, clockwise."""
    return radius * sin(angle), -radius * cos(angle)


def _csv(found: Sequence[CategoryCount], top: int, objects: int) -> str:
    lines = [table_row(["category", "part", "count", "kept"])]
    for one, parts in _largest(found, top, objects):
        for part in (None, *parts):
            name, counted = (part.name, part) if part else ("", one)
            cells = [safe_cell(one.name), safe_cell(name), counted.count, counted.kept]
            lines.append(table_row(cells))
    return "".join(lines)


def _json(found: Sequence[CategoryCount], top: int, objects: int) -> str:
    rows = row_of(found, top, objects, with_kept=True)
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def _text(found: Sequence[CategoryCount], top: int, objects: int) -> str:
    return bars(found, top, objects) + "\n"


WRITERS: Final[dict[str, Callable[[Sequence[CategoryCount], int, int], str]]] = {
    ".csv": _csv,
    ".json": _json,
    ".svg": svg,
    ".txt": _text,
}
"""The end of a file's name → what writes it."""


def write(path: Path, found: Sequence[CategoryCount], top: int, objects: int) -> None:
    """Write them as the end of the file's name says. Raises StudioError for another end."""
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise StudioError(
            f"{path.name} says nothing of its format; end the name with {', '.join(WRITERS)}."
        )
    path.write_text(writer(found, top, objects), encoding="utf-8")
