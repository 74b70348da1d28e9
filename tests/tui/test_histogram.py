"""The histogram: bars of cells, the threshold's mark, and words for what colours say."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from studio.store.review_shapes import Bin, ScoreInfo
from studio.tui.plots.histogram import SCALE, Histogram
from studio.tui.review.threshold import keeps, step_of, zoomed


class Shown(App[None]):
    """The histogram alone."""

    def compose(self) -> ComposeResult:
        yield Histogram()

    @property
    def lines(self) -> list[str]:
        strips = self.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips][:10]


async def drawn(bins: list[Bin], threshold: float, **how: object) -> list[str]:
    app = Shown()
    async with app.run_test(size=(60, 12)) as pilot:
        app.query_one(Histogram).show(bins, threshold, **how)  # type: ignore[arg-type]
        await pilot.pause()
        return app.lines


def ranks(*counts: int) -> list[Bin]:
    return [Bin(n, n + 1, count, 0) for n, count in enumerate(counts, 1)]


async def test_the_highest_bar_fills_the_height_and_a_single_record_still_shows() -> None:
    lines = await drawn(ranks(1_000_000, 0, 1), 1)
    assert [line[:20] for line in lines[:8]] == ["█" * 20] * 8
    assert lines[7][20:40].strip() == ""
    assert lines[7][40:] == "▁" * 20


async def test_words_say_which_side_is_kept() -> None:
    low = await drawn(ranks(5, 5, 5, 5), 3)
    assert "kept ▲ dropped" in low[8]
    high = await drawn(ranks(5, 5, 5, 5), 3, better="high")
    assert "dropped ▲ kept" in high[8]


async def test_the_mark_stays_on_the_axis_at_both_ends() -> None:
    assert (await drawn(ranks(1, 2), -50))[8].startswith("▲ dropped")
    assert (await drawn(ranks(1, 2), 50))[8].rstrip().endswith("kept ▲")


async def test_the_axis_names_its_ends_and_says_when_more_lies_beyond() -> None:
    whole = await drawn(ranks(1, 2), 1, low=1, high=3)
    assert whole[9].startswith("1 ")
    assert whole[9].rstrip().endswith("3")
    assert SCALE in whole[9]
    part = await drawn(ranks(1, 2), 1, low=0, high=99)
    assert part[9].startswith("≤ 1 ")
    assert part[9].rstrip().endswith("3 and more")


@pytest.mark.parametrize("width", [1, 3, 5, 20])
async def test_it_fits_into_any_width(width: int) -> None:
    app = Shown()
    async with app.run_test(size=(width, 12)) as pilot:
        app.query_one(Histogram).show(ranks(1, 2, 3), 2)
        await pilot.pause()
        assert all(len(line) == width for line in app.lines)


async def test_without_scores_it_is_empty() -> None:
    assert not "".join(await drawn([], 0)).strip()


def info(low: float, high: float, threshold: float | None, better: str = "low") -> ScoreInfo:
    return ScoreInfo("x", 10, low, high, better, threshold)  # type: ignore[arg-type]


def test_ranks_move_by_one_and_shares_by_a_hundredth() -> None:
    assert step_of(info(1, 400, 3)) == 1
    assert step_of(info(0, 1, 0.7)) == 0.01
    assert step_of(info(0, 1, None)) == 0.01
    assert step_of(info(2, 2, 2)) == 0.01


def test_the_rule_is_said_in_signs() -> None:
    assert keeps(info(1, 9, 3), 3) == "≤ 3"
    assert keeps(info(0, 1, 0.5, "high"), 0.25) == "≥ 0.25"


def test_a_few_far_scores_do_not_press_the_others_into_one_bar() -> None:
    asked = []

    def histogram(low: float | None, high: float | None) -> list[Bin]:
        asked.append((low, high))
        return [Bin(n * 10, n * 10 + 10, 990 if n == 0 else 1, 0) for n in range(10)]

    zoomed(info(0, 100, 3), histogram)
    assert asked == [(None, None), (None, 20)]
    zoomed(info(0, 100, 45), histogram)
    assert asked[-1] == (None, 45)


def test_a_crowd_at_the_better_high_end_is_seen_too() -> None:
    asked = []

    def histogram(low: float | None, high: float | None) -> list[Bin]:
        asked.append((low, high))
        return [Bin(n * 10, n * 10 + 10, 990 if n == 9 else 1, 0) for n in range(10)]

    zoomed(info(0, 100, 95, "high"), histogram)
    assert asked == [(None, None), (80, None)]


def test_even_scores_are_shown_whole() -> None:
    asked = []

    def histogram(low: float | None, high: float | None) -> list[Bin]:
        asked.append((low, high))
        return [Bin(n, n + 1, 5, 5) for n in range(10)]

    assert len(zoomed(info(0, 10, 3), histogram)) == 10
    assert asked == [(None, None)]
