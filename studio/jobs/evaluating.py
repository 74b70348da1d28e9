"""Score any number of systems on the same gold, with intervals and paired tests."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict, replace
from typing import Any

from studio.evaluation import likeness, systems
from studio.evaluation.rankers import DenseRanker, Ranker
from studio.evaluation.reranking import RerankingRanker
from studio.evaluation.retrieval import NDCG, RetrievalScores, compare
from studio.evaluation.significance import bootstrap_mean, paired_test
from studio.evaluation.systems import System
from studio.jobs import answering
from studio.jobs.cards import write_model_card
from studio.jobs.context import JobContext
from studio.jobs.datasets import CorpusTexts, GoldSet, asked_by, gold_set, read_corpus
from studio.jobs.project_systems import (
    Opening,
    model_by_number,
    networks_of,
    systems_of,
    try_network,
)
from studio.jobs.train_params import EvaluateParams
from studio.jobs.type_gains import gains_by_type
from studio.plurals import so_many
from studio.project import Project
from studio.records import StudioError
from studio.runs import RERANKER, Model
from studio.store.models import Evaluation


def run(context: JobContext) -> None:
    """The job ``evaluate``."""
    if context.project.task.trained_by == "tune":
        answering.run(context)
        return
    params = EvaluateParams.from_row(context.job.params)
    gold = gold_set(context.store, params.split)
    if not gold.queries:
        how = (
            "`studio import … --gold`, or switch examples off to hold them out as a test."
            if context.project.task.gold == "documents"
            else "`studio gold import FILE --split auto`."
        )
        raise StudioError(
            f"There are no gold {params.split} queries to score on. Import some with {how}"
        )
    context.keep(**measure(context, params, gold))


def measure(context: JobContext, params: EvaluateParams, gold: GoldSet) -> dict[str, Any]:
    """All systems on the gold; stores each one's scores and returns the whole comparison."""
    asked = model_by_number(context.project, params.model_id)
    chosen = chosen_systems(context.project, params, asked)
    corpus = gold.corpus or read_corpus(context.store)
    scores: dict[str, RetrievalScores] = {}
    prefixes: dict[str, dict[str, str]] = {}
    cosines: dict[str, list[float]] = {}
    seconds: dict[str, float] = {}
    reading: dict[str, Any] = {}
    for one in networks_of(chosen):
        context.check()
        context.progress(0, len(chosen), f"opening {one.label}")
        try_network(one)
    for number, system in enumerate(chosen):
        context.check()
        context.progress(number, len(chosen), f"scoring {system.label}")
        ranker = _opened(context, corpus, system, len(gold.queries))
        if isinstance(ranker, DenseRanker):
            prefixes[system.name] = asdict(ranker.prefixes)
            if len(gold.scored_pairs) >= likeness.FEWEST:
                cosines[system.name] = _cosines(gold, ranker, system)
        began = time.perf_counter()
        scores[system.name] = gold.scored(ranker, instructed=system.heeds_instructions)
        seconds[system.name] = round((time.perf_counter() - began) / len(gold.queries), 4)
        if isinstance(ranker, RerankingRanker) and ranker.read:
            reading[system.name] = {
                "depth": system.depth,
                "pairs_s": round(ranker.read / ranker.seconds, 2),
                "machine": platform.node(),
            }
    found = summary(scores, params.seed) | {"gold": gold.label, "queries": len(gold.queries)}
    if gold.counting.words:
        found["ranks"] = gold.counting.words
    found["systems"] = {system.name: system.label for system in chosen}
    found["prompts"] = prefixes
    if cosines:
        found["likeness"] = _likeness(cosines, gold, params.seed)
    found["seconds"] = seconds
    if reading:
        found["reading"] = reading
    _store(context, params, gold, scores, found, asked)
    if asked is not None and context.store.query_types.of_snapshot(asked.snapshot_id):
        found["gain_by_type"] = gains_by_type(context.store, params.split, gold.label, params.seed)
    context.progress(len(chosen), len(chosen), "scored")
    return found


def _opened(context: JobContext, corpus: CorpusTexts, system: System, queries: int) -> Ranker[str]:
    """The system over the corpus; what takes time says how far it is, and heeds a cancel."""

    def encoding(done: int) -> None:
        context.check()
        context.progress(done, len(corpus.ids), f"encoding for {system.label}")

    def reading(done: int) -> None:
        context.check()
        context.progress(
            done, queries, f"scoring {system.label}, {done:,} of {so_many(queries, 'queries')}"
        )

    return Opening(corpus, context.project.language, encoding, reading).ranker(system)


def _cosines(gold: GoldSet, ranker: DenseRanker[str], system: System) -> list[float]:
    """Of the pairs that people have scored."""
    pairs = gold.scored_pairs
    asked = [asked_by(one.query) if system.heeds_instructions else one.query.text for one in pairs]
    column = {name: place for place, name in enumerate(ranker.ids)}
    rows = ranker.scores(asked)
    return [float(row[column[str(one.row)]]) for row, one in zip(rows, pairs, strict=True)]


def _likeness(cosines: dict[str, list[float]], gold: GoldSet, seed: int) -> dict[str, Any]:
    """Spearman's correlation of each system with people's scores, and the trained one's gain."""
    told = [one.score for one in gold.scored_pairs]
    each = {name: asdict(likeness.spearman(own, told, seed)) for name, own in cosines.items()}
    tests = {
        systems.pair_key(new, old): asdict(
            likeness.compared(cosines[new], cosines[old], told, seed)
        )
        for new, old in systems.pairs(list(cosines))
    }
    return {"pairs": len(told), "spearman": each, "difference": tests}


def rerankers_scored(project: Project, params: EvaluateParams) -> list[System]:
    """Those whose reading takes its time."""
    asked = model_by_number(project, params.model_id)
    there = chosen_systems(project, params, asked)
    return [system for system in there if system.kind == systems.RERANKER]


def chosen_systems(project: Project, params: EvaluateParams, model: Model | None) -> list[System]:
    """The usual systems that there are, then the others that were named, each once."""
    if model is not None and model.learner == RERANKER:
        # It is scored over the retriever that it was trained for.
        params = replace(params, reranker=str(model.id))
        model = project.store.models.get(model.parent_id) if model.parent_id else None
    there = systems_of(
        project,
        model,
        base=params.encoder,
        max_length=params.max_length,
        prefixes=params.prefixes,
        reranker=params.reranker,
        depth=params.rerank,
    )
    usual = [one for one in there if one.name in systems.USUAL and not one.problem]
    wanted = names_in(params.systems) + ([systems.RERANKED] if params.reranker else [])
    named = [systems.find_system(there, name) for name in wanted]
    if missing := next((one for one in named if one.problem), None):
        raise StudioError(f"{missing.problem} So {missing.label} cannot be scored.")
    models = {one.model_id for one in usual if one.model_id is not None}
    return list(dict.fromkeys([*usual, *(one for one in named if one.model_id not in models)]))


def names_in(typed: str) -> list[str]:
    """What stands between the commas."""
    return [name.strip() for name in typed.split(",") if name.strip()]


def summary(scores: dict[str, RetrievalScores], seed: int) -> dict[str, Any]:
    """Means, 95% intervals, and paired tests of the trained system against each other."""
    found: dict[str, Any] = {
        "scores": {name: rounded(score.means) for name, score in scores.items()},
        "intervals": {name: _intervals(score, seed) for name, score in scores.items()},
        "p_value": {},
        "difference": {},
        "wins": {},
    }
    for new, old in systems.pairs(list(scores)):
        name = systems.pair_key(new, old)
        test = paired_test(scores[new].values(NDCG), scores[old].values(NDCG), seed=seed)
        interval = test.difference
        found["p_value"][name] = round(test.p_value, 5)
        found["difference"][name] = [
            round(x, 4) for x in (interval.mean, interval.low, interval.high)
        ]
        duel = compare(scores[new], scores[old])
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
        metrics |= {"label": found["systems"][system], "ranks": found.get("ranks", "")}
        metrics["prompts"] = found["prompts"].get(system)
        metrics["seconds"] = found["seconds"][system]
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
        told = (
            "systems", "scores", "intervals", "p_value", "gold", "prompts", "ranks", "likeness",
            "seconds", "reading",
        )  # fmt: skip
        kept = {key: found[key] for key in told if key in found}
        scores_now = {**model.scores, params.split: kept}
        if own := found.get("reading", {}).get(systems.RERANKED):
            scores_now["reading"] = own
        context.store.models.set_scores(model.id, scores_now)
        write_model_card(context, replace(model, scores=scores_now))
