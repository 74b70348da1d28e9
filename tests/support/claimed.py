"""A job in the hands of this process."""

from __future__ import annotations

import os

from studio.jobs.context import JobContext
from studio.project import Project


def claimed(project: Project, kind: str, **params: object) -> JobContext:
    """Submit a job and claim it, as its worker would."""
    number = project.store.jobs.submit(kind, params)
    assert project.store.jobs.claim(number, os.getpid())
    job = project.store.jobs.get(number)
    assert job is not None
    return JobContext(project, job)
