"""What each kind of job can be told, with its defaults. Terminal, screens and rows share these."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from studio.records import Style

Recipe = Literal["recommended", "published"]
RoundTripMode = Literal["trained", "base", "hybrid", "bm25", "off"]


@dataclass(frozen=True, slots=True)
class Params:
    """UndoStep into the JSON of a job's row, and back."""

    def to_row(self) -> dict[str, Any]:
        """Plain values only."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """The params of a row; what an older studio did not write has its default.

        A field's metadata names under ``older`` what it was called in rows of older studios.
        """
        known = {
            name: field.name
            for field in fields(cls)
            for name in (field.name, *field.metadata.get("older", ()))
        }
        return cls(**{known[name]: _plain(item) for name, item in row.items() if name in known})


def _plain(item: Any) -> Any:
    """JSON has no tuples; params that are equal must stay equal on their way through a row."""
    return tuple(item) if isinstance(item, list) else item


@dataclass(frozen=True, slots=True)
class GenerateParams(Params):
    """Ask an LLM for queries."""

    documents: int | None = None
    """How many documents to sample; None is all of them."""
    search: str = ""
    """Only documents that match this full-text search."""
    queries_per_document: int | None = None
    """Draws per document; None takes the template's own number."""
    method: str = "promptagator"
    """A method of the registry."""
    prompt_id: int | None = None
    """The prompt version; None is the newest."""
    endpoint: str = ""
    """The endpoint's name, or ``embedded:MODEL``; empty is the settings' one."""
    base_url: str = ""
    """An endpoint named by its URL instead."""
    model: str = ""
    """The model at that URL."""
    style: Style | None = None
    """Chat turns or one completion; None is what the template says."""
    shots: int | None = None
    """k: examples per request; None is what the template says, at most 8."""
    shot_sets: int = 8
    """How many different draws of k examples take turns; few of them suit prefix caches."""
    temperature: float | None = None
    """None is what the template says."""
    seed: int = 13
    """Decides documents, shots and sampling."""
    budget_usd: float | None = None
    """Never spend more than this in this job."""
    budget_tokens: int | None = None
    """Never use more tokens than this in this job."""
    max_concurrency: int | None = None
    """The most calls in flight; None is the endpoint's own limit."""


@dataclass(frozen=True, slots=True)
class FilterParams(Params):
    """Judge the records by a chain of filters."""

    filters: tuple[str, ...] = (
        "length",
        "copy",
        "language",
        "duplicates",
        "near-duplicates",
        "round-trip",
    )
    """The chain, cheap ones first; each judges what the ones before it kept."""
    round_trip: RoundTripMode = "trained"
    """``trained`` is the published one; ``base``, ``hybrid`` and ``bm25`` are cheaper stand-ins."""
    k: int = 1
    """A query passes the round trip when its document is among the first K."""
    encoder: str = ""
    """The base encoder; empty is the settings' one."""
    seed: int = 13
    train: dict[str, Any] | None = None
    """First-stage training settings; None is :class:`TrainParams`' own."""


@dataclass(frozen=True, slots=True)
class TrainParams(Params):
    """Train a retriever on the kept records."""

    kept_by: str = ""
    """Which verdicts decide: empty for all together, else the chain up to this filter."""
    score_of: str = ""
    """The filter whose stored score lies between the next two; empty looks at no score."""
    min_score: float | None = None
    """None is no bound."""
    max_score: float | None = None
    """None is no bound."""
    prompt_version: int | None = None
    """Only records of this prompt version."""
    from_job: int | None = None
    """Only records that this job made."""
    encoder: str = ""
    """The base encoder; empty is the settings' one."""
    continue_round_trip: bool = True
    """Start from the round trip's first-stage model, as published, when there is one."""
    recipe: Recipe = "recommended"
    """``recommended`` is what gained most on little data; ``published`` is Promptagator's own."""
    side: Literal["both", "query"] | None = None
    """``query`` trains against the base's document vectors; None is the recipe's own."""
    batch_size: int | None = None
    """None is the recipe's own; Promptagator's goes by corpus size."""
    epochs: float | None = None
    """None is the recipe's own."""
    steps: int | None = None
    """Overrides epochs."""
    learning_rate: float | None = None
    """None is the encoder kind's own."""
    temperature: float | None = None
    """Softmax temperature of the contrastive loss; None is the trainer's own."""
    distillation: float | None = None
    """A teacher's share of the loss, 0 to 1: an encoder and BM25 added up. None is the recipe's
    own."""
    teacher: str = ""
    """The teacher's encoder; empty is the base, and for a static base MiniLM where it is here."""
    hard_negatives: int = 0
    """Mined negatives per query, guarded against false ones."""
    max_length: int = 256
    """Tokens of a passage that the encoder reads."""
    query_prompt: str = ""
    """Put before each query."""
    document_prompt: str = ""
    """Put before each document."""
    interpolate: bool = True
    """Average the weights with the base's, at the ratio that validation prefers."""
    patience: int = 3
    """Validation checks without a gain before training stops."""
    seed: int = 13
    bf16: bool | None = None
    """None: on a GPU that can, and not on a CPU."""
    name: str = ""
    """What to call the model."""
    evaluate: bool = False
    """Score BM25, base and the new model when it is trained, where there is gold."""


@dataclass(frozen=True, slots=True)
class EvaluateParams(Params):
    """Score BM25, the base encoder and a trained one on gold."""

    model_id: int | None = None
    """The trained model; None is the newest."""
    split: Literal["validation", "test"] = "test"
    encoder: str = ""
    """The base encoder; empty is the trained model's own base."""
    max_length: int = 256
    seed: int = 13


@dataclass(frozen=True, slots=True)
class PathParams(Params):
    """The whole path in one job; each stage's params as in its own kind of job."""

    generate: dict[str, Any] | None = None
    filter: dict[str, Any] | None = None
    train: dict[str, Any] | None = None
    evaluate: dict[str, Any] | None = None
    corpus_import: dict[str, Any] | None = None
    """An import that comes first, if any."""
