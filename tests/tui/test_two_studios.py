"""Two studios on one project: each sees what the other wrote within a second."""

from __future__ import annotations

from collections.abc import Callable

from studio.project import Project
from studio.tui.app import StudioApp
from studio.tui.store_poller import POLL_S
from studio.tui.widgets.rows import RowList
from tests.support.hostile import frame
from tests.support.waiting import quiet, until_shown

LIMIT_S = 1.0


def test_a_studio_looks_for_what_others_wrote_more_than_once_a_second() -> None:
    assert POLL_S < LIMIT_S


async def test_an_example_written_here_shows_there(project: Project) -> None:
    second = Project.open(project.path)
    here = StudioApp(project, screen="examples")
    there = StudioApp(second, screen="examples")
    async with here.run_test(size=(100, 30)) as writer, there.run_test(size=(100, 30)) as reader:
        await quiet(writer)
        await writer.press("e", *" please", "escape")
        await until_shown(
            reader,
            lambda: any(
                "please" in cell
                for row in there.screen.query_one("#examples", RowList).rows
                for cell in row.cells
            ),
        )
    second.close()


async def test_a_job_of_the_other_shows_in_the_list_and_in_the_bar(
    project: Project, job: Callable[..., int]
) -> None:
    from studio.runs import JobState

    second = Project.open(project.path)
    app = StudioApp(second, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        job("train", JobState.DONE, message="of the other 税务")
        await until_shown(pilot, lambda: "of the other 税务" in "\n".join(frame(app)))
    second.close()
