"""What one place of a ranking is: a passage, or a document by the best of its passages (MaxP).

Where gold names documents and the corpus holds passages that were cut from them, a document stands
where its best passage stands, and counts once (MaxP: Dai and Callan 2019, §3). A query that is
itself a document of the corpus, as in ArguAna and Quora, is not found by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from studio.evaluation.search import TIE

if TYPE_CHECKING:
    from numpy.typing import NDArray

Id = TypeVar("Id", bound=Hashable)
Find = Callable[[Sequence[str], int], Iterable[Mapping[Id, float]]]
"""For each query its k best passages with their scores, best first; fewer where there are none."""

BY_DOCUMENTS = "documents, each by its best passage"
NOT_BY_ITSELF = "no query by itself"


class DocumentsOf(Protocol):
    """Passage → the documents that it was cut from."""

    def get(self, passage: str, /) -> tuple[str, ...] | None:
        """Their names; None for a passage that is a document itself."""


@dataclass(frozen=True, slots=True)
class Counting:
    """What counts in rankings of the same corpus."""

    documents: DocumentsOf | None = None
    """Where documents count; None: each passage counts for itself."""
    left_out: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Query id → what it must not be found by: the query itself as a document."""

    @property
    def words(self) -> str:
        """What a rank counts; empty where every passage counts for itself and none is left out."""
        counts = BY_DOCUMENTS if self.documents is not None else ""
        return ", ".join(filter(None, (counts, NOT_BY_ITSELF if self.left_out else "")))

    def names(self, passage: Hashable) -> tuple[str, ...]:
        """What a passage counts as: the documents that it is a part of, else itself."""
        found = self.documents.get(str(passage)) if self.documents is not None else None
        return found or (str(passage),)

    def grades(self, relevant: Mapping[Id, int], named: Mapping[Id, str]) -> dict[str, int]:
        """Judged passages as what counts, each with its best grade.

        named: passage → the document by whose name it was judged, where it was so.
        """
        found: dict[str, int] = {}
        for passage, grade in relevant.items():
            is_named = self.documents is not None and passage in named
            for name in (named[passage],) if is_named else self.names(passage):
                found[name] = max(grade, found.get(name, 0))
        return found


@dataclass(frozen=True, slots=True)
class Place(Generic[Id]):
    """One place of a ranking."""

    name: str
    """What counts: a document or a passage."""
    passage: Id
    """The best one of it."""
    score: float


def places(
    queries: Mapping[str, str], find: Find[Id], k: int, counting: Counting
) -> dict[str, list[Place[Id]]]:
    """Query id → its k best places, exactly: passages are found until there are enough."""
    found: dict[str, list[Place[Id]]] = {}
    waiting, depth = list(queries), k + max(map(len, counting.left_out.values()), default=0)
    while waiting:
        rankings = find([queries[query] for query in waiting], depth)
        too_few = []
        for query, ranking in zip(waiting, rankings, strict=True):
            left_out = counting.left_out.get(query, frozenset())
            found[query] = _collapsed(ranking.items(), counting, left_out)[:k]
            if len(found[query]) < k and len(ranking) >= depth:
                too_few.append(query)
        waiting, depth = too_few, depth * 4
    return found


def _collapsed(
    ranking: Iterable[tuple[Id, float]], counting: Counting, left_out: frozenset[str]
) -> list[Place[Id]]:
    """The first passage of each document, best first."""
    first: dict[str, Place[Id]] = {}
    for passage, score in ranking:
        for name in counting.names(passage):
            if name not in left_out:
                first.setdefault(name, Place(name, passage, score))
    return list(first.values())


class Scored(Protocol[Id]):
    """A search that gives every passage's score."""

    floor: float
    """A passage that scores no higher is not found at all."""

    @property
    def ids(self) -> Sequence[Id]:
        """The passages, in the order of the scores."""

    def scores(self, queries: Sequence[str]) -> Iterator[NDArray[Any]]:
        """For each query the scores of all passages."""

    def rank_of(self, pairs: Sequence[tuple[str, Id]]) -> list[int]:
        """The rank, from 1, of each pair's own passage for its query."""


def ranks_in(
    ranker: Scored[Id], counting: Counting
) -> Callable[[Sequence[tuple[str, Id]]], list[int]]:
    """Gives the rank, from 1, of what each pair's own passage counts as, for its query."""
    by_documents = counting.documents is not None
    return DocumentRanks(ranker, counting).rank_of if by_documents else ranker.rank_of


class DocumentRanks(Generic[Id]):
    """Where documents stand by their best passages."""

    def __init__(self, ranker: Scored[Id], counting: Counting) -> None:
        """The names of all passages are looked up once."""
        self._ranker = ranker
        self._names = [counting.names(passage) for passage in ranker.ids]
        self._row = {passage: row for row, passage in enumerate(ranker.ids)}
        self._rows: dict[str, list[int]] = {}
        for row, names in enumerate(self._names):
            for name in names:
                self._rows.setdefault(name, []).append(row)

    def rank_of(self, pairs: Sequence[tuple[str, Id]]) -> list[int]:
        """The rank, from 1, of the document of each pair's passage; ties do not push it down.

        One that is not found at all ranks last.
        """
        scored = self._ranker.scores([query for query, _ in pairs])
        rows = [self._row[passage] for _, passage in pairs]
        return [self._rank(scores, row) for row, scores in zip(rows, scored, strict=True)]

    def _rank(self, scores: NDArray[Any], row: int) -> int:
        own = self._names[row]
        best = max(float(scores[self._rows[name]].max()) for name in own)
        if best <= self._ranker.floor:
            return len(self._rows)
        above = (scores > best + TIE).nonzero()[0].tolist()
        return 1 + len({name for higher in above for name in self._names[higher]}.difference(own))
