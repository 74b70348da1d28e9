"""Looking at the store: what other processes wrote, and what runs."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from studio.records import JobState, StudioError
from studio.tui.base_app import BaseApp
from studio.tui.pane.base import Pane

POLL_S = 0.5
"""Seconds between looks at the store's version."""
LIVENESS_S = 2.0
"""Seconds between looks whether the workers of running jobs live."""


class StorePoller(BaseApp):
    """Tells the pane in front when another process or terminal has written."""

    _version = -1

    def watch_store(self) -> None:
        """Begin to look, again and again."""
        self._version = self.project.store.data_version() if self.project else -1
        self.set_interval(POLL_S, self._poll)
        self.set_interval(LIVENESS_S, self.look_at_jobs)
        self.call_after_refresh(self.look_at_jobs)

    def look_anew(self) -> None:
        """Another project is open."""
        self._version = self.project.store.data_version() if self.project else -1
        self.look_at_jobs()

    def wrote(self) -> None:
        """This process has written: other panes read again when they come to the front."""
        self.look_at_jobs()

    @property
    def base_screen(self) -> Screen[Any]:
        """The pane in front, also while a dialog is over it."""
        return self.screen_stack[0]

    def _poll(self) -> None:
        # At the end, the clock may tick once more when parts of the screen, or all, are gone.
        if self.project is None or not self.is_running or not self.screen_stack:
            return
        try:
            self.project.store.check_in_place()
        except StudioError as gone:
            self.project_gone(str(gone))
            return
        version = self.project.store.data_version()
        if version != self._version:
            self._version = version
            self.look_at_jobs()
            if isinstance(self.base_screen, Pane) and self.base_screen.ready:
                self.base_screen.store_changed()

    def project_gone(self, sentence: str) -> None:
        """The open project is not where it was."""

    def look_at_jobs(self) -> None:
        """Say in the top bar what runs."""
        words = self._running_words()
        if words != self.running:
            self.running = words
            # A dialog may stand over the pane; panes behind draw their bar when they come back.
            for bar in self.base_screen.query("TopBar"):
                bar.refresh()

    def _running_words(self) -> str:
        if self.project is None:
            return ""
        from studio.jobs import queue

        jobs = queue.all_jobs(self.project, limit=20)
        live = [job for job in jobs if job.state is JobState.RUNNING]
        if len(live) != 1:
            return f"{len(live)} jobs" if live else ""
        share = f" {100 * live[0].done // live[0].total}%" if live[0].total else ""
        resting = " paused" if live[0].is_paused else ""
        return f"{live[0].kind}{share}{resting}"
