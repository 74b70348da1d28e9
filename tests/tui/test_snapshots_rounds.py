"""What the Rounds pane looks like: resting, word diff, figures, training, the plan, what lacks."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.tui.app import StudioApp
from tests.support import rounds
from tests.support.waiting import quiet

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
THEMES = pytest.mark.parametrize("theme", ["studio-dark", "studio-ansi"])
Compare = Callable[..., bool]
GAP = {
    "run_id": 1,
    "round": 0,
    "encoder": "minilm-l6",
    "gap": {
        "pairs": 4,
        "cosine": 0.712,
        "edits": 3.5,
        "error_words": 7.2,
        "addition_words": 7.0,
        "copies": 0.25,
    },
    "coverage": {
        "before": {"covered": 0.31, "radius": 0.441, "gold": 6, "synthetic": 12},
        "after": {"covered": 0.52, "radius": 0.441, "gold": 6, "synthetic": 15},
    },
}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Project]:
    found = rounds.project(tmp_path / "opinions")
    yield found
    found.close()


def measured(made: Project) -> None:
    """The distances of round 0, as their job left them."""
    store = made.store
    job = store.jobs.submit("gap", {"run_id": 1, "round": 0})
    with store.write() as conn:
        conn.execute(
            "UPDATE jobs SET state = 'done', result = ? WHERE id = ?", (json.dumps(GAP), job)
        )


def trains(made: Project, run: int) -> None:
    """As if a worker trained the next round now; when it began is left out: that clock goes on."""
    store = made.store
    job = store.jobs.submit("s3", {"run_id": run})
    store.runs.begin_round(run, 1)
    losses = [0.69, 0.62, 0.55, 0.41, 0.33, 0.3]
    store.jobs.add_points(job, [("round 1 loss", 5 * n, v) for n, v in enumerate(losses)])
    store.jobs.add_points(
        job, [("round 1 validation", 10 * n, v) for n, v in enumerate((0.5, 0.66, 0.7))]
    )
    with store.write() as conn:
        conn.execute(
            "UPDATE jobs SET state = 'running', pid = ?, heartbeat = ?, done = 25, total = 40,"
            " message = 'round 1: training, step 25' WHERE id = ?",
            (os.getpid(), time.time(), job),
        )


def looks(theme: str, *keys: str) -> Callable[[Pilot[int]], object]:
    async def before(pilot: Pilot[int]) -> None:
        pilot.app.theme = theme
        await quiet(pilot)
        for key in keys:
            await pilot.press(key)
            await quiet(pilot)
        await pilot.app.workers.wait_for_complete()
        await quiet(pilot)

    return before


@SIZES
@THEMES
def test_a_run_that_rests(
    snap_compare: Compare, made: Project, size: tuple[int, int], theme: str
) -> None:
    rounds.resting(made)
    measured(made)
    app = StudioApp(made, screen="rounds")
    assert snap_compare(app, terminal_size=size, run_before=looks(theme, "a", "r"))


@SIZES
@THEMES
def test_word_diff(snap_compare: Compare, made: Project, size: tuple[int, int], theme: str) -> None:
    rounds.resting(made)
    app = StudioApp(made, screen="rounds")
    assert snap_compare(app, terminal_size=size, run_before=looks(theme, "w", "j", "j"))


@SIZES
def test_figures(snap_compare: Compare, made: Project, size: tuple[int, int]) -> None:
    rounds.two_rounds(made)
    measured(made)
    app = StudioApp(made, screen="rounds")
    keys = ("left_square_bracket", "left_square_bracket", "z")
    assert snap_compare(app, terminal_size=size, run_before=looks("studio-dark", *keys))


@SIZES
def test_seed_texts_under_way(snap_compare: Compare, made: Project, size: tuple[int, int]) -> None:
    rounds.seeded(made, rounds.beginning(made))
    app = StudioApp(made, screen="rounds")
    assert snap_compare(app, terminal_size=size, run_before=looks("studio-dark"))


@SIZES
def test_a_training_under_way(snap_compare: Compare, made: Project, size: tuple[int, int]) -> None:
    trains(made, rounds.resting(made, approve="all"))
    app = StudioApp(made, screen="rounds")
    assert snap_compare(app, terminal_size=size, run_before=looks("studio-dark", "z"))


@SIZES
def test_editing(snap_compare: Compare, made: Project, size: tuple[int, int]) -> None:
    rounds.resting(made)
    app = StudioApp(made, screen="rounds")
    before = looks("studio-dark", "j", "e", "exclamation_mark")
    assert snap_compare(app, terminal_size=size, run_before=before)


@SIZES
@THEMES
def test_plan(snap_compare: Compare, made: Project, size: tuple[int, int], theme: str) -> None:
    app = StudioApp(made, screen="rounds")
    assert snap_compare(app, terminal_size=size, run_before=looks(theme, "j"))


@SIZES
def test_what_is_lacking(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    empty = Project.create(tmp_path / "empty", title="Nothing yet 空", task="nli")
    app = StudioApp(empty, screen="rounds")
    assert snap_compare(app, terminal_size=size, run_before=looks("studio-dark"))
    empty.close()
