"""Home with real keys: recent projects, opening, forgetting, the new-project wizard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.project import Project, recent
from studio.tui.app import StudioApp
from studio.tui.screens.dialogs import AskText
from studio.tui.screens.wizard import Wish, Wizard, make
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import RowList


async def test_recent_projects_are_listed_and_enter_opens_one(project: Project) -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert [row.cells[0] for row in app.screen.query_one(RowList).rows] == ["tax"]
        await pilot.press("enter")
        await pilot.pause()
        assert app.current_mode == "examples"
        assert app.title_of_project == "Tax 税务 🧾"


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
        assert "is not a studio project" in list(app._notifications)[-1].message


async def test_forget_takes_a_project_off_the_list_and_leaves_its_files(project: Project) -> None:
    app = StudioApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("x")
        assert recent() == []
        assert (project.path / "studio.db").exists()


async def test_the_wizard_makes_a_project_out_of_own_files(tmp_path: Path) -> None:
    corpus = tmp_path / "docs.jsonl"
    corpus.write_text(json.dumps({"_id": "a", "text": "one 文档"}) + "\n", "utf-8")
    app = StudioApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n", "G", "tab")
        assert isinstance(app.screen, Wizard)
        app.screen.query_one("#corpus", Field).value = str(corpus)
        app.screen.query_one("#folder", Field).value = str(tmp_path / "mine")
        await pilot.press("enter")
        for _ in range(50):
            await pilot.pause(0.1)
            if app.current_mode == "examples":
                break
        assert app.project is not None
        assert app.project.path == tmp_path / "mine"
        assert app.project.store.jobs.all()[0].kind == "import"
        assert app.project.store.prompts.latest() is not None


async def test_escape_leaves_the_wizard(tmp_path: Path) -> None:
    app = StudioApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n", "escape")
        assert not isinstance(app.screen, Wizard)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"folder": ""}, "Type the folder"),
        ({"corpus": "/nowhere"}, "no documents at"),
        ({"language": "klingon"}, "Language"),
    ],
)
def test_what_the_wizard_refuses(tmp_path: Path, changes: dict[str, str], sentence: str) -> None:
    from studio.records import StudioError

    wish = {
        "source": "own files",
        "corpus": str(tmp_path),
        "template": "generic",
        "endpoint": "",
        "language": "en",
        "folder": str(tmp_path / "new"),
    }
    with pytest.raises(StudioError, match=sentence):
        make(Wish(**{**wish, **changes}))
    assert not (tmp_path / "new").exists()
