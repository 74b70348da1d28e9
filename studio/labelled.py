"""The domain of the labelled tasks: classification, NLI and extractive question answering.

One item has the same shape for all three, so that one store, one job and one pane serve them:

| task | ``text`` | ``context`` | what is right |
|---|---|---|---|
| classification | the text | empty | ``label`` |
| nli | the hypothesis | the premise | ``label`` |
| qa | the question | the passage | ``answers``: spans of the passage |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from studio.records import Split, TaskKind

LabelledTask = Literal["classification", "nli", "qa"]
LABELLED_TASKS: Final[tuple[LabelledTask, ...]] = get_args(LabelledTask)

RECORD_FIELDS: Final[dict[TaskKind, dict[str, str]]] = {
    "retrieval": {"query": "text"},
    "classification": {"text": "text", "label": "label"},
    "nli": {"hypothesis": "text", "premise": "context", "label": "label"},
    "qa": {"question": "text", "context": "context", "answer": "answer"},
    "instructions": {"text": "text"},
    "embedding": {"text": "text"},
}
"""Task → what its records consist of, in the field's words → the attribute of a Record.

The first one is the record's text. Whatever a person exports or looks up goes by these words."""

RECORD_NOUNS: Final[dict[TaskKind, str]] = {
    "retrieval": "queries",
    "classification": "texts",
    "nli": "hypotheses",
    "qa": "questions",
    "instructions": "records",
    "embedding": "records",
}
"""Task → what its records are called, when there are several."""


def making_verb(task: TaskKind) -> str:
    """The verb by which records of a task come."""
    return "studio generate" if task == "retrieval" else "studio s3"


@dataclass(frozen=True, slots=True)
class Label:
    """One of the classes of a project."""

    name: str
    """As gold files and tables write it."""
    wording: str = ""
    """How prompts say it, such as ``a positive opinion``; empty takes the name."""
    id: int = 0
    position: int = 0
    """Its place in tables, and the model's output, from 0."""

    @property
    def words(self) -> str:
        """What a prompt says."""
        return self.wording or self.name


@dataclass(frozen=True, slots=True)
class Item:
    """One labelled datum, whoever wrote it."""

    text: str
    label: str = ""
    """The label's name; empty for questions."""
    context: str = ""
    answers: tuple[str, ...] = ()
    """For questions: what answers it, word for word in the context; gold may have several."""
    id: int = 0
    """The row in the store; 0 before it is stored."""


@dataclass(frozen=True, slots=True)
class GoldItem:
    """A human-labelled item."""

    item: Item
    split: Split
    """Validation is looked at, for errors; test is only ever scored."""
    outside_id: str = ""
    origin: str = ""
    """The file it came from, and its line."""
    id: int = 0


@dataclass(frozen=True, slots=True)
class SyntheticItem:
    """An item that an LLM wrote: a record with its place in a run."""

    item: Item
    run_id: int
    round: int
    """0 for seed data, q + 1 for the extrapolations of round q's errors."""
    place: int
    """Its number within the round: a resumed run knows by it what is there."""
    error_id: int | None = None
    """The error it was extrapolated from."""
    generation_id: int | None = None
    document_id: int | None = None
    """The corpus document that is its context, if it is one."""
    kept: bool = True
    reason: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Rationale:
    """Why a text may have a label, in an LLM's words; seed texts are written from such."""

    label: str
    text: str
    generation_id: int | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a small model says of one item."""

    predicted: str
    """A label's name, or the span of text."""
    confidence: float
    """The model's probability of that, 0 to 1; for spans the product of both ends'."""
    right: bool
    """Equal to the gold label; for spans exact match after SQuAD's normalisation."""
    score: float = 0.0
    """1 or 0 for labels, the token F1 for spans."""


@dataclass(frozen=True, slots=True)
class Run:
    """One synthesis from seed to final model, with one setting."""

    method: str
    """``s3``, ``zerogen``, ``goldgen`` or ``gold``."""
    params: dict[str, Any]
    """All that decides it: endpoint, sizes, rounds, model, seed."""
    id: int = 0
    created: str = ""


@dataclass(frozen=True, slots=True)
class Round:
    """Train from scratch → score on validation → collect errors → extrapolate → merge."""

    run_id: int
    number: int
    """From 0; the last one of a run has no errors to collect."""
    records: int = 0
    """Items that its model was trained on."""
    errors: int | None = None
    """Validation items that its model got wrong; None before it was scored."""
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
    """A validation item that a round's model got wrong."""

    round_id: int
    gold_id: int
    """The gold item, or for retrieval the gold query."""
    predicted: str
    """What the model took it for: a label, a span, or the id of the document it ranked first."""
    confidence: float
    detail: dict[str, Any] = field(default_factory=dict)
    """More of it, such as the rank of the right document and its hard negatives."""
    id: int = 0

    @property
    def hard_negatives(self) -> tuple[int, ...]:
        """Retrievers: the wrong documents that came before the right one, the first ones first."""
        found = self.detail.get("hard_negatives", self.detail.get("confusers"))
        return (
            tuple(row for row in found if isinstance(row, int)) if isinstance(found, list) else ()
        )
