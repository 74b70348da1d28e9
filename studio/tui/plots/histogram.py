"""How scores are spread, as bars of terminal cells, with a threshold between kept and dropped."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import ClassVar, Literal, Protocol

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from studio.safe_text import cut

EIGHTHS = " ▁▂▃▄▅▆▇█"
DROPPED = "▒"
"""Fills what is dropped: seen without colours too."""
SCALE = "height: √ of the records"
"""A few beside very many are seen; the words say so, for it is no usual scale."""


class HistogramBin(Protocol):
    """One bar."""

    @property
    def low(self) -> float:
        """Where it begins."""

    @property
    def high(self) -> float:
        """Where it ends."""

    @property
    def kept(self) -> int:
        """Records in it that are kept."""

    @property
    def dropped(self) -> int:
        """Records in it that are dropped."""


class Histogram(Widget):
    """Bars over an axis; ▲ is the threshold, and words say which side is kept."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "histogram--kept",
        "histogram--dropped",
        "histogram--axis",
        "histogram--threshold",
    }
    DEFAULT_CSS = """
    Histogram {
        height: 10;
        & > .histogram--kept { color: $success; }
        & > .histogram--dropped { color: $text-muted; }
        & > .histogram--axis { color: $text-muted; }
        & > .histogram--threshold { color: $primary; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._bins: tuple[HistogramBin, ...] = ()
        self._threshold = 0.0
        self._better: Literal["low", "high"] = "low"
        self._ends = ("", "")

    def show(
        self,
        bins: Sequence[HistogramBin],
        threshold: float,
        better: Literal["low", "high"] = "low",
        *,
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        """Draw these bins, kept where they lie on the better side of the threshold.

        low, high: the outermost scores; beyond the bins they stand in the outermost ones, and the
        axis says so.
        """
        self._bins, self._threshold, self._better = tuple(bins), threshold, better
        if bins:
            first, last = bins[0].low, bins[-1].high
            below, above = low is not None and low < first, high is not None and high > last
            self._ends = (
                f"{'≤ ' if below else ''}{first:.4g}",
                f"{last:.4g}{' and more' if above else ''}",
            )
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Bars above; then the threshold's mark, then the ends of the axis."""
        width, bars = self.size.width, self.size.height - 2
        if not self._bins or width < 4:
            return Strip.blank(width, self.rich_style)
        if y < bars:
            return self._bars(bars - 1 - y, bars, width)
        if y == bars:
            return self._strip([(self._pointer(width), "threshold")], width)
        return self._strip([(self._axis(width), "axis")], width)

    def _bars(self, level: int, bars: int, width: int) -> Strip:
        """One line of all bars; ``level`` 0 is the lowest."""
        most = sqrt(max((one.kept + one.dropped for one in self._bins), default=0)) or 1
        parts: list[tuple[str, str]] = []
        for place in range(width):
            one = self._bins[place * len(self._bins) // width]
            count = one.kept + one.dropped
            # A bar of a few among a million still shows.
            eighths = max(int(sqrt(count) * bars * 8 / most), 1) if count else 0
            filled = min(max(eighths - level * 8, 0), 8)
            kept = self._keeps(one)
            sign = EIGHTHS[filled] if kept or filled < 8 else DROPPED
            parts.append((sign, "kept" if kept else "dropped"))
        return self._strip(parts, width)

    def _keeps(self, one: HistogramBin) -> bool:
        if self._better == "low":
            return one.low <= self._threshold
        return one.high > self._threshold

    def _pointer(self, width: int) -> str:
        """▲ under the threshold, with the words for its two sides."""
        low, high = self._bins[0].low, self._bins[-1].high
        share = (self._threshold - low) / (high - low) if high > low else 0.0
        place = round(min(max(share, 0.0), 1.0) * (width - 1))
        left, right = ("kept ", " dropped") if self._better == "low" else ("dropped ", " kept")
        left = left if cell_len(left) <= place else ""
        right = right if place + 1 + cell_len(right) <= width else ""
        return " " * (place - cell_len(left)) + left + "▲" + right

    def _axis(self, width: int) -> str:
        low, high = self._ends
        room = max(width - len(low) - len(high), 1)
        return low + (SCALE.center(room) if room > len(SCALE) + 4 else " " * room) + high

    def _strip(self, parts: Sequence[tuple[str, str]], width: int) -> Strip:
        segments, used = [], 0
        for text, component in parts:
            text = cut(text, width - used)
            style = self.get_component_rich_style(f"histogram--{component}")
            segments.append(Segment(text, style))
            used += cell_len(text)
        segments.append(Segment(" " * (width - used), self.rich_style))
        return Strip(segments, width).simplify()
