"""What the query types of a set of templates brought: gains of the models trained on them."""

from __future__ import annotations

from typing import Any

from studio.evaluation.retrieval import NDCG
from studio.evaluation.significance import paired_test
from studio.evaluation.systems import BASE, TRAINED
from studio.runs import RERANKER
from studio.store import Store
from studio.store.models import Evaluation


def gains_by_type(store: Store, split: str, gold: str, seed: int) -> list[dict[str, Any]]:
    """A row for each model that was trained on records of query types and scored on this gold.

    ``types`` is how many records of each; ``difference`` the gain in nDCG@10 over the base with
    its 95% interval, by query. A model of one type alone says what that type is worth.
    """
    found = []
    for model in store.models.all():
        types = store.query_types.of_snapshot(model.snapshot_id)
        # A reranker's evaluation holds its retriever's scores and the base's too.
        if not types or model.learner == RERANKER:
            continue
        scored = [
            one
            for one in store.evaluations.of_model(model.id)
            if (one.split, one.gold) == (split, gold)
        ]
        if (pair := _newest_pair(scored)) is None:
            continue
        new, old = (one.per_query[NDCG] for one in pair)
        queries = sorted(new.keys() & old.keys())
        test = paired_test([new[q] for q in queries], [old[q] for q in queries], seed=seed)
        gain = test.difference
        found.append(
            {
                "model": model.name,
                "types": types,
                "difference": [round(x, 4) for x in (gain.mean, gain.low, gain.high)],
                "p_value": round(test.p_value, 5),
            }
        )
    return sorted(found, key=lambda row: (len(row["types"]), *row["types"]))


def _newest_pair(scored: list[Evaluation]) -> tuple[Evaluation, Evaluation] | None:
    """The trained one and the base that were measured together last."""
    by_job: dict[int | None, dict[str, Evaluation]] = {}
    for one in scored:
        by_job.setdefault(one.job_id, {})[one.system] = one
    both = [found for found in by_job.values() if {TRAINED, BASE} <= found.keys()]
    return (both[-1][TRAINED], both[-1][BASE]) if both else None
