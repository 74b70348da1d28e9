"""Keys that do the same in every pane: going to a pane, copying to a file, back to the shell."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from studio.project import Project
from studio.runs import JobState
from studio.tui.actions import in_scope
from studio.tui.app import StudioApp
from studio.tui.dialogs.help import Help
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import TextPane
from tests.support.trained import add_gold, add_model
from tests.support.waiting import quiet


@pytest.mark.parametrize(
    ("key", "pane"),
    [
        ("0", "home"),
        ("1", "examples"),
        ("2", "prompt"),
        ("3", "generate"),
        ("4", "review"),
        ("5", "rounds"),
        ("6", "train"),
        ("7", "search"),
        ("8", "jobs"),
    ],
)
async def test_a_digit_goes_to_its_pane_and_another_leads_back(
    wired: Project, key: str, pane: str
) -> None:
    start = "jobs" if pane != "jobs" else "home"
    app = StudioApp(wired, screen=start)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        assert app.current_mode == pane
        await pilot.press("escape", "8" if start == "jobs" else "0")
        assert app.current_mode == start


async def test_what_would_be_copied_can_be_written_to_a_file(project: Project) -> None:
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        await pilot.press("y", "Y")
        (written,) = project.exports_dir.iterdir()
        assert written.read_text("utf-8") == app.clipboard
        assert "spare room" in app.clipboard
        assert f"Written to {written}" in [told.text for told in app.said]


async def test_without_a_shell_to_go_back_to_suspending_says_so(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+z")
        told = [message.text for message in app.said]
        assert told == ["There is no shell behind this window to go back to."]


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_help_tells_the_keys_of_the_pane(project: Project, key: str) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        assert isinstance(app.screen, Help)
        told = app.screen.query_one(TextPane).plain
        assert all(action.help in told for action in in_scope("jobs"))
        await pilot.press("escape")
        assert not isinstance(app.screen, Help)


@pytest.mark.parametrize(
    ("keys", "row"),
    [
        (("j",), 1),
        (("down", "j"), 2),
        (("j", "j", "k"), 1),
        (("j", "up"), 0),
        (("G",), 59),
        (("end", "g"), 0),
        (("G", "home"), 0),
        (("ctrl+d", "ctrl+u"), 0),
        (("pagedown", "pageup"), 0),
    ],
)
async def test_a_list_is_walked_with_the_keys_of_vim(
    project: Project, job: Callable[..., int], keys: tuple[str, ...], row: int
) -> None:
    for _ in range(60):
        job("train", JobState.DONE)
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        await pilot.press(*keys[:1])
        rows = app.screen.query_one(RowList)
        assert rows.cursor > 0
        await pilot.press(*keys[1:])
        assert rows.cursor == row


@pytest.mark.parametrize("key", ["l", "right"])
async def test_from_a_list_to_the_text_on_its_right(
    project: Project, job: Callable[..., int], key: str
) -> None:
    live = {"asked": 9, "answered": 7, "reasons": {"empty": 2}}
    job("generate", JobState.CANCELLED, live=json.dumps(live))
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("w")
        app.screen.query_one("#drops").focus()
        await quiet(pilot)
        await pilot.press(key)
        assert app.focused is app.screen.query_one("#answers")


@pytest.mark.parametrize("key", ["h", "left"])
async def test_from_a_list_to_the_text_on_its_left(project: Project, key: str) -> None:
    add_gold(project)
    add_model(project)
    app = StudioApp(project, screen="train")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("w")
        await quiet(pilot)
        assert app.focused is app.screen.query_one("#queries")
        await pilot.press(key)
        assert app.focused is app.screen.query_one("#duel")
