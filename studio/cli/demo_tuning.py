"""``studio demo --task instructions``: seeds → Self-Instruct → filters → a tuned small LLM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from studio.cli.demo_ending import path_counts, rows_of, show_ending
from studio.cli.demo_sample import ENDPOINT, SampleDemo
from studio.cli.output import out, table, visible
from studio.cli.tables import chain_table
from studio.cli.tuning import answer_table
from studio.jobs import queue
from studio.jobs.base_encoders import absolute, problem_of
from studio.jobs.params import PathParams
from studio.jobs.plans import run_row
from studio.jobs.setup import Sample, labelled_sample_project
from studio.jobs.tune_params import AnswerParams, TuneParams
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job
from studio.training.instruction_model import check_packages
from studio.training.instruction_settings import BASE

WANTED = 40
STEPS, CHECKS = 48, 3
ANSWER_TOKENS = 64
"""What two cores and a small LLM do in about ten minutes; no gold answer of the samples is longer
than that."""
LEARNING_RATE = 5e-4
"""Higher than usual, since the steps are few."""


@dataclass(frozen=True, slots=True)
class TuningDemo(SampleDemo):
    """The path on instructions."""

    again: ClassVar = ENDPOINT | {
        "wanted": ("generate", "wanted"),
        "base": ("tune", "base"),
        "steps": ("tune", "steps"),
    }

    wanted: int | None = None
    steps: int | None = None
    base: str = ""

    def begin(self, path: Path, sample: Sample, endpoint: str) -> tuple[Project, Job]:
        """A new project with the path under way, once the packages and the LLM to tune are here."""
        check_packages()
        base = absolute(self.base or BASE)
        if problem := problem_of(base, "llm"):
            raise StudioError(problem)
        project = labelled_sample_project(path, sample.name)
        wanted = self.wanted or WANTED
        tune = TuneParams(
            base=base,
            steps=self.steps or STEPS,
            learning_rate=LEARNING_RATE,
            evaluations=CHECKS,
        )
        params = PathParams(
            generate=run_row(project, wanted=wanted, endpoint=endpoint, model=self.model),
            filter={},
            tune=tune.to_row(),
            evaluate=AnswerParams(answer_tokens=ANSWER_TOKENS).to_row(),
        )
        return project, queue.submit(project, "path", params.to_row())

    def plan(self, project: Project, job: Job) -> str:
        """Who writes how many tasks, and what is tuned on them."""
        told = self.told(job)
        gold = project.store.gold.count("test")
        return (
            f"Demo in {project.path}: {self.llm(job)} writes {told['wanted']} tasks after "
            f"{len(project.store.examples.all())} seeds, filters choose, {told['base']} is tuned "
            f"on both in {told['steps']} steps, and base and tuned model answer {gold} gold "
            "instructions."
        )

    def outcome(self, project: Project, job: Job, result: dict[str, Any]) -> dict[str, Any]:
        """Counts, the model, its scores and their tests."""
        tuned = ("chain", "steps", "validation_loss", "model_path", "items", "gold")
        measured = ("scores", "intervals", "p_value", "difference", "tests", "wins", "systems")
        return {
            "seeds": result["examples"],
            **path_counts(project, result),
            **{name: result[name] for name in (*tuned, *measured)},
            "task": self.task,
            "llm": self.llm(job),
            "base": self.told(job)["base"],
        }

    def show(self, found: dict[str, Any], result: dict[str, Any]) -> None:
        """Instructions, filters and scores."""
        rows = [["seeds", found["seeds"]], *rows_of(found, "instructions")]
        out.print(table(f"Instructions by {found['llm']}", ("what", "count"), rows))
        out.print(chain_table(found))
        out.print(answer_table(found))
        out.print(visible(_verdict(found)), highlight=False, soft_wrap=True)
        show_ending(found)


def _verdict(found: dict[str, Any]) -> str:
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
