"""What becomes of jobs while a person looks elsewhere, and how long what runs will take."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

from studio.runs import Job, JobState

LIVE = (JobState.WAITING, JobState.RUNNING)
LONGEST_S = 86_400
"""A guess beyond a day says nothing."""

Phase = tuple[str, int | None]


class JobWatch:
    """Keeps what was seen of each job. No widgets here."""

    def __init__(self) -> None:
        self._states: dict[int, JobState] | None = None
        self._paces: dict[int, tuple[Phase, float, int, int]] = {}
        """Job → its phase, when that was first seen and with how much done, and how much now."""
        self.stopping: set[int] = set()
        """Jobs that a person told to stop, and the project cannot be told yet."""

    def as_told(self, job: Job) -> Job:
        """The job with what it was told here, also before the project knows of it."""
        return replace(job, cancel_requested=True) if job.id in self.stopping else job

    def ended(self, jobs: Iterable[Job]) -> list[Job]:
        """Those that have ended since the last look, the first first; none at the first look."""
        before, self._states = self._states, {job.id: job.state for job in jobs}
        if before is None:
            return []
        newest = max(before, default=0)
        was_live = {number for number, state in before.items() if state in LIVE}
        return [
            job
            for job in sorted(jobs, key=lambda job: job.id)
            if job.state not in LIVE and (job.id in was_live or job.id > newest)
        ]

    def left(self, job: Job, phase: str, moment: float | None = None) -> str:
        """Such as ``2:40 left``, by what was done of this phase since it was first seen.

        What went before, such as loading a model or encoding for a teacher, had another pace.
        Empty until something was seen to be done.
        """
        if job.state is not JobState.RUNNING or job.is_paused or not job.total:
            return ""
        now = time.monotonic() if moment is None else moment
        seen = self._paces.get(job.id)
        if seen is None or seen[0] != (phase, job.total) or job.done < seen[3]:
            seen = ((phase, job.total), now, job.done, job.done)
        (what, began, first, _), done = seen, job.done
        self._paces[job.id] = (what, began, first, done)
        if done <= first or now <= began:
            return ""
        seconds = int((job.total - done) * (now - began) / (done - first))
        return f"{seconds // 60}:{seconds % 60:02} left" if 0 < seconds < LONGEST_S else ""
