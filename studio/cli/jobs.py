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
    local_time,
    out,
    show_rows,
    table,
    visible,
)
from studio.jobs import queue
from studio.jobs.told import told, value_words
from studio.project import Project
from studio.runs import Job

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
        [j.id, j.kind, j.state_word, _progress(j), j.message, local_time(j.created)] for j in found
    ]
    columns = ("id", "kind", "state", "progress", "what", "submitted")
    rows = [_row(job) for job in found]
    emit(rows, as_json, lambda: show_rows("Jobs", columns, cells, "No job has run here yet."))


def _progress(job: Job) -> str:
    return f"{job.done:,}/{job.total:,}" if job.total else f"{job.done:,}" if job.done else ""


def _row(job: Job) -> dict[str, Any]:
    return {**asdict(job), "state": job.state.value, "state_word": job.state_word}


@app.command("show")
def show(job: JobArgument, project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """One job, with the end of its log."""
    opened = Project.open(project)
    found = queue.get(opened, job)
    log = queue.log_path(opened, job)
    tail = log.read_text("utf-8", "replace").splitlines()[-20:] if log.is_file() else []
    row = {**_row(found), "log": tail}

    def show_job() -> None:
        out.print(table(f"Job {job}", ("what", "value"), _facts(found, opened.task.name)))
        for line in tail:
            out.print(visible(line), style="dim", highlight=False)

    emit(row, as_json, show_job)


def _facts(job: Job, task: str) -> list[list[object]]:
    """What a person asks of a job: no process numbers, no curves, nothing that was not set."""
    facts = {
        "kind": job.kind,
        "state": job.state_word,
        "progress": _progress(job),
        "message": job.message,
        "submitted": local_time(job.created),
        "started": local_time(job.started),
        "finished": local_time(job.finished),
        "settings": "\n".join(f"{name}: {said}" for name, said in told(job.kind, job.params, task)),
        "result": _lines(job.result),
        "deleted": job.deleted,
    }
    return [[name, value] for name, value in facts.items() if value]


def _lines(found: dict[str, Any] | None) -> str:
    """Each on a line; only what was found: the rest may be of other tasks."""
    known = {n: value for n, value in (found or {}).items() if value not in (None, "", [], {})}
    return "\n".join(f"{n.replace('_', ' ')}: {value_words(value)}" for n, value in known.items())


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
    budget_usd: Annotated[
        float | None, typer.Option(min=0, help="The cap in dollars from now on.")
    ] = None,
    budget_tokens: Annotated[
        int | None, typer.Option(min=1, help="The cap in tokens from now on.")
    ] = None,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a job that was paused, interrupted, cancelled, failed or reached its cap.

    No stored answer is paid again.
    """
    opened = Project.open(project)
    caps = {"budget_usd": budget_usd, "budget_tokens": budget_tokens}
    found = queue.resume(opened, job, caps)
    result = left_alone(opened, found) if detach else followed(opened, found, as_json)
    emit(result, as_json, lambda: show_result(result, lambda: out.print(f"Job {job} is done.")))
