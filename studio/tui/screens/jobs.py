"""Jobs: all that runs or ran in the project, whoever started it; log, result, cancel, resume."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from studio.jobs import queue
from studio.records import Job, JobState
from studio.tui import job_view
from studio.tui.actions import BY_ID, bindings, key_name
from studio.tui.screens.pane import Pane
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section, TextPane

COLUMNS = (
    Column("job", 4, "right"),
    Column("kind", 9),
    Column("state", 13),
    Column("progress", 16),
    Column("what"),
    Column("began", 12, "right", from_width=100),
    Column("took", 8, "right"),
)
NOTHING = (
    "Nothing has run yet. ctrl+r runs the whole path: generate → filter → train → evaluate. "
    "n starts one step."
)
LOG_POLL_S = 0.5
LOG_TAIL = 16_000
"""Bytes of the log's end that are shown."""
TONES: dict[JobState, Any] = {
    JobState.RUNNING: "warn",
    JobState.FAILED: "bad",
    JobState.INTERRUPTED: "bad",
    JobState.CANCELLED: "muted",
}
STEPS = ("path", "generate", "filter", "train", "evaluate")


class LogRead(Message):
    """A thread has read the end of a log."""

    def __init__(self, job_id: int, text: str) -> None:
        super().__init__()
        self.job_id = job_id
        self.text = text


class JobsPane(Pane):
    """The list above; facts, result and log of the selected job below."""

    NAME = "jobs"
    BINDINGS: ClassVar[list[Any]] = [*bindings("jobs")]

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[int, Job] = {}
        self._log_size = (-1, -1)

    def compose_body(self) -> ComposeResult:
        """List, facts, log."""
        with Section(id="jobs-section").titled("Jobs"):
            yield RowList(COLUMNS, empty=NOTHING)
        with Horizontal(id="detail"):
            with Section(id="facts-section").titled("Job"):
                yield TextPane(id="facts")
            with Section(id="log-section").titled("Log"):
                yield TextPane(id="log", follow=True)

    def begin(self) -> None:
        """Read the jobs and keep reading the log."""
        self.store_changed()
        self.set_interval(LOG_POLL_S, self._tick)

    @property
    def _list(self) -> RowList:
        return self.query_one(RowList)

    @property
    def _current(self) -> Job | None:
        row = self._list.current
        return self._jobs.get(int(row.key)) if row else None

    def store_changed(self) -> None:
        """Read the jobs' rows again."""
        found = queue.all_jobs(self.project)
        self._jobs = {job.id: job for job in found}
        wanted, self.studio.attach_job = self.studio.attach_job, None
        self._list.show([_row(job) for job in found], key=str(wanted) if wanted else None)
        live = sum(job.state is JobState.RUNNING for job in found)
        title = f"Jobs {len(found)}" + (f" · {live} running" if live else "")
        self.query_one("#jobs-section", Section).titled(title)
        self._show_facts()

    def _tick(self) -> None:
        if not self.is_current:
            return
        job = self._current
        if job is not None and job.state in (JobState.RUNNING, JobState.WAITING):
            # A worker that dies writes nothing: only looking at its process tells.
            self.store_changed()
        self._read_log()

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._log_size = (-1, -1)
        self._show_facts()
        self._read_log()

    def _show_facts(self) -> None:
        job, pane = self._current, self.query_one("#facts", TextPane)
        section = self.query_one("#facts-section", Section)
        if job is None:
            section.titled("Job")
            pane.show("")
            return
        section.titled(f"{job.kind} {job.id} · {job_view.MARKS[job.state]}")
        text = _facts(job, key_name(self.studio.keys_of("jobs.resume")[0]))
        if text != pane.plain:
            pane.show(text)

    @work(exclusive=True, group="log")
    async def _read_log(self) -> None:
        job = self._current
        if job is None:
            self.query_one("#log", TextPane).show("")
            return
        path = queue.log_path(self.project, job.id)
        found = await asyncio.to_thread(_tail, path, self._log_size, job.id)
        if found is not None:
            self._log_size, text = found
            self.post_message(LogRead(job.id, text))

    @on(LogRead)
    def _log_read(self, event: LogRead) -> None:
        if (job := self._current) is not None and job.id == event.job_id:
            self.query_one("#log-section", Section).titled(f"Log of job {job.id}")
            self.query_one("#log", TextPane).show(event.text)

    def action_cancel(self) -> None:
        """Ask the job to stop."""
        if (job := self._current) is not None:
            asked = self.studio.guarded(lambda: queue.cancel(self.project, job.id))
            if asked is not None:
                self.studio.tell(f"Job {job.id} is asked to stop; what is done stays.")
            self.store_changed()

    def action_resume(self) -> None:
        """Start a worker that goes on where the job stopped."""
        if (job := self._current) is not None:
            resumed = self.studio.guarded(lambda: queue.resume(self.project, job.id))
            if resumed is not None:
                self.studio.tell(f"Job {job.id} goes on.")
            self.store_changed()

    def action_log(self) -> None:
        """Give the keys to the log."""
        self.query_one("#log").focus()

    @on(RowList.Chosen)
    def _chosen(self) -> None:
        self.query_one("#facts").focus()

    @work
    async def action_start(self) -> None:
        """Choose a step and start it."""
        from studio.tui.screens.dialogs import Choose

        rows = [
            Row(step, (BY_ID[f"app.{step}"].label, BY_ID[f"app.{step}"].help)) for step in STEPS
        ]
        columns = (Column("", 14), Column(""))
        step = await self.app.push_screen_wait(Choose("Start", columns, rows))
        if step is not None:
            await self.app.run_action(f"app.{step}")

    def copy_text(self) -> str:
        """The log when it has the focus, else the job's facts."""
        name = "#log" if self.query_one("#log").has_focus else "#facts"
        return self.query_one(name, TextPane).plain


def _row(job: Job) -> Row:
    cells = (
        str(job.id),
        job.kind,
        job_view.MARKS[job.state],
        job_view.progress(job),
        job.message,
        job_view.started(job),
        job_view.took(job),
    )
    return Row(str(job.id), cells, TONES.get(job.state, ""))


def _facts(job: Job, resume_key: str) -> str:
    begun = f"began {job_view.started(job)}, took {job_view.took(job)}" if job.started else ""
    head = [
        job.message,
        job_view.advice(job, resume_key),
        "  ".join(part for part in (begun, job_view.time_left(job)) if part),
    ]
    told = "\n".join(f"{name} = {value}" for name, value in _told(job.params))
    parts = ["\n".join(line for line in head if line), job_view.result_text(job), told]
    return "\n\n".join(part for part in parts if part)


def _told(params: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """The params that say something, those of stages with the stage's name in front."""
    told: list[tuple[str, Any]] = []
    for name, value in params.items():
        if isinstance(value, dict):
            told += _told(value, f"{prefix}{name}.")
        elif value not in (None, "", []):
            told.append((prefix + name, value))
    return told


def _tail(path: Path, seen: tuple[int, int], job_id: int) -> tuple[tuple[int, int], str] | None:
    """Runs in a thread: the log's end, or None when it is as it was."""
    try:
        size = path.stat().st_size
        if (job_id, size) == seen:
            return None
        with path.open("rb") as file:
            file.seek(max(size - LOG_TAIL, 0))
            return (job_id, size), file.read(LOG_TAIL).decode("utf-8", "replace")
    except OSError:
        return (job_id, 0), "No log yet."
