"""What a running job sees of the world: its project, its progress, and whether it should stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from studio.project import Project
from studio.records import Job
from studio.store import Store

HEARTBEAT_S = 0.5
"""Seconds between signs of life: also how soon a cancel is noticed."""

PROGRESS_S = 0.1
"""At most one progress write in this time."""

log = logging.getLogger("studio.jobs")


class Cancelled(Exception):
    """The person asked the job to stop."""


@dataclass(slots=True)
class JobContext:
    """Handed to each kind of job."""

    project: Project
    job: Job
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the job should end soon."""
    result: dict[str, Any] = field(default_factory=dict)
    """The outcome so far; kept in the row."""
    stage: str = ""
    """Put before every progress message, when a job has several stages."""
    _last_progress: float = 0.0

    @property
    def store(self) -> Store:
        """The project's database, for this thread."""
        return self.project.store

    def progress(self, done: int, total: int | None, message: str = "") -> None:
        """Say where the job is; written at most ten times a second, and always at the end."""
        moment = time.monotonic()
        if moment - self._last_progress < PROGRESS_S and done != total:
            return
        self._last_progress = moment
        text = ": ".join(part for part in (self.stage, message) if part)
        self.store.jobs.progress(self.job.id, done, total, text)

    def keep(self, **found: Any) -> None:
        """Add to the outcome, durably."""
        self.result.update(found)
        self.store.jobs.keep(self.job.id, self.result)

    def should_stop(self) -> bool:
        """Whether a cancel was asked for."""
        return self.stop.is_set()

    def check(self) -> None:
        """Raise Cancelled when a cancel was asked for."""
        if self.stop.is_set():
            raise Cancelled


@contextmanager
def heartbeats(context: JobContext) -> Iterator[None]:
    """Show life from a thread of its own while the body runs, and watch for a cancel."""
    done = threading.Event()
    thread = threading.Thread(target=_beat, args=(context, done), daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(context: JobContext, done: threading.Event) -> None:
    store = Store(context.store.path)
    try:
        while not done.wait(HEARTBEAT_S):
            try:
                if store.jobs.beat(context.job.id):
                    context.stop.set()
            except Exception:
                # A full disk must not kill the watcher: the work itself will meet it and say so.
                log.exception("heartbeat failed")
    finally:
        store.close()
