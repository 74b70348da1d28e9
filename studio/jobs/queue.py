"""Submit, watch, cancel and resume jobs. The work itself happens in :mod:`studio.jobs.worker`."""

from __future__ import annotations

import math
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from studio import api_keys, child, servers
from studio.folders import append_to
from studio.jobs.params import STAGES, cap_words, run_params
from studio.processes import is_alive
from studio.project import Project
from studio.records import CapReached, StudioError
from studio.runs import Job, JobState
from studio.store import Store

ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED)
"""States in which nobody works on the job."""

RESUMABLE = (JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED, JobState.WAITING)
"""States from which a job goes on where it stopped."""

GENERATING = ("generate", "judge", "path")
"""Kinds that ask an LLM without training in between, the whole time or in one of their stages."""

ROUNDS = ("s3", "s3-compare")
"""Kinds that ask an LLM again and again, and train in between."""

NO_CAPS: Mapping[str, float | None] = MappingProxyType({})

START_S = 60
"""Seconds in which a worker must have claimed its job."""


def submit(project: Project, kind: str, params: dict[str, Any]) -> Job:
    """Write a job and start its worker in a process session of its own.

    The worker outlives this program, the terminal and the SSH link.
    """
    if any(api_keys.in_url(url) for url in servers.urls_in(*params.values())):
        raise StudioError(
            "An address in these settings holds a key or a password, which would be stored with "
            "the job. Take it out and put the key into an environment variable."
        )
    # The worker must know what of these a person has typed here.
    usd = run_params(kind, params).get("budget_usd")
    caps = [] if usd is None else [cap_words(usd)]
    told = {*servers.urls_in(*params.values()), *servers.files_in(params)}
    project.say(*servers.typed([*caps, *told]))
    job_id = project.store.jobs.submit(kind, params)
    return _start_worker(project, job_id)


def resume(project: Project, job_id: int, caps: Mapping[str, float | None] = NO_CAPS) -> Job:
    """Start a worker for a job that was interrupted, cancelled or failed; end a pause.

    caps: ``budget_usd`` and ``budget_tokens`` from now on; what is None or missing stays.

    A job whose worker is just starting keeps that one. Raises StudioError for a job that runs or
    is done.
    """
    job = get(project, job_id)
    if told := {name: cap for name, cap in caps.items() if cap is not None}:
        _set_caps(project, job, told)
    if job.is_paused:
        project.store.jobs.set_paused(job_id, False)
        return get(project, job_id)
    if job.state is JobState.WAITING and job.pid is not None:
        return job
    if job.state not in RESUMABLE:
        raise StudioError(f"Job {job_id} is {job.state.value}; there is nothing to resume.")
    if not project.store.jobs.requeue(job):
        raise StudioError(f"Job {job_id} has just been resumed from another terminal.")
    return _start_worker(project, job_id)


def _set_caps(project: Project, job: Job, caps: Mapping[str, float]) -> None:
    """In the params of the job, or of the stage of it that asks an LLM, and of its run."""
    if not asks_an_llm(job):
        raise StudioError(f"Job {job.id} ({job.kind}) asks no LLM; it has no cap.")
    if job.state not in RESUMABLE:
        raise StudioError(
            f"Job {job.id} is {job.state_word}; its cap can be changed once it has stopped."
        )
    if not all(0 <= cap < math.inf for cap in caps.values()):
        raise StudioError("A cap is a number from 0.")
    part, told = STAGES.get(job.kind), {**run_params(job.kind, job.params), **caps}
    params = {**job.params, part: told} if part else told
    if "budget_usd" in caps:
        project.say(cap_words(caps["budget_usd"]))
    with project.store.write():
        project.store.jobs.set_params(job.id, params)
        if run := project.store.runs.get(int(job.result.get("run_id") or 0)):
            project.store.runs.set_params(run.id, {**run.params, **caps})


def cap_of(job: Job) -> tuple[str, float]:
    """The cap that a run has: the name of its setting, and how much; tokens where it has none."""
    params = run_params(job.kind, job.params)
    name = "budget_usd" if params.get("budget_usd") is not None else "budget_tokens"
    return name, float(params.get(name) or 0)


def pause(project: Project, job_id: int) -> Job:
    """Let the calls in flight end and send nothing new, until it is resumed or cancelled.

    Only a job that asks an LLM can rest; rounds that are training rest once that is done. Raises
    StudioError for any other, and for one that ended.
    """
    job = get(project, job_id)
    if job.state not in (JobState.WAITING, JobState.RUNNING):
        raise StudioError(f"Job {job_id} is {job.state.value}; there is nothing to pause.")
    if not can_rest(job):
        raise StudioError(
            f"Job {job_id} ({job.kind}) does not ask an LLM now, and only that can be paused. "
            "Cancel it instead; a resume goes on where it stopped."
        )
    project.store.jobs.set_paused(job_id, True)
    return get(project, job_id)


def set_concurrency(project: Project, job_id: int, most: int) -> Job:
    """Change the most calls in flight of a job that asks an LLM; heeded within a second.

    It holds for the rest of the job, also after a resume. Raises StudioError for another job.
    """
    job = get(project, job_id)
    if most < 1:
        raise StudioError(f"{most} calls at a time would be none. Choose 1 or more, or pause it.")
    if not asks_an_llm(job):
        raise StudioError(f"Job {job_id} ({job.kind}) asks no LLM; it has no calls in flight.")
    if job.state is JobState.DONE:
        raise StudioError(f"Job {job_id} is done; no call of it is left to make.")
    project.store.jobs.set_concurrency(job_id, most)
    return get(project, job_id)


def asks_an_llm(job: Job) -> bool:
    """Whether the job asks an LLM in one of its stages."""
    return job.kind in GENERATING + ROUNDS or bool(job.params.get("judge"))


def is_generating(job: Job) -> bool:
    """Whether the job asks an LLM now, or will before anything else."""
    stage = job.message.partition(":")[0]
    return job.kind in ("generate", "judge") or (job.kind == "path" and stage in ("", "generate"))


def can_rest(job: Job) -> bool:
    """Whether a pause is heeded: by calls at once, by rounds before the next call or stage."""
    return job.kind in ROUNDS or is_generating(job)


def cancel(project: Project, job_id: int) -> Job:
    """Ask a job to stop; its worker does so within a second. What it has stored stays."""
    job = get(project, job_id)
    if job.state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
        raise StudioError(f"Job {job_id} is {job.state.value}; there is nothing to cancel.")
    project.store.jobs.request_cancel(job)
    return get(project, job_id)


def get(project: Project, job_id: int) -> Job:
    """One job as it stands; a running job whose worker is gone shows as interrupted.

    Raises StudioError when there is no such job.
    """
    job = project.store.jobs.get(job_id)
    if job is None:
        raise StudioError(f"There is no job {job_id} in {project.path}. `studio jobs` lists them.")
    return with_true_state(project.store, job)


def all_jobs(project: Project, limit: int = 200) -> list[Job]:
    """Jobs as they stand, the newest first."""
    return [with_true_state(project.store, job) for job in project.store.jobs.all(limit)]


def interrupted(project: Project) -> list[Job]:
    """Jobs that lost their worker and can be resumed."""
    return [job for job in all_jobs(project) if job.state is JobState.INTERRUPTED]


def with_true_state(store: Store, job: Job) -> Job:
    """The job as its worker's process shows it; the row's heartbeat alone says it later.

    Interrupted at once when that process is gone. Still running when it is there but could not
    write, as during one long transaction.
    """
    if _has_lost_its_worker(job):
        # It may have ended well, and its process with it, since the row was read.
        job = store.jobs.get(job.id) or job
        return replace(job, state=JobState.INTERRUPTED) if _has_lost_its_worker(job) else job
    if job.state is JobState.INTERRUPTED and job.pid and _is_worker_of(job.pid, job.id):
        return replace(job, state=JobState.RUNNING)
    return job


def _has_lost_its_worker(job: Job) -> bool:
    is_under_way = job.state in (JobState.WAITING, JobState.RUNNING)
    return is_under_way and job.pid is not None and not is_alive(job.pid)


def _is_worker_of(pid: int, job_id: int) -> bool:
    """Whether the process is a worker with this job (Linux tells; for others the lease decides)."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"worker" in arguments and str(job_id).encode() in arguments and is_alive(pid)


def log_path(project: Project, job_id: int) -> Path:
    """The job's log file."""
    return project.path / "logs" / f"job-{job_id}.log"


def wait(
    project: Project,
    job_id: int,
    on_change: Callable[[Job], None] | None = None,
    poll_s: float = 0.2,
) -> Job:
    """Watch a job until it ends; on_change is called with every new state of its row."""
    last: Job | None = None
    started = time.monotonic()
    while True:
        job = get(project, job_id)
        if job != last and on_change is not None:
            on_change(job)
        last = job
        if job.state in ENDED:
            return job
        if job.state is JobState.WAITING and time.monotonic() - started > START_S:
            raise StudioError(_no_worker(project, job_id))
        time.sleep(poll_s)


def result(project: Project, job: Job) -> dict[str, Any]:
    """What an ended job found. Raises StudioError, with the job's own words, unless it is done."""
    if job.state is JobState.DONE:
        return job.result
    if job.state is JobState.INTERRUPTED and not job.started:
        raise StudioError(_no_worker(project, job.id))
    if job.state is JobState.INTERRUPTED:
        raise StudioError(
            f"Job {job.id} ({job.kind}) was interrupted: its worker is gone. "
            f"Go on with `studio jobs resume {job.id} --project {project.path}`."
        )
    if job.state is JobState.CANCELLED:
        raise StudioError(
            f"Job {job.id} ({job.kind}) was cancelled. "
            f"Go on with `studio jobs resume {job.id} --project {project.path}`."
        )
    if job.is_capped:
        name, _ = cap_of(job)
        raise CapReached(
            f"{job.message} Go on with a higher cap: `studio jobs resume {job.id} --project "
            f"{project.path} --{name.replace('_', '-')} N`."
        )
    raise StudioError(job.message or f"Job {job.id} failed; see {log_path(project, job.id)}.")


def _no_worker(project: Project, job_id: int) -> str:
    log = log_path(project, job_id)
    lines = log.read_text("utf-8", "replace").strip().splitlines() if log.is_file() else []
    said = f"It said: {lines[-1]}" if lines else "It said nothing."
    return f"The worker of job {job_id} did not start. {said} Its log is {log}."


def _start_worker(project: Project, job_id: int) -> Job:
    """Start the process; a job without one stays resumable. Raises StudioError when it can't."""
    _STARTED[:] = [process for process in _STARTED if process.poll() is None]
    try:
        with os.fdopen(append_to(log_path(project, job_id)), "ab") as log:
            process = subprocess.Popen(
                child.python("studio", "worker", str(project.path), str(job_id)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=project.path,
                env=_worker_environment(project),
            )
    except OSError as error:
        raise StudioError(
            f"No worker could be started for job {job_id}: {error}. When that is mended, "
            f"go on with `studio jobs resume {job_id} --project {project.path}`."
        ) from error
    _STARTED.append(process)
    project.store.jobs.launched(job_id, process.pid)
    return get(project, job_id)


def _worker_environment(project: Project) -> dict[str, str]:
    """SQLite's temporary files (the stage of an import) go to the project's disk.

    ``/tmp`` is often small, or memory. SQLite reads this once, before Python could set it.
    """
    return {"SQLITE_TMPDIR": str(project.path), **os.environ}


_STARTED: list[subprocess.Popen[bytes]] = []
"""Workers of this process that may still run: kept, so that they are reaped when they end."""
