"""What the Search pane and its helper process say to each other: one JSON object in each line.

To the helper go :class:`SearchQuery` and :class:`ChooseModel`; from it come :class:`State` and
:class:`Ranking`. Nothing here loads anything heavy: the screens import it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

System = Literal["bm25", "base", "trained"]
SYSTEMS: Final[tuple[System, ...]] = ("bm25", "base", "trained")
"""In the order in which they load, answer and stand on the screen."""

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
    k: int


@dataclass(frozen=True, slots=True)
class ChooseModel:
    """Take this trained model; None follows the newest."""

    model_id: int | None


@dataclass(frozen=True, slots=True)
class Embed:
    """Go on with an embedding that was held because it takes long."""

    system: System


@dataclass(frozen=True, slots=True)
class State:
    """How far one system is."""

    system: System
    state: Readiness
    words: str = ""
    """Such as ``embedding 1,200 of 5,000``, or one sentence when it failed."""
    name: str = ""
    """Which encoder or model it is."""
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
    system: System
    hits: tuple[Hit, ...]
    terms: tuple[str, ...]
    """The words of the query that count, as BM25 cuts them: to be marked where they stand."""
    documents: int
    """How many documents were searched."""
    took_ms: float


Message = SearchQuery | ChooseModel | Embed | State | Ranking
_KINDS: Final[dict[str, type[Any]]] = {
    kind.__name__.lower(): kind for kind in (SearchQuery, ChooseModel, Embed, State, Ranking)
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
        message: Message = kind(**fields)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return message
