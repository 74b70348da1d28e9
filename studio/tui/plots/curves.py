"""Curves of a training, drawn to the size that is there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widget import Widget

from studio.tui.plots.plot import Cells, Line, PlotMark, Series, chart, plain

AIRY = 9
"""Lines of a chart from which on an empty one stands between two."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One chart of several that stand above each other."""

    title: str
    series: tuple[Series, ...]
    marks: tuple[PlotMark, ...] = ()
    until: float | None = None
    """Where the x axis ends at least."""
    x_label: str = "step"
    x_from: float | None = None
    """Where the x axis begins at most."""


class Curves(Widget):
    """Charts above each other, each as tall as the others."""

    DEFAULT_CSS = """
    Curves { height: 1fr; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._plots: tuple[Plot, ...] = ()
        self._instead = ""

    @property
    def plain(self) -> str:
        """The charts as text: what a copy takes."""
        return plain(self._lines())

    def show(self, plots: Sequence[Plot], *, instead: str = "") -> None:
        """Draw these charts, or the words ``instead`` when there is none."""
        plots = tuple(plots)
        if (plots, instead) != (self._plots, self._instead):
            self._plots, self._instead = plots, instead
            self.refresh()

    def render(self) -> Content:
        """As many cells as the widget has."""
        if not self._plots:
            return Content.styled(self._instead, "$secondary")
        lines = [_content(line) for line in self._lines()]
        return Content("\n").join(lines)

    def _lines(self) -> list[Line]:
        width, height = self.content_size.width, self.content_size.height
        count = max(len(self._plots), 1)
        gap = 1 if height // count >= AIRY else 0
        each, rest = divmod(height - gap * (count - 1), count)
        lines: list[Line] = []
        for place, plot in enumerate(self._plots):
            tall = each + (rest if place == 0 else 0)
            lines += [()] * (gap if place else 0)
            lines += chart(
                plot.series,
                width,
                tall,
                title=plot.title,
                x_label=plot.x_label,
                marks=plot.marks,
                until=plot.until,
                since=plot.x_from,
                cells=cells_of_terminal(),
            )
        return lines


def cells_of_terminal() -> Cells:
    """Braille, but block cells where the console's font has none."""
    return "block" if os.environ.get("TERM", "") in ("linux", "vt220", "vt100") else "braille"


def _content(line: Line) -> Content:
    return Content.assemble(*((piece.text, piece.tone) for piece in line))
