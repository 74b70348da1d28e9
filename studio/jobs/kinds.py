"""The kinds of job, by name. A kind is one function that takes the job's context."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from studio.jobs.context import JobContext
from studio.records import StudioError

KINDS = {
    "import": "studio.jobs.importing",
    "generate": "studio.jobs.runs",
    "filter": "studio.jobs.filtering",
    "train": "studio.jobs.training",
    "evaluate": "studio.jobs.evaluating",
    "path": "studio.jobs.path",
    "s3": "studio.jobs.runs",
    "s3-compare": "studio.jobs.method_comparison",
    "gap": "studio.jobs.gap",
}
"""Name → module with ``run(context)``; imported when a job of the kind runs."""


def run_kind(context: JobContext) -> None:
    """Do the job's work. Raises StudioError for a kind that this studio does not know."""
    module = KINDS.get(context.job.kind)
    if module is None:
        known = ", ".join(KINDS)
        raise StudioError(f"Unknown kind of job {context.job.kind!r}; this studio knows {known}.")
    run: Callable[[JobContext], None] = import_module(module).run
    run(context)
