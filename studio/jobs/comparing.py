"""Any two systems on the same gold queries: the difference, whether it is real, query by query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studio.evaluation.generation import PREFERRED, ROUGE_L
from studio.evaluation.retrieval import NDCG
from studio.evaluation.significance import PairedTest, paired_test
from studio.evaluation.systems import BASE, before_after, label_of, model_system
from studio.formats.instructions import prompt_text
from studio.jobs.datasets import gold_set
from studio.records import Gold, Split, StudioError
from studio.runs import Model
from studio.store import Store
from studio.store.models import Evaluation

SPLITS: tuple[Split, ...] = ("test", "validation")
"""The split that is only ever scored says more, so it comes first."""


@dataclass(frozen=True, slots=True)
class QueryDuel:
    """One gold query under both systems."""

    outside_id: str
    text: str
    """Its wording; empty when it is gold no more."""
    new: float
    """The new system's score by the measure that decides."""
    old: float
    reference: str = ""
    """Gold's own answer, where there is one."""
    answers: tuple[str, str] = ("", "")
    """The (new, old) system's, where they write answers."""
    preferred: float | None = None
    """What an LLM that compared them said: 1 the new one's, −1 the old one's, 0 neither's; None
    where none was asked."""

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
    """By the measure that decides."""
    queries: tuple[QueryDuel, ...]
    """Every shared query, the largest win first."""
    measure: str = NDCG
    """What decides who won."""

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


def between(store: Store, new: Model | str, old: Model | str) -> Duel:
    """Two systems on the queries that both were scored on: models, or others by name.

    Beside a model the others count as they were scored with it: its own base, the corpus of then.
    Raises StudioError when no query was scored by both, or ranks counted differently.
    """
    model = next((one for one in (new, old) if isinstance(one, Model)), None)
    for split in SPLITS:
        ours, theirs = (_scores_of(store, one, split, model) for one in (new, old))
        if ours and theirs and _shared(ours, theirs):
            _check_counted_alike(ours, theirs)
            return _duel(
                store, ours, theirs, _called(new, ours, model), _called(old, theirs, model)
            )
    for one in (new, old):
        if not any(_scores_of(store, one, split, model) for split in SPLITS):
            raise _unscored(one)
    names = [one.name if isinstance(one, Model) else label_of(one) for one in (new, old)]
    raise StudioError(
        f"{' and '.join(names)} were scored on different queries. Evaluate both on the same "
        "split: `studio evaluate --model`."
    )


def _check_counted_alike(new: Evaluation, old: Evaluation) -> None:
    """Raises StudioError where a rank counted something else in one of them, or answers were cut
    elsewhere."""
    ours, theirs = (_counted(one) for one in (new, old))
    if ours != theirs:
        raise StudioError(
            f"{system_label(new)} and {system_label(old)} were scored differently on {new.split}: "
            f"{ours} for the one, {theirs} for the other. Evaluate both again alike: `studio "
            "evaluate --model`."
        )


def _counted(scores: Evaluation) -> str:
    if most := scores.metrics.get("answer_tokens"):
        return f"answers of at most {most} tokens"
    return f"a rank counted {scores.metrics.get('ranks') or 'every passage for itself'}"


def _scores_of(
    store: Store, who: Model | str, split: Split, beside: Model | None
) -> Evaluation | None:
    """The newest scores of a system on a split."""
    if isinstance(who, Model):
        own = latest(store, who.id, split).get(before_after(who.learner)[1])
        return own or store.evaluations.newest(model_system(who.id), split)
    if beside is not None:
        return latest(store, beside.id, split).get(who)
    return store.evaluations.newest(who, split)


def _called(who: Model | str, evaluation: Evaluation, beside: Model | None) -> str:
    """What a person reads of it."""
    if isinstance(who, Model):
        return who.name
    label = system_label(evaluation)
    return f"{label} {beside.base}" if beside is not None and who == BASE else label


def system_label(evaluation: Evaluation) -> str:
    """What a person reads of a scored system; a model is called as it was when it was scored."""
    told = str(evaluation.metrics.get("label") or "")
    return label_of(evaluation.system, {evaluation.system: told})


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


def _unscored(who: Model | str) -> StudioError:
    name, how = (who.name, f"model {who.id}") if isinstance(who, Model) else (who, f"system {who}")
    return StudioError(
        f"{name} has no scores for each gold item yet. Evaluate it first, in Train or by "
        f"`studio evaluate --{how}`."
    )


def decided_by(evaluation: Evaluation) -> str:
    """The measure by which one system beats another."""
    return ROUGE_L if ROUGE_L in evaluation.per_query else NDCG


def _shared(new: Evaluation, old: Evaluation) -> list[str]:
    measure = decided_by(new)
    before = old.per_query.get(measure, {})
    return [query for query in new.per_query.get(measure, {}) if query in before]


def _duel(store: Store, new: Evaluation, old: Evaluation, name: str, other: str) -> Duel:
    shared = _shared(new, old)
    measure = decided_by(new)
    ours, theirs = new.per_query[measure], old.per_query[measure]
    found = store.gold.all(new.split) if measure == ROUGE_L else gold_set(store, new.split).queries
    gold = {one.outside_id: one for one in found}
    queries = [_query_duel(one, gold.get(one), new, old) for one in shared]
    whole = len(shared) == len(ours) == len(theirs)
    return Duel(
        new=name,
        old=other,
        split=new.split,
        gold=new.gold if whole else f"the {len(shared)} {new.split} queries that both know",
        means=_means(new.per_query, old.per_query, shared),
        test=paired_test([ours[q] for q in shared], [theirs[q] for q in shared], seed=13),
        queries=tuple(sorted(queries, key=lambda q: (-q.difference, q.outside_id))),
        measure=measure,
    )


def _query_duel(name: str, gold: Gold | None, new: Evaluation, old: Evaluation) -> QueryDuel:
    measure = decided_by(new)
    text, reference = "", ""
    if gold is not None:
        text = prompt_text(gold.text, gold.context)
        reference = gold.fields.get("output", "")
    return QueryDuel(
        name,
        text,
        new.per_query[measure][name],
        old.per_query[measure][name],
        reference,
        (new.answers.get(name, ""), old.answers.get(name, "")),
        # The judge has seen these two answers beside each other.
        new.per_query.get(PREFERRED, {}).get(name) if new.job_id == old.job_id else None,
    )


Measured = Mapping[str, Mapping[str, float]]


def _means(new: Measured, old: Measured, shared: list[str]) -> dict[str, tuple[float, float]]:
    def mean(values: Mapping[str, float]) -> float:
        return sum(values.get(query, 0.0) for query in shared) / len(shared)

    return {name: (mean(new[name]), mean(old[name])) for name in new if name in old}
