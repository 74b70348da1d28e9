"""What lies over every pane: jump letters, messages, the tour, a terminal that is too small."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.tui.app import StudioApp
from studio.tui.message_log import Notice
from tests.support.waiting import quiet

LOOKS = pytest.mark.parametrize(
    ("size", "theme"),
    [((80, 24), "studio-dark"), ((120, 40), "studio-dark"), ((80, 24), "studio-ansi")],
    ids=["80x24", "120x40", "80x24-ansi"],
)
Compare = Callable[..., bool]
TOLD = (
    Notice(datetime(2026, 3, 1, 9, 0, 0), "Copied 12 characters to the terminal clipboard", False),
    Notice(datetime(2026, 3, 1, 9, 1, 7), "Job 3 goes on. 任务继续 🎉", False),
    Notice(
        datetime(2026, 3, 1, 9, 2, 30),
        "The endpoint http://localhost:8000 does not answer: connection refused. "
        "Start it, or choose another with o.",
        True,
    ),
)


def pressing(theme: str, *keys: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    async def press(pilot: Pilot[int]) -> None:
        pilot.app.theme = theme
        await quiet(pilot)
        await pilot.press(*keys)
        await quiet(pilot)

    return press


@LOOKS
def test_jump(snap_compare: Compare, project: Project, size: tuple[int, int], theme: str) -> None:
    app = StudioApp(project, screen="jobs")
    assert snap_compare(app, terminal_size=size, run_before=pressing(theme, "ctrl+o"))


@LOOKS
def test_messages(
    snap_compare: Compare, project: Project, size: tuple[int, int], theme: str
) -> None:
    app = StudioApp(project, screen="jobs")
    app.said._messages.extend(TOLD)
    assert snap_compare(app, terminal_size=size, run_before=pressing(theme, "f5"))


@LOOKS
def test_tour(snap_compare: Compare, project: Project, size: tuple[int, int], theme: str) -> None:
    app = StudioApp(project, screen="jobs", tour=True)
    keys = ("enter", "enter")
    assert snap_compare(app, terminal_size=size, run_before=pressing(theme, *keys))


def test_a_terminal_that_is_too_small(snap_compare: Compare, project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    assert snap_compare(app, terminal_size=(60, 15), run_before=quiet)
