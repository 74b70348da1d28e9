"""Search where LLMs are tuned, with real keys, the real process and a tiny LLM."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.tui.app import StudioApp
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import TextPane
from tests.support import tuned
from tests.support.waiting import quiet, until_shown

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]


@pytest.fixture
def helpdesk(tmp_path: Path) -> Iterator[Project]:
    project = tuned.make(tmp_path / "helpdesk")
    yield project
    project.close()


def answers(app: StudioApp) -> list[str]:
    return [row.cells[1] for row in app.screen.query_one("#predictions", RowList).rows]


async def test_enter_asks_the_base_and_the_tuned_model(helpdesk: Project, tiny_llm: Path) -> None:
    tuned.add_model(helpdesk, base=str(tiny_llm))
    shutil.copytree(tiny_llm, helpdesk.models_dir / "tuned-1")
    app = StudioApp(helpdesk, screen="search")
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, lambda: answers(app) == ["", ""], "both are ready")
        await pilot.press(*"Hi")
        await quiet(pilot)
        assert answers(app) == ["", ""], "nothing is asked as one types"
        await pilot.press("enter")
        await until_shown(
            pilot, lambda: len({*answers(app)} - {"", "answering …"}) == 1, "both say the same"
        )
        assert app.screen.query_one("#said", TextPane).plain == answers(app)[0]


@SIZES
def test_picture(snap_compare: Compare, helpdesk: Project, size: tuple[int, int]) -> None:
    tuned.add_model(helpdesk)
    app = StudioApp(helpdesk, screen="search")

    async def act(pilot: Pilot[int]) -> None:
        await until_shown(pilot, lambda: answers(app) == ["", ""], "both are ready")
        for field in app.screen.query("Input"):
            field.cursor_blink = False  # type: ignore[attr-defined]
        await quiet(pilot)

    assert snap_compare(app, terminal_size=size, run_before=act)
