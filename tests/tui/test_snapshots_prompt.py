"""What the Prompt pane looks like: one variant, two, its dialogs; small and usual size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.prompting.builtin import builtin
from studio.store import Store
from studio.tui.app import StudioApp
from studio.tui.dialogs.conflict import ConflictDialog
from studio.tui.pane import autosave
from studio.tui.prompt.template import TemplatePart
from tests.support.openai_server import OpenAIServer, query_words
from tests.support.prompt_pane import settled, streams
from tests.support.waiting import quiet, until_shown

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
THEMES = pytest.mark.parametrize("theme", ["studio-dark", "studio-ansi"])
Compare = Callable[..., bool]
QUERIES = ("租客 🏠 怎么拿回押金", "Can I deduct ☕ with customers?", "")


def say(body: dict[str, object]) -> str:
    """Latin, Chinese and emoji, and now and then nothing."""
    usual = query_words(body)  # type: ignore[arg-type]
    return (*QUERIES, usual, usual)[len(usual) % 5]


@pytest.fixture
def llm() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=say) as server:
        yield server


@pytest.fixture
def dated(wired: Project) -> Project:
    """Three versions, saved at a known time."""
    store = wired.store
    text = builtin("question-answering")
    store.prompts.save("x", text.replace("own need", "own 需要"), "in everyday words 日常 🗣️")
    store.prompts.save("x", text.replace("[4, 20]", "[6, 12]") + " Be brief.", "briefer")
    with store.write() as conn:
        conn.execute("UPDATE prompts SET created = '2026-03-01T09:00:00.000+00:00'")
    return wired


async def scored(pilot: Pilot[int], sides: int) -> None:
    """Wait until BM25 has judged everything, and everything is drawn."""
    await settled(pilot, sides=sides)
    await until_shown(
        pilot,
        lambda: all(
            outcome.hit is not None or not outcome.texts
            for score in streams(pilot.app).scores
            for outcome in score.values()
        ),
    )
    await pilot.app.workers.wait_for_complete()
    await quiet(pilot)


@SIZES
@THEMES
def test_prompt(snap_compare: Compare, dated: Project, size: tuple[int, int], theme: str) -> None:
    async def stream(pilot: Pilot[int]) -> None:
        pilot.app.theme = theme
        await scored(pilot, 1)

    app = StudioApp(dated, screen="prompt")
    assert snap_compare(app, terminal_size=size, run_before=stream)


@SIZES
@THEMES
def test_two_versions(
    snap_compare: Compare, dated: Project, size: tuple[int, int], theme: str
) -> None:
    async def compare(pilot: Pilot[int]) -> None:
        pilot.app.theme = theme
        await settled(pilot)
        await pilot.press("c", "enter")
        await scored(pilot, 2)

    app = StudioApp(dated, screen="prompt")
    assert snap_compare(app, terminal_size=size, run_before=compare)


@SIZES
def test_writing_while_comparing(
    snap_compare: Compare, dated: Project, size: tuple[int, int]
) -> None:
    async def write(pilot: Pilot[int]) -> None:
        await settled(pilot)
        await pilot.press("c", "enter")
        await settled(pilot, sides=2)
        part = pilot.app.screen.query_one(TemplatePart)
        part.editor.take(
            builtin("question-answering").replace("[2, 8]", "3") + "\n{{ documnet }} 网购"
        )
        await pilot.press("right_square_bracket", "f8")
        await until_shown(pilot, lambda: "fault" in streams(pilot.app).cells[0].state)
        await quiet(pilot)

    app = StudioApp(dated, screen="prompt")
    app.animation_level = "none"
    assert snap_compare(app, terminal_size=size, run_before=write)


@SIZES
def test_choosing_what_to_compare(
    snap_compare: Compare, dated: Project, size: tuple[int, int]
) -> None:
    async def ask(pilot: Pilot[int]) -> None:
        await scored(pilot, 1)
        await pilot.press("c")
        await quiet(pilot)

    app = StudioApp(dated, screen="prompt")
    assert snap_compare(app, terminal_size=size, run_before=ask)


@SIZES
def test_versions(snap_compare: Compare, dated: Project, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[int]) -> None:
        await scored(pilot, 1)
        await pilot.press("v", "j")
        await quiet(pilot)

    app = StudioApp(dated, screen="prompt")
    assert snap_compare(app, terminal_size=size, run_before=look)


@SIZES
def test_two_drafts(
    snap_compare: Compare,
    project: Project,
    size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(autosave, "DELAY_S", 60.0)
    theirs = builtin("question-answering").replace("own need", "own 需要 🧾")

    async def clash(pilot: Pilot[int]) -> None:
        await quiet(pilot)
        await pilot.press("e", "ctrl+home", "x")
        behind = streams(pilot.app)
        store = Store(project.store.path)
        store.drafts.set("prompt", theirs)
        store.close()
        await pilot.press("escape")
        await until_shown(pilot, lambda: isinstance(pilot.app.screen, ConflictDialog))
        # The preview behind the question has its own pace; the picture waits for its last word.
        await until_shown(pilot, lambda: "has a fault" in behind.cells[0].state)
        await quiet(pilot)

    app = StudioApp(project, screen="prompt")
    assert snap_compare(app, terminal_size=size, run_before=clash)
