"""``studio demo --task instructions``: seeds → Self-Instruct → filters → a tuned small LLM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.cli.demo_again import gone_on, sample_of
from studio.cli.demo_ending import dropped, rows_of, show_ending
from studio.cli.output import out, table, visible
from studio.cli.tables import chain_table
from studio.cli.tuning import answer_table
from studio.jobs import queue
from studio.jobs.base_encoders import absolute, problem_of
from studio.jobs.params import PathParams
from studio.jobs.plans import run_row
from studio.jobs.setup import labelled_sample_project
from studio.jobs.tune_params import AnswerParams, TuneParams
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job
from studio.training.instruction_model import check_packages
from studio.training.instruction_settings import BASE

TASK = "instructions"
WANTED = 40
STEPS, CHECKS = 48, 3
ANSWER_TOKENS = 64
"""What two cores and a small LLM do in about ten minutes; no gold answer of the samples is longer
than that."""
LEARNING_RATE = 5e-4
"""Higher than usual, since the steps are few."""
PANE = "jobs"
"""Where its job is watched."""
AGAIN = {"wanted": "generate", "endpoint": "generate", "model": "generate"}
AGAIN |= {"base": "tune", "steps": "tune"}
"""What a demo that is gone on with cannot have otherwise, and which stage is told it."""


@dataclass(frozen=True, slots=True)
class TuningWishes:
    """What the command line said; empty or None where it said nothing."""

    sample: str = ""
    wanted: int | None = None
    steps: int | None = None
    base: str = ""
    endpoint: str = ""
    model: str = ""


def begin(path: Path, wishes: TuningWishes, endpoint: str) -> tuple[Project, Job]:
    """A new demo project with its job under way; ``endpoint`` writes.

    Raises StudioError for what would end it only after the LLM has written.
    """
    check_packages()
    base = absolute(wishes.base or BASE)
    if problem := problem_of(base, "llm"):
        raise StudioError(problem)
    project = labelled_sample_project(path, sample_of(TASK, wishes.sample).name)
    tune = TuneParams(
        base=base,
        steps=wishes.steps or STEPS,
        learning_rate=LEARNING_RATE,
        evaluations=CHECKS,
    )
    params = PathParams(
        generate=run_row(
            project, wanted=wishes.wanted or WANTED, endpoint=endpoint, model=wishes.model
        ),
        filter={},
        tune=tune.to_row(),
        evaluate=AnswerParams(answer_tokens=ANSWER_TOKENS).to_row(),
    )
    return project, queue.submit(project, "path", params.to_row())


def go_on(path: Path, wishes: TuningWishes) -> tuple[Project, Job]:
    """The demo that is there, gone on with where it stopped; one that is done is shown again."""
    return gone_on(path, "path", TASK, _told, wishes)


def _told(job: Job) -> Mapping[str, Any]:
    return {name: job.params[stage][name] for name, stage in AGAIN.items()}


def _llm(job: Job) -> str:
    told = _told(job)
    return " ".join(part for part in (told["endpoint"], told["model"]) if part)


def plan(project: Project, job: Job) -> str:
    """What is about to happen, and with which LLM."""
    told = _told(job)
    gold = project.store.gold.count("test")
    return (
        f"Demo in {project.path}: {_llm(job)} writes {told['wanted']} tasks after "
        f"{len(project.store.examples.all())} seeds, filters choose, {told['base']} is tuned on "
        f"both in {told['steps']} steps, and base and tuned model answer {gold} gold instructions."
    )


def outcome(project: Project, job: Job, result: dict[str, Any]) -> dict[str, Any]:
    """The one object for programs."""
    counts = project.store.records.counts(project.task.record.name)
    measured = ("scores", "intervals", "p_value", "difference", "tests", "wins", "systems", "gold")
    return {
        "seeds": result["examples"],
        "generated": counts.total,
        "kept": counts.kept,
        "dropped": dropped(counts, result),
        "chain": result["chain"],
        **{name: result[name] for name in ("steps", "validation_loss", "model_path", "items")},
        **{name: result[name] for name in measured},
        "task": TASK,
        "llm": _llm(job),
        "base": job.params["tune"]["base"],
        "seconds": {**result["seconds"], "total": round(sum(result["seconds"].values()), 1)},
        "project": str(project.path),
    }


def show(found: dict[str, Any]) -> None:
    """What was written and kept, the table of scores, what it says, and how to go on."""
    rows = [["seeds", found["seeds"]], *rows_of(found, "instructions")]
    out.print(table(f"Instructions by {visible(found['llm'])}", ("what", "count"), rows))
    out.print(chain_table(found))
    out.print(answer_table(found))
    out.print(visible(verdict(found)), highlight=False, soft_wrap=True)
    show_ending(found)


def verdict(found: dict[str, Any]) -> str:
    """What the numbers say, plainly."""
    [tests] = found["tests"].values()
    mean, low, high = tests["rouge_l"]["difference"]
    base, trained = (found["scores"][name]["rouge_l"] for name in ("base", "trained"))
    loss, tuned = (found["scores"][name]["loss"] for name in ("base", "trained"))
    significant = tests["rouge_l"]["p_value"] < 0.05
    said = "nearer to gold" if mean > 0 else "farther from gold"
    answers = f"answers are {said}" if significant else "answers are not clearly nearer to gold"
    return (
        f"The tuned model's {answers} than the base's: ROUGE-L {base:.3f} to {trained:.3f}, and "
        f"the loss on gold answers went from {loss:.2f} to {tuned:.2f}. With {found['items']} "
        f"items, less than about {(high - low) / 2:.2f} of ROUGE-L may be chance; and ROUGE-L "
        "tells how alike two wordings are, not whether an answer is right."
    )
