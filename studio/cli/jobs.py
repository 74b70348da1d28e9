"""``studio jobs``: everything that runs or ran, across all terminals."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.following import followed, left_alone, show_result
from studio.cli.output import (
    PROJECT_VARIABLE,
    DetachOption,
    JsonOption,
    ProjectOption,
    emit,
    out,
    show_rows,
    table,
    visible,
)
from studio.jobs import queue
from studio.project import Project
from studio.records import Job

app = typer.Typer(
    help="Everything that runs or ran: list, show, watch, pause, cancel, resume.",
    invoke_without_command=True,
)
JobArgument = Annotated[int, typer.Argument(help="The job's number, as listed.")]


@app.callback()
def jobs(
    context: typer.Context, project: ProjectOption = Path(), as_json: JsonOption = False
) -> None:
    """Everything that runs or ran in a project: list, show, watch, pause, cancel, resume."""
    if context.invoked_subcommand is None:
        list_(project, as_json)
        return
    # `studio jobs -p shop show 3` means the same as `studio jobs show 3 -p shop`.
    if project != Path():
        os.environ[PROJECT_VARIABLE] = str(project)
    if as_json:
        context.default_map = {context.invoked_subcommand: {"as_json": True}}


@app.command("list")
def list_(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """The jobs of a project, the newest first."""
    found = queue.all_jobs(Project.open(project))
    cells = [
        [j.id, j.kind, j.state_word, f"{j.done:,}/{j.total or '?'}", j.message, j.created]
        for j in found
    ]
    columns = ("id", "kind", "state", "progress", "what", "submitted")
    rows = [_row(job) for job in found]
    emit(rows, as_json, lambda: show_rows("Jobs", columns, cells, "No job has run here yet."))


def _row(job: Job) -> dict[str, Any]:
    return {**asdict(job), "state": job.state.value}


@app.command("show")
def show(job: JobArgument, project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """One job, with the end of its log."""
    opened = Project.open(project)
    found = queue.get(opened, job)
    log = queue.log_path(opened, job)
    tail = log.read_text("utf-8", "replace").splitlines()[-20:] if log.exists() else []
    row = {**_row(found), "log": tail}

    def show_job() -> None:
        cells = [[name, _told(item)] for name, item in row.items() if name != "log"]
        out.print(table(f"Job {job}", ("what", "value"), cells))
        for line in tail:
            out.print(visible(line), style="dim", highlight=False)

    emit(row, as_json, show_job)


def _told(item: Any) -> Any:
    """Of settings and results only what was set or found: the rest may be of other tasks."""
    if isinstance(item, dict):
        return {name: one for name, one in item.items() if one not in (None, "", [], {})}
    return item


@app.command("watch")
def watch(job: JobArgument, project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """Follow a job until it ends."""
    opened = Project.open(project)
    result = followed(opened, queue.get(opened, job), as_json)
    emit(result, as_json, lambda: out.print(f"Job {job} is done."))


@app.command("pause")
def pause(job: JobArgument, project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """Let the calls in flight end and send nothing new, until it is resumed."""
    opened = Project.open(project)
    found = queue.pause(opened, job)
    said = f"Job {job} is paused. Go on: studio jobs resume {job} -p {visible(opened.path)}"
    emit(_row(found), as_json, lambda: out.print(said, highlight=False, soft_wrap=True))


@app.command("concurrency")
def concurrency(
    job: JobArgument,
    most: Annotated[int, typer.Argument(help="The most calls in flight.")],
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Change how many calls a job may have in flight, while it runs or before a resume."""
    found = queue.set_concurrency(Project.open(project), job, most)
    said = f"Job {job} may have {most} calls in flight."
    emit(_row(found), as_json, lambda: out.print(said, highlight=False))


@app.command("cancel")
def cancel(job: JobArgument, project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """Ask a job to stop; what it has stored stays."""
    found = queue.cancel(Project.open(project), job)
    emit(_row(found), as_json, lambda: out.print(f"Job {job} is asked to stop."))


@app.command("resume")
def resume(
    job: JobArgument,
    project: ProjectOption = Path(),
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a job that was paused, interrupted, cancelled or failed; no call is paid twice."""
    opened = Project.open(project)
    found = queue.resume(opened, job)
    result = left_alone(opened, found) if detach else followed(opened, found, as_json)
    emit(result, as_json, lambda: show_result(result, lambda: out.print(f"Job {job} is done.")))
