"""What each pane looks like, at the smallest and the usual size, with Latin, Chinese and emoji."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from studio.jobs import queue
from studio.project import Project
from studio.runs import JobState
from studio.tui.app import StudioApp
from tests.support.waiting import quiet
from tests.tui.conftest import settle
from tests.tui.test_job_view import RESULT

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]


@SIZES
def test_home(snap_compare: Compare, project: Project, size: tuple[int, int]) -> None:
    project.close()
    settle(project.path)
    assert snap_compare(StudioApp(), terminal_size=size, run_before=quiet)


@SIZES
def test_home_without_projects(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(StudioApp(), terminal_size=size, run_before=quiet)


@SIZES
def test_jobs(
    snap_compare: Compare, project: Project, job: Callable[..., int], size: tuple[int, int]
) -> None:
    job("import", JobState.DONE, done=8, total=8, message="8 passages")
    job("generate", JobState.FAILED, done=3, total=24, message="The endpoint 税务 🧾 is down.")
    job(
        "train", JobState.RUNNING, done=40, total=100, message="step 40", pid=2**22 - 1, heartbeat=1
    )
    job("generate", JobState.RUNNING, done=9, total=24, paused=1, started="", pid=os.getpid(),
        heartbeat=time.time(), message="paused · 9 queries")  # fmt: skip
    last = job("path", JobState.DONE, done=3, total=3, message="evaluate: scored", result=RESULT)
    queue.log_path(project, last).parent.mkdir(exist_ok=True)
    queue.log_path(project, last).write_text("09:00:01 INFO job begins\n09:07:05 INFO 完成 🎉\n")
    app = StudioApp(project, screen="jobs")
    assert snap_compare(app, terminal_size=size, run_before=quiet)


@SIZES
def test_a_filter_and_what_it_dropped(
    snap_compare: Compare, project: Project, job: Callable[..., int], size: tuple[int, int]
) -> None:
    links = [
        {"filter": "copy", "label": "Copy: by words in order", "judged": 400, "kept": 383},
        {"filter": "round-trip", "label": "Round trip, BM25", "judged": 383, "kept": 353},
    ]
    found = {"kept": 353, "dropped": {"round-trip": 30, "copied": 17}, "chain": links}
    told = {"filters": ["copy", "round-trip"], "round_trip": "bm25", "k": 1, "seed": 13}
    job("filter", JobState.DONE, params=told, result=found)
    app = StudioApp(project, screen="jobs")
    assert snap_compare(app, terminal_size=size, run_before=quiet)


@SIZES
def test_a_filter_is_chosen(snap_compare: Compare, project: Project, size: tuple[int, int]) -> None:
    async def ask(pilot: Pilot[int]) -> None:
        await pilot.press("n", "j", "j", "enter")
        await quiet(pilot)

    app = StudioApp(project, screen="jobs")
    assert snap_compare(app, terminal_size=size, run_before=ask)


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
        await quiet(pilot)
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
