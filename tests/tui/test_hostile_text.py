"""Hostile text in every place where outside text shows: no control in any frame, all aligned.

One project has every text in every place; each pane is walked with its own keys. What stands in
Review, Train, Search, Generate's drops and the files of Examples has further tests beside these.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.events import Paste
from textual.pilot import Pilot

from studio.project import Project
from studio.prompting.builtin import builtin
from studio.tui.app import StudioApp
from studio.tui.dialogs.ask import AskText, Choose
from studio.tui.pane.base import Pane
from studio.tui.prompt.streams import Streams
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.rows import Column, Row
from studio.tui.widgets.text_pane import TextPane
from tests.support.hostile import (
    HOSTILE,
    assert_harmless,
    attack,
    copied,
    speaker,
    storable,
    stored,
    walk,
)
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import quiet, until_shown

DOWN = ["j"] * (len(HOSTILE) - 1)
OVER_ALL = ("f5", "escape", "question_mark", "escape", "ctrl+o", "escape", "ctrl+p", "escape")
"""Messages, help, jump letters and the palette, over whatever stands there."""


@pytest.fixture(scope="module")
def llm() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=speaker()) as server:
        yield server


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory, llm: OpenAIServer) -> Path:
    """The folder of the project that holds it all."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_DATA", str(home))
        attack(home / "hostile", llm.url)
    return home / "hostile"


@pytest.fixture
def hostile_project(attacked: Path, tmp_path: Path) -> Iterator[Project]:
    """A copy; whatever is done there, what is stored in it must stay as it came in."""
    project = copied(attacked, tmp_path / "hostile")
    before = stored(project)
    yield project
    after = stored(project)
    assert {table: rows[: len(before[table])] for table, rows in after.items()} == before
    project.close()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize(
    ("pane", "keys"),
    [
        ("examples", [*DOWN, "t", "escape", "r", "escape", "g", "e", "escape", "E", "escape"]),
        ("examples", ["slash", *"findme", "enter", *DOWN, "f", "x", "escape", "w", "escape"]),
        ("jobs", DOWN),
        ("jobs", ["g", "enter", *["escape", "j", "l"] * len(HOSTILE)]),
        ("jobs", ["slash", "t", "r", "enter", "x", "escape", "n", "escape"]),
        ("generate", ["d", *DOWN, "escape", "n", "o", *DOWN, "enter", "slash", "escape"]),
        ("review", [*DOWN, "g", "z", "z", "z", "z", "d", "escape", "t", "escape"]),
        ("train", [*DOWN, "w", "escape", "l", "escape", "n", "escape"]),
        ("home", ["j", "o", "escape", "n", "escape"]),
    ],
)
async def test_a_pane_walked_from_end_to_end(
    hostile_project: Project, pane: str, keys: list[str], size: tuple[int, int]
) -> None:
    app = StudioApp(hostile_project, screen=pane)
    async with app.run_test(size=size) as pilot:
        await walk(pilot, *keys, *OVER_ALL)


@pytest.mark.parametrize("pane", ["examples", "prompt", "generate", "jobs", "review", "train"])
async def test_what_is_copied_is_harmless_to_show_and_whole_in_a_file(
    hostile_project: Project, pane: str
) -> None:
    app = StudioApp(hostile_project, screen=pane)
    async with app.run_test(size=(80, 24)) as pilot:
        assert isinstance(app.screen, Pane)
        await until_shown(pilot, app.screen.copy_text)
        await walk(pilot, "y", "Y", "escape")
        (written,) = hostile_project.exports_dir.iterdir()
        assert app.clipboard
        assert written.read_bytes().decode() == app.clipboard


async def test_answers_as_they_stream(hostile_project: Project) -> None:
    hostile_project.store.drafts.set("prompt", builtin("question-answering"))
    app = StudioApp(hostile_project, screen="prompt")
    async with app.run_test(size=(100, 30)) as pilot:
        await answered(pilot)
        await walk(pilot, "l", "l", "e", "escape", "z", "z")


async def test_prompt_versions_endpoints_and_two_columns(hostile_project: Project) -> None:
    app = StudioApp(hostile_project, screen="prompt")
    async with app.run_test(size=(80, 24)) as pilot:
        await walk(pilot, "p", "v", *DOWN, "escape", "o", *DOWN, "escape", "t", "escape")
        await walk(pilot, "c", "enter", *DOWN, "escape", "slash", *"findme", "escape", *OVER_ALL)


async def answered(pilot: Pilot[int]) -> None:
    """Look at every frame until the three columns have said what there is to say."""

    def all_said() -> bool:
        assert_harmless(pilot.app)
        states = {cell.state for cell in pilot.app.screen.query_one(Streams).cells[:3]}
        return all(state in ("done", "stored") or "too small" in state for state in states)

    await until_shown(pilot, all_said)


@pytest.mark.parametrize(
    "name",
    [
        b"a\xff\xfe",
        b"\x1b]2;evil\x07",
        b"\xc2\x9b31m\xe2\x80\xae",
        "[@click=app.quit]汉👍🏽".encode(),
    ],
)
async def test_a_project_folder_of_any_name(tmp_path: Path, name: bytes) -> None:
    project = Project.create(tmp_path / os.fsdecode(name))
    app = StudioApp(project, screen="home")
    async with app.run_test(size=(80, 24)) as pilot:
        await walk(pilot, "enter", "1", "ctrl+r", "escape", "0", "o", "escape", "y", *OVER_ALL)
    project.close()


async def test_notifications_messages_and_dialogs(project: Project) -> None:
    app = StudioApp(project, screen="home")
    async with app.run_test(size=(80, 24)) as pilot:
        for text in HOSTILE.values():
            app.tell(text)
            app.tell(text, bad=True)
            app.push_screen(AskText(text, hint=text, value=text[:200]))
            await pilot.pause()
            assert_harmless(app)
            app.push_screen(Choose(text, [Column(text)], [Row("x", (text,))]))
            await pilot.pause()
            assert_harmless(app)
            await pilot.press("escape", "escape")
        await walk(pilot, "f5", *["j", "j"] * len(HOSTILE))


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=list(HOSTILE))
async def test_pasted_text(project: Project, hostile: str) -> None:
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("e")
        editor = app.screen.query_one("#query", Editor)
        editor.post_message(Paste(hostile[:2_000]))
        await walk(pilot, "escape")
        pasted = hostile[:2_000].replace("\r\n", "\n").replace("\r", "\n")
        kept = project.store.examples.all()[0].query
        assert kept == "can i write off the spare room i work in" + storable(pasted)
        await pilot.press("slash")
        app.screen.query_one("#search").post_message(Paste(hostile[:2_000]))
        await walk(pilot)


async def test_the_click_action_in_a_text_does_nothing(hostile_project: Project) -> None:
    app = StudioApp(hostile_project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await app.go("jobs", job=[*HOSTILE].index("action") + 1)
        await quiet(pilot)
        lines = app.screen.query_one("#facts", TextPane).plain.splitlines()
        line = next(n for n, line in enumerate(lines) if line.startswith(HOSTILE["action"]))
        await pilot.click("#facts", offset=(4, line))
        await pilot.pause()
        assert app.is_running
        assert app._exit is False
