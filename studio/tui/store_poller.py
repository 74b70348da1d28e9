"""Looking at the store: what other processes wrote, and what runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from textual.screen import Screen

from studio.records import StudioError
from studio.runs import Job, JobState
from studio.store.faults import Locked
from studio.tui import title
from studio.tui.base_app import BaseApp
from studio.tui.job_watch import JobWatch
from studio.tui.pane.base import Pane

POLL_S = 0.5
"""Seconds between looks at the store's version."""
LIVENESS_S = 2.0
"""Seconds between looks whether the workers of running jobs live."""


class StorePoller(BaseApp):
    """Tells the pane in front when another process or terminal has written."""

    _version = -1
    _in_bar = ("", "")
    """What runs and what has ended, as the bar was drawn last."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.job_watch = JobWatch()

    def watch_store(self) -> None:
        """Begin to look, again and again."""
        self._version = self.project.store.data_version() if self.project else -1
        self.set_interval(POLL_S, self._poll)
        self.set_interval(LIVENESS_S, self.look_at_jobs)
        self.call_after_refresh(self.look_at_jobs)

    def look_anew(self) -> None:
        """Another project is open."""
        self.job_watch = JobWatch()
        self.unseen = ""
        self._version = self.project.store.data_version() if self.project else -1
        self.look_at_jobs()

    def wrote(self) -> None:
        """This process has written: other panes read again when they come to the front."""
        self.look_at_jobs()

    def stop_job(self, job: Job, then: Callable[[Job], object]) -> None:
        """Ask a job to stop. It shows at once, also while another program holds the project;
        ``then`` gets the job when it is asked."""
        from studio.jobs import queue

        assert self.project is not None, "a job is one of the open project"
        project, stopping = self.project, self.job_watch.stopping
        stopping.add(job.id)

        def deed() -> Job:
            try:
                return queue.cancel(project, job.id)
            finally:
                stopping.discard(job.id)

        self.write(deed, then)
        self.look_at_jobs()
        if isinstance(self.base_screen, Pane) and self.base_screen.ready:
            self.base_screen.store_changed()

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
        with suppress(Locked):
            # A file that is held even against readers is looked at again at the next tick.
            version = self.project.store.data_version()
            if version != self._version:
                self.look_at_jobs()
                if isinstance(self.base_screen, Pane) and self.base_screen.ready:
                    self.base_screen.store_changed()
                self._version = version

    def project_gone(self, sentence: str) -> None:
        """The open project is not where it was."""

    def look_at_jobs(self) -> None:
        """Say in the top bar what runs, and tell of what has ended."""
        jobs = self._newest_jobs()
        if jobs is None:
            return
        from studio.tui.jobs import words

        for job in self.job_watch.ended(jobs):
            self._tell_of(job, words.ending(job))
        told = [self.job_watch.as_told(job) for job in jobs]
        self._show_in_bar(words.running(told), self.unseen)

    def saw_jobs(self) -> None:
        """The person has the list of jobs before them."""
        self._show_in_bar(self.running, "")

    def _newest_jobs(self) -> list[Job] | None:
        from studio.jobs import queue

        try:
            return queue.all_jobs(self.project, limit=20) if self.project is not None else []
        except Locked:
            return None

    def _tell_of(self, job: Job, said: str) -> None:
        bad = job.state in (JobState.FAILED, JobState.INTERRUPTED)
        self.tell(said, bad=bad)
        if job.state is JobState.CANCELLED:
            return
        if self.current_mode != "jobs":
            self.unseen = "✗" if bad or self.unseen == "✗" else "✓"
        self.bell()
        if self.terminal is not None and not self.is_headless and not self.is_web:
            name, tmux = os.environ.get("TERM", ""), "TMUX" in os.environ
            self.terminal.write(title.notification(f"Studio: {said}", name, tmux=tmux))

    def _show_in_bar(self, running: str, unseen: str) -> None:
        if (running, unseen) != self._in_bar:
            self.running, self.unseen = self._in_bar = running, unseen
            # A dialog may stand over the pane; panes behind draw their bar when they come back.
            for bar in self.base_screen.query("TopBar"):
                bar.refresh()
