"""``studio demo --task embedding``: E5 in two steps → filters → a trained, instructed encoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from studio.cli.demo_ending import encoder_verdict, path_counts, rows_of, show_ending
from studio.cli.demo_sample import ENDPOINT, SampleDemo
from studio.cli.output import out, table
from studio.cli.tables import chain_table, score_table
from studio.jobs import queue
from studio.jobs.base_encoders import absolute, default_encoder, problem_of
from studio.jobs.params import PathParams
from studio.jobs.plans import run_row
from studio.jobs.setup import Sample, labelled_sample_project
from studio.jobs.train_params import EvaluateParams, TrainParams
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job

WANTED = 60
"""Triplets: what two cores and a small LLM write in about ten minutes."""


@dataclass(frozen=True, slots=True)
class EmbeddingDemo(SampleDemo):
    """The path on triplets."""

    again: ClassVar = ENDPOINT | {
        "wanted": ("generate", "wanted"),
        "base": ("train", "encoder"),
        "steps": ("train", "steps"),
    }

    wanted: int | None = None
    steps: int | None = None
    base: str = ""

    def begin(self, path: Path, sample: Sample, endpoint: str) -> tuple[Project, Job]:
        """A new project with the path under way, once the base is there."""
        if self.base and (problem := problem_of(absolute(self.base))):
            raise StudioError(problem)
        project = labelled_sample_project(path, sample.name)
        base = absolute(self.base) if self.base else default_encoder(project)
        wanted = self.wanted or WANTED
        params = PathParams(
            generate=run_row(project, wanted=wanted, endpoint=endpoint, model=self.model),
            filter={},
            train=TrainParams(encoder=base, steps=self.steps).to_row(),
            evaluate=EvaluateParams().to_row(),
        )
        return project, queue.submit(project, "path", params.to_row())

    def plan(self, project: Project, job: Job) -> str:
        """Who writes how many triplets, and what learns from them."""
        told = self.told(job)
        return (
            f"Demo in {project.path}: {self.llm(job)} thinks up tasks and writes {told['wanted']} "
            f"triplets for them, filters choose, {told['base']} is trained on what they keep, and "
            f"base and trained encoder search for {project.store.gold.count('test')} gold texts."
        )

    def outcome(self, project: Project, job: Job, result: dict[str, Any]) -> dict[str, Any]:
        """Counts, the model and its scores."""
        trained = ("chain", "steps", "pairs", "model_path", "gold")
        measured = ("scores", "intervals", "p_value", "difference", "wins", "systems", "prompts")
        return {
            **path_counts(project, result),
            **{name: result[name] for name in (*trained, *measured)},
            "task": self.task,
            "llm": self.llm(job),
            "base": self.told(job)["base"],
        }

    def show(self, found: dict[str, Any], result: dict[str, Any]) -> None:
        """Triplets, filters and scores."""
        rows = rows_of(found, "triplets")
        out.print(table(f"Triplets by {found['llm']}", ("what", "count"), rows))
        out.print(chain_table(found))
        out.print(score_table(found))
        out.print(_verdict(found), highlight=False, soft_wrap=True)
        show_ending(found)


def _verdict(found: dict[str, Any]) -> str:
    """What the numbers say, plainly."""
    _, low, high = found["difference"]["trained_vs_base"]
    return encoder_verdict(
        found,
        "No significant difference from the base encoder. The sample is small: less than "
        f"about {(high - low) / 2:.2f} of nDCG@10 may be chance. More triplets, or a larger "
        "LLM, bring more.",
    )
