"""What a running job sees of the world: its project, its progress, and whether it should stop."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from studio.llm.loading import Loaded, LoadingStopped, loaded
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job
from studio.store import Store
from studio.store.jobs import NO_ORDERS, Orders

WATCH_S = 0.25
"""Seconds between looks for a cancel, a pause or another concurrency."""

HEARTBEAT_S = 3.0
"""Seconds between signs of life; each one is a commit that every open screen notices."""

WATCHER_WAITS_MS = 500
"""How long the watcher waits for the lock: it must not miss a cancel while the work writes."""

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
    gone: str = ""
    """Why it must: the project was deleted or moved; empty while it is in its place."""
    orders: Orders = NO_ORDERS
    """What people want of it, a quarter of a second old at most."""
    result: dict[str, Any] = field(default_factory=dict)
    """The outcome so far; kept in the row."""
    stage: str = ""
    """Put before every progress message, when a job has several stages."""
    pid: int = field(default_factory=os.getpid)
    """The worker's process: once the job is another's, this one writes nothing more to its row."""
    _last_progress: float = -PROGRESS_S

    @property
    def store(self) -> Store:
        """The project's database, for this thread."""
        return self.project.store

    def progress(
        self,
        done: int,
        total: int | None,
        message: str = "",
        *,
        at_once: bool = False,
        store: Store | None = None,
    ) -> None:
        """Say where the job is; at most ten times a second, but at the end and ``at_once``.

        store: that of the thread which calls, if it is another one.
        """
        moment = time.monotonic()
        if moment - self._last_progress < PROGRESS_S and done != total and not at_once:
            return
        self._last_progress = moment
        text = ": ".join(part for part in (self.stage, message) if part)
        (store or self.store).jobs.progress(self.job.id, self.pid, done, total, text)

    def show(self, live: dict[str, Any], store: Store | None = None) -> None:
        """Put figures there for the screens that watch. store: as for :meth:`progress`."""
        (store or self.store).jobs.show(self.job.id, self.pid, live)

    def begin(self, stage: str) -> None:
        """Say which stage comes now, at once. A job that is asked to rest does so before it."""
        if self.orders.paused:
            self.progress(0, None, f"paused before {stage}", at_once=True)
        while self.orders.paused and not self.stop.wait(WATCH_S):
            continue
        self.check()
        self.stage = stage
        self._last_progress = 0.0
        self.progress(0, None, "starting")

    def keep(self, **found: Any) -> None:
        """Add to the outcome, durably."""
        self.result.update(found)
        self.store.jobs.keep(self.job.id, self.pid, self.result)

    def note(self, line: str) -> None:
        """Keep a sentence that the person should read, once."""
        notes = self.result.get("notes", [])
        if line not in notes:
            self.keep(notes=[*notes, line])

    def should_stop(self) -> bool:
        """Whether a cancel was asked for."""
        return self.stop.is_set()

    def check(self) -> None:
        """Raise Cancelled when a cancel was asked for."""
        if self.stop.is_set():
            raise Cancelled

    def loads(self, load: Callable[[], Loaded], label: str, total: int | None = None) -> Loaded:
        """What ``load`` gives, which reads a model's weights; says for how long it has. A cancel
        is heard at once. label: what is loaded, for people."""

        def told(seconds: int) -> None:
            took = f", {seconds} s" if seconds else ""
            self.progress(0, total, f"loading {label}{took}", at_once=not seconds)

        try:
            return loaded(load, self.should_stop, told)
        except LoadingStopped as stopped:
            raise Cancelled from stopped

    @contextmanager
    def training(self) -> Iterator[None]:
        """A training that was asked to stop raises Cancelled, also one without a step yet, which
        says so as an error: that is what was asked for, not a failure."""
        try:
            yield
        except StudioError as error:
            if self.should_stop():
                raise Cancelled from error
            raise


@contextmanager
def heartbeats(context: JobContext) -> Iterator[None]:
    """Show life from a thread of its own while the body runs, and watch for a cancel."""
    done = threading.Event()
    store = Store(context.store.path)
    store.db.conn.execute(f"PRAGMA busy_timeout={WATCHER_WAITS_MS}")
    # A job may be paused before its worker begins.
    context.orders = store.jobs.orders(context.job.id, context.pid)
    thread = threading.Thread(
        target=_watch, args=(context, store, done), daemon=True, name="heartbeat"
    )
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        store.close()


def _watch(context: JobContext, store: Store, done: threading.Event) -> None:
    job, pid = context.job.id, context.pid
    next_beat = 0.0
    while not done.wait(WATCH_S):
        try:
            context.store.check_in_place()
        except StudioError as gone:
            context.gone = str(gone)
            context.stop.set()
            return
        try:
            context.orders = store.jobs.orders(job, pid)
            if context.orders.stop:
                context.stop.set()
            if time.monotonic() >= next_beat:
                store.jobs.beat(job, pid)
                next_beat = time.monotonic() + HEARTBEAT_S
        except StudioError as error:
            # A full disk must not end the watch: the work itself will meet it and say so.
            log.warning("no heartbeat: %s", error)
