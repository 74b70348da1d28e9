"""Two systems on the same gold queries: the difference, whether it is real, query by query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from studio.evaluation.retrieval import NDCG
from studio.evaluation.significance import PairedTest, paired_test
from studio.jobs.datasets import gold_set
from studio.records import Model, Split, StudioError
from studio.store import Store
from studio.store.models import Evaluation

Against = Literal["base", "bm25"]
"""What a model is measured against when it is not another model."""

SPLITS: tuple[Split, ...] = ("test", "validation")
"""The split that is only ever scored says more, so it comes first."""


@dataclass(frozen=True, slots=True)
class QueryDuel:
    """One gold query under both systems."""

    outside_id: str
    text: str
    """Its wording; empty when it is gold no more."""
    new: float
    """The new system's nDCG@10."""
    old: float

    @property
    def difference(self) -> float:
        """New minus old."""
        return self.new - self.old


@dataclass(frozen=True, slots=True)
class Duel:
    """A new system against an old one on the queries that both were scored on."""

    new: str
    """What the new system is called."""
    old: str
    split: Split
    gold: str
    """What the queries are, in words."""
    means: dict[str, tuple[float, float]]
    """Measure → the (new, old) mean over the shared queries."""
    test: PairedTest
    """On nDCG@10."""
    queries: tuple[QueryDuel, ...]
    """Every shared query, the largest win first."""

    @property
    def won(self) -> int:
        """Queries that the new system does better."""
        return sum(query.difference > 0 for query in self.queries)

    @property
    def lost(self) -> int:
        """Queries that the new system does worse."""
        return sum(query.difference < 0 for query in self.queries)

    @property
    def tied(self) -> int:
        """Queries without a difference."""
        return len(self.queries) - self.won - self.lost


def against_system(store: Store, model: Model, other: Against) -> Duel:
    """The model against its base or BM25, as they were last scored together.

    Raises StudioError when it was not scored.
    """
    for split in SPLITS:
        found = latest(store, model.id, split)
        if "trained" in found and other in found:
            names = {"base": f"base {model.base}", "bm25": "BM25"}
            return _duel(store, found["trained"], found[other], model.name, names[other])
    raise _unscored(model)


def between(store: Store, new: Model, old: Model) -> Duel:
    """Two models on the queries that both were scored on.

    Raises StudioError when there are none.
    """
    for split in SPLITS:
        ours = latest(store, new.id, split).get("trained")
        theirs = latest(store, old.id, split).get("trained")
        if ours and theirs and _shared(ours, theirs):
            return _duel(store, ours, theirs, new.name, old.name)
    for model in (new, old):
        if not any(latest(store, model.id, split) for split in SPLITS):
            raise _unscored(model)
    raise StudioError(
        f"{new.name} and {old.name} were scored on different queries. Evaluate both on the same "
        "split: `studio evaluate --model`."
    )


def latest(store: Store, model_id: int, split: Split) -> dict[str, Evaluation]:
    """System → its newest scores beside this model."""
    found = [e for e in store.evaluations.of_model(model_id) if e.split == split]
    return {evaluation.system: evaluation for evaluation in found}


def settings_apart(new: Model, old: Model) -> list[tuple[str, Any, Any]]:
    """(setting, new's, old's) wherever the two models differ, what they were made of first."""
    first = {"base": (new.base, old.base), "snapshot": (new.snapshot_id, old.snapshot_id)}
    first["continues model"] = (new.parent_id, old.parent_id)
    # The anchor is the base again.
    names = dict.fromkeys([*new.settings, *old.settings])
    names.pop("anchor", None)
    rest = {name: (new.settings.get(name), old.settings.get(name)) for name in names}
    both = {**rest, **first}
    ordered = [*first, *(name for name in rest if name not in first)]
    return [(name, *both[name]) for name in ordered if both[name][0] != both[name][1]]


def _unscored(model: Model) -> StudioError:
    return StudioError(
        f"{model.name} has no scores per query yet. Evaluate it first, in Train or by "
        f"`studio evaluate --model {model.id}`."
    )


def _shared(new: Evaluation, old: Evaluation) -> list[str]:
    before = old.per_query.get(NDCG, {})
    return [query for query in new.per_query.get(NDCG, {}) if query in before]


def _duel(store: Store, new: Evaluation, old: Evaluation, name: str, other: str) -> Duel:
    shared = _shared(new, old)
    ours, theirs = new.per_query[NDCG], old.per_query[NDCG]
    texts = gold_set(store, new.split).texts()
    queries = [QueryDuel(q, texts.get(q, ""), ours[q], theirs[q]) for q in shared]
    whole = len(shared) == len(ours) == len(theirs)
    return Duel(
        new=name,
        old=other,
        split=new.split,
        gold=new.gold if whole else f"the {len(shared)} {new.split} queries that both know",
        means=_means(new.per_query, old.per_query, shared),
        test=paired_test([ours[q] for q in shared], [theirs[q] for q in shared], seed=13),
        queries=tuple(sorted(queries, key=lambda q: (-q.difference, q.outside_id))),
    )


Measured = Mapping[str, Mapping[str, float]]


def _means(new: Measured, old: Measured, shared: list[str]) -> dict[str, tuple[float, float]]:
    def mean(values: Mapping[str, float]) -> float:
        return sum(values.get(query, 0.0) for query in shared) / len(shared)

    return {name: (mean(new[name]), mean(old[name])) for name in new if name in old}
