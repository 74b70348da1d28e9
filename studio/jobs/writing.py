"""The thread that writes what a run brings, so that no commit holds up the calls."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from studio.records import StudioError
from studio.store import Store
from studio.store.faults import Passing

RETRY_S = 1.0
"""Seconds between two tries on a full disk, or on a file that another program holds."""

Found = TypeVar("Found")
log = logging.getLogger("studio.writing")


class RowWriter:
    """Steps of writing, one after the other, on a connection of their own.

    A step that meets a full disk or a locked file is taken again until it succeeds; those after it
    wait. Every step must therefore be one that can be taken again.
    """

    def __init__(self, path: Path, stop: threading.Event) -> None:
        """stop: set when nobody wants to wait any longer; a step then raises what it met."""
        self._path = path
        self._stop = stop
        self._store: Store | None = None
        self._thread = ThreadPoolExecutor(1, "writing")
        self.on_held: Callable[[str, Store], None] = _ignore
        """Told, on the thread, why nothing can be written, at each try."""

    def submit(self, step: Callable[[Store], Found]) -> Future[Found]:
        """Have a step taken after those before it."""
        return self._thread.submit(self._take, step)

    def settle(self) -> None:
        """Wait until all steps are taken."""
        self.submit(lambda store: None).exception()

    def close(self) -> None:
        """Take all steps, and close the file."""
        self._thread.shutdown()
        if self._store is not None:
            self._store.close()

    def _take(self, step: Callable[[Store], Found]) -> Found:
        held = ""
        while True:
            try:
                found = step(self._opened())
            except Passing as fault:
                if self._stop.wait(RETRY_S if held else 0.0):
                    raise
                if not held:
                    log.warning("%s It goes on by itself.", fault)
                held = str(fault)
                with suppress(StudioError):
                    self.on_held(held, self._opened())
            else:
                if held:
                    log.info("writing goes on")
                return found

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store(self._path)
            self._store.be_patient(int(1000 * RETRY_S))
        return self._store


def _ignore(held: str, store: Store) -> None:
    """Nobody wants to know."""
