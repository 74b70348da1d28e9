"""Batches without two queries of one document, since each would count the other as a wrong answer.

Promptagator saw large batches hurt on tiny corpora for this reason (Dai et al. 2022, §3.2). Two
passages of one long document may meet in a batch, where neither counts as wrong for the other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from studio.records import content_sha
from studio.training.settings import TrainingPair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def groups_of(pairs: Sequence[TrainingPair]) -> list[int]:
    """A group number for each pair; pairs of one group must not share a batch.

    Pairs belong together when they have the same document, documents of equal text, or equal
    queries, directly or through another pair.
    """
    parents = list(range(len(pairs)))
    first: dict[str, int] = {}
    for row, pair in enumerate(pairs):
        for key in _keys(pair):
            _join(parents, row, first.setdefault(key, row))
    return [_root(parents, row) for row in range(len(pairs))]


def kin_of(numbers: Mapping[str, int], sources: Mapping[str, tuple[int, ...]]) -> list[int] | None:
    """For each text's number, from 0, one that the passages of one long document share.

    Args:
        numbers: hash of a text → its number.
        sources: hash of a passage's text → the long documents that it was cut from.

    Returns:
        None where there is nothing to tell apart: no passage, or passages of one document alone,
        where only its other passages can stand against a query.
    """
    kin = list(range(len(numbers)))
    for sha, number in numbers.items():
        if cut_from := sources.get(sha):
            kin[number] = len(numbers) + cut_from[0]
    return kin if 1 < len(set(kin)) < len(numbers) else None


def _keys(pair: TrainingPair) -> Iterable[str]:
    yield f"id {pair.document_id}"
    yield "text " + content_sha(" ".join(pair.document_text.split()).casefold())
    yield "query " + content_sha(" ".join(pair.query.split()).casefold())


def _root(parents: list[int], row: int) -> int:
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


def _join(parents: list[int], one: int, other: int) -> None:
    parents[_root(parents, one)] = _root(parents, other)


OWN_BATCHES: Final = 8
"""Pairs from which on an instruction has batches of its own; those of rarer ones share their
group's."""


def tasks_of(pairs: Sequence[TrainingPair], groups: Sequence[int]) -> list[str]:
    """The task of each pair: pairs of different tasks are not to share a batch.

    Negatives of another task are told apart by the look of a text alone, which teaches nothing
    (Instructor, Su et al. 2023, §2.2). A task whose pairs must all be apart joins the rest.
    """
    counts = Counter(pair.instruction for pair in pairs)
    named = [
        f"task {pair.instruction}" if counts[pair.instruction] >= OWN_BATCHES else pair.group
        for pair in pairs
    ]
    apart: dict[str, set[int]] = defaultdict(set)
    for name, group in zip(named, groups, strict=True):
        apart[name].add(group)
    return [name if len(apart[name]) > 1 else "" for name in named]


def plan_of(
    pairs: Sequence[TrainingPair], groups: Sequence[int], size: int, seed: int
) -> BatchPlan:
    """The batches of a training: of one task each, where the pairs have tasks."""
    tasks = tasks_of(pairs, groups)
    if len(set(tasks)) < 2:
        return BatchPlan(groups, size, seed)
    return PureBatches(tasks, groups, size, seed)


class BatchPlan:
    """The batches of every epoch, decided by the groups, the batch size and the seed alone.

    Each epoch has the same number of batches, of sizes that differ by one at most. A group with
    more pairs than there are batches shows a different random part of itself in each epoch.
    """

    def __init__(self, groups: Sequence[int], batch_size: int, seed: int) -> None:
        """``groups`` as of :func:`groups_of`; the batch is cut to the number of groups."""
        import numpy as np

        _, self._groups = np.unique(np.asarray(groups, dtype=np.int64), return_inverse=True)
        counts = np.bincount(self._groups)
        self.batch_size = min(batch_size, len(counts))
        """Pairs in the largest batch."""
        self.batches = -(-len(groups) // self.batch_size)
        """Batches in an epoch."""
        self.pairs = int(np.minimum(counts, self.batches).sum())
        """Pairs seen in an epoch."""
        self._seed = seed

    def epoch(self, number: int) -> list[list[int]]:
        """The rows of each batch in the given epoch, from 0."""
        import numpy as np

        generator = np.random.default_rng([self._seed, number])
        order = self._by_group(generator)
        batches = [order[start :: self.batches].tolist() for start in range(self.batches)]
        return [batches[place] for place in generator.permutation(self.batches)]

    def _by_group(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """Rows with the groups in random order, each group's rows side by side in random order.

        Dealt out like cards to the batches, neighbours never land in the same one.
        """
        import numpy as np

        shuffled = generator.permutation(len(self._groups))
        place = generator.permutation(int(self._groups.max()) + 1)[self._groups[shuffled]]
        rows = shuffled[np.argsort(place, kind="stable")]
        sorted_groups = self._groups[rows]
        starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]])
        within = np.arange(len(rows)) - np.repeat(starts, np.diff(np.r_[starts, len(rows)]))
        kept: NDArray[np.int64] = rows[within < self.batches]
        return kept


class PureBatches(BatchPlan):
    """A plan for each task; their batches come in random order."""

    def __init__(
        self, tasks: Sequence[str], groups: Sequence[int], batch_size: int, seed: int
    ) -> None:
        """``tasks`` as of :func:`tasks_of`, in parallel with ``groups``."""
        rows: dict[str, list[int]] = defaultdict(list)
        for row, task in enumerate(tasks):
            rows[task].append(row)
        self._rows = [rows[task] for task in sorted(rows)]
        self._plans = [
            BatchPlan([groups[row] for row in of_task], batch_size, seed + number)
            for number, of_task in enumerate(self._rows)
        ]
        self.batch_size = max(plan.batch_size for plan in self._plans)
        self.batches = sum(plan.batches for plan in self._plans)
        self.pairs = sum(plan.pairs for plan in self._plans)
        self._seed = seed

    def epoch(self, number: int) -> list[list[int]]:
        """The rows of each batch in the given epoch, from 0."""
        import numpy as np

        found = [
            [rows[place] for place in batch]
            for rows, plan in zip(self._rows, self._plans, strict=True)
            for batch in plan.epoch(number)
        ]
        order = np.random.default_rng([self._seed, number]).permutation(len(found))
        return [found[place] for place in order]
