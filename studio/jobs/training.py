"""Train a retriever on records, in the worker: curves into the store, resumable, cancellable."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.evaluation.embeddings import open_cache
from studio.evaluation.hybrid import HybridRanker
from studio.jobs.cards import write_model_card
from studio.jobs.context import Cancelled, JobContext
from studio.jobs.corpora import Corpus, bm25_ranker, dense_ranker, encoder_name, gold_set
from studio.jobs.params import Recipe, TrainParams
from studio.llm.catalogue import installed_path
from studio.methods.schedule import published as published_numbers
from studio.methods.schedule import schedule_for
from studio.records import Model, Record, StudioError
from studio.training.encoders import STATIC_NAMES, open_encoder
from studio.training.retriever import train
from studio.training.settings import (
    BANK_LIMIT,
    RetrieverSettings,
    TrainedRetriever,
    TrainingPair,
    TrainingPoint,
    ValidationSet,
    recommended,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.training.distillation import Teacher

TEACHER = "minilm-l6"
"""Teaches static encoders: measured .356 against .334 with the base itself as the teacher."""

VALIDATION_DOCUMENTS = 5_000
"""The most documents that a validation check searches; the relevant ones are always among them."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One training within a job."""

    name: str
    """Also the folder under ``models/``."""
    start: str
    """The encoder to start from: a name or a folder."""
    base: str
    """The encoder that the whole chain began with."""
    parent_id: int | None = None
    final: bool = True
    """False for the round trip's model: no validation set, no teacher, no averaging."""
    interpolate: bool = False


def run(context: JobContext) -> None:
    """The job ``train``."""
    train_kept(context, TrainParams.from_row(context.job.params))


def train_kept(context: JobContext, params: TrainParams) -> None:
    """Train on the kept records: Promptagator's second stage, or a training of its own."""
    records = list(context.store.records.all(kept=True))
    if not records:
        raise StudioError(
            "No query is kept, so there is nothing to train on. Generate more, or look at why the "
            "filters dropped them: `studio filter --help`."
        )
    base = encoder_name(context.project, params.encoder)
    first = _first_stage(context, base) if params.continue_round_trip else None
    name = free_name(context, params.name or f"retriever-{context.job.id}")
    stage = Stage(
        name=name,
        start=str(context.project.path / first.path) if first else base,
        base=base,
        parent_id=first.id if first else None,
        interpolate=params.interpolate,
    )
    model_id, trained = train_stage(context, stage, records, params)
    context.keep(
        model_id=model_id,
        model_path=f"models/{name}",
        pairs=len(records),
        steps=trained.steps,
        best_step=trained.best_step,
        validation={"base": trained.base_score, "trained": trained.best_score},
        share=trained.share,
    )


def free_name(context: JobContext, name: str) -> str:
    """The name, unless another model's folder would be overwritten."""
    if Path(name).name != name or name.startswith("."):
        raise StudioError(
            f"The model name {name!r} cannot be a folder's; leave out slashes and leading dots."
        )
    if any(m.name == name and m.job_id != context.job.id for m in context.store.models.all()):
        raise StudioError(
            f"The project has a model named {name} already, and training would overwrite its "
            "folder; choose another --name."
        )
    return name


def _first_stage(context: JobContext, base: str) -> Model | None:
    """The round trip's model, when it judged the kept records and came from this base."""
    model_id = context.store.values.get("round_trip_model")
    model = context.store.models.get(model_id) if model_id else None
    return model if model is not None and model.base == base else None


def train_stage(
    context: JobContext, stage: Stage, records: list[Record], params: TrainParams
) -> tuple[int, TrainedRetriever]:
    """Train, save, store the model's row; an interrupted one goes on from its checkpoint."""
    pairs = training_pairs(context, records)
    if params.hard_negatives:
        pairs = mine_negatives(context, pairs, stage.start, params)
    settings = settings_for(context, stage, pairs, params)
    validation = validation_set(context) if stage.final else None
    out = context.project.models_dir / stage.name
    corpus = _corpus_for(context, pairs, settings) if settings.corpus_negatives else None
    trained = train(
        pairs,
        settings,
        out,
        validation=validation,
        corpus=corpus,
        teacher=_teacher(context, stage, corpus, params) if settings.distillation else None,
        on_progress=lambda point: _report(context, stage, point),
        should_stop=context.should_stop,
        resume=True,
    )
    if trained.cancelled:
        raise Cancelled
    snapshot = context.store.snapshots.take([r.id for r in records], f"for {stage.name}")
    model = Model(
        name=stage.name,
        path=f"models/{stage.name}",
        base=stage.base,
        parent_id=stage.parent_id,
        snapshot_id=snapshot,
        job_id=context.job.id,
        settings=settings.as_dict(),
        scores=_training_scores(trained),
    )
    model_id = context.store.models.add(model)
    write_model_card(context, replace(model, id=model_id))
    return model_id, trained


def training_pairs(context: JobContext, records: list[Record]) -> list[TrainingPair]:
    """Queries with their documents' texts."""
    documents = context.store.documents.many(sorted({r.document_id for r in records}))
    return [
        TrainingPair(r.text, r.document_id, documents[r.document_id].full_text) for r in records
    ]


def corpus_texts(context: JobContext) -> dict[int | str, str]:
    """Document row → title and text joined."""
    return {document.id: document.full_text for document in context.store.documents.all()}


def _corpus_for(
    context: JobContext, pairs: list[TrainingPair], settings: RetrieverSettings
) -> dict[int | str, str]:
    """The corpus, or, since a teacher must read all of it, as much as a training can use."""
    texts = corpus_texts(context)
    if not settings.distillation or len(texts) <= BANK_LIMIT:
        return texts
    own = {pair.document_id for pair in pairs}
    rest = [row for row in texts if row not in own]
    room = min(max(0, BANK_LIMIT - len(own)), len(rest))
    chosen = own | set(random.Random(settings.seed).sample(rest, room))
    return {row: text for row, text in texts.items() if row in chosen}


def teacher_name(stage: Stage, params: TrainParams) -> str:
    """The encoder that teaches beside BM25: the base, but for a static encoder a better one."""
    if params.teacher or stage.base not in STATIC_NAMES:
        return params.teacher or stage.base
    return TEACHER if installed_path(TEACHER) else stage.base


def _teacher(
    context: JobContext, stage: Stage, corpus: dict[int | str, str] | None, params: TrainParams
) -> Teacher:
    """The chain's base encoder, or the one named, and BM25 added up; built when first asked."""
    encoder = teacher_name(stage, params)

    def scores(queries: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        texts = corpus or {}
        read = Corpus([int(row) for row in texts], list(texts.values()))

        def encoding(done: int) -> None:
            context.check()
            context.progress(done, len(texts), "encoding for the teacher")

        dense = dense_ranker(read, encoder, max_length=params.max_length, on_progress=encoding)
        both = HybridRanker(dense, bm25_ranker(read, context.project.language))
        for done, row in enumerate(both.scores(queries), 1):
            context.progress(done, len(queries), "asking the teacher")
            yield row

    return scores


def mine_negatives(
    context: JobContext, pairs: list[TrainingPair], encoder: str, params: TrainParams
) -> list[TrainingPair]:
    """The pairs with hard negatives, guarded against false ones."""
    from studio.training.negatives import NegativeSettings, mine

    def mining(done: int) -> None:
        context.check()
        context.progress(done, len(pairs), "mining hard negatives")

    return mine(
        pairs,
        corpus_texts(context),
        open_encoder(encoder, max_length=params.max_length),
        NegativeSettings(count=params.hard_negatives),
        cache=open_cache(),
        on_progress=mining,
    )


def settings_for(
    context: JobContext, stage: Stage, pairs: list[TrainingPair], params: TrainParams
) -> RetrieverSettings:
    """The recipe's numbers, with the person's own over them."""
    documents = context.store.documents.count()
    settings = _recipe(params.recipe, stage.base, documents, len(pairs))
    has_gold = bool(context.store.gold.counts().get("validation"))
    averaged = stage.interpolate and has_gold and settings.interpolation == "validation"
    own: dict[str, Any] = {
        "batch_size": params.batch_size,
        "learning_rate": params.learning_rate,
        "epochs": params.epochs,
        "max_steps": params.steps,
        "trained_side": params.side,
        # The round trip judges by what the queries taught, not by what a teacher knew.
        "distillation": params.distillation if stage.final else 0.0,
        "scale": 1 / params.temperature if params.temperature else None,
        "bf16": params.bf16,
    }
    settings = replace(
        settings,
        base=stage.start,
        anchor=stage.base,
        interpolation="validation" if averaged else 1.0,
        negatives=params.hard_negatives,
        max_length=params.max_length,
        query_prompt=params.query_prompt,
        document_prompt=params.document_prompt,
        patience=params.patience,
        seed=params.seed,
        **{name: number for name, number in own.items() if number is not None},
    )
    taught = f"{teacher_name(stage, params)} and BM25" if settings.distillation else ""
    return replace(settings, teacher=taught)


def _recipe(recipe: Recipe, base: str, documents: int, pairs: int) -> RetrieverSettings:
    """Promptagator's schedule by corpus size, or what gained most on little data, no longer."""
    published = schedule_for(documents, pairs)
    if recipe == "published":
        return RetrieverSettings(batch_size=published.batch_size, max_steps=published.steps)
    settings = recommended(base)
    steps = math.ceil(pairs / settings.batch_size * settings.epochs)
    return replace(settings, max_steps=min(steps, published_numbers(documents)[1]))


def validation_set(context: JobContext) -> ValidationSet | None:
    """The gold validation queries over the corpus, or a part of a large one; None without gold."""
    gold = gold_set(context.store, "validation")
    if not gold.queries:
        return None
    documents = {str(d.id): d.full_text for d in context.store.documents.all()}
    whole = ValidationSet(gold.texts(), documents, gold.qrels())
    if len(documents) <= VALIDATION_DOCUMENTS:
        return whole
    return whole.sampled(VALIDATION_DOCUMENTS)


def _report(context: JobContext, stage: Stage, point: TrainingPoint) -> None:
    points = [("loss", point.loss), ("validation ndcg@10", point.score)]
    found = [(f"{stage.name} {name}", point.step, x) for name, x in points if x is not None]
    context.store.jobs.add_points(context.job.id, found)
    loss = f"loss {point.loss:.3f}" if point.loss is not None else ""
    score = f"validation nDCG@10 {point.score:.3f}" if point.score is not None else ""
    line = " · ".join(part for part in (f"training {stage.name}", loss, score) if part)
    context.progress(point.step, point.steps, line)


def _training_scores(trained: TrainedRetriever) -> dict[str, Any]:
    return {
        "steps": trained.steps,
        "best_step": trained.best_step,
        "share": trained.share,
        "validation_ndcg@10": {"base": trained.base_score, "trained": trained.best_score},
    }
