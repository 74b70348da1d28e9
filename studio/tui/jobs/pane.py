"""Jobs: all that runs or ran in the project, whoever started it: watch it, change it, go there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from studio.jobs import queue
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job, JobState
from studio.store import Store
from studio.tui.actions import BY_ID, SCOPES, bindings, key_name
from studio.tui.dialogs.raise_cap import caps_for
from studio.tui.jobs import outcome
from studio.tui.jobs import words as job_words
from studio.tui.pane.base import Pane
from studio.tui.pane.recalled_field import RecalledField
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section, TextPane

if TYPE_CHECKING:
    from studio.jobs.artefacts import Artefact

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
NO_RUN = (
    "Nothing has run yet. ctrl+r plans a run: an LLM writes {nouns}, a model trains on them, and "
    "what it gets wrong is extrapolated."
)
NO_TEXT = "Nothing has run yet. ctrl+r plans a run, in which an LLM writes {nouns}."
NO_MATCH = "No job has these words in its number, kind or state. esc shows all."
LOG_POLL_S = 0.5
LOG_TAIL = 16_000
"""Bytes of the log's end that are shown."""
TONES: dict[JobState, Any] = {
    JobState.RUNNING: "warn",
    JobState.FAILED: "bad",
    JobState.INTERRUPTED: "bad",
    JobState.CANCELLED: "muted",
}
STEPS = (
    "app.path",
    "app.start-generate",
    "app.start-filter",
    "app.start-judge",
    "app.start-train",
    "app.start-evaluate",
)


ALONE = (
    "app.start-generate",
    "app.start-filter",
    "app.start-judge",
    "app.start-train",
    "app.start-evaluate",
    "app.export",
)
"""Steps where no job goes the whole path."""
RUN_WORDS = {
    "app.path": ("Run", "plan a run: write, train, score, extrapolate, round by round"),
    "app.start-filter": ("Filter", "judge what was written by the filters"),
    "app.start-judge": ("Judge", "have an LLM rate what is kept"),
}
"""Steps where a run writes, trains and scores by itself, in words."""


class LogRead(Message):
    """A thread has read the end of a log."""

    def __init__(self, job_id: int, text: str) -> None:
        super().__init__()
        self.job_id = job_id
        self.text = text


class JobsPane(Pane):
    """The list above; facts, result and log of the selected job below."""

    NAME = "jobs"
    CSS_PATH = "jobs.tcss"
    BINDINGS: ClassVar[list[Any]] = [
        *bindings("jobs"),
        Binding("escape", "leave", show=False),
        # The focus moves before the next key is handed out: c of "cancelled" must not cancel.
        Binding("slash", "filter", priority=True, id="jobs.filter"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[int, Job] = {}
        self._log_size = (-1, -1)

    def compose_body(self) -> ComposeResult:
        """List, facts, log."""
        with Section(id="jobs-section").titled("Jobs"):
            asks = "a kind or a state, such as: train failed"
            yield RecalledField("jobs", placeholder=asks, id="only")
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
        self.studio.saw_jobs()
        found = [self.studio.job_watch.as_told(job) for job in queue.all_jobs(self.project)]
        self._jobs = {job.id: job for job in found}
        wanted, self.studio.attach_job = self.studio.attach_job, None
        self._show_list(str(wanted) if wanted else None)
        self._show_facts()

    def open_at(self, **place: Any) -> None:
        """``job``: the one to stand on."""
        if (job := place.get("job")) is not None:
            self.query_one("#only", Field).value = ""
            self._show_list(str(job))

    def _show_list(self, key: str | None = None) -> None:
        words = self.query_one("#only", Field).value.lower().split()
        jobs = list(self._jobs.values())
        shown = [job for job in jobs if _fits(job, words)]
        task = self.project.task
        nothing = NOTHING if task.has_path else NO_RUN if task.has_rounds else NO_TEXT
        nothing = nothing.format(nouns=task.record.nouns)
        self._list.empty = NO_MATCH if words else nothing
        self._list.show([_row(job, jobs) for job in shown], key=key)
        live = sum(job.state is JobState.RUNNING for job in jobs)
        title = f"Jobs {len(shown)} of {len(jobs)}" if words else f"Jobs {len(jobs)}"
        title += f" · {live} running" if live else ""
        self.query_one("#jobs-section", Section).titled(title)
        self.set_class(bool(words), "-only")

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

    def offers(self, action_id: str) -> bool:
        """Only what can be done with the job under the cursor, and what needs none."""
        job = self._current
        if action_id == "jobs.cancel":
            return job is not None and job.state not in queue.ENDED
        if action_id == "jobs.pause":
            return job is not None and job.state not in queue.ENDED and queue.can_rest(job)
        if action_id == "jobs.resume":
            return job is not None and (job.is_paused or job.state in queue.RESUMABLE)
        if action_id == "jobs.delete":
            return job is not None and job.state in queue.ENDED
        return action_id not in ("jobs.log", "jobs.filter") or job is not None

    def _show_facts(self) -> None:
        job, pane = self._current, self.query_one("#facts", TextPane)
        section = self.query_one("#facts-section", Section)
        self.refresh_bindings()
        if job is None:
            section.titled("Job")
            pane.show("")
            return
        section.titled(f"{job.kind} {job.id} · {job_words.mark(job)}")
        left = self.studio.job_watch.left(job, job_words.phase(job))
        task, resume = self.project.task.name, self._key("jobs.resume")
        text = _facts(job, task, resume, left, self._where(job))
        if text != pane.plain:
            pane.show(text)

    def _key(self, action_id: str) -> str:
        return key_name(self.studio.keys_of(action_id)[0])

    def _where(self, job: Job) -> str:
        """What enter does with the job."""
        place = job_words.leads_to(job)
        if place is None:
            return ""
        pane = next(title for scope, title in SCOPES.items() if scope == place[0])
        return f"{self._key('list.choose')} opens it in {pane}."

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

    def _do(self, deed: Callable[[Project, int], Job], said: str) -> None:
        """Do something with the job under the cursor and say so."""
        if (job := self._current) is not None:

            def done(_job: Job) -> None:
                self.studio.tell(f"Job {job.id} {said}")
                self.store_changed()

            if not self.studio.write(lambda: deed(self.project, job.id), done):
                self.store_changed()

    def action_cancel(self) -> None:
        """Ask the job to stop."""
        if (job := self._current) is not None:
            said = f"Job {job.id} is asked to stop; what is done stays."
            self.studio.stop_job(job, lambda _job: self.studio.tell(said))

    @work
    async def action_resume(self) -> None:
        """Start a worker that goes on where the job stopped, or end a pause."""
        job = self._current
        if job is not None and (caps := await caps_for(self.app, job)) is not None:
            self._do(lambda project, _: queue.resume(project, job.id, caps), "goes on.")

    def action_pause(self) -> None:
        """Let a run rest, or go on."""
        if (job := self._current) is not None and job.is_paused:
            self.action_resume()
        else:
            self._do(queue.pause, f"rests; {self._key('jobs.pause')} goes on.")

    @work
    async def action_delete(self) -> None:
        """Ask which files of a finished job to delete, and delete them."""
        from studio.jobs import artefacts
        from studio.tui.jobs.delete_files import DeleteFiles

        job, project = self._current, self.project
        if job is None:
            return
        found = self.studio.guarded(lambda: artefacts.artefacts_of(project, job))
        if not found:
            if found is not None:
                self.studio.tell(f"Job {job.id} has no files left to delete.")
            return
        title = f"Delete files of {job.kind} {job.id}: its row and its records stay"
        chosen = await self.app.push_screen_wait(DeleteFiles(title, found))
        if chosen:
            try:
                said = await asyncio.to_thread(_delete, project, job, chosen)
            except StudioError as error:
                self.studio.tell(str(error), bad=True)
            else:
                self.studio.tell(said)
            self._log_size = (-1, -1)
            self.store_changed()

    def action_filter(self) -> None:
        """Say which jobs to show."""
        if self.focused is self.query_one("#only"):
            raise SkipAction
        self.add_class("-only")
        self.set_focus(self.query_one("#only"))

    @on(Input.Changed, "#only")
    def _filtered(self, event: Input.Changed) -> None:
        event.stop()
        self._show_list()
        if self.query_one("#only").has_focus:
            self.add_class("-only")

    @on(Input.Submitted, "#only")
    def _filter_done(self, event: Input.Submitted) -> None:
        event.stop()
        self._show_list()
        self.set_focus(self._list)

    def action_leave(self) -> None:
        """Out of the field or the log to the list; in the list, show all jobs again."""
        only = self.query_one("#only", Field)
        if self.focused is self._list and only.value:
            only.value = ""
        super().action_leave()
        self._show_list()

    def action_log(self) -> None:
        """Give the keys to the log."""
        self.set_focus(self.query_one("#log"))

    @on(RowList.Chosen)
    async def _chosen(self) -> None:
        place = job_words.leads_to(self._current) if self._current is not None else None
        if place is None:
            self.set_focus(self.query_one("#facts"))
        else:
            await self.studio.go(place[0], **place[1])

    @work
    async def action_start(self) -> None:
        """Choose a step and start it."""
        from studio.tui.dialogs.ask import Choose

        by_rounds, by_path = self.project.task.has_rounds, self.project.task.has_path
        rows = [
            Row(step, RUN_WORDS[step] if by_rounds else (BY_ID[step].label, BY_ID[step].help))
            for step in (STEPS if by_path else RUN_WORDS if by_rounds else ALONE)
        ]
        columns = (Column("", 14), Column(""))
        step = await self.app.push_screen_wait(Choose("Start", columns, rows))
        if step is not None:
            await self.app.run_action(f"app.{BY_ID[step].method}")

    def copy_text(self) -> str:
        """The log when it has the focus, else the job's facts."""
        name = "#log" if self.query_one("#log").has_focus else "#facts"
        return self.query_one(name, TextPane).plain


def _fits(job: Job, words: list[str]) -> bool:
    """Whether each word stands at the beginning of the job's number, kind or state."""
    own = (str(job.id), job.kind, job.state_word)
    return all(any(one.startswith(word) for one in own) for word in words)


def _row(job: Job, jobs: list[Job]) -> Row:
    cells = (
        str(job.id),
        job.kind,
        job_words.mark(job),
        job_words.progress(job),
        job_words.place(job, jobs) or job_words.in_short(job),
        job_words.started(job),
        job_words.took(job),
    )
    return Row(str(job.id), cells, TONES.get(job.state, ""))


def _facts(job: Job, task: str, resume_key: str, left: str, where: str) -> str:
    begun = f"began {job_words.started(job)}, {_lasted(job)}" if job.started else ""
    head = [
        outcome.headline(job.result),
        job.message,
        job_words.advice(job, resume_key),
        "  ".join(part for part in (begun, left, where) if part),
        job.deleted,
    ]
    parts = [
        "\n".join(line for line in head if line),
        outcome.result_text(job),
        "\n".join(job_words.settings(job, task)),
    ]
    return "\n\n".join(part for part in parts if part)


def _lasted(job: Job) -> str:
    took = job_words.took(job)
    return f"{took} so far" if job.state is JobState.RUNNING else f"took {took}"


def _delete(project: Project, job: Job, chosen: Sequence[Artefact]) -> str:
    """Runs in a thread, with a connection of its own: large folders take a while."""
    from studio.jobs import artefacts

    with closing(Store(project.store.path)) as store:
        return artefacts.delete(replace(project, store=store), job, chosen)


def _tail(path: Path, seen: tuple[int, int], job_id: int) -> tuple[tuple[int, int], str] | None:
    """Runs in a thread: the log's end, or None when it is as it was."""
    try:
        if not path.is_file():
            return (job_id, 0), "No log yet."
        size = path.stat().st_size
        if (job_id, size) == seen:
            return None
        with path.open("rb") as file:
            file.seek(max(size - LOG_TAIL, 0))
            return (job_id, size), file.read(LOG_TAIL).decode("utf-8", "replace")
    except OSError:
        return (job_id, 0), "No log yet."
