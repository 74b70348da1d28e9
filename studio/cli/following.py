"""Waiting for a job: bars on a terminal, plain lines elsewhere, and how to leave it alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from studio.cli.output import emit, err, out, visible
from studio.jobs import queue
from studio.jobs.plans import strangers
from studio.project import Project
from studio.records import CapReached, StudioError
from studio.runs import Job, JobState

PLAIN_EVERY_S = 10.0
PLAIN_LATER_S = 60.0
"""A stage of more than a minute gets a line a minute."""
"""Seconds between two lines of one stage where there is no terminal."""

Show = Callable[[Job], None]


def run_job(
    project: Project, kind: str, params: dict[str, Any], *, detach: bool, as_json: bool
) -> dict[str, Any]:
    """Submit a job; follow it unless it is to be left alone.

    A server that only the project names is named here, before it is asked for anything.
    """
    for told in strangers(project, kind, params):
        err.print(visible(told), highlight=False, soft_wrap=True)
    job = queue.submit(project, kind, params)
    return left_alone(project, job) if detach else followed(project, job, as_json)


def followed(project: Project, job: Job, as_json: bool) -> dict[str, Any]:
    """The job's result, once it is done.

    One that its cap ended is told all the same where JSON is asked for, and raises CapReached.
    """
    try:
        return {"job": job.id, **follow(project, job, quiet=as_json)}
    except CapReached:
        if as_json:
            emit({"job": job.id, **queue.get(project, job.id).result}, as_json, lambda: None)
        raise


def left_alone(project: Project, job: Job) -> dict[str, Any]:
    """What is said of a job that goes on by itself."""
    return {
        "job": job.id,
        "state": job.state.value,
        "project": str(project.path),
        "detached": True,
    }


def show_result(result: dict[str, Any], show: Callable[[], None]) -> None:
    """The result for people; of a job that was left alone, how to find it again."""
    if not result.get("detached"):
        show()
        return
    where = f"{result['job']} -p {visible(result['project'])}"
    out.print(
        f"Job {result['job']} is under way. Follow it: studio jobs watch {where}\n"
        f"Stop it: studio jobs cancel {where}",
        highlight=False,
        soft_wrap=True,
    )


def follow(project: Project, job: Job, *, quiet: bool = False) -> dict[str, Any]:
    """Wait for a job with its progress on stderr; returns its result.

    ctrl+c leaves the job running and says how to find it again.
    Raises StudioError when the job did not end well.
    """
    try:
        ended = _watch(project, job, quiet)
    except KeyboardInterrupt:
        where = f"{job.id} -p {project.path}"
        raise StudioError(
            f"Stopped watching; job {job.id} goes on. Watch it again with `studio jobs watch "
            f"{where}`, stop it with `studio jobs cancel {where}`."
        ) from None
    for note in ended.result.get("notes", ()):
        err.print(visible(note), highlight=False, soft_wrap=True)
    return queue.result(project, ended)


def _watch(project: Project, job: Job, quiet: bool) -> Job:
    if quiet:
        return queue.wait(project, job.id)
    with _bars() if err.is_terminal else _lines() as show:
        return queue.wait(project, job.id, show)


class RateColumn(ProgressColumn):
    """Steps a second."""

    def render(self, task: Task) -> Text:
        """The speed, once it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f}/s" if speed else "", style="dim")


@contextmanager
def _bars() -> Iterator[Show]:
    """One bar for each stage."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[stage]}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn(
            "{task.description}",
            markup=False,
            style="dim",
            table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
        ),
    )
    with Progress(*columns, console=err, expand=True) as progress:
        tasks: dict[str, TaskID] = {}

        def show(job: Job) -> None:
            stage, said = parts_of(job)
            if job.state in queue.ENDED and tasks:
                _end_bar(progress, job)
            if job.state is not JobState.RUNNING or not (job.message or job.total):
                return
            if stage not in tasks:
                for task in tasks.values():
                    progress.stop_task(task)
                tasks[stage] = progress.add_task("", total=None, stage=stage)
            progress.update(tasks[stage], completed=job.done, total=job.total, description=said)

        yield show


def _end_bar(progress: Progress, job: Job) -> None:
    """Training may end early, and well."""
    last = progress.tasks[-1]
    if job.state is JobState.DONE:
        progress.update(last.id, completed=job.done or 1, total=job.done or 1)
    progress.stop_task(last.id)


@dataclass(slots=True)
class _Stage:
    """Where a stage began, for its rate."""

    name: str
    since: float
    first: int
    said_at: float
    what: tuple[str, int | None] = ("", None)
    """What is counted since ``first``, and how much of it there is."""


@contextmanager
def _lines() -> Iterator[Show]:
    """A line when a stage begins, every ten seconds and then every minute: logs stay readable."""
    from studio.tui.jobs.words import phase

    stage = _Stage("", 0.0, 0, 0.0)

    def show(job: Job) -> None:
        nonlocal stage
        name, _ = parts_of(job)
        moment = time.monotonic()
        if job.state is not JobState.RUNNING or not (job.message or job.total):
            return
        if name != stage.name:
            stage = _Stage(name, moment, job.done, -PLAIN_EVERY_S)
        if (what := (phase(job), job.total)) != stage.what or job.done < stage.first:
            # The scoring of another system, say, has another pace.
            stage.what, stage.since, stage.first = what, moment, job.done
        early = moment - stage.since < PLAIN_LATER_S
        if moment - stage.said_at >= (PLAIN_EVERY_S if early else PLAIN_LATER_S):
            stage.said_at = moment
            line = plain_line(job, job.done - stage.first, moment - stage.since)
            err.print(visible(line), highlight=False, soft_wrap=True)

    yield show


def plain_line(job: Job, done: int, seconds: float) -> str:
    """Such as ``generate 40/112 · 12.3/s · 6 s left · answers take 0.8 s, … · 38 queries``.

    done, seconds: steps and time since the stage began here.
    """
    from studio.tui.generate.words import duration, figures_of, latencies

    stage, said = parts_of(job)
    parts = [f"{stage} {job.done:,}/{job.total:,}" if job.total else stage]
    if job.total and done > 0 and seconds > 1:
        rate = done / seconds
        parts += [f"{rate:,.1f}/s", f"{duration((job.total - job.done) / rate)} left"]
    if job.live:
        figures = figures_of(job)
        tokens = figures.tokens_s[-10:]
        parts += [f"{sum(tokens) / len(tokens):,.0f} tokens/s"] if tokens else []
        parts += latencies(figures)
    return " · ".join([*parts, said] if said else parts)


def parts_of(job: Job) -> tuple[str, str]:
    """The stage, which is the kind for a job of one stage, and what it says."""
    stage, colon, said = job.message.partition(": ")
    if colon and stage.isalpha():
        return stage, said
    return job.kind, job.message
