"""Jobs, runs, their rounds, and the models that come of them, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class JobState(StrEnum):
    """Where a job stands. ``interrupted`` is seen, not written: running with a dead worker."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Job:
    """A durable unit of long work."""

    kind: str
    params: dict[str, Any]
    id: int = 0
    state: JobState = JobState.WAITING
    done: int = 0
    total: int | None = None
    message: str = ""
    """What it is doing now, or why it failed: one line."""
    result: dict[str, Any] = field(default_factory=dict)
    created: str = ""
    started: str = ""
    finished: str = ""
    heartbeat: float = 0.0
    """Unix time of the worker's last sign of life."""
    pid: int | None = None
    cancel_requested: bool = False
    paused: bool = False
    """Asked to send nothing new for now; its worker heeds that within a second."""
    concurrency: int | None = None
    """The most calls in flight, when a person has changed it under way."""
    live: dict[str, Any] = field(default_factory=dict)
    """Figures of what it does now (rate, tokens, cost, calls in flight), for screens."""
    deleted: str = ""
    """One sentence on the files of it that a person has deleted; empty while all are there."""

    @property
    def is_paused(self) -> bool:
        """Whether it rests: asked to, and a worker (or the wait for one) is there to heed it."""
        return self.paused and self.state in (JobState.WAITING, JobState.RUNNING)

    @property
    def is_capped(self) -> bool:
        """Whether it ended before its time since its cap was reached."""
        return self.state is JobState.FAILED and self.result.get("stopped_by") == "budget"

    @property
    def state_word(self) -> str:
        """Its state in one word, such as ``running``, ``paused`` or ``capped``."""
        if self.is_capped:
            return "capped"
        return "paused" if self.is_paused else self.state.value


@dataclass(frozen=True, slots=True)
class Run:
    """One method at work with one setting, from its first stage to its last round."""

    method: str
    """Its name in the registry of methods, or ``gold``: human-labelled data alone."""
    params: dict[str, Any]
    """All that decides it: endpoint, sizes, rounds, model, seed."""
    id: int = 0
    created: str = ""
    finished_stages: tuple[str, ...] = ()
    """Stages that are done: they are not gone through again when the run goes on."""


@dataclass(frozen=True, slots=True)
class Round:
    """Train from scratch → score on validation → collect errors → extrapolate → merge."""

    run_id: int
    number: int
    """From 0; the last one of a run has no errors to collect."""
    records: int = 0
    """Records that its model was trained on."""
    errors: int | None = None
    """Validation gold that its model got wrong; None before it was scored."""
    validation: dict[str, Any] = field(default_factory=dict)
    """Metric → value, on gold validation."""
    test: dict[str, Any] = field(default_factory=dict)
    """Metric → value, on gold test; never looked at to choose anything."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Stage → seconds."""
    model_path: str = ""
    """The folder of its model, relative to the project."""
    stage: str = "new"
    """``new`` → ``trained`` → ``scored`` → ``extrapolated`` → ``merged``."""
    id: int = 0


@dataclass(frozen=True, slots=True)
class RoundError:
    """A validation gold that a round's model got wrong."""

    round_id: int
    gold_id: int
    """The row of the gold."""
    predicted: str
    """What the model said instead: a label, a span, or the id of the document it ranked first."""
    confidence: float
    detail: dict[str, Any] = field(default_factory=dict)
    """More of it, such as the rank of the right document and the hard negatives."""
    id: int = 0

    @property
    def hard_negatives(self) -> tuple[int, ...]:
        """The wrong documents that came first; rows of older studios call them confusers."""
        found = self.detail.get("hard_negatives", self.detail.get("confusers"))
        listed = found if isinstance(found, list) else []
        return tuple(row for row in listed if isinstance(row, int))


RERANKER = "reranker"
"""The learner whose models put in order what a retriever finds."""


@dataclass(frozen=True, slots=True)
class Model:
    """A trained artefact, with the exact records, parent, settings and scores that made it."""

    name: str
    path: str
    """The folder, relative to the project."""
    base: str
    """The encoder it started from: a catalogue name, a hub name or a path."""
    id: int = 0
    parent_id: int | None = None
    """The model it continued from (stage two of Promptagator), if any."""
    snapshot_id: int | None = None
    """The exact records it was trained on."""
    job_id: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    created: str = ""

    @property
    def learner(self) -> str:
        """What trained it, where its task has more than one learner; empty: the task's own."""
        return str(self.settings.get("learner") or "")
