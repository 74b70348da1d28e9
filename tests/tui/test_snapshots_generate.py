"""What the Generate pane looks like: the plan, a run under way, its dropped answers, the end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from studio.calls import Answer, Message, Request
from studio.project import Project
from studio.runs import JobState
from studio.store.generations import Finished
from studio.tui.app import StudioApp
from tests.support.data import queries_of
from tests.support.waiting import quiet
from tests.tui.test_generate_pane import LIVE

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
THEMES = pytest.mark.parametrize("theme", ["studio-dark", "studio-ansi"])
Compare = Callable[..., bool]
JobMaker = Callable[..., int]


@pytest.fixture
def run(project: Project, job: JobMaker) -> int:
    """A run with queries and dropped answers in three scripts, as its worker left it."""
    curve = [1.0, 2.5, 3.0, 3.6, 3.4, 4.0, 3.9, 3.6, 3.7, 3.6, 3.5, 3.6]
    live = {**LIVE, "queries_s": curve, "tokens_s": [rate * 500 for rate in curve]}
    job_id = job(
        "generate",
        JobState.CANCELLED,
        live=json.dumps(live),
        params={"budget_usd": 2.0},
        finished="2026-03-01T09:07:05.000+00:00",
    )
    said = [
        ("", "网购商品几天内可以退货", 6),
        ("", "can i deduct a meal with a customer 🍜", 2),
        ("", "who licenses a café ☕", 8),
        ("empty", "", 3),
        ("no-label", "Sure! Here is a question about 押金 🏠 that a tenant might ask", 7),
    ]
    for number, (reason, text, document) in enumerate(said):
        request = Request((Message("user", f"{number}"),), "m", document_id=document)
        made = () if reason else queries_of(request, text)
        project.store.generations.save([Finished(request, Answer(text), reason, made)], job_id)
    return job_id


def goes_on(project: Project, run: int) -> None:
    """As if its worker were this process; when it began is left out, since that clock goes on."""
    with project.store.write() as conn:
        conn.execute(
            "UPDATE jobs SET state = 'running', pid = ?, heartbeat = ?, started = '' WHERE id = ?",
            (os.getpid(), time.time(), run),
        )


def looks(theme: str, *keys: str) -> Callable[[Pilot[int]], object]:
    async def before(pilot: Pilot[int]) -> None:
        pilot.app.theme = theme
        await quiet(pilot)
        await pilot.press(*keys)
        await quiet(pilot)

    return before


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker without a sign of life is alive, however slow the machine that draws the picture."""
    monkeypatch.setattr("studio.store.jobs.LEASE_S", 3600.0)


@SIZES
@THEMES
def test_plan(snap_compare: Compare, wired: Project, size: tuple[int, int], theme: str) -> None:
    app = StudioApp(wired, screen="generate")
    assert snap_compare(app, terminal_size=size, run_before=looks(theme))


@SIZES
@THEMES
def test_run_under_way(
    snap_compare: Compare, project: Project, run: int, size: tuple[int, int], theme: str
) -> None:
    goes_on(project, run)
    app = StudioApp(project, screen="generate")
    assert snap_compare(app, terminal_size=size, run_before=looks(theme))


@SIZES
def test_dropped_answers(
    snap_compare: Compare, project: Project, run: int, size: tuple[int, int]
) -> None:
    app = StudioApp(project, screen="generate")
    before = looks("studio-dark", "w", "d", "j")
    assert snap_compare(app, terminal_size=size, run_before=before)


@SIZES
def test_plan_with_a_fault_and_a_last_run(
    snap_compare: Compare, wired: Project, run: int, size: tuple[int, int]
) -> None:
    app = StudioApp(wired, screen="generate")
    before = looks("studio-dark", "G", "k", "enter", *"many", "escape")
    assert snap_compare(app, terminal_size=size, run_before=before)


@SIZES
def test_batch_under_way(
    snap_compare: Compare, project: Project, job: JobMaker, size: tuple[int, int]
) -> None:
    live = {"asked": 500, "in_flight": 500, "note": "in the batch: 120 of 500 done"}
    told = {"engine": "batch", "budget_usd": 0.5}
    goes_on(project, job("generate", JobState.RUNNING, params=told, live=json.dumps(live)))
    app = StudioApp(project, screen="generate")
    assert snap_compare(app, terminal_size=size, run_before=looks("studio-dark"))
