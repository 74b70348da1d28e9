"""Improving a prompt from the Prompt pane: a plan first, then a job whose table Jobs shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.jobs import queue
from studio.tui.app import StudioApp
from studio.tui.jobs.start import StartDialog
from studio.tui.widgets.form import Form
from tests.support import improver
from tests.support.openai_server import OpenAIServer
from tests.support.small_projects import make_project
from tests.support.waiting import until_shown
from tests.tui.test_panes_of_tasks import drawn


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=improver.words) as running:
        yield running


async def test_a_key_plans_it_and_jobs_tells_the_gain(tmp_path: Path, server: OpenAIServer) -> None:
    project = improver.make_project(tmp_path / "plants", server.url)
    app = StudioApp(project, screen="prompt")
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, lambda: "Prompt" in drawn(app))
        await pilot.press("i")
        await until_shown(pilot, lambda: isinstance(app.screen, StartDialog))
        form = app.screen.query_one(Form)
        lines = ["documents", "held_out", "proposals", "endpoint", "budget_usd", "budget_tokens"]
        assert [one.name for one in form.fields] == lines
        await pilot.press("g", "enter", *"8", "escape", "j", "enter", *"8", "escape")
        await pilot.press("j", "enter", *"1", "escape")
        # 4 choose twice, 8 are compared by 4, 4 are learnt from twice, and 1 reflection.
        await until_shown(pilot, lambda: "calls    at most 49" in drawn(app))
        assert "cost     unknown" in drawn(app)
        await pilot.press("s")
        await until_shown(pilot, lambda: bool(project.store.jobs.all()))
        [job] = project.store.jobs.all()
        assert (job.params["documents"], job.params["held_out"], job.params["proposals"]) == (
            8,
            8,
            1,
        )
        queue.wait(project, job.id)
        await until_shown(pilot, lambda: "no wording was chosen by" in drawn(app))
        assert "Version 2 is better than version 1" in drawn(app)
        assert "version 2 finds 8 of 8, version 1 0" in drawn(app)
    assert [one.version for one in project.store.prompts.own()] == [1]


async def test_other_tasks_are_told_what_to_use(tmp_path: Path, server: OpenAIServer) -> None:
    app = StudioApp(make_project(tmp_path / "p", "classification", server.url), screen="prompt")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, lambda: "Prompt" in drawn(app))
        await pilot.press("i")
        await until_shown(pilot, lambda: bool(app._notifications))
        [told] = app._notifications
        assert told.message.startswith("Only a query can be searched for again")
