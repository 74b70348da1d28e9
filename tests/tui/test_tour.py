"""The tour: a minute through the panes, once, left by any key, which still does what it is for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.project import Project
from studio.settings import state_dir
from studio.tui import memory
from studio.tui.actions import BY_ID
from studio.tui.app import StudioApp
from studio.tui.dialogs.tour import STEPS, Tour
from studio.tui.widgets.bars import tab_place
from studio.tui.widgets.editor import Editor
from tests.support.hostile import assert_harmless, frame
from tests.support.waiting import quiet


async def test_the_first_project_ever_opens_with_the_tour_and_the_next_does_not(
    project: Project,
) -> None:
    assert not memory.load().toured
    app = StudioApp(project, tour=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, Tour)
        assert memory.load().toured


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_it_points_at_the_panes_in_their_order(
    project: Project, size: tuple[int, int]
) -> None:
    app = StudioApp(project, tour=True)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for step in STEPS:
            assert_harmless(app)
            lines = frame(app)
            text = "\n".join(lines)
            assert step.title in text
            if step.pane:
                start, cells = tab_place(app, size[0], step.pane)
                assert BY_ID[f"app.{step.pane}"].label in lines[0][start : start + cells]
                assert start <= lines[1].index("▲") < start + cells
            await pilot.press("enter")
            await pilot.pause()
        assert not isinstance(app.screen, Tour)


async def test_it_goes_back_too(project: Project) -> None:
    app = StudioApp(project, tour=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("right", "right", "left")
        await pilot.pause()
        assert f"2 of {len(STEPS)}" in "\n".join(frame(app))


async def test_escape_ends_it(project: Project) -> None:
    app = StudioApp(project, tour=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("escape")
        assert not isinstance(app.screen, Tour)
        assert app.is_running


async def test_a_key_that_leaves_it_does_what_it_is_for(project: Project) -> None:
    app = StudioApp(project, tour=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("8")
        await pilot.pause()
        assert app.current_mode == "jobs"


async def test_what_is_typed_while_it_is_there_is_not_swallowed(project: Project) -> None:
    app = StudioApp(project, screen="examples", tour=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("e", "x", "y", "z")
        await pilot.pause()
        assert app.screen.query_one("#query", Editor).value.endswith("xyz")


async def test_the_palette_shows_it_again(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await app.do(BY_ID["app.tour"])
        await pilot.pause()
        assert isinstance(app.screen, Tour)


async def test_without_a_project_it_waits_for_one(project: Project) -> None:
    app = StudioApp(tour=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert not isinstance(app.screen, Tour)
        await pilot.press("enter")
        await quiet(pilot)
        assert isinstance(app.screen, Tour)


def test_a_damaged_memory_is_no_memory() -> None:
    memory.keep(toured=True)
    for damage in ("", "[]", '{"toured": "yes", "theme": 3}', "\x00"):
        (state_dir() / "studio.json").write_text(damage)
        assert memory.load() == memory.Memory()


def test_a_folder_that_cannot_be_written_costs_only_the_comfort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STUDIO_STATE", str(tmp_path / "file"))
    memory.keep(toured=True)
    assert memory.load() == memory.Memory()


def test_what_is_remembered_is_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_STATE", str(tmp_path))
    memory.keep(theme="studio-light", instead_of="studio-dark")
    kept = json.loads((tmp_path / "studio.json").read_text())
    assert kept == {
        "theme": "studio-light", "instead_of": "studio-dark", "toured": False,
        "panes": {}, "sizes": {},
    }  # fmt: skip


async def test_where_rounds_train_it_says_what_is_done_there(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p", title="Reviews", task="classification")
    app = StudioApp(project, tour=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        for step in STEPS:
            shown = " ".join(" ".join(frame(app)).split())
            assert step.title in shown
            for word in ("query", "queries", "BM25", "ranking"):
                assert word not in shown.lower()
            await pilot.press("enter")
            await quiet(pilot)
    project.close()
