"""The kinds of job, by name. A kind is one function that takes the job's context."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from studio.jobs.context import JobContext
from studio.records import StudioError, WrongTask
from studio.tasks import Task

KINDS = {
    "import": "studio.jobs.importing",
    "generate": "studio.jobs.runs",
    "filter": "studio.jobs.filtering",
    "judge": "studio.jobs.judging",
    "train": "studio.jobs.training",
    "rerank": "studio.jobs.reranking",
    "tune": "studio.jobs.tuning",
    "evaluate": "studio.jobs.evaluating",
    "passkey": "studio.jobs.passkey",
    "path": "studio.jobs.path",
    "s3": "studio.jobs.runs",
    "s3-compare": "studio.jobs.method_comparison",
    "gap": "studio.jobs.gap",
    "improve": "studio.jobs.improving",
    "export": "studio.jobs.exporting",
}
"""Name → module with ``run(context)``; imported when a job of the kind runs."""

OF_TASKS: dict[str, Callable[[Task], bool]] = {
    "train": lambda task: task.trained_by == "train",
    "passkey": lambda task: task.trained_by == "train",
    "path": lambda task: bool(task.trained_by),
    "rerank": lambda task: bool(task.reranked_by),
    "tune": lambda task: task.trained_by == "tune",
    "evaluate": lambda task: bool(task.trained_by),
    "improve": lambda task: task.gold == "documents",
}
"""Which tasks a kind is for, where it is not for all."""


def run_kind(context: JobContext) -> None:
    """Do the job's work. Raises StudioError for a kind that this studio does not know."""
    module = KINDS.get(context.job.kind)
    if module is None:
        known = ", ".join(KINDS)
        raise StudioError(f"Unknown kind of job {context.job.kind!r}; this studio knows {known}.")
    task = context.project.task
    fits = OF_TASKS.get(context.job.kind)
    if fits is not None and not fits(task):
        instead = (
            f"`studio {task.trained_by}` trains a model on its records"
            if task.trained_by
            else "its models come out of rounds, with `studio s3`"
        )
        raise WrongTask(
            f"A job of the kind {context.job.kind} is nothing for the task {task.name}; {instead}."
        )
    run: Callable[[JobContext], None] = import_module(module).run
    run(context)
