"""The process that does one job: claim, work, show life, end with a state and one clear line."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import closing
from pathlib import Path
from types import FrameType

from studio.api_keys import BlottingFormatter, blotted
from studio.evaluation.embeddings import BETWEEN_PIECES
from studio.folders import is_out_of_room
from studio.jobs.context import Cancelled, JobContext, heartbeats
from studio.jobs.kinds import run_kind
from studio.project import Project
from studio.records import StudioError
from studio.runs import JobState
from studio.store import Store

log = logging.getLogger("studio.worker")


def main(project_path: Path, job_id: int) -> int:
    """Do the job; 0 when it is done, 1 when it failed, was cancelled or is somebody else's."""
    # Models, logs and caches are this person's alone.
    os.umask(os.umask(0o077) | 0o077)
    handler = logging.StreamHandler()
    handler.setFormatter(BlottingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_is_worth_it)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        project = Project.open(project_path)
    except StudioError as error:
        log.error("%s", error)
        return 1
    with closing(project.store):
        return _do(project, job_id)


CHATTY = frozenset({"bm25s", "httpx", "httpx2", "sentence_transformers"})
"""Libraries that tell what they do; some set their own level when they are imported."""


def _is_worth_it(record: logging.LogRecord) -> bool:
    """Whether a line is for the job's log."""
    least = logging.WARNING if record.name.split(".")[0] in CHATTY else logging.INFO
    return record.levelno >= least


def _do(project: Project, job_id: int) -> int:
    if not project.store.jobs.claim(job_id, os.getpid()):
        log.warning("job %s does not wait for a worker", job_id)
        return 1
    job = project.store.jobs.get(job_id)
    assert job is not None
    context = JobContext(project, job, result=dict(job.result))
    _stop_on_signals(context)
    state, message = _work(context)
    if state is JobState.CANCELLED and not project.store.jobs.is_cancelled(job_id):
        # The system is going down, or somebody ended the process: the job itself is to go on.
        project.store.jobs.abandon(job_id, context.pid)
        return 1
    _end(project, context, state, message)
    return 0 if state is JobState.DONE else 1


def _end(project: Project, context: JobContext, state: JobState, message: str) -> None:
    """Write how it ended. On a full disk the stage of an import goes first: it lies there too."""
    try:
        project.store.jobs.finish(context.job.id, context.pid, state, blotted(message))
    except StudioError as error:
        log.warning("%s", error)
        project.store.close()
        if context.gone:
            return
        with closing(Store(project.store.path)) as store:
            store.jobs.finish(context.job.id, context.pid, state, blotted(message))


def _work(context: JobContext) -> tuple[JobState, str]:
    log.info("job %s (%s) begins", context.job.id, context.job.kind)
    asked = BETWEEN_PIECES.set(context.check)
    try:
        with heartbeats(context):
            run_kind(context)
    except Cancelled:
        if context.gone:
            log.error("%s", context.gone)
            return JobState.FAILED, context.gone
        log.info("stopped")
        return JobState.CANCELLED, "cancelled; what was stored stays"
    except StudioError as error:
        log.error("%s", error)
        return JobState.FAILED, str(error)
    except MemoryError:
        return JobState.FAILED, "Out of memory. Lower the batch size or the number of documents."
    except Exception as error:
        log.exception("failed")
        if is_out_of_room(error):
            return JobState.FAILED, "The disk is full. Free some space."
        if isinstance(error, OSError):
            return JobState.FAILED, f"{error.strerror or error}: {error.filename or 'see the log'}"
        return (
            JobState.FAILED,
            f"Unexpected {type(error).__name__}: {error}. The log has the details.",
        )
    finally:
        BETWEEN_PIECES.reset(asked)
    log.info("done")
    return JobState.DONE, ""


def _stop_on_signals(context: JobContext) -> None:
    def stop(signum: int, frame: FrameType | None) -> None:
        context.stop.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
