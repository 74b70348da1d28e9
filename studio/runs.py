"""Runs, their rounds, and the models that come of them, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
