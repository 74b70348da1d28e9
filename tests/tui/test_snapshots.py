"""What each pane looks like, at the smallest and the usual size, with Latin, Chinese and emoji."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from studio.jobs import queue
from studio.project import Project
from studio.records import Answer, JobState, Message, Request
from studio.store.generations import Finished
from studio.tui.app import StudioApp
from studio.tui.widgets.streams import Streams
from studio.tui.widgets.text_pane import TextPane
from tests.tui.conftest import settle
from tests.tui.test_job_view import RESULT

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]


async def quiet(pilot: Pilot[int]) -> None:
    """Wait for everything that threads read."""
    await pilot.pause(0.3)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause(0.2)


@SIZES
def test_home(snap_compare: Compare, project: Project, size: tuple[int, int]) -> None:
    project.close()
    settle(project.path)
    assert snap_compare(StudioApp(), terminal_size=size, run_before=quiet)


@SIZES
def test_home_without_projects(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(StudioApp(), terminal_size=size, run_before=quiet)


@SIZES
def test_examples(snap_compare: Compare, project: Project, size: tuple[int, int]) -> None:
    store = project.store
    third = store.examples.all()[2]
    request = Request(
        (Message("user", "x"),),
        "m",
        document_id=7,
        shot_set_id=store.shot_sets.save([third.revision_id]),
    )
    texts = ("房东不退押金怎么办 🏠", "押金多久能退")
    store.generations.save([Finished(request, Answer("a"), "", texts)])

    async def choose(pilot: Pilot[int]) -> None:
        await pilot.press("space", "G")
        await quiet(pilot)

    app = StudioApp(project, screen="examples")
    assert snap_compare(app, terminal_size=size, run_before=choose)


@SIZES
def test_examples_with_a_search(
    snap_compare: Compare, project: Project, size: tuple[int, int]
) -> None:
    async def search(pilot: Pilot[int]) -> None:
        await pilot.press("slash", *"退")
        await pilot.pause(0.4)
        await pilot.press("enter")
        await quiet(pilot)

    app = StudioApp(project, screen="examples")
    assert snap_compare(app, terminal_size=size, run_before=search)


@SIZES
def test_prompt(snap_compare: Compare, wired: Project, size: tuple[int, int]) -> None:
    async def stream(pilot: Pilot[int]) -> None:
        for _ in range(150):
            await pilot.pause(0.1)
            states = {column.state for column in pilot.app.screen.query_one(Streams)._columns}
            if states <= {"done", "stored"}:
                break
        for _ in range(100):
            await pilot.pause(0.1)
            if "/3" in pilot.app.screen.query_one("#score", TextPane).plain.partition("BM25")[2]:
                break
        await quiet(pilot)

    app = StudioApp(wired, screen="prompt")
    assert snap_compare(app, terminal_size=size, run_before=stream)


@SIZES
def test_jobs(
    snap_compare: Compare, project: Project, job: Callable[..., int], size: tuple[int, int]
) -> None:
    job("import", JobState.DONE, done=8, total=8, message="8 passages")
    job("generate", JobState.FAILED, done=3, total=24, message="The endpoint 税务 🧾 is down.")
    job(
        "train", JobState.RUNNING, done=40, total=100, message="step 40", pid=2**22 - 1, heartbeat=1
    )
    last = job("path", JobState.DONE, done=3, total=3, message="evaluate: scored", result=RESULT)
    queue.log_path(project, last).write_text("09:00:01 INFO job begins\n09:07:05 INFO 完成 🎉\n")
    app = StudioApp(project, screen="jobs")
    assert snap_compare(app, terminal_size=size, run_before=quiet)


@SIZES
def test_help(snap_compare: Compare, project: Project, size: tuple[int, int]) -> None:
    app = StudioApp(project, screen="examples")

    async def ask(pilot: Pilot[int]) -> None:
        await quiet(pilot)
        await pilot.press("question_mark")

    assert snap_compare(app, terminal_size=size, run_before=ask)


@SIZES
def test_run_the_path(snap_compare: Compare, project: Project, size: tuple[int, int]) -> None:
    app = StudioApp(project, screen="jobs")

    async def ask(pilot: Pilot[int]) -> None:
        await quiet(pilot)
        await pilot.press("ctrl+r")
        await pilot.pause(0.3)
        for field in pilot.app.screen.query("Field"):
            field.cursor_blink = False  # type: ignore[attr-defined]

    assert snap_compare(app, terminal_size=size, run_before=ask)


@pytest.mark.parametrize("theme", ["studio-light", "studio-ansi", "studio-contrast"])
def test_themes(snap_compare: Compare, project: Project, theme: str) -> None:
    app = StudioApp(project, screen="examples")

    async def change(pilot: Pilot[int]) -> None:
        pilot.app.theme = theme
        await quiet(pilot)

    assert snap_compare(app, terminal_size=(100, 30), run_before=change)
