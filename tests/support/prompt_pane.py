"""The Prompt pane as its tests see it."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from studio.tui.prompt.streams import ROWS, Streams
from studio.tui.widgets.text_pane import Section, TextPane
from tests.support.hostile import HOSTILE
from tests.support.waiting import until_shown

AT_ONCE = ("  ".join(text for text in HOSTILE.values() if len(text) < 1000), "x" * 100_000)
"""All hostile texts in one, and the one that is too long for that."""


def streams(app: Any) -> Streams:
    return app.screen.query_one(Streams)


def states(app: Any, sides: int = 1) -> list[str]:
    """Of the columns of the sides in use."""
    return [cell.state for cell in streams(app).cells[: ROWS * sides]]


def title_of(app: Any, section: str) -> str:
    return str(app.screen.query_one(f"#{section}", Section).border_title)


def text_of(app: Any, part: str) -> str:
    """What a line or a box of the pane says."""
    return str(app.screen.query_one(f"#{part}", Static).render())


def score_of(app: Any) -> str:
    return app.screen.query_one("#score", TextPane).plain


async def settled(
    pilot: Pilot[int], want: tuple[str, ...] = ("done", "stored"), *, sides: int = 1
) -> None:
    """Wait until all columns stand in one of these states."""
    await pilot.pause()
    await until_shown(
        pilot,
        lambda: (
            len(streams(pilot.app).sides) == sides
            and all(state in want for state in states(pilot.app, sides))
        ),
    )
