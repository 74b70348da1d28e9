"""Threshold sliders: move the line between kept and dropped over the stored scores."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from studio.jobs.categories import Retention
from studio.records import StudioError
from studio.store.review_scores import Rule
from studio.store.review_shapes import Bin, ScoreInfo
from studio.tui.pane.base import Dialog
from studio.tui.plots.histogram import Histogram
from studio.tui.records import words as say
from studio.tui.review.retained import WAYS, CategoryTable
from studio.tui.safe_content import content
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

COLUMNS = (
    Column("filter", 16),
    Column("keeps", 14),
    Column("scores", 10, "right"),
    Column("from", 9, "right", from_width=56),
    Column("to", 9, "right", from_width=56),
)
NO_SCORES = "No filter has stored a score yet. Esc, then 3 or ctrl+r, runs the filters."
NEARLY_ALL = 0.97
"""The share of the scores that the bars show in detail."""
STEPS = 100
"""Steps from the lowest to the highest score, where scores are no whole numbers."""


@dataclass(frozen=True, slots=True)
class ThresholdChange:
    """What the dialog gives back."""

    filter: str
    threshold: float


Retained = tuple[Retention, Rule]
"""What a filter has kept by category, and its rule with the threshold open."""


@dataclass(frozen=True, slots=True)
class Sliders:
    """How the dialog asks the store; each runs off the screen."""

    scores: Callable[[], Awaitable[Sequence[ScoreInfo]]]
    bins: Callable[[ScoreInfo], Awaitable[Sequence[Bin]]]
    would_keep: Callable[[str, float], Awaitable[tuple[int, int]]]
    retained: Callable[[ScoreInfo], Awaitable[Retained]]


class ThresholdDialog(Dialog):
    """Gives back where a threshold is to go, or None."""

    BINDINGS: ClassVar[list[Any]] = [
        ("left,h", "move(-1)", "Lower"),
        ("right,l", "move(1)", "Higher"),
        ("shift+left,H", "move(-10)", "Ten lower"),
        ("shift+right,L", "move(10)", "Ten higher"),
        ("x", "reset", "Where it was"),
        ("c", "categories", "By category"),
    ]

    def __init__(self, sliders: Sliders, name: str = "") -> None:
        super().__init__()
        self._scores: tuple[ScoreInfo, ...] = ()
        self._first = name
        self._sliders = sliders
        self._at: dict[str, float] = {}
        self._bins: dict[str, Sequence[Bin]] = {}
        self._kept: dict[str, tuple[int, int]] = {}
        """Filter → kept and dropped at the threshold in force."""
        self._retained: dict[str, Retained] = {}
        self._way = 0
        """0 shows the histogram, else a way of :data:`WAYS`."""

    def compose(self) -> ComposeResult:
        """The filters, the histogram of one, and what the move would change."""
        with Section(classes="dialog").titled("Thresholds"):
            yield RowList(COLUMNS, empty="…", id="filters")
            yield Histogram(id="histogram")
            yield CategoryTable(id="retained")
            yield Static("", id="would-keep")
            yield Static(
                content("←→ HL move · ↑↓ filter · c category · x back · enter applies · esc"),
                classes="hint",
            )

    def on_mount(self) -> None:
        """Fill it as soon as the scores are known."""
        self.query_one("#filters").focus()
        self._fill()

    @work
    async def _fill(self) -> None:
        try:
            self._scores = tuple(await self._sliders.scores())
        except StudioError as error:
            self.query_one("#would-keep", Static).update(content(str(error), "$error"))
            return
        self._at = {one.filter: _now(one) for one in self._scores}
        if not self._scores:
            self.query_one("#filters", RowList).empty = NO_SCORES
            self.query_one("#filters").refresh()
        self._list_again(self._first)

    @property
    def _info(self) -> ScoreInfo | None:
        lines = self.query_one("#filters", RowList)
        return self._scores[lines.cursor] if lines.current is not None else None

    def _list_again(self, key: str | None = None) -> None:
        rows = [
            Row(
                one.filter,
                (
                    one.filter,
                    keeps(one, self._at[one.filter]),
                    f"{one.count:,}",
                    say.number(one.low),
                    say.number(one.high),
                ),
            )
            for one in self._scores
        ]
        self.query_one("#filters", RowList).show(rows, key=key)

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        self._show()

    def action_move(self, by: int) -> None:
        """Move the threshold by steps, not past the scores there are."""
        info = self._info
        if info is None:
            return
        step = step_of(info)
        wanted = self._at[info.filter] + by * step
        # One step beyond the strict end keeps nothing, which a person may want to see.
        low, high = info.low - step, info.high + step
        self._at[info.filter] = round(min(max(wanted, low), high), 10)
        self._list_again()
        self._show()

    def action_reset(self) -> None:
        """Back to where it is in force."""
        info = self._info
        if info is not None:
            self._at[info.filter] = _now(info)
            self._list_again()
            self._show()

    def action_categories(self) -> None:
        """The histogram, then what is kept of each category, in one way after the other."""
        self._way = (self._way + 1) % (len(WAYS) + 1)
        self.query_one(Histogram).display = not self._way
        self.query_one(CategoryTable).display = bool(self._way)
        self._show()

    @work(exclusive=True, group="slider")
    async def _show(self) -> None:
        """Histogram at once, exact counts as soon as they are known."""
        info = self._info
        if info is None:
            return
        at = self._at[info.filter]
        try:
            if info.filter not in self._bins:
                self._bins[info.filter] = await self._sliders.bins(info)
                self._kept[info.filter] = await self._sliders.would_keep(info.filter, _now(info))
            self._draw(info, at, None)
            self._draw(info, at, await self._sliders.would_keep(info.filter, at))
            if self._way:
                await self._draw_categories(info, at)
        except StudioError as error:
            self.query_one("#would-keep", Static).update(content(str(error), "$error"))

    def _draw(self, info: ScoreInfo, at: float, found: tuple[int, int] | None) -> None:
        bins = self._bins[info.filter]
        self.query_one(Histogram).show(bins, at, info.better, low=info.low, high=info.high)
        before = self._kept[info.filter]
        words = _counts(before, found) if found is not None else "…"
        self.query_one("#would-keep", Static).update(
            Content.assemble((f"{info.filter} keeps {keeps(info, at)}", "bold"), "   ", words)
        )

    async def _draw_categories(self, info: ScoreInfo, at: float) -> None:
        if info.filter not in self._retained:
            self.query_one(CategoryTable).show(())
            self._retained[info.filter] = await self._sliders.retained(info)
        found, rule = self._retained[info.filter]
        by = WAYS[self._way - 1]
        # A hundred thousand records are counted in a tenth of a second: too long for a key.
        rows = await asyncio.to_thread(lambda: (found.by_rule(rule.at(at), by), found.now(by)))
        self.query_one(CategoryTable).show(*rows, by)

    @on(RowList.Chosen)
    def _apply(self, event: RowList.Chosen) -> None:
        event.stop()
        info = self._info
        if info is None:
            return
        at = self._at[info.filter]
        self.dismiss(ThresholdChange(info.filter, at) if at != info.threshold else None)


def _now(info: ScoreInfo) -> float:
    """The threshold in force; without one, just beyond the scores: nothing is kept."""
    if info.threshold is not None:
        return info.threshold
    step = step_of(info)
    return info.low - step if info.better == "low" else info.high + step


def step_of(info: ScoreInfo) -> float:
    """One key's move: 1 for ranks and counts, else a hundredth of the whole span."""
    ends = (info.low, info.high, info.threshold or 0.0)
    if all(float(end).is_integer() for end in ends) and info.high - info.low > 1:
        return 1.0
    return (info.high - info.low) / STEPS or 0.01


def keeps(info: ScoreInfo, at: float) -> str:
    """The rule in a few signs."""
    return f"{'≤' if info.better == 'low' else '≥'} {say.number(at)}"


def _counts(before: tuple[int, int], after: tuple[int, int]) -> str:
    change = after[0] - before[0]
    more = f" ({change:+,})" if change else ""
    return f"✓ kept {after[0]:,}{more}   ✗ dropped {after[1]:,}"


def zoomed(
    info: ScoreInfo, histogram: Callable[[float | None, float | None], Sequence[Bin]]
) -> Sequence[Bin]:
    """The bars where nearly all scores are: a few far ones would press the others into one.

    histogram: the bars from a score to a score; those beyond count in the outermost bars.
    """
    found = histogram(None, None)
    crowd = found if info.better == "low" else found[::-1]
    sums = [*accumulate(one.kept + one.dropped for one in crowd)]
    wanted = next((n for n, seen in enumerate(sums, 1) if seen >= NEARLY_ALL * sums[-1]), 0)
    if not wanted or wanted * 3 > len(crowd):
        return found
    edge = crowd[wanted]
    if info.better == "low":
        return histogram(None, max(edge.high, info.threshold or edge.high))
    return histogram(min(edge.low, info.threshold or edge.low), None)
