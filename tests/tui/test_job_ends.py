"""A job ends while the person looks elsewhere: a toast, a bell, word to the desktop, a mark."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.runs import JobState
from studio.tui import title
from studio.tui.app import StudioApp, still_running
from studio.tui.widgets.bars import TopBar
from tests.support.waiting import quiet, until_shown

Jobs = Callable[..., int]


def bar(app: StudioApp) -> str:
    return str(app.screen.query_one(TopBar).render())


@pytest.fixture
def running(job: Jobs) -> int:
    return job(
        "train", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time(), done=30, total=60,
        message="training retriever · loss 0.500",
    )  # fmt: skip


def end(project: Project, job_id: int, state: JobState, message: str = "") -> None:
    """As its worker would, on a connection of its own."""
    other = Project.open(project.path)
    with other.store.write() as conn:
        conn.execute(
            "UPDATE jobs SET state = ?, message = ? WHERE id = ?", (state.value, message, job_id)
        )
    other.close()


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    rung: list[int] = []
    monkeypatch.setattr(StudioApp, "bell", lambda _self: rung.append(1))
    return rung


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
@pytest.mark.parametrize(
    ("state", "mark", "said"),
    [
        (JobState.DONE, "✓8 Jobs", "train 1 is done"),
        (JobState.FAILED, "✗8 Jobs", "train 1 failed: The disk is full."),
    ],
)
async def test_whoever_is_elsewhere_is_told_until_jobs_was_looked_at(
    project: Project,
    running: int,
    bells: list[int],
    state: JobState,
    mark: str,
    said: str,
    size: tuple[int, int],
) -> None:
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=size) as pilot:
        await quiet(pilot)
        assert "●" in bar(app)
        assert not bells
        end(project, running, state, "The disk is full." if state is JobState.FAILED else "")
        await until_shown(pilot, lambda: mark in bar(app))
        assert [one.text for one in app.said][-1].startswith(said)
        assert [one.bad for one in app.said][-1] is (state is JobState.FAILED)
        assert bells == [1]
        await pilot.press("2")
        await until_shown(pilot, lambda: app.current_mode == "prompt")
        assert mark in bar(app)
        await pilot.press("8")
        await until_shown(pilot, lambda: app.current_mode == "jobs" and " 8 Jobs" in bar(app))
        await pilot.press("1")
        await until_shown(pilot, lambda: app.current_mode == "examples")
        assert " 8 Jobs" in bar(app)


async def test_in_jobs_itself_it_is_told_without_a_mark(
    project: Project, running: int, bells: list[int]
) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        end(project, running, JobState.DONE)
        await until_shown(pilot, lambda: bool(bells))
        assert app.unseen == ""


async def test_x_stops_a_training_and_says_so_at_once(project: Project, running: int) -> None:
    app = StudioApp(project, screen="train")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("x")
        assert project.store.jobs.all(1)[0].cancel_requested
        await until_shown(pilot, lambda: "cancelling" in bar(app))
        await until_shown(pilot, lambda: "cancelling" in _row(pilot))


def _row(pilot: Pilot[int]) -> str:
    return str(pilot.app.screen.query_one("#models").rows[0].cells)  # type: ignore[attr-defined]


def test_q_says_at_the_shell_what_goes_on(project: Project, running: int) -> None:
    assert still_running(None) == []
    told = still_running(project)
    assert told[0] == "Still at work: train 1 (training 50%)."
    assert "studio jobs" in told[1]
    end(project, running, JobState.DONE)
    assert still_running(project) == []


def test_the_desktop_is_told_in_osc_9_and_no_name_ends_it_early() -> None:
    told = title.notification("train 1\x07\x1b]0;evil", "xterm-256color", tmux=False)
    assert told.startswith("\x1b]9;train 1")
    assert told.count("\x1b") == 1
    assert told.endswith("\x07")
    assert title.notification("a", "tmux-256color", tmux=True) == (
        "\x1bPtmux;\x1b\x1b]9;a\x07\x1b\\"
    )
    assert title.notification("a", "linux", tmux=False) == ""
