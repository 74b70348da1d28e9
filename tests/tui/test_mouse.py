"""The bars answer the mouse: each key of the footer is that key, each name its pane."""

from __future__ import annotations

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot

from studio.project import Project
from studio.store.review_shapes import View
from studio.tui import navigation
from studio.tui.actions import PANES
from studio.tui.app import StudioApp
from studio.tui.dialogs.help import Help
from studio.tui.widgets.bars import KeyBar, TopBar, tab_place
from studio.tui.widgets.editor import Editor
from tests.support.data import query_for
from tests.support.waiting import quiet, until_shown

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


async def click_key(pilot: Pilot[object], words: str) -> None:
    """Click on the middle of a key's words in the footer."""
    bar, end = pilot.app.screen.query_one(KeyBar), 0
    for _key, told in bar._parts():
        if words in told.plain:
            await pilot.click(bar, offset=(end + told.cell_length // 2, 0))
            await quiet(pilot)
            return
        end += told.cell_length
    raise AssertionError(f"{words} is not in the footer")


@SIZES
async def test_a_click_on_a_key_of_the_pane_and_of_a_field_is_that_key(
    project: Project, size: tuple[int, int]
) -> None:
    project.store.records.add([query_for(1, "one"), query_for(2, "two")])
    app = StudioApp(project, screen="review")
    async with app.run_test(size=size) as pilot:
        await quiet(pilot)
        await click_key(pilot, "Accept")
        assert [row.word for row in project.store.review.open(View()).at(0, 2)] == ["accepted", ""]
        await click_key(pilot, "Edit")
        assert isinstance(app.focused, Editor)
        await pilot.press("!")
        await click_key(pilot, "Leave the field")
        assert project.store.records.get(2).text == "two!"  # type: ignore[union-attr]


@SIZES
async def test_a_click_on_a_key_that_works_everywhere_is_that_key(
    project: Project, size: tuple[int, int]
) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=size) as pilot:
        await quiet(pilot)
        await click_key(pilot, "Help")
        assert isinstance(app.screen, Help)
        await pilot.press("escape")
        await click_key(pilot, "All actions")
        await until_shown(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press("escape")
        await quiet(pilot)
        await pilot.click(KeyBar, offset=(size[0] // 2, 0))
        await click_key(pilot, "Quit")
    assert app.return_code == 0


@SIZES
async def test_a_click_on_each_name_goes_to_its_pane(wired: Project, size: tuple[int, int]) -> None:
    app = StudioApp(wired, screen="jobs")
    async with app.run_test(size=size) as pilot:
        await quiet(pilot)
        for name in PANES:
            start, cells = tab_place(app, size[0], name)
            await pilot.click(TopBar, offset=(start + cells // 2, 0))
            await until_shown(pilot, lambda name=name: app.current_mode == name)  # type: ignore[misc]


async def test_a_name_lights_up_before_its_pane_is_made(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    render, make = TopBar.render, navigation.new_pane

    def rendered(bar: TopBar) -> object:
        seen.append(f"lit {bar.app.going_to}")  # type: ignore[attr-defined]
        return render(bar)

    def made(name: str, opened: Project | None) -> object:
        seen.append(f"made {name}")
        return make(name, opened)

    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        monkeypatch.setattr(TopBar, "render", rendered)
        monkeypatch.setattr(navigation, "new_pane", made)
        await pilot.press("4")
        await until_shown(pilot, lambda: app.current_mode == "review")
        assert seen.index("lit review") < seen.index("made review")
        assert app.going_to == ""


async def test_keys_that_follow_at_once_are_the_new_pane_s(project: Project) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        for key in ("8", "slash", "t", "r"):
            app.simulate_key(key)
        await until_shown(pilot, lambda: app.current_mode == "jobs")
        await quiet(pilot)
        assert app.focused is app.screen.query_one("#only")


async def test_a_project_opens_in_the_pane_that_one_left(project: Project) -> None:
    app = StudioApp(project)
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("6")
        await until_shown(pilot, lambda: app.current_mode == "train")
        await pilot.press("0", "q")
    again = StudioApp(project)
    async with again.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        assert again.current_mode == "train"
