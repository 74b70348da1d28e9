"""Every pane at every size from 80×24 to 200×60, and while the terminal is resized."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from studio.project import Project
from studio.tui.actions import PANES
from studio.tui.app import StudioApp
from studio.tui.dialogs.too_small import TooSmall
from studio.tui.widgets.bars import KeyBar
from tests.support.hostile import frame
from tests.support.waiting import quiet, until_shown

SIZES = [(80, 24), (80, 40), (100, 30), (120, 40), (160, 24), (200, 60)]


def assert_whole(app: StudioApp) -> None:
    """No line beyond the screen, the keys in sight, the pane's name in the bar."""
    lines = frame(app)
    assert len(lines) == app.size.height
    assert {cell_len(line) for line in lines} == {app.size.width}
    assert "Help" in lines[-1]
    assert "Quit" in lines[-1]
    bar = app.screen.query_one(KeyBar)
    assert bar.region.bottom == app.size.height
    assert "Examples" in lines[0]
    assert "Jobs" in lines[0]


async def resize(pilot: Pilot[int], size: tuple[int, int]) -> None:
    await pilot.resize_terminal(*size)
    # Textual waits a little before it lays out anew.
    await until_shown(pilot, lambda: pilot.app.screen.size == size)
    await quiet(pilot)


@pytest.mark.parametrize("mode", PANES)
async def test_a_pane_is_whole_at_every_size(wired: Project, mode: str) -> None:
    app = StudioApp(wired, screen=mode)
    async with app.run_test(size=SIZES[0]) as pilot:
        await quiet(pilot)
        for size in (*SIZES, SIZES[0]):
            await resize(pilot, size)
            assert_whole(app)
            assert app.focused is not None
            assert app.focused.region.area


@pytest.mark.parametrize("mode", PANES)
async def test_a_terminal_that_is_too_small_says_so_until_it_grows(
    wired: Project, mode: str
) -> None:
    app = StudioApp(wired, screen=mode)
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        before = app.focused
        for size in ((60, 15), (79, 24), (80, 22), (20, 5)):
            await resize(pilot, size)
            assert isinstance(app.screen, TooSmall)
            text = " ".join(" ".join(frame(app)).split())
            assert f"terminal is {size[0]}×{size[1]}; Studio needs 80×24" in text
            assert {cell_len(line) for line in frame(app)} == {size[0]}
            await pilot.press("x", "1", "ctrl+p", "f5")
            assert isinstance(app.screen, TooSmall)
        await resize(pilot, (80, 24))
        assert not isinstance(app.screen, TooSmall)
        assert app.focused is before
        assert app.current_mode == mode
        assert_whole(app)


async def test_tmux_may_take_one_line_of_the_smallest_terminal(wired: Project) -> None:
    app = StudioApp(wired, screen="examples")
    async with app.run_test(size=(80, 23)) as pilot:
        await quiet(pilot)
        assert_whole(app)


async def test_it_can_start_too_small_and_be_left(wired: Project) -> None:
    app = StudioApp(wired, screen="examples")
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, TooSmall)
        await pilot.press("q")
    assert app.return_code == 0


async def test_a_dialog_waits_under_a_terminal_that_is_too_small(wired: Project) -> None:
    app = StudioApp(wired, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        before = app.screen
        await resize(pilot, (50, 12))
        assert isinstance(app.screen, TooSmall)
        await resize(pilot, (100, 30))
        assert app.screen is before


async def test_all_panes_are_named_at_80_columns_with_a_job_running(wired: Project) -> None:
    app = StudioApp(wired, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        app.running = "generate 40%"
        app.screen.query_one("TopBar").refresh()
        await pilot.pause()
        top = frame(app)[0]
        for name in ("Home", "Examples", "Prompt", "Generate", "Review", "Train", "Search", "Jobs"):
            assert name in top
        assert "●" in top
