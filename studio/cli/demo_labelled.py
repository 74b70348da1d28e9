"""``studio demo --task``: rounds of S3 on a bundled sample with the embedded models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.cli.demo_again import gone_on, sample_of
from studio.cli.demo_ending import show_ending
from studio.cli.output import out, visible
from studio.cli.s3 import show_rounds
from studio.jobs import queue
from studio.jobs.plans import run_row
from studio.jobs.setup import labelled_sample_project
from studio.llm import catalogue
from studio.project import Project
from studio.runs import Job
from studio.tasks import TASKS
from studio.training.small_settings import Kind, check_kind

SEED_RECORDS = 90
ROUNDS = 2
"""With sixty validation items: what two cores and a small LLM do in about ten minutes."""
PANE = "rounds"
"""Where its job is watched."""
AGAIN = ("kind", "base", "rounds", "seed_records", "endpoint", "model")
"""What a demo that is gone on with cannot have otherwise."""


def quick_kind(task: str) -> Kind:
    """The kind of small model that a processor trains in seconds; questions need the whole."""
    return "finetune" if TASKS[task].gold == "answers" else "head"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line said; empty or None where it said nothing."""

    task: str
    sample: str = ""
    kind: Kind | None = None
    base: str = ""
    rounds: int | None = None
    seed_records: int | None = None
    endpoint: str = ""
    model: str = ""


def begin(path: Path, wishes: Wishes, endpoint: str) -> tuple[Project, Job]:
    """A new demo project with its run under way; ``endpoint`` writes."""
    sample = sample_of(wishes.task, wishes.sample)
    check_kind(wishes.task, wishes.kind or quick_kind(wishes.task))
    base = wishes.base or catalogue.default_encoder(sample.language)
    if base in catalogue.load():
        catalogue.required_path(base)
    elif not Path(base).expanduser().is_dir() and "/" not in base:
        catalogue.entry_of(base)
    project = labelled_sample_project(path, sample.name)
    return project, queue.submit(project, "s3", _row(project, wishes, endpoint, base))


def _row(project: Project, wishes: Wishes, endpoint: str, base: str) -> dict[str, Any]:
    folder = Path(base).expanduser()
    return run_row(
        project,
        trains=True,
        seed_records=SEED_RECORDS if wishes.seed_records is None else wishes.seed_records,
        rounds=ROUNDS if wishes.rounds is None else wishes.rounds,
        # Every round is shown, also one that made nothing better.
        patience=0,
        kind=wishes.kind or quick_kind(wishes.task),
        base=str(folder.absolute()) if folder.is_dir() else base,
        endpoint=endpoint,
        model=wishes.model,
    )


def go_on(path: Path, wishes: Wishes) -> tuple[Project, Job]:
    """The demo that is there, gone on with where it stopped; one that is done is shown again."""
    return gone_on(
        path, "s3", wishes.task, lambda job: {name: job.params[name] for name in AGAIN}, wishes
    )


def _llm(job: Job) -> str:
    return " ".join(part for part in (job.params["endpoint"], job.params["model"]) if part)


def plan(project: Project, job: Job) -> str:
    """What is about to happen, and with which LLM."""
    row = job.params
    return (
        f"Demo in {project.path}: {_llm(job)} writes {row['seed_records']} items, a small model "
        f"(kind {row['kind']} on {row['base']}) learns from them, and what it gets wrong is "
        f"extrapolated, {row['rounds']} rounds."
    )


def outcome(project: Project, job: Job, result: dict[str, Any]) -> dict[str, Any]:
    """The one object for programs: as of ``studio s3``, with what the demo chose itself."""
    spent = sum(sum(row["seconds"].values()) for row in result["rounds"])
    return {
        **result,
        "task": project.task.name,
        "llm": _llm(job),
        "base": job.params["base"],
        "labels": [label.name for label in project.store.labels.all()],
        "seconds": round(spent, 1),
        "project": str(project.path),
    }


def show(found: dict[str, Any]) -> None:
    """The table of rounds, what it says, and how to go on."""
    show_rounds(found)
    out.print(visible(verdict(found)), highlight=False, soft_wrap=True)
    show_ending(found)


def verdict(found: dict[str, Any]) -> str:
    """What the numbers say, plainly."""
    metric = TASKS[found["task"]].metrics[0]
    scores = [row["test"][metric] for row in found["rounds"] if metric in row["test"]]
    if len(scores) < 2:
        return "One round alone: there is nothing to compare."
    chance = "" if metric == "f1" else f" (guessing: {1 / max(len(found['labels']), 1):.2f})"
    said = f"On test, {metric} went from {scores[0]:.3f} to {scores[-1]:.3f}{chance}."
    return f"{said} With 60 items, less than about .12 of difference may be chance."
