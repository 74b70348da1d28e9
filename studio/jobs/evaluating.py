"""Score BM25, the base encoder and a trained one on the same gold, with intervals and tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from studio.evaluation.rankers import Ranker, run_of
from studio.evaluation.retrieval import NDCG, RetrievalScores, compare, evaluate
from studio.evaluation.significance import bootstrap_mean, paired_test
from studio.jobs.cards import write_model_card
from studio.jobs.context import JobContext
from studio.jobs.datasets import (
    Corpus,
    GoldSet,
    bm25_ranker,
    dense_ranker,
    encoder_name,
    gold_set,
    read_corpus,
)
from studio.jobs.params import EvaluateParams
from studio.records import Model, StudioError
from studio.store.models import Evaluation


def run(context: JobContext) -> None:
    """The job ``evaluate``."""
    params = EvaluateParams.from_row(context.job.params)
    gold = gold_set(context.store, params.split)
    if not gold.queries:
        raise StudioError(
            f"There are no gold {params.split} queries to score on. Import some with "
            "`studio import … --gold`, or switch examples off to hold them out as a test."
        )
    context.keep(**measure(context, params, gold))


def measure(context: JobContext, params: EvaluateParams, gold: GoldSet) -> dict[str, Any]:
    """All systems on the gold; stores each one's scores and returns the whole comparison."""
    model = _model(context, params)
    corpus = read_corpus(context.store)
    scores: dict[str, RetrievalScores] = {}
    for number, system in enumerate(("bm25", "base", "trained")):
        if system == "trained" and model is None:
            continue
        context.check()
        context.progress(number, 3, f"scoring {system}")
        ranker = _ranker(context, system, params, model, corpus)
        scores[system] = evaluate(run_of(gold.texts(), ranker, 100), gold.qrels())
    found = summary(scores, params.seed) | {"gold": gold.label, "queries": len(gold.queries)}
    _store(context, params, gold, scores, found, model)
    context.progress(3, 3, "scored")
    return found


def _model(context: JobContext, params: EvaluateParams) -> Model | None:
    models = context.store.models
    if params.model_id is None:
        return models.latest()
    model = models.get(params.model_id)
    if model is None:
        raise StudioError(f"There is no model {params.model_id} in this project.")
    return model


def _ranker(
    context: JobContext, system: str, params: EvaluateParams, model: Model | None, corpus: Corpus
) -> Ranker[str]:
    project, total = context.project, len(corpus.ids)

    def encoding(done: int) -> None:
        context.check()
        context.progress(done, total, f"encoding for {system}")

    if system == "bm25":
        return bm25_ranker(corpus, project.language)
    if system == "trained" and model is not None:
        encoder = str(project.path / model.path)
    else:
        encoder = params.encoder or (model.base if model else encoder_name(project, ""))
    return dense_ranker(corpus, encoder, max_length=params.max_length, on_progress=encoding)


def summary(scores: dict[str, RetrievalScores], seed: int) -> dict[str, Any]:
    """Means, 95% intervals, and paired tests of the trained system against the others."""
    found: dict[str, Any] = {
        "scores": {name: rounded(score.means) for name, score in scores.items()},
        "intervals": {name: _intervals(score, seed) for name, score in scores.items()},
        "p_value": {},
        "difference": {},
        "wins": {},
    }
    if (trained := scores.get("trained")) is None:
        return found
    for other in ("base", "bm25"):
        name = f"trained_vs_{other}"
        test = paired_test(trained.values(NDCG), scores[other].values(NDCG), seed=seed)
        interval = test.difference
        found["p_value"][name] = round(test.p_value, 5)
        found["difference"][name] = [
            round(x, 4) for x in (interval.mean, interval.low, interval.high)
        ]
        duel = compare(trained, scores[other])
        found["wins"][name] = {
            "won": len(duel.wins),
            "lost": len(duel.losses),
            "tied": duel.ties,
            "best": dict(list(duel.wins.items())[:10]),
            "worst": dict(list(duel.losses.items())[:10]),
        }
    return found


def rounded(means: dict[str, float]) -> dict[str, float]:
    """Four decimals: more would claim what no test set can show."""
    return {name: round(mean, 4) for name, mean in means.items()}


def _intervals(scores: RetrievalScores, seed: int) -> dict[str, list[float]]:
    found = {}
    for name in scores.means:
        interval = bootstrap_mean(scores.values(name), seed=seed)
        found[name] = [round(interval.low, 4), round(interval.high, 4)]
    return found


def _store(
    context: JobContext,
    params: EvaluateParams,
    gold: GoldSet,
    scores: dict[str, RetrievalScores],
    found: dict[str, Any],
    model: Model | None,
) -> None:
    for system, score in scores.items():
        metrics = {"means": found["scores"][system], "intervals": found["intervals"][system]}
        context.store.evaluations.add(
            Evaluation(
                system=system,
                split=params.split,
                gold=gold.label,
                metrics=metrics,
                per_query=score.per_query,
                model_id=model.id if model else None,
                job_id=context.job.id,
            )
        )
    if model is not None:
        kept = {key: found[key] for key in ("scores", "intervals", "p_value", "gold")}
        scores_now = {**model.scores, params.split: kept}
        context.store.models.set_scores(model.id, scores_now)
        write_model_card(context, replace(model, scores=scores_now))
