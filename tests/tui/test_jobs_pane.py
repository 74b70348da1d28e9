"""Jobs with real keys: rows, facts, log, cancel, resume, starting steps."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from studio.jobs import queue
from studio.project import Project
from studio.records import Job, JobState, StudioError
from studio.store import Store
from studio.tui.app import StudioApp
from studio.tui.screens.dialogs import Choose
from studio.tui.screens.start import StartDialog, params_of
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import TextPane

JobMaker = Callable[..., int]


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Started workers, counted instead of run: what they do is tested elsewhere."""
    started: list[int] = []

    def start(project: Project, job_id: int) -> Job:
        started.append(job_id)
        return queue.get(project, job_id)

    monkeypatch.setattr(queue, "_start_worker", start)
    return started


def states(app: StudioApp) -> list[str]:
    return [row.cells[2] for row in app.screen.query_one(RowList).rows]


async def test_every_job_of_the_project_is_listed(project: Project, job: JobMaker) -> None:
    job("import", JobState.DONE)
    job("generate", JobState.FAILED, message="The endpoint is down.")
    job("train", JobState.RUNNING, pid=2**22 - 1, heartbeat=time.time())
    async with StudioApp(project, screen="jobs").run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert states(pilot.app) == ["! interrupted", "✗ failed", "✓ done"]


async def test_a_job_of_another_program_shows_up_by_itself(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        other = Store(project.store.path)
        other.jobs.submit("train", {})
        other.close()
        await pilot.pause(0.8)
        assert states(app) == ["… waiting"]


async def test_the_log_is_shown_and_follows(project: Project, job: JobMaker) -> None:
    job_id = job("train", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    log = queue.log_path(project, job_id)
    log.write_text("first line \x1b[31mred\n", "utf-8")
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.7)
        assert "first line" in app.screen.query_one("#log", TextPane).plain
        with log.open("a") as file:
            file.write("second line\n")
        await pilot.pause(0.8)
        assert "second line" in app.screen.query_one("#log", TextPane).plain
        await pilot.press("l")
        assert app.focused is app.screen.query_one("#log")
        await pilot.press("escape")
        assert isinstance(app.focused, RowList)


async def test_cancel_asks_the_worker_to_stop(project: Project, job: JobMaker) -> None:
    job_id = job("train", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    async with StudioApp(project, screen="jobs").run_test(size=(120, 40)) as pilot:
        await pilot.press("c")
        asked = project.store.jobs.get(job_id)
        assert asked is not None
        assert asked.cancel_requested


async def test_cancel_of_a_finished_job_is_told(project: Project, job: JobMaker) -> None:
    job("train", JobState.DONE)
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("c")
        assert "nothing to cancel" in list(app._notifications)[-1].message


async def test_one_key_resumes_an_interrupted_job(
    project: Project, job: JobMaker, no_workers: list[int]
) -> None:
    job_id = job("train", JobState.RUNNING, pid=2**22 - 1, heartbeat=time.time())
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "r goes on" in app.screen.query_one("#facts", TextPane).plain
        await pilot.press("r")
        assert no_workers == [job_id]


async def test_the_path_starts_from_anywhere_with_a_small_dialog(
    project: Project, no_workers: list[int]
) -> None:
    app = StudioApp(project, screen="home")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert isinstance(app.screen, StartDialog)
        await pilot.press("5", "enter")
        await pilot.pause(0.3)
        assert app.current_mode == "jobs"
        made = project.store.jobs.all()[0]
        assert made.kind == "path"
        assert made.params["generate"]["documents"] == 5
        assert no_workers == [made.id]


async def test_a_wrong_number_is_told_and_nothing_starts(
    project: Project, no_workers: list[int]
) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+r")
        await pilot.pause()
        app.screen.query_one("#documents", Field).value = "many"
        await pilot.press("enter")
        assert isinstance(app.screen, StartDialog)
        assert no_workers == []


@pytest.mark.parametrize(
    ("place", "kind"), [(1, "generate"), (2, "filter"), (3, "train"), (4, "evaluate")]
)
async def test_each_step_starts_alone(
    project: Project, no_workers: list[int], place: int, kind: str
) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("n")
        await pilot.pause()
        assert isinstance(app.screen, Choose)
        await pilot.press(*["j"] * place, "enter")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert [job.kind for job in project.store.jobs.all()] == [kind]


async def test_a_step_starts_from_the_palette(project: Project, no_workers: list[int]) -> None:
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("ctrl+p", *"train the encoder")
        await pilot.pause(0.5)
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert isinstance(app.screen, StartDialog)


async def test_two_jobs_of_one_kind_keep_the_cursor_on_its_row(
    project: Project, job: JobMaker
) -> None:
    first = job("import", JobState.DONE)
    app = StudioApp(project, screen="jobs", attach_job=first)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        job("import", JobState.DONE)
        app.screen.store_changed()  # type: ignore[attr-defined]
        current = app.screen.query_one(RowList).current
        assert current is not None
        assert current.key == str(first)


def test_an_endpoint_is_a_name_or_a_url_with_its_model() -> None:
    values: dict[str, Any] = {"documents": "all", "draws": "2", "budget": "1.5"}
    by_url = params_of("generate", {**values, "endpoint": "http://localhost:8000/v1 qwen"})
    assert (by_url["base_url"], by_url["model"]) == ("http://localhost:8000/v1", "qwen")
    by_name = params_of("generate", {**values, "endpoint": "embedded:smollm2-135m"})
    assert (by_name["endpoint"], by_name["documents"]) == ("embedded:smollm2-135m", None)
    assert by_name["budget_usd"] == 1.5


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"documents": "-3"}, "Documents"),
        ({"documents": "٣x"}, "Documents"),
        ({"draws": "0"}, "Queries per document"),
        ({"endpoint": "http://x"}, "Endpoint"),
        ({"budget": "lots"}, "Budget"),
        ({"budget": "nan"}, "Budget"),
        ({"round_trip": "maybe"}, "Round trip"),
        ({"k": "0"}, "Keep if"),
    ],
)
def test_typed_values_are_checked_by_field(changes: dict[str, str], field: str) -> None:
    values = {
        "documents": "10",
        "draws": "2",
        "endpoint": "",
        "budget": "",
        "round_trip": "base",
        "k": "1",
        "encoder": "",
    }
    with pytest.raises(StudioError, match=field):
        params_of("path", {**values, **changes})
