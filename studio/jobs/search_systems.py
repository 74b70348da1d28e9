"""What answers in the Search pane, by the kind of system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from studio.evaluation import systems
from studio.evaluation.hybrid import HybridRanker
from studio.evaluation.reranking import Score, reranked
from studio.evaluation.systems import System
from studio.jobs.answerer import Answerer
from studio.jobs.search_indexes import Dense, Lexical, Progress, read_dense, read_lexical
from studio.records import Datum, Prediction, RecordType
from studio.store import Store

if TYPE_CHECKING:
    from studio.training.small_model import SmallModel


class Searcher(Protocol):
    """A search that is ready."""

    @property
    def decimals(self) -> int:
        """Digits of its scores that say something."""

    def find(self, query: str, k: int) -> list[tuple[int, float]]:
        """Document rows with their scores, best first."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Summed:
    """A dense and a lexical search over the same documents, added up."""

    ranker: HybridRanker[int]
    decimals: ClassVar[int] = 2

    def __len__(self) -> int:
        return len(self.ranker)

    def find(self, query: str, k: int) -> list[tuple[int, float]]:
        """The best of all documents."""
        return list(next(iter(self.ranker.top_k([query], k))).items())


@dataclass(frozen=True, slots=True)
class Reranked:
    """A search whose first documents are read closely and put in a new order."""

    first: Searcher
    store: Store
    score: Score
    depth: int
    decimals: ClassVar[int] = 2

    def __len__(self) -> int:
        return len(self.first)

    def find(self, query: str, k: int) -> list[tuple[int, float]]:
        """The best of those that the first search finds."""
        found = dict(self.first.find(query, max(k, self.depth)))
        documents = self.store.documents.many(list(found)[: self.depth])
        texts = [documents[row].full_text for row in list(found)[: self.depth]]
        return list(reranked(found, texts, query, self.score).items())[:k]


@dataclass(frozen=True, slots=True)
class Predictor:
    """A small model that says what a text is, or which span of a passage answers."""

    model: SmallModel
    record: RecordType
    """Of the task: which field is the text, and which the context."""

    def predict(self, text: str, context: str) -> Prediction:
        """What it takes the text for, with its confidence."""
        return self.model.predict([unlabelled(self.record, text, context)])[0]


LoadedSystem = Searcher | Predictor | Answerer
"""A system that is ready to answer."""


def unlabelled(record: RecordType, text: str, context: str = "") -> Datum:
    """A text of which nothing is known yet, as the models of a task read it."""
    fields = {record.fields[0]: text} | ({record.context: context} if record.context else {})
    return Datum(record, fields)


@dataclass(frozen=True, slots=True)
class Reading:
    """With what a system is read."""

    store: Store
    language: str
    record: RecordType
    """Of the project's task."""
    up_to: int
    """The newest document's row."""
    progress: Progress
    may_take_long: bool
    """Whether the person has said yes to a long or costly embedding."""
    part: Callable[[System], LoadedSystem]
    """A system that another one stands on: as it is loaded already, or read now."""

    def read(self, system: System) -> LoadedSystem:
        """Make it ready to answer. Raises StudioError when that cannot be, and Held."""
        return READERS[system.kind](self, system)


def _lexical(reading: Reading, _system: System) -> Lexical:
    return read_lexical(reading.store, reading.language, reading.up_to, reading.progress)


def _dense(reading: Reading, system: System) -> Dense:
    return read_dense(
        reading.store,
        system.source,
        system.max_length,
        reading.up_to,
        reading.progress,
        may_take_long=reading.may_take_long,
        prefixes=system.prefixes,
    )


def _sum(reading: Reading, system: System) -> Summed:
    dense, lexical = (reading.part(one) for one in system.over)
    assert isinstance(dense, Dense)
    assert isinstance(lexical, Lexical)
    return Summed(HybridRanker(dense, lexical.ranker))


def _reranker(reading: Reading, system: System) -> Reranked:
    from studio.training.reranker import load_reranker

    first = reading.part(system.over[0])
    assert not isinstance(first, Predictor | Answerer)
    reading.progress("loading the reranker")
    loaded = load_reranker(system.source, max_length=system.max_length)
    return Reranked(first, reading.store, loaded.scores, system.depth)


def _predictor(reading: Reading, system: System) -> Predictor:
    reading.progress("loading the model")
    from studio.training import small

    return Predictor(small.load(Path(system.source), "cpu"), reading.record)


def _llm(_reading: Reading, system: System) -> Answerer:
    return Answerer(system.source)


READERS: Final[dict[str, Callable[[Reading, System], LoadedSystem]]] = {
    systems.LEXICAL: _lexical,
    systems.ENCODER: _dense,
    systems.SUM: _sum,
    systems.RERANKER: _reranker,
    systems.PREDICTOR: _predictor,
    systems.LLM: _llm,
}
"""Kind → how a system of that kind is read."""
