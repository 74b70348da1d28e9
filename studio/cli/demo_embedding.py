"""``studio demo --task embedding``: E5 in two steps → filters → a trained, instructed encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.cli.demo_again import gone_on, sample_of
from studio.cli.demo_ending import dropped, rows_of, show_ending
from studio.cli.output import out, table, visible
from studio.cli.tables import chain_table, score_table
from studio.jobs import queue
from studio.jobs.base_encoders import absolute, default_encoder, problem_of
from studio.jobs.params import PathParams
from studio.jobs.plans import run_row
from studio.jobs.setup import labelled_sample_project
from studio.jobs.train_params import EvaluateParams, TrainParams
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job

TASK = "embedding"
WANTED = 60
"""Triplets: what two cores and a small LLM write in about ten minutes."""
PANE = "jobs"
"""Where its job is watched."""
AGAIN = {"wanted": "generate", "endpoint": "generate", "model": "generate"}
AGAIN |= {"base": "train", "steps": "train"}
"""What a demo that is gone on with cannot have otherwise, and which stage is told it."""
_NAMES = {"base": "encoder"}
"""What a stage calls it, where that is another name."""


@dataclass(frozen=True, slots=True)
class EmbeddingWishes:
    """What the command line said; empty or None where it said nothing."""

    sample: str = ""
    wanted: int | None = None
    steps: int | None = None
    base: str = ""
    endpoint: str = ""
    model: str = ""


def begin(path: Path, wishes: EmbeddingWishes, endpoint: str) -> tuple[Project, Job]:
    """A new demo project with its job under way; ``endpoint`` writes.

    Raises StudioError for what would end it only after the LLM has written.
    """
    if wishes.base and (problem := problem_of(absolute(wishes.base))):
        raise StudioError(problem)
    project = labelled_sample_project(path, sample_of(TASK, wishes.sample).name)
    base = absolute(wishes.base) if wishes.base else default_encoder(project)
    params = PathParams(
        generate=run_row(
            project, wanted=wishes.wanted or WANTED, endpoint=endpoint, model=wishes.model
        ),
        filter={},
        train=TrainParams(encoder=base, steps=wishes.steps).to_row(),
        evaluate=EvaluateParams().to_row(),
    )
    return project, queue.submit(project, "path", params.to_row())


def go_on(path: Path, wishes: EmbeddingWishes) -> tuple[Project, Job]:
    """The demo that is there, gone on with where it stopped; one that is done is shown again."""
    return gone_on(path, "path", TASK, _told, wishes)


def _told(job: Job) -> Mapping[str, Any]:
    return {name: job.params[stage][_NAMES.get(name, name)] for name, stage in AGAIN.items()}


def _llm(job: Job) -> str:
    told = _told(job)
    return " ".join(part for part in (told["endpoint"], told["model"]) if part)


def plan(project: Project, job: Job) -> str:
    """What is about to happen, and with which LLM."""
    told = _told(job)
    return (
        f"Demo in {project.path}: {_llm(job)} thinks up tasks and writes {told['wanted']} triplets "
        f"for them, filters choose, {told['base']} is trained on what they keep, and base and "
        f"trained encoder search for {project.store.gold.count('test')} gold texts."
    )


def outcome(project: Project, job: Job, result: dict[str, Any]) -> dict[str, Any]:
    """The one object for programs."""
    counts = project.store.records.counts(project.task.record.name)
    measured = ("scores", "intervals", "p_value", "difference", "wins", "systems", "prompts")
    return {
        "generated": counts.total,
        "kept": counts.kept,
        "dropped": dropped(counts, result),
        "chain": result["chain"],
        **{name: result[name] for name in ("steps", "pairs", "model_path", "gold")},
        **{name: result[name] for name in measured},
        "task": TASK,
        "llm": _llm(job),
        "base": _told(job)["base"],
        "seconds": {**result["seconds"], "total": round(sum(result["seconds"].values()), 1)},
        "project": str(project.path),
    }


def show(found: dict[str, Any]) -> None:
    """What was written and kept, the table of scores, what it says, and how to go on."""
    rows = rows_of(found, "triplets")
    out.print(table(f"Triplets by {visible(found['llm'])}", ("what", "count"), rows))
    out.print(chain_table(found))
    out.print(score_table(found))
    out.print(verdict(found), highlight=False, soft_wrap=True)
    show_ending(found)


def verdict(found: dict[str, Any]) -> str:
    """What the numbers say, plainly."""
    mean, low, high = found["difference"]["trained_vs_base"]
    if found["p_value"]["trained_vs_base"] >= 0.05:
        return (
            f"No significant difference from the base encoder. The sample is small: less than "
            f"about {(high - low) / 2:.2f} of nDCG@10 may be chance. More triplets, or a larger "
            "LLM, bring more."
        )
    return f"The trained encoder is {'better' if mean > 0 else 'worse'} than the base encoder."
