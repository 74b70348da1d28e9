"""Two studios on one project: each sees what the other wrote within a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.pilot import Pilot

from studio.project import Project
from studio.tui.app import StudioApp
from studio.tui.widgets.rows import RowList
from tests.support.hostile import frame

LIMIT_S = 1.0


async def seen_within(pilot: Pilot[int], there: Callable[[], bool]) -> float:
    """Seconds until it is so."""
    began = time.monotonic()
    while not there():
        assert time.monotonic() - began < LIMIT_S + 2, "the other studio never showed it"
        await pilot.pause(0.02)
    return time.monotonic() - began


async def test_an_example_written_here_shows_there(project: Project) -> None:
    second = Project.open(project.path)
    here = StudioApp(project, screen="examples")
    there = StudioApp(second, screen="examples")
    async with here.run_test(size=(100, 30)) as writer, there.run_test(size=(100, 30)) as reader:
        await writer.pause(0.3)
        await writer.press("e", *" please", "escape")
        took = await seen_within(
            reader,
            lambda: any(
                "please" in cell
                for row in there.screen.query_one("#examples", RowList).rows
                for cell in row.cells
            ),
        )
        assert took < LIMIT_S
    second.close()


async def test_a_job_of_the_other_shows_in_the_list_and_in_the_bar(
    project: Project, job: Callable[..., int]
) -> None:
    from studio.records import JobState

    second = Project.open(project.path)
    app = StudioApp(second, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.3)
        job("train", JobState.DONE, message="of the other 税务")
        took = await seen_within(pilot, lambda: "of the other 税务" in "\n".join(frame(app)))
        assert took < LIMIT_S
    second.close()
