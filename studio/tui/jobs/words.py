"""A job in words: the row of the list and its facts. No Textual here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from rich.cells import cell_len

from studio.jobs.told import told
from studio.runs import Job, JobState
from studio.safe_text import one_line, padded
from studio.tui.jobs import outcome

MARKS: Final = {
    JobState.WAITING: "… waiting",
    JobState.RUNNING: "● running",
    JobState.DONE: "✓ done",
    JobState.FAILED: "✗ failed",
    JobState.CANCELLED: "– cancelled",
    JobState.INTERRUPTED: "! interrupted",
}
BAR: Final = 10
_FIGURES: Final = re.compile(r"[·,;(]|\d")


def mark(job: Job) -> str:
    """Its state as a sign and a word."""
    if job.is_capped:
        return "◧ cap reached"
    if job.cancel_requested and job.state in (JobState.WAITING, JobState.RUNNING):
        return "– cancelling …"
    return "‖ paused" if job.is_paused else MARKS[job.state]


def progress(job: Job) -> str:
    """Such as ``━━━━━━──── 61%``, or what is done so far; empty when all is done."""
    if job.state is JobState.DONE:
        return ""
    if job.total:
        share = min(job.done / job.total, 1.0)
        return f"{'━' * round(BAR * share):─<{BAR}} {100 * share:3.0f}%"
    return f"{job.done:,}" if job.done else ""


def started(job: Job) -> str:
    """When, in this machine's time; the day only when it is not today."""
    moment = _moment(job.started or job.created)
    if moment is None:
        return ""
    local = moment.astimezone()
    same_day = local.date() == datetime.now().astimezone().date()
    return local.strftime("%H:%M" if same_day else "%d %b %H:%M")


def took(job: Job, now: datetime | None = None) -> str:
    """How long it runs or ran, such as ``3:07`` or ``1:02:10``."""
    begin = _moment(job.started)
    if begin is None:
        return ""
    running = job.state is JobState.RUNNING
    end = now or datetime.now(UTC) if running else _moment(job.finished) or _moment_of_beat(job)
    if end is None:
        return ""
    seconds = max(int((end - begin).total_seconds()), 0)
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def phase(job: Job) -> str:
    """What it is at, out of its message: such as ``encoding for the teacher``; empty when only
    numbers are told."""
    said = job.message.rpartition(": ")[2]
    return _FIGURES.split(said, maxsplit=1)[0].strip()


def running(jobs: Iterable[Job]) -> str:
    """What runs, for the top bar: such as ``encoding 40%``, ``3 jobs``.

    The share is one of the phase: 100% of what comes before the training is no trained model.
    """
    live = [job for job in jobs if job.state is JobState.RUNNING]
    if len(live) != 1:
        return f"{len(live)} jobs" if live else ""
    job = live[0]
    if job.cancel_requested or job.is_paused:
        return f"{job.kind} {'cancelling' if job.cancel_requested else 'paused'}"
    share = f" {100 * job.done // job.total}%" if job.total else ""
    return f"{phase(job).partition(' ')[0] or job.kind}{share}"


def ending(job: Job) -> str:
    """A job's end in one sentence, for whoever looks elsewhere."""
    name = f"{job.kind} {job.id}"
    if job.state is JobState.INTERRUPTED:
        return f"{name} was interrupted: its worker is gone. In Jobs it can be resumed."
    if job.state is JobState.CANCELLED:
        return f"{name} was cancelled; what is done stays."
    is_failed = job.state is JobState.FAILED
    told = job.message if is_failed else outcome.headline(job.result) or in_short(job)
    verb = "failed" if is_failed else "is done"
    return f"{name} {verb}: {told}" if told else f"{name} {verb}."


def place(job: Job, jobs: Iterable[Job]) -> str:
    """Where a waiting job stands among those that wait; empty for any other."""
    if job.state is not JobState.WAITING:
        return ""
    before = sum(other.state is JobState.WAITING and other.id < job.id for other in jobs)
    return "next to start" if not before else f"starts after {before} other"


def in_short(job: Job) -> str:
    """What it gained, says or made, in very few words."""
    return outcome.gain(job.result) or job.message or outcome.made(job.result)


def leads_to(job: Job) -> tuple[str, dict[str, int]] | None:
    """The pane where what the job made lives, and the place in it; None when there is none yet."""
    if job.kind == "generate":
        return "generate", {"job": job.id}
    if job.kind in ("s3", "s3-compare"):
        return "rounds", {"job": job.id}
    if job.kind == "gap":
        return "rounds", {"run": int(job.params.get("run_id") or 0)}
    model = job.result.get("model_id")
    if isinstance(model, int):
        return "train", {"model": model}
    if job.kind == "path" and job.state is not JobState.DONE:
        return "generate", {"job": job.id}
    done = job.state is JobState.DONE
    places = {"filter": "review", "judge": "review", "import": "examples", "improve": "prompt"}
    places |= dict.fromkeys(("evaluate", "passkey", "train", "rerank", "tune"), "train")
    return (places[job.kind], {}) if done and job.kind in places else None


def advice(job: Job, resume_key: str) -> str:
    """What to do next with the job; empty when nothing."""
    if job.is_paused:
        return f"Paused: it sends nothing new. {resume_key} goes on."
    if job.state is JobState.INTERRUPTED:
        paid = "" if job.kind in ("train", "rerank", "tune") else "; no stored answer is paid again"
        return f"Its worker is gone. {resume_key} goes on where it stopped{paid}."
    if job.is_capped:
        return f"{resume_key} goes on with a higher cap; what is stored is not asked again."
    if job.state is JobState.FAILED:
        return f"Fix that, then {resume_key} resumes where it stopped."
    if job.state is JobState.CANCELLED:
        return f"What was done is kept. {resume_key} goes on."
    return ""


def settings(job: Job, task: str) -> Iterator[str]:
    """A line for each thing that the job was told."""
    lines = [
        (one_line(name, 30), one_line(said, 200)) for name, said in told(job.kind, job.params, task)
    ]
    wide = max((cell_len(name) for name, _ in lines), default=0)
    yield from (f"{padded(name, wide)}  {said}" for name, said in lines)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _moment_of_beat(job: Job) -> datetime | None:
    return datetime.fromtimestamp(job.heartbeat, UTC) if job.heartbeat else None
