"""The styles of all panes hold at once: no pane may dress another one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import studio.tui
from studio.project import Project
from studio.runs import JobState
from studio.tui.app import StudioApp
from tests.support.waiting import quiet

SHEETS = sorted(Path(studio.tui.__file__).parent.glob("*/*.tcss"))
OWNED = re.compile(r"^[A-Z]\w+")


def outermost(sheet: str) -> list[str]:
    """The selectors that stand in no other rule."""
    text, depth, found, begun = re.sub(r"/\*.*?\*/", "", sheet, flags=re.S), 0, [], ""
    for character in text:
        if character == "{":
            if depth == 0:
                found += [one.strip() for one in begun.split(",")]
            depth += 1
        elif character == "}":
            depth, begun = depth - 1, ""
        elif depth == 0:
            begun += character
    return found


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.stem)
def test_each_rule_names_the_screen_that_it_is_for(sheet: Path) -> None:
    selectors = outermost(sheet.read_text("utf-8"))
    assert selectors
    assert [one for one in selectors if not OWNED.match(one)] == []


async def test_the_document_has_room_after_generate_was_looked_at(project: Project) -> None:
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3", "5", "1")
        await quiet(pilot)
        assert app.screen.query_one("#document").size.height >= 3


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_run_shows_its_figures_and_the_next_step_after_rounds_was_looked_at(
    project: Project, job: Callable[..., int], size: tuple[int, int]
) -> None:
    job("generate", JobState.DONE, result={"requests": 4, "generated": 4})
    app = StudioApp(project, screen="rounds")
    async with app.run_test(size=size) as pilot:
        await pilot.press("3", "w")
        await quiet(pilot)
        assert app.screen.query_one("#figures").size.height >= 4
        assert app.screen.query_one("#next").size.height >= 1
