"""What every demo on a bundled sample has in common: it is begun, gone on with, or shown again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any, ClassVar

from studio.jobs import queue
from studio.jobs.setup import Sample, samples
from studio.llm import catalogue
from studio.project import DATABASE, Project
from studio.records import StudioError
from studio.runs import Job
from studio.servers import EMBEDDED_PREFIX

LLMS = ("qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b", "smollm2-135m")
"""Embedded LLMs, the best first; the demo takes the first that is on this machine."""
ENDPOINT = {"endpoint": ("generate", "endpoint"), "model": ("generate", "model")}
"""Where a job of the whole path was told its LLM."""


@dataclass(frozen=True, slots=True)
class SampleDemo(ABC):
    """A demo as the command line asked for it; empty or None where it said nothing."""

    job_kind: ClassVar[str] = "path"
    pane: ClassVar[str] = "jobs"
    """Where its job is watched."""
    again: ClassVar[Mapping[str, tuple[str, ...]]]
    """What a demo that is gone on with cannot have otherwise, and where its job was told it."""

    task: str
    sample: str
    endpoint: str
    model: str

    def started(self, path: Path) -> tuple[Project, Job]:
        """A new demo project with its job under way, or the one that is there, gone on with.

        Raises StudioError for what cannot be begun, a project that is no such demo, or one that was
        told otherwise.
        """
        path = path.expanduser()
        if (path / DATABASE).exists():
            return self._gone_on(path)
        sample = sample_of(self.task, self.sample)
        named = self.endpoint or self.model
        return self.begin(path, sample, self.endpoint if named else best_embedded(sample))

    @abstractmethod
    def begin(self, path: Path, sample: Sample, endpoint: str) -> tuple[Project, Job]:
        """A new demo project with its job under way; ``endpoint`` writes.

        Raises StudioError for what would end it only after the LLM has written.
        """

    @abstractmethod
    def plan(self, project: Project, job: Job) -> str:
        """What is about to happen, and with which LLM."""

    @abstractmethod
    def outcome(self, project: Project, job: Job, result: dict[str, Any]) -> dict[str, Any]:
        """The one object for programs. result: the job's."""

    @abstractmethod
    def show(self, found: dict[str, Any], result: dict[str, Any]) -> None:
        """The closing tables, what they say, and how to go on. found: the outcome."""

    def told(self, job: Job) -> dict[str, Any]:
        """What the job was told of :attr:`again`."""
        return {name: reduce(getitem, way, job.params) for name, way in self.again.items()}

    def llm(self, job: Job) -> str:
        """The endpoint and the model there."""
        told = self.told(job)
        return " ".join(part for part in (told["endpoint"], told["model"]) if part)

    def _gone_on(self, path: Path) -> tuple[Project, Job]:
        """The demo's project with its job, resumed where it has stopped."""
        project = Project.open(path)
        jobs = [job for job in queue.all_jobs(project) if job.kind == self.job_kind]
        if project.task.name != self.task or not jobs:
            raise StudioError(
                f"{project.path} is a project, but not a demo of {self.task}. Name another folder: "
                f"studio demo FOLDER --task {self.task}."
            )
        if self.sample and sample_of(self.task, self.sample).title != project.title:
            raise StudioError(
                f"{project.path} holds the demo “{project.title}”. Name another folder for "
                f"--sample {self.sample}."
            )
        # The first job is the demo's; a person may have begun others since.
        job = min(jobs, key=lambda one: one.id)
        self._refuse_otherwise(project, job)
        return project, queue.resume(project, job.id) if job.state in queue.RESUMABLE else job

    def _refuse_otherwise(self, project: Project, job: Job) -> None:
        for parameter, there in self.told(job).items():
            wanted = getattr(self, parameter)
            named = str(Path(str(wanted)).expanduser().absolute())
            if wanted not in (None, "", there) and named != there:
                option = parameter.replace("_", "-")
                raise StudioError(
                    f"{project.path} holds a demo with {option} {there}. Name another folder for "
                    f"--{option} {wanted}."
                )


def sample_of(task: str, name: str) -> Sample:
    """The sample named, or the task's first. Raises StudioError for one that is not there."""
    known = samples(task)
    name = name or next(iter(known))
    if name not in known:
        raise StudioError(
            f"There is no sample {name!r} of the task {task}; there is {', '.join(known)}."
        )
    return known[name]


def best_embedded(sample: Sample) -> str:
    """The best embedded LLM on this machine that writes the sample's language.

    Raises StudioError, naming the one to fetch, when there is none.
    """
    able = [name for name in LLMS if sample.language in catalogue.load()[name].languages]
    for name in able:
        if catalogue.installed_path(name) is not None:
            return EMBEDDED_PREFIX + name
    raise StudioError(
        f"The sample {sample.name} needs an LLM that writes {sample.language!r}, and no embedded "
        f"one on this machine does. Fetch one with `studio models pull {able[-1]}`, or name an "
        "--endpoint."
    )
