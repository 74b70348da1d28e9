"""Waiting for what must come, on however slow a machine.

A test that sleeps for a while and then looks depends on the machine; one that waits for what it
looks at does not. What must *not* come is shown by what comes after it, or by a server that holds
its answers back (:meth:`tests.support.openai_server.OpenAIServer.hold`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App
    from textual.pilot import Pilot
    from textual.worker import Worker

PATIENCE_S = 240.0
"""Only ends a test that would hang for ever; it says nothing about speed."""
POLL_S = 0.01
"""Between two looks."""
SOON_S = 1.0
"""A clock that rings once, and before that, is waited for: longer ones take messages away."""

ASKING = ("stream", "asking")
"""Groups of workers that take an LLM's words as they come."""


def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait until it holds. Raises AssertionError after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what or condition}"
        time.sleep(POLL_S)


async def until_shown(pilot: Pilot[Any], condition: Callable[[], object], what: str = "") -> None:
    """Let the program work until it holds; a part of the screen that is still to come is no error.

    Raises AssertionError, with the screen, after PATIENCE_S.
    """
    from textual.css.query import NoMatches

    def holds() -> bool:
        with suppress(NoMatches):
            return bool(condition())
        return False

    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        # Each part of the screen is asked whether it has done its work: too much to ask in a poll.
        while not holds():
            assert time.monotonic() < deadline, f"waited in vain: {what}\n{_drawn(pilot.app)}"
            await asyncio.sleep(POLL_S)
        await pilot.pause(0)


async def quiet(pilot: Pilot[Any]) -> None:
    """Let the program work until it only waits: for a person, an LLM, or a clock that ticks on.

    Waited for are messages, workers, threads that a worker waits for, animations, delays such as
    the one before a search, and the look at what others wrote. Raises AssertionError, with what
    is going on, after PATIENCE_S.
    """
    deadline = time.monotonic() + PATIENCE_S
    calm = 0
    while calm < 2:
        await pilot.pause()
        calm += 1
        while going_on := list(_going_on(pilot.app)):
            assert time.monotonic() < deadline, f"still going on: {going_on}\n{_drawn(pilot.app)}"
            await asyncio.sleep(POLL_S)
            calm = 0


def _going_on(app: App[Any]) -> Iterator[object]:
    yield from (worker for worker in app.workers if _works(worker))
    yield from app.animator._animations
    if _has_unseen_writes(app):
        yield "a look at what others wrote"
    for screen in app.screen_stack:
        for node in (app, *screen.walk_children(with_self=True)):
            for timer in node._timers:
                rings_once = timer._repeat is not None and timer._interval < SOON_S
                if rings_once and timer._task is not None and not timer._task.done():
                    yield timer


def _has_unseen_writes(app: App[Any]) -> bool:
    """Whether another program or thread has written to the project since the screens looked."""
    project, seen = getattr(app, "project", None), getattr(app, "_version", None)
    return project is not None and seen is not None and project.store.data_version() != seen


def _works(worker: Worker[Any]) -> bool:
    """Whether it does something: one that waits for an LLM's words, or for a person's, does not."""
    if worker.is_finished or worker.group in ASKING:
        return False
    step: Any = worker._task.get_coro() if worker._task is not None else None
    while isinstance(step, Coroutine):
        if step.__qualname__.endswith(".push_screen_wait"):
            return False
        step = getattr(step, "cr_await", None)
    return True


def _drawn(app: App[Any]) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def asleep_until(condition: Callable[[], object], what: str = "") -> None:
    """As :func:`until`, for a test whose own loop must go on meanwhile."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what or condition}"
        await asyncio.sleep(POLL_S)
