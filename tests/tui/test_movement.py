"""Vim's keys in texts and lists, tab round the screen, and the mouse that may stay off."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from studio.jobs import queue
from studio.project import Project
from studio.runs import JobState
from studio.tui.app import StudioApp
from studio.tui.widgets.text_pane import TextPane
from tests.support.waiting import quiet


@pytest.fixture
def logged(project: Project, job: Callable[..., int]) -> Project:
    """A project whose one job has a log of 200 lines."""
    number = job("train", JobState.DONE, message="trained")
    lines = "".join(f"line {n} 汉字\n" for n in range(200))
    (project.logs_dir / queue.log_path(project, number).name).write_text(lines, "utf-8")
    return project


@pytest.mark.parametrize(
    ("keys", "moved"),
    [
        (("j",), 1),
        (("down", "down"), 2),
        (("j", "j", "k"), 1),
        (("j", "up"), 0),
        (("ctrl+d",), 4),
        (("ctrl+d", "ctrl+u"), 0),
        (("pagedown", "pageup"), 0),
        (("G", "g"), 0),
        (("end", "home"), 0),
    ],
)
async def test_a_text_is_read_with_the_keys_of_vim(
    logged: Project, keys: tuple[str, ...], moved: int
) -> None:
    app = StudioApp(logged, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        text = app.screen.query_one("#log", TextPane)
        text.focus()
        await pilot.press("g")
        await pilot.press(*keys)
        await pilot.pause()
        half = text.size.height // 2
        assert text.scroll_offset.y == (half if keys == ("ctrl+d",) else moved)


async def test_big_g_shows_the_end(logged: Project) -> None:
    app = StudioApp(logged, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        text = app.screen.query_one("#log", TextPane)
        text.focus()
        await pilot.press("g", "G")
        await pilot.pause()
        assert text.scroll_offset.y == text.max_scroll_y > 0


async def test_h_and_l_go_between_what_stands_side_by_side(logged: Project) -> None:
    app = StudioApp(logged, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        app.screen.query_one("#log").focus()
        await pilot.press("h")
        assert app.focused is not None
        assert app.focused.id == "facts"
        await pilot.press("right")
        assert app.focused.id == "log"


async def test_tab_goes_round_and_shift_tab_back(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        first = app.focused
        seen = [first]
        for _ in app.screen.focus_chain:
            await pilot.press("tab")
            seen.append(app.focused)
        assert seen[-1] is first
        assert len(set(seen)) == len(app.screen.focus_chain)
        await pilot.press("shift+tab")
        assert app.focused is seen[-2]


async def test_a_click_on_a_pane_s_name_goes_there_for_who_has_a_mouse(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        from studio.tui.widgets.bars import tab_place

        start, _ = tab_place(app, 80, "home")
        await pilot.click("TopBar", offset=(start + 1, 0))
        await pilot.pause()
        assert app.current_mode == "home"
