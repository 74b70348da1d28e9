"""An error that nobody caught ends the screens with a sentence, and never with a key or a loss."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from textual.worker import WorkerFailed

from studio.folders import data_dir
from studio.project import Project
from studio.records import StudioError
from studio.tui.app import StudioApp
from tests.support.screen import Screen
from tests.support.waiting import quiet

KEY = "sk-verysecret1234567890"


def test_a_project_with_a_damaged_row_ends_in_one_sentence(project: Project) -> None:
    project.store.jobs.submit("generate", {})
    project.close()
    with closing(sqlite3.connect(project.path / "studio.db", isolation_level=None)) as conn:
        conn.execute("UPDATE jobs SET state = 'dreaming'")
    with Screen([sys.executable, "-m", "studio", str(project.path)]) as screen:
        screen.child.expect("Job 1 is in a state that this studio does not know", timeout=120)
        rest = screen.child.read().decode()
        screen.child.wait()
    assert "Traceback" not in rest
    assert "│" not in rest
    assert screen.child.exitstatus == 1


def fail(own_key: str) -> None:
    raise ZeroDivisionError(f"no share of {own_key}")


async def typed_until(app: StudioApp, fault: Callable[[], None], *, in_a_worker: bool) -> None:
    """Type a word into an example, and meet a fault before it is written."""
    async with app.run_test() as pilot:
        await quiet(pilot)
        await pilot.press("e", *"kept")
        if in_a_worker:
            app.run_worker(fault, thread=True)
        else:
            app.call_later(fault)
        await pilot.pause(0.1)


@pytest.mark.parametrize("wrapped", [False, True], ids=["of a handler", "of a worker"])
async def test_a_fault_of_the_program_is_told_without_its_local_values(
    project: Project, wrapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", KEY)
    app = StudioApp(project, screen="examples")
    told: list[str] = []
    monkeypatch.setattr(app, "panic", lambda text: (told.append(str(text)), app.exit(1)))

    with pytest.raises((ZeroDivisionError, WorkerFailed)):
        await typed_until(app, lambda: fail(KEY), in_a_worker=wrapped)
    assert len(told) == 1
    assert told[0].startswith("studio: Unexpected ZeroDivisionError: no share of •••.")
    details = (data_dir() / "crash.log").read_text()
    assert "in fail" in details
    assert KEY not in details + told[0]
    project.close()
    opened = Project.open(project.path)
    assert "kept" in opened.store.examples.all()[0].query
    opened.close()


def test_the_sentence_of_a_studio_error_is_all_that_is_told(tmp_path: Path) -> None:
    said = StudioApp().last_words(StudioError("It is\x1b[31m so.\nMend it."))
    assert said == "studio: It is␛[31m so.\nMend it."
    assert not (data_dir() / "crash.log").exists()
