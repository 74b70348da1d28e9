"""How verbs speak: results on stdout, progress and errors on stderr, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from studio.jobs import queue
from studio.project import Project
from studio.records import Job, JobState, StudioError

out = Console()
err = Console(stderr=True)

ProjectOption = Annotated[
    Path,
    typer.Option(
        "--project", "-p", envvar="STUDIO_PROJECT", help="The project's folder.", show_default="."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
DetachOption = Annotated[
    bool, typer.Option("--detach", help="Start the job and return; `studio jobs` follows it.")
]


def visible(text: object) -> str:
    """Outside text, safe for a terminal: controls become visible symbols, markup is off."""
    from studio.tui.safe_text import visible as shown

    return escape(shown(str(text)))


def emit(result: Any, as_json: bool, show: Callable[[], None]) -> None:
    """Print the result as JSON or let it be shown for people."""
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False, default=str) + "\n")
    else:
        show()


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A plain table; every cell is outside text."""
    grid = Table(title=visible(title) or None, title_justify="left", header_style="bold")
    for number, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[number], int | float) for row in rows)
        grid.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        grid.add_row(*("" if cell is None else visible(cell) for cell in row))
    return grid


class RateColumn(ProgressColumn):
    """Steps a second."""

    def render(self, task: Task) -> Text:
        """The speed, once it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f}/s" if speed else "", style="dim")


def follow(project: Project, job: Job, *, quiet: bool = False) -> dict[str, Any]:
    """Wait for a job with a progress bar on stderr; returns its result.

    ctrl+c leaves the job running and says how to find it again.
    Raises StudioError when the job did not end well.
    """
    try:
        ended = _watch(project, job, quiet)
    except KeyboardInterrupt:
        raise StudioError(
            f"Stopped watching; job {job.id} goes on. Look with `studio jobs show {job.id} "
            f"--project {project.path}`, stop it with `studio jobs cancel {job.id}`."
        ) from None
    return queue.result(project, ended)


def _watch(project: Project, job: Job, quiet: bool) -> Job:
    if quiet:
        return queue.wait(project, job.id)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=err, transient=False) as progress:
        task = progress.add_task(job.kind, total=None)
        stage = [job.kind]

        def show(now: Job) -> None:
            name = _stage_of(now)
            nonlocal task
            if name != stage[0]:
                progress.stop_task(task)
                task = progress.add_task(name, total=None)
                stage[0] = name
            total = now.total if now.state is JobState.RUNNING else now.total or now.done
            progress.update(task, completed=now.done, total=total, description=_line(now))

        return queue.wait(project, job.id, show)


def _stage_of(job: Job) -> str:
    stage, colon, _ = job.message.partition(": ")
    return stage if colon and " " not in stage else job.kind


def _line(job: Job) -> str:
    return (job.message or job.kind)[:60]


def run_job(
    project: Project, kind: str, params: dict[str, Any], *, detach: bool, as_json: bool
) -> dict[str, Any]:
    """Submit a job; follow it unless it is to be left alone."""
    job = queue.submit(project, kind, params)
    if detach:
        return {"job": job.id, "state": job.state.value, "project": str(project.path)}
    return {"job": job.id, **follow(project, job, quiet=as_json)}
