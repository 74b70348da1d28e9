"""Import what the panes are made of before they are first shown: a third of a first visit."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from studio.tui.actions import PANES

REST_S = 1.0
"""Seconds after the first screen in which nothing is imported."""
BETWEEN_S = 0.03
"""Seconds between two modules, for whatever else there is to do."""


def modules_of_panes() -> Iterator[str]:
    """Every module in the folders of the panes."""
    for name in PANES:
        folder = f"studio.tui.{name}"
        yield from (one.name for one in iter_modules(import_module(folder).__path__, f"{folder}."))


async def import_ahead() -> None:
    """One by one in a thread, so that keys are answered meanwhile."""
    await asyncio.sleep(REST_S)
    for name in modules_of_panes():
        await asyncio.to_thread(import_module, name)
        await asyncio.sleep(BETWEEN_S)
    # They stay for as long as the program: no need to look through them again and again.
    gc.freeze()
