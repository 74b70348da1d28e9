"""Train a reranker, in the worker: curves into the store, resumable, cancellable."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from studio.evaluation import systems
from studio.evaluation.embeddings import open_cache
from studio.evaluation.systems import BEFORE_AFTER, System
from studio.jobs import train_time
from studio.jobs.base_encoders import stored
from studio.jobs.cards import write_model_card
from studio.jobs.context import Cancelled, JobContext
from studio.jobs.datasets import CorpusTexts, encoder_name, gold_set, read_corpus, sources_of
from studio.jobs.project_systems import Opening, systems_of
from studio.jobs.rerank_params import RerankParams
from studio.jobs.train_params import EvaluateParams
from studio.jobs.training import free_name, own_model
from studio.jobs.training_data import chosen_records, without_gold
from studio.jobs.training_inputs import training_pairs
from studio.jobs.training_speed import TrainingSpeed
from studio.llm.loading import sees_gpu
from studio.plurals import so_many
from studio.project import Project
from studio.records import StudioError
from studio.runs import RERANKER, Model
from studio.training import reranker
from studio.training.encoders import open_encoder
from studio.training.negatives import NegativeSettings, mine
from studio.training.reranker import RerankingGold, TrainedReranker
from studio.training.reranker_settings import RerankerSettings, published
from studio.training.settings import TrainingPair, TrainingPoint

CHECKED: Final = (1_000, 50)
"""Validation queries that a check reads at most, and documents for each."""
CHECKED_ON_CPU: Final = (48, 20)
POINTS: Final = 20
"""Of the loss curve, at most as far as five steps a point."""
_UNGUARDED: Final = -1e3
"""A margin that lets every document through."""


def run(context: JobContext) -> None:
    """The job ``rerank``; a training that ended before an interruption is not done again."""
    params = RerankParams.from_row(context.job.params)
    if "model_id" not in context.result:
        train_reranker(context, params)
    if not params.evaluate:
        return
    from studio.jobs.evaluating import measure

    gold = gold_set(context.store, "test")
    if not gold.queries:
        context.keep(gold="no gold queries: nothing was measured")
        return
    context.begin("evaluate")
    asked = EvaluateParams(model_id=int(context.result["model_id"]), seed=params.seed)
    context.keep(**measure(context, asked, gold))


def train_reranker(context: JobContext, params: RerankParams) -> None:
    """Train on the chosen queries, and keep the model with all that made it."""
    store, project = context.store, context.project
    records, left_out = without_gold(store, chosen_records(store, params))
    if not records:
        raise StudioError(
            "All chosen records have the words of gold queries, which are never trained on. "
            "Generate other queries."
        )
    name = free_name(context, params.name or f"reranker-{context.job.id}")
    retriever = retriever_of(project, params)
    settings = settings_of(params, encoder_name(project, params.base), store.documents.count())
    points = settings.steps_for(len(records)) // POINTS
    settings = replace(settings, log_every=max(1, min(points, 5)))
    corpus = read_corpus(store)
    guarded = params.recipe == "recommended"
    pairs = _mined(context, training_pairs(context, records), corpus, retriever, settings, guarded)
    gold = _validation(context, corpus, retriever)
    pace = TrainingSpeed()
    trained = _trained(context, name, pairs, settings, gold, pace)
    base = stored(project, settings.base)
    model = Model(
        name=name,
        path=f"models/{name}",
        base=base,
        parent_id=retriever.model_id,
        snapshot_id=store.snapshots.take([one.id for one in records], f"for {name}"),
        job_id=context.job.id,
        settings={
            **asdict(settings),
            "base": base,
            "learner": RERANKER,
            "retriever": stored(project, retriever.source),
        },
        scores={**_scores(trained), "pace": pace.found(trained.steps), "left_out_gold": left_out},
    )
    model_id = store.models.add(model)
    write_model_card(context, replace(model, id=model_id))
    context.keep(
        model_id=model_id,
        model_path=model.path,
        pairs=len(records),
        left_out_gold=left_out,
        steps=trained.steps,
        best_step=trained.best_step,
        validation=_before_after(trained),
        retriever=retriever.title,
    )


def retriever_of(project: Project, params: RerankParams) -> System:
    """Whose first documents are put in order. Raises StudioError for one that cannot be."""
    there = [one for one in systems_of(project) if one.kind == systems.ENCODER]
    if params.retriever:
        chosen = systems.find_system(there, params.retriever)
    else:
        chosen = next(one for one in reversed(there[:2]) if not one.problem)
    if chosen.problem:
        raise StudioError(f"{chosen.problem} Name another retriever.")
    if chosen.name == systems.TRAINED and (own := own_model(project, chosen.source)):
        return replace(chosen, model_id=own.id)
    return chosen


def checked_here() -> tuple[int, int]:
    """Validation queries that a check reads at most on this machine, and documents for each."""
    return CHECKED if sees_gpu() else CHECKED_ON_CPU


def settings_of(params: RerankParams, base: str, documents: int) -> RerankerSettings:
    """The schedule's numbers, with the person's own over them."""
    of_paper = params.recipe == "published"
    schedule = published(documents) if of_paper else RerankerSettings()
    told: dict[str, Any] = {
        name: value
        for name in ("negatives", "epochs", "batch_size")
        if (value := getattr(params, name)) is not None
    }
    if params.epochs is not None or params.steps is not None:
        told["max_steps"] = params.steps
    return replace(
        schedule,
        base=base,
        depth=params.depth,
        learning_rate=params.learning_rate,
        max_length=params.max_length,
        evaluations=params.evaluations,
        patience=params.patience,
        bf16=params.bf16,
        seed=params.seed,
        **told,
    )


def _mined(
    context: JobContext,
    pairs: list[TrainingPair],
    corpus: CorpusTexts,
    retriever: System,
    settings: RerankerSettings,
    guarded: bool,
) -> list[TrainingPair]:
    """The pairs with negatives out of the retriever's first documents.

    guarded: leave out those that may well be right, as the retriever's own training does. The paper
    does not.
    """

    def mining(done: int) -> None:
        context.check()
        context.progress(done, len(pairs), "drawing negatives")

    first, margin = (2, 0.05) if guarded else (1, _UNGUARDED)
    return mine(
        pairs,
        dict(zip(corpus.ids, corpus.texts, strict=True)),
        open_encoder(
            retriever.source, max_length=retriever.max_length, prefixes=retriever.prefixes
        ),
        NegativeSettings(
            count=settings.negatives,
            first_rank=first,
            last_rank=settings.depth,
            margin=margin,
            seed=settings.seed,
        ),
        sources=sources_of(context.store),
        cache=open_cache(),
        on_progress=mining,
    )


def _validation(
    context: JobContext, corpus: CorpusTexts, retriever: System
) -> RerankingGold | None:
    """What the retriever finds for the validation queries; None without any."""
    gold = gold_set(context.store, "validation")
    if not gold.queries:
        return None

    def encoding(done: int) -> None:
        context.check()
        context.progress(done, len(corpus.ids), "encoding the corpus")

    ranker = Opening(corpus, context.project.language, encoding).ranker(retriever)
    text_of = corpus.by_name()
    most, depth = checked_here()
    # Spread over all of them: gold is often in the order of its topics.
    spread = gold.queries[:: -(-len(gold.queries) // most)]
    gold = replace(gold, queries=spread)
    found = {
        query: {one.name: text_of[one.passage] for one in places}
        for query, places in gold.ranked(ranker, depth).items()
        if places
    }
    return RerankingGold(gold.texts(), found, gold.qrels())


def _trained(
    context: JobContext,
    name: str,
    pairs: list[TrainingPair],
    settings: RerankerSettings,
    gold: RerankingGold | None,
    pace: TrainingSpeed,
) -> TrainedReranker:
    """The training itself. Raises Cancelled where it was asked to stop, before any step too."""
    curve = _Curve(context, name, pace, TrainingPoint(0, settings.steps_for(len(pairs)), 0.0))
    with context.training():
        trained = reranker.train(
            pairs,
            settings,
            context.project.models_dir / name,
            validation=gold,
            on_progress=curve.take,
            on_check=curve.check,
            should_stop=context.should_stop,
            resume=True,
        )
    if trained.cancelled:
        raise Cancelled
    return trained


@dataclass(slots=True)
class _Curve:
    """Puts points and checks of a training where people see them."""

    context: JobContext
    name: str
    pace: TrainingSpeed
    point: TrainingPoint
    """The newest one."""
    began: float = 0.0
    """When the check under way began."""
    read: int = 0
    """Pairs of it so far."""

    def take(self, point: TrainingPoint) -> None:
        """A point of a curve has come."""
        self.pace.see(point)
        self.point, self.read = point, 0
        points = [("loss", point.loss), ("validation ndcg@10", point.score)]
        found = [(f"{self.name} {curve}", point.step, x) for curve, x in points if x is not None]
        self.context.store.jobs.add_points(self.context.job.id, found)
        said = [f"{curve} {x:.3f}" for curve, x in points if x is not None]
        line = " · ".join([f"training {self.name}", *said])
        self.context.progress(point.step, point.steps, line)

    def check(self, read: int, pairs: int) -> None:
        """So many of the pairs of a check are read: steps stay what is counted."""
        now = time.monotonic()
        if read < self.read or not self.read:
            self.began, self.read = now, read
        line = f"checking {self.name} on validation, {read:,} of {so_many(pairs, 'pairs')}"
        if read > self.read:
            seconds = (now - self.began) * (pairs - read) / (read - self.read)
            line += f", {train_time.in_words(seconds)} left" if read < pairs else ""
        self.context.progress(self.point.step, self.point.steps, line)


def _before_after(trained: TrainedReranker) -> dict[str, float | None]:
    """The retriever's own order and the new one: nDCG@10 on validation."""
    return dict(zip(BEFORE_AFTER, (trained.base_score, trained.best_score), strict=True))


def _scores(trained: TrainedReranker) -> dict[str, Any]:
    reading = {"machine": platform.node(), "pairs_s": round(trained.pairs_s or 0.0, 2)}
    return {
        **({"reading": reading} if trained.pairs_s else {}),
        "steps": trained.steps,
        "best_step": trained.best_step,
        "validation_ndcg@10": _before_after(trained),
    }
