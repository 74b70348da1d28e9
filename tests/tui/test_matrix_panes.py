"""Every pane × every task × both sizes: it opens without an error, in the words of its task."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.tui.actions import PANES
from studio.tui.app import StudioApp
from studio.tui.widgets.form_line import FormLine
from tests.support.hostile import frame
from tests.support.tasks import TASKS, Builder
from tests.support.waiting import quiet

SIZES = ((120, 40), (80, 24))
STATES = ("empty", "model")


def cases() -> Iterator[object]:
    """Every task with every pane."""
    for task in TASKS:
        for pane in PANES:
            yield pytest.param(task, pane, id=f"{task}-{pane}")


def told(app: StudioApp) -> list[str]:
    """Errors that the program told."""
    return [notice.text for notice in app.said if notice.bad]


async def shown(pilot: Pilot[int], size: tuple[int, int]) -> str:
    """The screen at a size, once it has come to rest."""
    await pilot.resize_terminal(*size)
    await quiet(pilot)
    return "\n".join(frame(pilot.app))


@pytest.fixture
def made(builder: Builder, tmp_path: Path, task: str) -> dict[str, Path]:
    """State → a project of the task; its jobs have event loops of their own, so none runs yet."""
    return {state: builder.copy(task, state, tmp_path / state) for state in STATES}


@pytest.mark.parametrize(("task", "pane"), cases())
async def test_a_pane_opens_in_the_words_of_its_task(
    made: dict[str, Path], task: str, pane: str
) -> None:
    others = re.compile(TASKS[task].others_words)
    found = []
    for state, path in made.items():
        project = Project.open(path)
        app = StudioApp(project, screen=pane)
        async with app.run_test(size=SIZES[0]) as pilot:
            for size in SIZES:
                screen = await shown(pilot, size)
                found += [
                    f"{state} {size}: {line.strip()}"
                    for line in screen.splitlines()
                    if others.search(line)
                ]
            found += [f"{state}: told {text}" for text in told(app)]
            # What nobody has typed yet cannot be wrong.
            found += [
                f"{state}: {line.asked.option.label}: {line.problem}"
                for line in app.screen.query(FormLine)
                if line.has_class("-bad")
            ]
            assert app.focused is not None
        project.close()
    assert not found, "\n".join(found)
