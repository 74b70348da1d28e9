"""The line between two parts of a pane moves by keys, stays where it is put, and hides nothing."""

from __future__ import annotations

import pytest

from studio.project import Project
from studio.tui import memory
from studio.tui.actions import PANES
from studio.tui.app import StudioApp
from studio.tui.widgets.text_pane import Section
from tests.support.data import query_for
from tests.support.waiting import quiet

STEPS = 15
"""More than lead from one end of the largest screen here to the other."""
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
LINES = {
    "examples": ("#example-list", "height"),
    "prompt": ("#preview", "height"),
    "search": ("#columns", "height"),
    "jobs": ("#jobs-section", "height"),
}
"""Pane → the part before the line that its list has beside or below it, and which size changes."""


def cells(app: StudioApp, name: str, axis: str) -> int:
    size = app.screen.query_one(name).outer_size
    return size.width if axis == "width" else size.height


@SIZES
async def test_review_s_line_moves_and_is_there_again_after_a_restart(
    wired: Project, size: tuple[int, int]
) -> None:
    wired.store.records.add([query_for(1, "one"), query_for(2, "two")])
    axis = "width" if size[0] >= 100 else "height"
    async with StudioApp(wired, screen="review").run_test(size=size) as pilot:
        app = pilot.app
        await quiet(pilot)
        before = cells(app, "#table", axis), cells(app, "#side", axis)  # type: ignore[arg-type]
        for _ in range(3):
            # Faster than anything is laid out.
            app.simulate_key("less_than_sign")
        await quiet(pilot)
        after = cells(app, "#table", axis), cells(app, "#side", axis)  # type: ignore[arg-type]
        step = 12 if axis == "width" else 3
        assert after == (before[0] - step, before[1] + step)
    async with StudioApp(wired, screen="review").run_test(size=size) as pilot:
        await quiet(pilot)
        assert (cells(pilot.app, "#table", axis), cells(pilot.app, "#side", axis)) == after  # type: ignore[arg-type]
        # In another room other sizes hold.
        await pilot.resize_terminal(*((120, 40) if size[0] < 100 else (80, 24)))
        await quiet(pilot)
        assert pilot.app.screen.query_one("#table").styles.inline.get_rules().get(axis) is None
        await pilot.resize_terminal(*size)
        await quiet(pilot)
        assert cells(pilot.app, "#table", axis) == after[0]  # type: ignore[arg-type]
        await pilot.press(*["greater_than_sign"] * 3)
        await quiet(pilot)
        assert cells(pilot.app, "#table", axis) == before[0]  # type: ignore[arg-type]


@SIZES
@pytest.mark.parametrize("pane", LINES)
async def test_the_line_of_other_panes_moves(
    wired: Project, pane: str, size: tuple[int, int]
) -> None:
    part, axis = LINES[pane]
    app = StudioApp(wired, screen=pane)
    async with app.run_test(size=size) as pilot:
        await quiet(pilot)
        await pilot.press("escape")
        await quiet(pilot)
        before = cells(app, part, axis)
        await pilot.press("less_than_sign")
        await quiet(pilot)
        moved = cells(app, part, axis) != before
        await pilot.press("greater_than_sign", "greater_than_sign")
        await quiet(pilot)
        assert moved or cells(app, part, axis) != before


@SIZES
@pytest.mark.parametrize("pane", PANES)
async def test_nothing_disappears_however_often_it_is_pressed(
    wired: Project, pane: str, size: tuple[int, int]
) -> None:
    wired.store.records.add([query_for(1, "one")])
    app = StudioApp(wired, screen=pane)
    async with app.run_test(size=size) as pilot:
        await quiet(pilot)
        await pilot.press("escape")
        shown = {one: one.region for one in app.screen.query(Section) if one.region.height > 1}
        for key in ("less_than_sign", "greater_than_sign") * 2:
            for _ in range(STEPS):
                app.simulate_key(key)
            await quiet(pilot)
            for one, before in ((one, was) for one, was in shown.items() if one.display):
                assert one.region.height >= min(before.height, 2), one
                assert one.region.width >= min(before.width, 16), one
                assert one.region.bottom <= size[1] - 1, one
                assert one.region.right <= size[0], one
            if key == "greater_than_sign":
                await pilot.press("tab")


async def test_a_key_that_is_held_down_lays_out_what_can_be_seen_and_no_more(
    wired: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    wired.store.records.add([query_for(1, "one")])
    async with StudioApp(wired, screen="review").run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        before = cells(pilot.app, "#table", "width")  # type: ignore[arg-type]
        kept = []
        keep = memory.keep_sizes
        monkeypatch.setattr(memory, "keep_sizes", lambda *one: (kept.append(one), keep(*one)))
        for key in ("less_than_sign",) * 8 + ("greater_than_sign",) * 3:
            pilot.app.simulate_key(key)
        await quiet(pilot)
        assert cells(pilot.app, "#table", "width") == before - 20  # type: ignore[arg-type]
        assert len(kept) <= 5


async def test_damaged_sizes_are_none(wired: Project) -> None:
    memory.keep(sizes={"review -wide-high width table side": ["x", -1]})
    assert memory.load().sizes == {}
    memory.keep(sizes={"review -wide-high width no such": (1.0, 2.0)})
    async with StudioApp(wired, screen="review").run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        assert pilot.app.screen.query_one("#side").region.width > 20
