"""What the Train pane looks like, small and usual, dark and in the terminal's own colours."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.runs import JobState
from studio.tui.app import StudioApp
from tests.support.trained import add_curves, add_gold, add_model, add_records
from tests.support.waiting import quiet

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
THEMES = pytest.mark.parametrize("theme", ["studio-dark", "studio-ansi"], ids=["dark", "ansi"])
Compare = Callable[..., bool]
Size = tuple[int, int]


@pytest.fixture
def garden(project: Project, job: Callable[..., int]) -> Project:
    """Two scored models and a training that failed."""
    job("train", JobState.FAILED, message="内存不足 🧾: lower the batch size",
        params={"name": "花园 🌷"}, created="2026-03-03T09:00:00.000+00:00")  # fmt: skip
    add_records(project)
    add_gold(project)
    add_model(project, "花园 first 🌱", gain=0.05, batch_size=16)
    add_model(project, "café-retriever", created="2026-03-02T09:00:00.000+00:00")
    return project


def shown(project: Project, theme: str, *keys: str) -> tuple[StudioApp, Callable[..., object]]:
    app = StudioApp(project, screen="train")

    async def act(pilot: Pilot[int]) -> None:
        pilot.app.theme = theme
        await quiet(pilot)
        for key in keys:
            await pilot.press(key)
            await quiet(pilot)
        for field in pilot.app.screen.query("Field"):
            field.cursor_blink = False  # type: ignore[attr-defined]
        await quiet(pilot)

    return app, act


@SIZES
@THEMES
def test_scores(snap_compare: Compare, garden: Project, size: Size, theme: str) -> None:
    app, act = shown(garden, theme, "j")
    assert snap_compare(app, terminal_size=size, run_before=act)


@SIZES
def test_curves(snap_compare: Compare, garden: Project, size: Size) -> None:
    app, act = shown(garden, "studio-dark", "j", "v")
    assert snap_compare(app, terminal_size=size, run_before=act)


@SIZES
@THEMES
def test_won_and_lost(snap_compare: Compare, garden: Project, size: Size, theme: str) -> None:
    app, act = shown(garden, theme, "j", "w")
    assert snap_compare(app, terminal_size=size, run_before=act)


@SIZES
def test_two_models(snap_compare: Compare, garden: Project, size: Size) -> None:
    app, act = shown(garden, "studio-dark", "G", "c", "k", "c")
    assert snap_compare(app, terminal_size=size, run_before=act)


@SIZES
def test_lineage(snap_compare: Compare, garden: Project, size: Size) -> None:
    app, act = shown(garden, "studio-dark", "j", "l")
    assert snap_compare(app, terminal_size=size, run_before=act)


@SIZES
def test_the_form_of_a_reranker(
    snap_compare: Compare, garden: Project, size: Size, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.jobs import base_encoders, train_time

    for told in ("of_reranking", "of_scoring"):
        monkeypatch.setattr(train_time, told, lambda *_: train_time.TimeEstimate(95.0))
    monkeypatch.setattr(
        base_encoders.catalogue, "installed_path", lambda name: name in ("minilm-l6",)
    )
    app, act = shown(garden, "studio-dark", "a")
    assert snap_compare(app, terminal_size=size, run_before=act)


@SIZES
@THEMES
def test_the_form(
    snap_compare: Compare, garden: Project, size: Size, theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.jobs import base_encoders, train_time

    monkeypatch.setattr(train_time, "_guessed", lambda *_: 95.0)
    monkeypatch.setattr(
        base_encoders.catalogue, "installed_path", lambda name: name in ("minilm-l6",)
    )
    app, act = shown(garden, theme, "n")
    assert snap_compare(app, terminal_size=size, run_before=act)


@SIZES
def test_nothing_trained_yet(snap_compare: Compare, project: Project, size: Size) -> None:
    app, act = shown(project, "studio-dark")
    assert snap_compare(app, terminal_size=size, run_before=act)


@SIZES
def test_a_training_under_way(
    snap_compare: Compare,
    project: Project,
    job: Callable[..., int],
    size: Size,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from studio.tui.job_watch import JobWatch
    from studio.tui.jobs import words as job_words

    monkeypatch.setattr(job_words, "took", lambda *_: "1:20")
    monkeypatch.setattr(JobWatch, "left", lambda *_: "2:40 left")
    number = job(
        "train", JobState.RUNNING, done=30, total=90, pid=os.getpid(), heartbeat=time.time(),
        params={"name": "花园 🌷"}, message="training 花园 🌷 · loss 0.500",
    )  # fmt: skip
    add_curves(project, number, "花园 🌷", steps=30)
    app, act = shown(project, "studio-dark", "v")
    assert snap_compare(app, terminal_size=size, run_before=act)
