"""Systems: whatever is scored and searched with, under one name in rows, options and JSON.

A project has BM25, the base encoder, the model that is looked at (``trained``: the newest one where
none is named), the first two added up, and each of its models by number. An evaluation keeps scores
under these names, so a name never changes its meaning; what people read is the label.
"""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from studio.evaluation.embeddings import OWN_PREFIXES, Prefixes
from studio.records import StudioError

BM25: Final = "bm25"
BASE: Final = "base"
TRAINED: Final = "trained"
HYBRID: Final = "hybrid"
RERANKED: Final = "reranked"
USUAL: Final = (BM25, BASE, TRAINED)
"""What is scored, and stands side by side, where nobody names others."""
BEFORE_AFTER: Final = (BASE, TRAINED)
"""What a training started from, and what came of it."""
MODEL_PREFIX: Final = "model-"
"""Before a model's number: names of models are theirs who type them, and may change."""

LEXICAL: Final = "lexical"
ENCODER: Final = "encoder"
SUM: Final = "sum"
RERANKER: Final = "reranker"
PREDICTOR: Final = "predictor"
LLM: Final = "llm"

_LABELS: Final = {
    BM25: "BM25",
    BASE: "base",
    TRAINED: "trained",
    HYBRID: "hybrid",
    RERANKED: "trained + reranker",
}
_WORDS: Final = {BASE: "base encoder", TRAINED: "trained encoder", HYBRID: "base and BM25 added up"}
_VERSUS: Final = "_vs_"


@dataclass(frozen=True, slots=True)
class System:
    """Something that ranks documents for a query, predicts what a text is, or answers."""

    name: str
    """What rows, options and JSON say: ``bm25``, ``base``, ``trained``, ``hybrid``, ``model-3``."""
    kind: str
    """How it is opened: ``lexical``, ``encoder``, ``sum`` of others, ``reranker`` over another,
    ``predictor`` of labels, ``llm`` that answers."""
    label: str
    """What a column or a row of a table calls it."""
    detail: str = ""
    """Which encoder or model it is, beside a label that does not say so."""
    source: str = ""
    """The catalogue name, hub name, endpoint or folder that it is loaded from; empty for none."""
    max_length: int = 256
    """Tokens that it reads of a text."""
    prefixes: Prefixes = OWN_PREFIXES
    """What it is to put before queries and documents."""
    model_id: int | None = None
    """The row of the trained model that it is."""
    heeds_instructions: bool = False
    """Whether it was trained with the tasks in words before the queries, and wants them there."""
    over: tuple[System, ...] = ()
    """The systems that it stands on, such as the two that a sum adds up."""
    depth: int = 0
    """Of a reranker: how many of the first documents it reads for a query."""
    problem: str = ""
    """Why it cannot answer, in one sentence; empty when nothing speaks against it."""

    @property
    def title(self) -> str:
        """Label and detail, such as ``trained retriever-7``."""
        return f"{self.label} {self.detail}".strip()


def before_after(learner: str, scored: Container[str] = USUAL) -> tuple[str, str]:
    """What a model of this learner is measured against, and what it is itself.

    scored: the systems that were scored with it; a reranker may stand over the base.
    """
    if learner == RERANKER:
        return (TRAINED if TRAINED in scored else BASE), RERANKED
    return BEFORE_AFTER


def model_system(model_id: int) -> str:
    """The name of a model as a system."""
    return f"{MODEL_PREFIX}{model_id}"


def label_of(name: str, labels: Mapping[str, str] | None = None) -> str:
    """A system's label by its name; ``labels`` knows those that only a project can know."""
    return (labels or {}).get(name) or _LABELS.get(name) or name


def words_of(name: str, labels: Mapping[str, str] | None = None) -> str:
    """A system in a sentence, such as ``base encoder``."""
    return _WORDS.get(name) or label_of(name, labels)


def prefix_words(
    prefixes: Mapping[str, Mapping[str, str] | None], labels: Mapping[str, str] | None = None
) -> str:
    """What the encoders of a table put before their texts, in a sentence; empty where none does.

    prefixes: system → role → what goes before its texts.
    """
    said: dict[str, list[str]] = {}
    for name, of in prefixes.items():
        if of is not None:
            parts = [f"“{text}” before each {role}" for role, text in of.items() if text]
            said.setdefault(" and ".join(parts), []).append(label_of(name, labels))
    if not any(said):
        return ""
    each = (f"{', '.join(names)} {what or 'without'}" for what, names in said.items())
    return f"Prefixes: {'; '.join(each)}."


def find_system(systems: Sequence[System], typed: str) -> System:
    """The system that a person means: by its name, its label, or a model's number.

    Raises StudioError, which names the nearest and all there are, for one that is not there.
    """
    wanted = typed.strip().casefold()
    for called in (lambda one: one.name, lambda one: str(one.model_id), lambda one: one.label):
        for system in systems:
            if called(system).casefold() == wanted:
                return system
    known = {name.casefold(): name for one in systems for name in (one.name, one.label)}
    near = difflib.get_close_matches(wanted, known, n=1)
    hint = f" Did you mean {known[near[0]]}?" if near else ""
    listed = ", ".join(one.name if one.label == label_of(one.name) else f"{one.name} ({one.label})"
                       for one in systems)  # fmt: skip
    there = f"There are {listed}." if listed else "Nothing is trained yet."
    raise StudioError(f"There is no system {typed!r}.{hint} {there}")


def in_order(names: Iterable[str]) -> list[str]:
    """The usual systems first, as they stand on screens; then the others as they come."""
    names = list(names)
    return [*(name for name in USUAL if name in names), *(n for n in names if n not in USUAL)]


def pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """(new, old) for every paired test of an evaluation: the trained system against each other,
    and a reranker against what it stands on, and BM25."""
    over = [name for name in (TRAINED, BASE, BM25) if name in names and RERANKED in names]
    reranking = [(RERANKED, other) for other in (*over[:1], BM25) if other in over]
    if TRAINED not in names:
        return reranking
    others = [name for name in (BASE, BM25) if name in names]
    others += [name for name in names if name not in (*USUAL, RERANKED)]
    return [*((TRAINED, other) for other in others), *reranking]


def pair_key(new: str, old: str) -> str:
    """What JSON calls a paired test, such as ``trained_vs_base``."""
    return f"{new}{_VERSUS}{old}"


def of_pair_key(key: str) -> tuple[str, str]:
    """The (new, old) of a paired test's key."""
    new, _, old = key.partition(_VERSUS)
    return new, old
