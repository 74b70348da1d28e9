"""What every part of the program stands on: the open project, the keys in force, telling."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

from textual import events
from textual.timer import Timer

from studio.api_keys import blotted
from studio.project import Project
from studio.records import StudioError
from studio.safe_text import one_line, visible
from studio.settings import state_dir
from studio.tasks import Task
from studio.tui import keymap, own_programs
from studio.tui.message_log import MessageLog
from studio.tui.pane.base import Pane
from studio.tui.textual_patches import PatchedApp
from studio.tui.widgets.rows import Column, Row
from studio.tui.write_queue import Write, WriteQueue

T = TypeVar("T")

SETTLED_S = 1.0
"""Seconds after which a pane that was opened for the first time has all its widgets."""
CHOICE_WIDTH = 30
"""Cells of what can be chosen; what there is to say of it has the rest."""
LAST_WORDS = 2_000
"""Characters of the sentence that the program ends with."""
GOOD_S, BAD_S = 4, 12
"""Seconds that a notification stays; the list of messages keeps it after that."""
LONG = 120
"""Characters that take longer to read."""
TRY_AGAIN_S = 0.04
"""Seconds between tries to write while another program does."""
TELL_S = 1.0
"""Seconds of waiting after which a person is told of it."""
LAST_S = 3.0
"""Seconds that leaving the program waits for another one to let go of the project."""


class BaseApp(PatchedApp):
    """The open project and what a person is told of it."""

    def __init__(
        self, project: Project | None = None, *, own_keys: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.project = project
        self.attach_job: int | None = None
        """The job that the Jobs pane shows first."""
        self.running = ""
        """What runs, in a few words for the top bar."""
        self.unseen = ""
        """Whether a job has ended since somebody looked at Jobs: ``✓``, or ``✗`` for a bad end."""
        self.going_to = ""
        """The pane that is on its way to the front; empty once it is there."""
        self.last_key = ""
        """The key pressed last, as Textual names it."""
        self.said = MessageLog(self._log_file)
        """All that was told in this session."""
        self.kept: list[Path] = []
        """Files with what was typed and could not be written."""
        self._writes = WriteQueue(self._refused)
        self._writing: Timer | None = None
        self._waited = float("inf")
        self._settled: set[str] = set()
        self._tasks: dict[Path, Task] = {}
        self._own_keys = dict(own_keys or {})
        self._keys = keymap.effective(self._own_keys)

    @property
    def project_task(self) -> Task | None:
        """The open project's task; None without one."""
        if self.project is None:
            return None
        # The bar asks whenever it is drawn, also when the project is closed by then.
        path = self.project.path
        self._tasks[path] = self._tasks.get(path) or self.project.task
        return self._tasks[path]

    def settle(self, pane: str) -> None:
        """Tell the collector, once a pane, that what it is made of stays: to look through it all
        again took 80 to 100 ms, in the middle of somebody's key."""
        if not self.is_headless and pane not in self._settled:
            self._settled.add(pane)
            self.set_timer(SETTLED_S, gc.freeze)

    async def on_event(self, event: events.Event) -> None:
        """Note the key: an action of several keys may mean one of them only."""
        if isinstance(event, events.Key):
            self.last_key = event.key
        await super().on_event(event)

    @property
    def title_of_project(self) -> str:
        """The open project's title, for the bar; empty without one."""
        return self.project.title if self.project else ""

    def keys_of(self, action_id: str) -> tuple[str, ...]:
        """The keys in force for an action."""
        return self._keys[action_id]

    def tell(self, text: str, *, bad: bool = False) -> None:
        """A notification that may hold outside text; the list of messages keeps the whole of it."""
        self.said.add(text, bad=bad)
        super().notify(
            ("✗ " if bad else "") + one_line(blotted(text)),
            severity="error" if bad else "information",
            markup=False,
            timeout=BAD_S if bad or len(text) > LONG else GOOD_S,
        )

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: Literal["information", "warning", "error"] = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Textual's own notifications are kept as well."""
        self.said.add(f"{title} {message}".strip(), bad=severity != "information")
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def choose(
        self, title: str, rows: Sequence[Row], current: str, then: Callable[[str | None], None]
    ) -> None:
        """Let a person choose one of the rows, each of two cells; ``then`` gets its key, or None.

        At once, not from a worker: the next key is already the list's.
        """
        from studio.tui.dialogs.ask import Choose

        columns = (Column("", CHOICE_WIDTH), Column(""))
        self.push_screen(Choose(title, columns, rows, current=current), then)

    def guarded(self, deed: Callable[[], Any]) -> Any:
        """Do something that may raise StudioError, and tell its sentence; None when it did."""
        try:
            return deed()
        except StudioError as error:
            self.tell(str(error), bad=True)
            return None

    def write(
        self,
        deed: Callable[[], T],
        then: Callable[[T], object] = lambda _done: None,
        *,
        name: str = "",
        typed: str = "",
    ) -> bool:
        """Write to the project: now, or as soon as another program lets go of it.

        ``then`` gets what the deed gives back. ``name``: a later write of this name takes the place
        of one that waits. ``typed``: what a person wrote in it, kept in a file if it must be. False
        when it cannot be written; the sentence is told.
        """
        assert self.project is not None, "a write is to the open project"
        try:
            done = self._writes.do(self.project.store, Write(deed, then, name, typed))
        except StudioError as error:
            self.tell(str(error), bad=True)
            return False
        if not done and self._writing is None:
            self._waited = time.monotonic()
            self._writing = self.set_interval(TRY_AGAIN_S, self._write_on)
        return True

    async def written(self, deed: Callable[[], T]) -> T | None:
        """The same for who waits for what it gives back; None when it cannot be written."""
        assert self.project is not None, "a write is to the open project"
        store, began = self.project.store, time.monotonic()
        while not self._writes.is_free(store):
            await asyncio.sleep(TRY_AGAIN_S)
            began = self._tell_of_waiting(began)
        found: T | None = self.guarded(lambda: self._writes.now(store, deed))
        return found

    def _write_on(self) -> None:
        if self.project is not None:
            self._writes.go_on(self.project.store)
        if self._writing is not None and not self._writes:
            self._writing.stop()
            self._writing = None
        self._waited = self._tell_of_waiting(self._waited)

    def _tell_of_waiting(self, since: float) -> float:
        """Say once why nothing seems to come of what was done."""
        if time.monotonic() - since > TELL_S:
            since = float("inf")
            self.tell(
                "Another program is writing to the project. What you do and type waits for it, "
                "and nothing of it is lost."
            )
        return since

    def _refused(self, error: StudioError, typed: str) -> None:
        """A write that waited cannot be done."""
        self.tell(str(error), bad=True)
        self._keep(typed)

    def _keep(self, typed: str) -> None:
        path = typed.strip() and self.guarded(lambda: own_programs.keep(typed))
        if path:
            self.kept.append(path)
            self.tell(f"What you typed is kept in {path}", bad=True)

    async def write_before_the_end(self) -> None:
        """Write everything typed, waiting a little while for another program."""
        self.flush_all()
        deadline = time.monotonic() + LAST_S
        while self._writes and time.monotonic() < deadline:
            await asyncio.sleep(TRY_AGAIN_S)
            self._write_on()
        self.keep_the_rest()

    def keep_the_rest(self) -> None:
        """What cannot be written any more goes to files of its own."""
        for text in self._writes.typed():
            self._keep(text)
        for screen in self.every_screen():
            if isinstance(screen, Pane) and screen.ready:
                screen.finish()

    def flush_all(self) -> None:
        """Write everything typed, in every pane."""
        for screen in self.every_screen():
            if isinstance(screen, Pane) and screen.ready:
                self.guarded(screen.flush)

    def last_words(self, error: BaseException) -> str:
        """What was typed is written first, as far as that still goes."""
        with suppress(Exception):
            self.flush_all()
        return f"studio: {visible(super().last_words(error), limit=LAST_WORDS)}"

    def _log_file(self) -> Path:
        """Where messages are kept beyond the session."""
        return (
            self.project.path / "logs" / "studio.log"
            # A project that is gone must not get a folder again.
            if self.project and self.project.path.is_dir()
            else state_dir() / "studio.log"
        )
