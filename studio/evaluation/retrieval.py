"""The usual scores of a ranked list against human judgements, through trec_eval's own code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from studio.records import StudioError

Run = Mapping[str, Mapping[str, float]]
"""Query id → document id → score of the system."""
Qrels = Mapping[str, Mapping[str, int]]
"""Query id → document id → grade of the judge (1 and up is relevant)."""

NDCG = "ndcg@10"
MRR = "mrr@10"
MAP = "map"
RECALLS = (10, 100)


@dataclass(frozen=True, slots=True)
class RetrievalScores:
    """What a system reached on a set of judged queries."""

    means: dict[str, float]
    """Measure (``ndcg@10``, ``mrr@10``, ``recall@10``, ``recall@100``, ``map``) → mean over the
    judged queries, each 0 to 1."""
    per_query: dict[str, dict[str, float]] = field(default_factory=dict)
    """Measure → query id → value, every judged query in the same order."""

    def values(self, measure: str = NDCG) -> list[float]:
        """One number a query, in the order of the query ids: what significance tests take."""
        return list(self.per_query[measure].values())


@dataclass(frozen=True, slots=True)
class Comparison:
    """Where one system beats another, query by query."""

    wins: dict[str, float]
    """Query id → how much better, largest first."""
    losses: dict[str, float]
    """Query id → how much worse (negative), largest loss first."""
    ties: int
    """Queries on which both score the same."""


def evaluate(run: Run, qrels: Qrels) -> RetrievalScores:
    """Score a run on every judged query; a query that the run lacks scores 0.

    A query counts as judged when at least one document is relevant to it (grade 1 and up).

    Raises:
        StudioError: no query is judged.
    """
    import pytrec_eval

    judged = {
        query: dict(grades)
        for query, grades in sorted(qrels.items())
        if max(grades.values(), default=0) > 0
    }
    if not judged:
        raise StudioError(
            "None of the gold queries has a relevant document, so there is nothing to score; "
            "import relevance judgements (qrels) or mark documents as right in the search pane."
        )
    recall = "recall." + ",".join(str(depth) for depth in RECALLS)
    whole = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut.10", recall, "map"})
    found = whole.evaluate(_of(run, judged, None))
    first = pytrec_eval.RelevanceEvaluator(judged, {"recip_rank"}).evaluate(_of(run, judged, 10))
    measures = {NDCG: "ndcg_cut_10", MAP: "map"}
    measures |= {f"recall@{depth}": f"recall_{depth}" for depth in RECALLS}
    per_query = {
        name: {query: float(found.get(query, {}).get(key, 0.0)) for query in judged}
        for name, key in measures.items()
    }
    per_query[MRR] = {query: float(first.get(query, {}).get("recip_rank", 0.0)) for query in judged}
    means = {name: sum(values.values()) / len(values) for name, values in per_query.items()}
    return RetrievalScores(means, per_query)


def compare(new: RetrievalScores, old: RetrievalScores, measure: str = NDCG) -> Comparison:
    """Wins and losses of the new system over the old one on the same queries."""
    before = old.per_query[measure]
    deltas = {query: value - before[query] for query, value in new.per_query[measure].items()}
    ordered = sorted(deltas.items(), key=lambda item: (-item[1], item[0]))
    return Comparison(
        wins={query: delta for query, delta in ordered if delta > 0},
        losses={query: delta for query, delta in reversed(ordered) if delta < 0},
        ties=sum(1 for delta in deltas.values() if delta == 0),
    )


def _of(run: Run, judged: Qrels, depth: int | None) -> dict[str, dict[str, float]]:
    """The run on the judged queries, cut to its first ``depth`` documents as trec_eval sorts."""
    kept = {query: dict(run[query]) for query in judged if run.get(query)}
    if depth is None:
        return kept
    return {query: dict(_ordered(ranking)[:depth]) for query, ranking in kept.items()}


def _ordered(ranking: Mapping[str, float]) -> list[tuple[str, float]]:
    # trec_eval breaks ties by the later document id first.
    by_id = sorted(ranking.items(), key=lambda item: item[0], reverse=True)
    return sorted(by_id, key=lambda item: -item[1])
