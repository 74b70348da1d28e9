"""``studio demo --task``: rounds of S3 on a bundled sample with the embedded models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from studio.cli.demo_ending import show_ending
from studio.cli.demo_sample import SampleDemo
from studio.cli.output import out, visible
from studio.cli.s3 import show_rounds
from studio.jobs import queue
from studio.jobs.plans import run_row
from studio.jobs.setup import Sample, labelled_sample_project
from studio.llm import catalogue
from studio.project import Project
from studio.runs import Job
from studio.tasks import TASKS
from studio.training.small_settings import Kind, check_kind

SEED_RECORDS = 90
ROUNDS = 2
"""With sixty validation items: what two cores and a small LLM do in about ten minutes."""


@dataclass(frozen=True, slots=True)
class LabelledDemo(SampleDemo):
    """Rounds of S3."""

    job_kind: ClassVar[str] = "s3"
    pane: ClassVar[str] = "rounds"
    again: ClassVar = {
        name: (name,) for name in ("kind", "base", "rounds", "seed_records", "endpoint", "model")
    }

    kind: Kind | None = None
    base: str = ""
    rounds: int | None = None
    seed_records: int | None = None

    def begin(self, path: Path, sample: Sample, endpoint: str) -> tuple[Project, Job]:
        """A new project with the run under way."""
        # Questions need the whole model; otherwise a head, which a processor trains in seconds.
        of_answers = TASKS[self.task].gold == "answers"
        kind = self.kind or ("finetune" if of_answers else "head")
        check_kind(self.task, kind)
        base = self.base or catalogue.default_encoder(sample.language)
        folder = Path(base).expanduser()
        if base in catalogue.load():
            catalogue.required_path(base)
        elif not folder.is_dir() and "/" not in base:
            catalogue.entry_of(base)
        project = labelled_sample_project(path, sample.name)
        row = run_row(
            project,
            trains=True,
            seed_records=SEED_RECORDS if self.seed_records is None else self.seed_records,
            rounds=ROUNDS if self.rounds is None else self.rounds,
            # Every round is shown, also one that made nothing better.
            patience=0,
            kind=kind,
            base=str(folder.absolute()) if folder.is_dir() else base,
            endpoint=endpoint,
            model=self.model,
        )
        return project, queue.submit(project, self.job_kind, row)

    def plan(self, project: Project, job: Job) -> str:
        """Who writes how many items, and what learns from them."""
        row = job.params
        return (
            f"Demo in {project.path}: {self.llm(job)} writes {row['seed_records']} items, a small "
            f"model (kind {row['kind']} on {row['base']}) learns from them, and what it gets wrong "
            f"is extrapolated, {row['rounds']} rounds."
        )

    def outcome(self, project: Project, job: Job, result: dict[str, Any]) -> dict[str, Any]:
        """As of ``studio s3``, with what the demo chose itself."""
        spent = sum(sum(row["seconds"].values()) for row in result["rounds"])
        return {
            **result,
            "task": project.task.name,
            "llm": self.llm(job),
            "base": job.params["base"],
            "labels": [label.name for label in project.store.labels.all()],
            "seconds": round(spent, 1),
            "project": str(project.path),
        }

    def show(self, found: dict[str, Any], result: dict[str, Any]) -> None:
        """The rounds."""
        show_rounds(found)
        out.print(visible(_verdict(found)), highlight=False, soft_wrap=True)
        show_ending(found)


def _verdict(found: dict[str, Any]) -> str:
    """What the numbers say, plainly."""
    metric = TASKS[found["task"]].metrics[0]
    scores = [row["test"][metric] for row in found["rounds"] if metric in row["test"]]
    if len(scores) < 2:
        return "One round alone: there is nothing to compare."
    chance = "" if metric == "f1" else f" (guessing: {1 / max(len(found['labels']), 1):.2f})"
    said = f"On test, {metric} went from {scores[0]:.3f} to {scores[-1]:.3f}{chance}."
    return f"{said} With 60 items, less than about .12 of difference may be chance."
