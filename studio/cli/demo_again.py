"""A demo that is there: gone on with where it stopped, or shown again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from studio.jobs import queue
from studio.jobs.setup import Sample, samples
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job


def sample_of(task: str, name: str) -> Sample:
    """The sample named, or the task's first. Raises StudioError for one that is not there."""
    known = samples(task)
    name = name or next(iter(known))
    if name not in known:
        raise StudioError(
            f"There is no sample {name!r} of the task {task}; there is {', '.join(known)}."
        )
    return known[name]


def gone_on(
    path: Path, kind: str, task: str, told: Callable[[Job], Mapping[str, Any]], wishes: Any
) -> tuple[Project, Job]:
    """The demo's project with its job, resumed where it has stopped.

    Args:
        path: the project's folder.
        kind: of the demo's job.
        task: of the demo's project.
        told: what the job was told: parameter → value.
        wishes: what the command line said, under the same names and ``sample``; empty or None
            where it said nothing.

    Raises StudioError for a project that is no such demo, or one that was told otherwise.
    """
    project = Project.open(path)
    jobs = [job for job in queue.all_jobs(project) if job.kind == kind]
    if project.task.name != task or not jobs:
        raise StudioError(
            f"{project.path} is a project, but not a demo of {task}. Name another folder: "
            f"studio demo FOLDER --task {task}."
        )
    if wishes.sample and sample_of(task, wishes.sample).title != project.title:
        raise StudioError(
            f"{project.path} holds the demo “{project.title}”. Name another folder for "
            f"--sample {wishes.sample}."
        )
    # The first job is the demo's; a person may have begun others since.
    job = min(jobs, key=lambda one: one.id)
    for parameter, there in told(job).items():
        wanted = getattr(wishes, parameter)
        named = str(Path(str(wanted)).expanduser().absolute())
        if wanted not in (None, "", there) and named != there:
            option = parameter.replace("_", "-")
            raise StudioError(
                f"{project.path} holds a demo with {option} {there}. Name another folder for "
                f"--{option} {wanted}."
            )
    return project, queue.resume(project, job.id) if job.state in queue.RESUMABLE else job
