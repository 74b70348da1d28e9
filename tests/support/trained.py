"""Models, scores and curves as a worker would have left them."""

from __future__ import annotations

from typing import Any

from studio.project import Project
from studio.records import Split, Verdict
from studio.runs import Model
from studio.store.models import Evaluation
from tests.support.data import gold_query, query_for

MEASURES = ("ndcg@10", "mrr@10", "recall@100")
QUESTIONS = (
    "can i deduct my home office",
    "网购多久可以退货",
    "when does the landlord return the 押金 🏠",
    "is a gift to a client deductible",
    "do i pay tax on commuting",
    "licence for a café ☕",
)


def add_records(project: Project, count: int = 12, job: int | None = None) -> list[int]:
    """Kept queries on all documents in turn, a third dropped by the last filter."""
    documents = [document.id for document in project.store.documents.all()]
    texts = [f"query {number} 问题" for number in range(count)]
    project.store.records.add(
        (query_for(documents[n % len(documents)], text) for n, text in enumerate(texts)), job
    )
    rows = [record.id for record in project.store.records.all()][-count:]
    project.store.verdicts.add(Verdict(row, "length", True, float(n)) for n, row in enumerate(rows))
    project.store.verdicts.add(
        Verdict(row, "round-trip", n % 3 != 2, 1.0 + n % 3, "" if n % 3 != 2 else "round-trip")
        for n, row in enumerate(rows)
    )
    return rows


def add_gold(project: Project, split: Split = "test") -> None:
    """A query a document, numbered ``test-0``, ``test-1`` …"""
    documents = [document.id for document in project.store.documents.all()]
    project.store.gold.add(
        gold_query(f"{split}-{n}", text, split, {documents[n]: 1})
        for n, text in enumerate(QUESTIONS)
    )


def add_model(
    project: Project,
    name: str = "retriever-1",
    *,
    base: str = "minilm-l6",
    gain: float = 0.2,
    split: Split | None = "test",
    created: str = "2026-03-01T09:00:00.000+00:00",
    parent: int | None = None,
    **settings: Any,
) -> Model:
    """A trained model with its job, curves, snapshot and, if a split is given, its scores."""
    store = project.store
    params = {"encoder": base, "name": name, **settings}
    job = store.jobs.submit("train", params)
    with store.write() as conn:
        conn.execute("UPDATE jobs SET state = 'done', result = '{\"model_id\": 1}' WHERE id = ?",
                     (job,))  # fmt: skip
    add_curves(project, job, name)
    rows = [record.id for record in store.records.all(kept=True)]
    model_id = store.models.add(
        Model(
            name=name,
            path=f"models/{name}",
            base=base,
            parent_id=parent,
            snapshot_id=store.snapshots.take(rows) if rows else None,
            job_id=job,
            settings={"batch_size": 32, "learning_rate": 5e-5, "seed": 13, **settings},
            scores={
                "steps": 60,
                "best_step": 30,
                "share": 0.8,
                "validation_ndcg@10": {"base": 0.4, "trained": 0.4 + gain / 2},
            },
        )
    )
    with store.write() as conn:
        conn.execute("UPDATE models SET created = ? WHERE id = ?", (created, model_id))
    if split is not None:
        add_scores(project, model_id, gain, split)
    model = store.models.get(model_id)
    assert model is not None
    return model


def add_curves(project: Project, job: int, name: str, steps: int = 60) -> None:
    """Loss every five steps, validation every thirty."""
    loss = [(f"{name} loss", step, 2.0 / (1 + step / 10)) for step in range(5, steps + 1, 5)]
    scores = zip(range(0, steps + 1, 30), (0.4, 0.5, 0.48), strict=False)
    found = [(f"{name} validation ndcg@10", step, score) for step, score in scores]
    project.store.jobs.add_points(job, [*found, *loss])


def add_scores(project: Project, model_id: int, gain: float, split: Split = "test") -> None:
    """What an evaluation would have found: the first queries win, the last one loses."""
    store = project.store
    names = [query.outside_id for query in store.gold.all(split)]
    base = {name: 0.3 + 0.1 * (n % 2) for n, name in enumerate(names)}
    shift = {name: gain if n < len(names) - 1 else -gain / 2 for n, name in enumerate(names)}
    trained = {name: round(base[name] + shift[name], 3) for name in names}
    bm25 = dict.fromkeys(names, 0.35)
    kept: dict[str, Any] = {"scores": {}, "intervals": {}, "gold": f"{len(names)} gold queries"}
    for system, values in (("bm25", bm25), ("base", base), ("trained", trained)):
        mean = sum(values.values()) / len(values)
        means = {measure: round(mean, 4) for measure in MEASURES}
        intervals = {measure: [round(mean - 0.1, 4), round(mean + 0.1, 4)] for measure in MEASURES}
        kept["scores"][system], kept["intervals"][system] = means, intervals
        store.evaluations.add(
            Evaluation(
                system=system,
                split=split,
                gold=f"{len(names)} gold {split} queries (6 import)",
                metrics={"means": means, "intervals": intervals},
                per_query=dict.fromkeys(MEASURES, values),
                model_id=model_id,
            )
        )
    model = store.models.get(model_id)
    assert model is not None
    kept["p_value"] = {"trained_vs_base": 0.031, "trained_vs_bm25": 0.2}
    store.models.set_scores(model_id, {**model.scores, split: kept})
