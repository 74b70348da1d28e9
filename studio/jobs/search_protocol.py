"""What the Search pane and its helper process say to each other: one JSON object in each line.

To the helper go :class:`SearchQuery`, :class:`ChooseSystems` and :class:`Embed`; from it come
:class:`State`, and :class:`Ranking` or, where labels are predicted, :class:`TextPrediction`.
Nothing here loads anything heavy: the screens import it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

Readiness = Literal["waiting", "loading", "held", "ready", "absent", "failed"]
"""``held``: waits for :class:`Embed`, for it would take long; ``absent``: there is no such
system; the others say it themselves."""

LONGEST_QUERY = 10_000
"""Characters of a query that are searched for; what is longer only costs time."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Search for this; whatever was asked before no longer matters."""

    number: int
    """Grows with each question; the answers carry it."""
    query: str
    """What documents are ranked for, or the text of which something is predicted."""
    k: int
    context: str = ""
    """The premise or passage that belongs to the text, where the task has one."""


@dataclass(frozen=True, slots=True)
class ChooseSystems:
    """These systems answer, in this order; ``trained`` follows the newest model."""

    names: tuple[str, ...]
    """Empty: those that stand first in the project."""


@dataclass(frozen=True, slots=True)
class Embed:
    """Go on with an embedding that was held because it takes long."""

    system: str


@dataclass(frozen=True, slots=True)
class State:
    """How far one system is."""

    system: str
    state: Readiness
    words: str = ""
    """Such as ``embedding 1,200 of 5,000``, or one sentence when it failed."""
    label: str = ""
    """What people call the system."""
    name: str = ""
    """Which encoder or model it is, beside a label that does not say so."""
    model_id: int | None = None
    """The trained model's row."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found."""

    document_id: int
    outside_id: str
    head: str
    """Title and first words."""
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """One system's answer to one question, best first."""

    number: int
    """Of the question."""
    system: str
    hits: tuple[Hit, ...]
    terms: tuple[str, ...]
    """The words of the query that count, as BM25 cuts them: to be marked where they stand."""
    documents: int
    """How many documents were searched."""
    took_ms: float
    decimals: int = 3
    """Digits of its scores that say something."""


@dataclass(frozen=True, slots=True)
class TextPrediction:
    """What one model says of one text."""

    number: int
    """Of the question."""
    system: str
    predicted: str
    """A label, the span of the passage that answers, or what an LLM writes."""
    confidence: float
    """The model's probability of that, 0 to 1; 0 of what is written."""
    took_ms: float


Message = SearchQuery | ChooseSystems | Embed | State | Ranking | TextPrediction
Answer = Ranking | TextPrediction
"""What a system says of a question."""
_KINDS: Final[dict[str, type[Any]]] = {
    kind.__name__.lower(): kind
    for kind in (SearchQuery, ChooseSystems, Embed, State, Ranking, TextPrediction)
}


def to_line(message: Message) -> bytes:
    """The message as a line of ASCII, its newline included."""
    fields = {"say": type(message).__name__.lower(), **asdict(message)}
    return json.dumps(fields).encode() + b"\n"


def from_line(line: bytes) -> Message | None:
    """The message of a line; None for a line that is none."""
    try:
        fields = json.loads(line)
        kind = _KINDS[fields.pop("say")]
        if kind is Ranking:
            fields["hits"] = tuple(Hit(**hit) for hit in fields["hits"])
            fields["terms"] = tuple(fields["terms"])
        if kind is ChooseSystems:
            fields["names"] = tuple(fields["names"])
        message: Message = kind(**fields)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return message
