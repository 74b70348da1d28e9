"""Home with real keys: recent projects, opening, forgetting, the new-project wizard."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Static

from studio.project import Project, recent
from studio.runs import JobState
from studio.tui.app import StudioApp
from studio.tui.dialogs.ask import AskText
from studio.tui.home.new_project import make
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import RowList
from tests.support.waiting import quiet, until_shown
from tests.support.wishes import LABELLED, gold_file, wish


def drawn(app: StudioApp) -> str:
    """What stands on the screen."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)


async def test_recent_projects_are_listed_and_enter_opens_one(project: Project) -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert [row.cells[0] for row in app.screen.query_one(RowList).rows] == ["tax"]
        await pilot.press("enter")
        await pilot.pause()
        assert app.current_mode == "examples"
        assert app.title_of_project == "Tax 税务 🧾"


@pytest.mark.parametrize("moved", [True, False], ids=["moved", "deleted"])
@pytest.mark.parametrize("pane", ["examples", "review", "jobs"])
async def test_a_project_that_is_gone_is_left_with_one_sentence(
    project: Project, tmp_path: Path, pane: str, moved: bool
) -> None:
    app = StudioApp(project, screen=pane)
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        if moved:
            project.path.rename(tmp_path / "elsewhere")
        else:
            shutil.rmtree(project.path)
        await until_shown(pilot, lambda: app.current_mode == "home" and app.project is None)
        await quiet(pilot)
        assert (
            "was deleted, moved or replaced while it was open" in next(reversed([*app.said])).text
        )
        for key in "12345678":
            await pilot.press(key)
            await quiet(pilot)
        assert app.current_mode == "home"
        assert not project.path.exists()


async def test_without_a_project_the_panes_say_what_to_do_first() -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        for key in ("1", "2", "8"):
            await pilot.press(key)
            assert app.current_mode == "home"
        assert "No project yet" in app.screen.query_one(RowList).empty


async def test_open_asks_for_a_folder_and_refuses_what_is_none(project: Project) -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("o", *"/nowhere", "enter")
        assert isinstance(app.screen, AskText)
        field = app.screen.query_one(Field)
        field.value = str(project.path)
        await pilot.press("enter")
        await pilot.pause()
        assert app.current_mode == "examples"


async def test_a_folder_that_is_no_project_is_told(tmp_path: Path) -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("o")
        app.screen.query_one(Field).value = str(tmp_path)
        await pilot.press("enter")
        await pilot.pause()
        assert app.current_mode == "home"
        assert "is not a studio project" in list(app.said)[-1].text


async def test_forget_takes_a_project_off_the_list_and_leaves_its_files(project: Project) -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("x")
        assert recent() == []
        assert (project.path / "studio.db").exists()


async def test_home_says_how_far_the_selected_project_is_and_what_comes_next(
    project: Project,
) -> None:
    app = StudioApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        said = str(app.screen.query_one("#standing", Static).render())
        assert "✓ 8 documents   ✓ 3 examples   · no query" in said
        assert "Next: enter opens it, then 3 Generate" in said


async def test_a_job_that_ends_elsewhere_leaves_the_bar_of_every_pane(
    project: Project, job: Callable[..., int]
) -> None:
    running = job("generate", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(120, 30)) as pilot:
        await quiet(pilot)
        assert "● generate" in drawn(app)
        await pilot.press("4")
        project.store.jobs.finish(running, os.getpid(), JobState.DONE)
        await until_shown(pilot, lambda: not app.running)
        await pilot.press("3")
        await quiet(pilot)
        assert "● generate" not in drawn(app)


async def test_home_speaks_of_what_a_labelled_project_has(tmp_path: Path) -> None:
    make(wish(tmp_path, "classification", **LABELLED, gold=str(gold_file(tmp_path))))
    app = StudioApp()
    async with app.run_test(size=(80, 24)) as pilot:
        standing = app.screen.query_one("#standing", Static)
        await until_shown(pilot, lambda: "Next" in str(standing.render()))
        said = str(standing.render())
        assert "✓ 12 gold   · no text   · no model" in said
        assert "Next: enter opens it, then 5 Rounds: s plans a run" in said
        assert "quer" not in said
        assert "document" not in said
