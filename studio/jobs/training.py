"""Train a retriever on records, in the worker: curves into the store, resumable, cancellable."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.evaluation.embeddings import OWN_PREFIXES, open_cache
from studio.evaluation.hybrid import HybridRanker
from studio.evaluation.systems import BEFORE_AFTER
from studio.jobs.base_encoders import located, stored
from studio.jobs.cards import write_model_card
from studio.jobs.context import Cancelled, JobContext
from studio.jobs.datasets import (
    CorpusTexts,
    bm25_ranker,
    dense_ranker,
    encoder_name,
    gold_set,
    sources_by_text,
    sources_of,
)
from studio.jobs.params import EvaluateParams, TrainParams
from studio.jobs.recipes import is_static, numbers_for
from studio.jobs.training_data import chosen_records, without_gold
from studio.jobs.training_speed import TrainingSpeed
from studio.llm.catalogue import installed_path
from studio.project import Project
from studio.records import Record, StudioError
from studio.runs import Model
from studio.training.encoders import ROLES, open_encoder
from studio.training.retriever import train
from studio.training.settings import (
    BANK_LIMIT,
    RetrieverSettings,
    TrainedRetriever,
    TrainingPair,
    TrainingPoint,
    ValidationSet,
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
class TrainingStage:
    """One training within a job."""

    name: str
    """Also the folder under ``models/``."""
    start: str
    """The encoder to start from: a name or a folder."""
    base: str
    """The encoder that it is measured against and averaged with."""
    root: str = ""
    """The encoder that the whole chain of models began with; empty: the base."""
    parent_id: int | None = None
    final: bool = True
    """False for the round trip's model: no validation set, no teacher, no averaging."""
    interpolate: bool = False


def run(context: JobContext) -> None:
    """The job ``train``; a training that ended before an interruption is not done again."""
    params = TrainParams.from_row(context.job.params)
    if "model_id" not in context.result:
        train_kept(context, params)
    if params.evaluate:
        _evaluate(context, params)


def _evaluate(context: JobContext, params: TrainParams) -> None:
    from studio.jobs.evaluating import measure

    gold = gold_set(context.store, "test")
    if not gold.queries:
        context.keep(gold="no gold queries: nothing was measured")
        return
    context.begin("evaluate")
    model_id = int(context.result["model_id"])
    asked = EvaluateParams(model_id=model_id, max_length=params.max_length, seed=params.seed)
    context.keep(**measure(context, asked, gold))


def train_kept(context: JobContext, params: TrainParams) -> None:
    """Train on the chosen records: Promptagator's second stage, or a training of its own."""
    records = chosen_records(context.store, params)
    stage = _stage_for(context, params)
    model_id, trained = train_stage(context, stage, records, params)
    model = context.store.models.get(model_id)
    left_out = int(model.scores["left_out_gold"]) if model else 0
    context.keep(
        model_id=model_id,
        model_path=f"models/{stage.name}",
        pairs=len(records) - left_out,
        left_out_gold=left_out,
        steps=trained.steps,
        best_step=trained.best_step,
        validation=_before_after(trained),
        share=trained.share,
    )


def _stage_for(context: JobContext, params: TrainParams) -> TrainingStage:
    """Where to start from: the round trip's model, the base, or a model of the project."""
    base = encoder_name(context.project, params.encoder)
    parent = own_model(context.project, base)
    first = _first_stage(context, base) if params.continue_round_trip else None
    before = first or parent
    return TrainingStage(
        name=free_name(context, params.name or f"retriever-{context.job.id}"),
        start=str(context.project.path / first.path) if first else base,
        base=base,
        root=root_encoder(context.project, base),
        parent_id=before.id if before else None,
        interpolate=params.interpolate,
    )


def own_model(project: Project, base: str) -> Model | None:
    """The project's model whose folder this is, if it is one."""
    folder = Path(located(project, base)).expanduser().resolve()
    return next(
        (
            model
            for model in project.store.models.all()
            if (project.path / model.path).resolve() == folder
        ),
        None,
    )


def root_encoder(project: Project, base: str) -> str:
    """The encoder that the chain of the project's own models began with."""
    model = own_model(project, base)
    return root_encoder(project, model.base) if model and model.base != base else base


def free_name(context: JobContext, name: str) -> str:
    """The name, unless another model's folder would be overwritten."""
    others = [m for m in context.store.models.all() if m.job_id != context.job.id]
    if problem := name_problem(name, others):
        raise StudioError(problem)
    return name


def name_problem(name: str, models: Sequence[Model]) -> str:
    """Why a new model cannot have this name beside these; empty when it can."""
    if Path(name).name != name or name.startswith("."):
        return f"The model name {name!r} cannot be a folder's; leave out slashes and leading dots."
    # A renamed model keeps its folder.
    if any(name in (model.name, Path(model.path).name) for model in models):
        return (
            f"The project has a model named {name} already, and training would overwrite its "
            "folder; choose another name."
        )
    return ""


def _first_stage(context: JobContext, base: str) -> Model | None:
    """The round trip's model, when it judged the kept records and came from this base."""
    model_id = context.store.values.get("round_trip_model")
    model = context.store.models.get(model_id) if model_id else None
    came_from = located(context.project, model.base) if model is not None else ""
    return model if came_from == base else None


def train_stage(
    context: JobContext,
    stage: TrainingStage,
    records: list[Record],
    params: TrainParams,
    *,
    negatives: Mapping[int, Sequence[int]] | None = None,
) -> tuple[int, TrainedRetriever]:
    """Train, save, store the model's row; an interrupted one goes on from its checkpoint.

    negatives: record → documents that are known to be wrong for it; the others get mined ones
    where the params ask for such.
    """
    records, left_out = without_gold(context.store, records)
    if left_out and not records:
        raise StudioError(
            f"All {left_out} chosen records have the words of gold queries, which are never "
            "trained on. Generate other queries."
        )
    pace = TrainingSpeed()
    pairs = training_pairs(context, records)
    if params.hard_negatives:
        pairs = mine_negatives(context, pairs, stage.start, params)
    settings = settings_for(context, stage, pairs, params)
    if negatives:
        pairs = with_negatives(context, pairs, records, negatives)
        settings = replace(settings, negatives=max(len(pair.negatives) for pair in pairs))
    validation = validation_set(context) if stage.final else None
    out = context.project.models_dir / stage.name
    corpus = _corpus_for(context, pairs, settings) if settings.corpus_negatives else None
    try:
        trained = train(
            pairs,
            settings,
            out,
            validation=validation,
            corpus=corpus,
            teacher=_teacher(context, stage, corpus, params) if settings.distillation else None,
            sources=sources_by_text(context.store),
            on_progress=lambda point: _report(context, stage, point, pace),
            should_stop=context.should_stop,
            resume=True,
        )
    except StudioError as error:
        # Stopped before its first step: that is what was asked for, not a failure.
        if context.should_stop():
            raise Cancelled from error
        raise
    if trained.cancelled:
        raise Cancelled
    snapshot = context.store.snapshots.take([r.id for r in records], f"for {stage.name}")
    model = Model(
        name=stage.name,
        path=f"models/{stage.name}",
        base=stored(context.project, stage.base),
        parent_id=stage.parent_id,
        snapshot_id=snapshot,
        job_id=context.job.id,
        settings=_as_row(context.project, settings, trained),
        scores={
            **_training_scores(trained),
            "pace": pace.found(trained.steps),
            "left_out_gold": left_out,
        },
    )
    model_id = context.store.models.add(model)
    write_model_card(context, replace(model, id=model_id))
    return model_id, trained


def training_pairs(context: JobContext, records: list[Record]) -> list[TrainingPair]:
    """Queries with their documents' texts."""
    documents = context.store.documents.many(sorted({r.needed_document() for r in records}))
    rows = [(r.text, r.needed_document()) for r in records]
    return [TrainingPair(text, row, documents[row].full_text) for text, row in rows]


def with_negatives(
    context: JobContext,
    pairs: list[TrainingPair],
    records: Sequence[Record],
    negatives: Mapping[int, Sequence[int]],
) -> list[TrainingPair]:
    """The pairs with the texts of the documents that are known to be wrong in front.

    Passages of a pair's own long document are none: they may well be right.
    """
    rows = {row for others in negatives.values() for row in others}
    documents, sources = context.store.documents.many(sorted(rows)), sources_of(context.store)
    found = []
    for pair, record in zip(pairs, records, strict=True):
        own = sources.get(record.needed_document(), ())
        others = [
            row
            for row in negatives.get(record.id, ())
            if row in documents and not set(own) & set(sources.get(row, ()))
        ]
        texts = tuple(documents[row].full_text for row in others)
        found.append(replace(pair, negatives=(*texts, *pair.negatives)) if texts else pair)
    return found


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


def teacher_name(stage: TrainingStage, params: TrainParams) -> str:
    """The encoder that teaches beside BM25: the base, but for a static encoder a better one."""
    if params.teacher or not is_static(stage.root or stage.base):
        return params.teacher or stage.base
    return TEACHER if installed_path(TEACHER) else stage.base


def _teacher(
    context: JobContext,
    stage: TrainingStage,
    corpus: dict[int | str, str] | None,
    params: TrainParams,
) -> Teacher:
    """The chain's base encoder, or the one named, and BM25 added up; built when first asked."""
    encoder = teacher_name(stage, params)

    def scores(queries: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        texts = corpus or {}
        read = CorpusTexts([int(row) for row in texts], list(texts.values()))

        def encoding(done: int) -> None:
            context.check()
            context.progress(done, len(texts), "encoding for the teacher")

        # Reading the corpus can take minutes before the first batch is done.
        encoding(0)
        dense = dense_ranker(
            read,
            encoder,
            max_length=params.max_length,
            prefixes=params.prefixes if encoder == stage.base else OWN_PREFIXES,
            on_progress=encoding,
        )
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
        open_encoder(encoder, max_length=params.max_length, prefixes=params.prefixes),
        NegativeSettings(count=params.hard_negatives),
        sources=sources_of(context.store),
        cache=open_cache(),
        on_progress=mining,
    )


def settings_for(
    context: JobContext, stage: TrainingStage, pairs: list[TrainingPair], params: TrainParams
) -> RetrieverSettings:
    """The recipe's numbers, with the person's own over them."""
    documents, root = context.store.documents.count(), stage.root or stage.base
    settings = numbers_for(params, root, documents, len(pairs), final=stage.final)
    has_gold = bool(context.store.gold.judged_counts().get("validation"))
    teacher = teacher_name(stage, params)
    averaged = stage.interpolate and has_gold and settings.interpolation == "validation"
    return replace(
        settings,
        base=stage.start,
        anchor=stage.base,
        interpolation="validation" if averaged else 1.0,
        teacher=f"{stored(context.project, teacher)} and BM25" if settings.distillation else "",
    )


def _as_row(
    project: Project, settings: RetrieverSettings, trained: TrainedRetriever
) -> dict[str, Any]:
    """The settings of a model: folders as rows say them, and the prefixes that were really used."""
    row = settings.as_dict()
    row |= {name: stored(project, row[name]) for name in ("base", "anchor")}
    row |= {f"{role}_prompt": trained.prefixes.of(role) for role in ROLES}
    return row


def validation_set(context: JobContext) -> ValidationSet | None:
    """The gold validation queries over the corpus, or a part of a large one; None without gold."""
    gold = gold_set(context.store, "validation")
    if not gold.queries:
        return None
    documents = {str(d.id): d.full_text for d in context.store.documents.all()}
    whole = ValidationSet(gold.texts(), documents, gold.qrels(), gold.counting)
    if len(documents) <= VALIDATION_DOCUMENTS:
        return whole
    return whole.sampled(VALIDATION_DOCUMENTS)


def _report(
    context: JobContext, stage: TrainingStage, point: TrainingPoint, pace: TrainingSpeed
) -> None:
    pace.see(point)
    points = [("loss", point.loss), ("validation ndcg@10", point.score)]
    found = [(f"{stage.name} {name}", point.step, x) for name, x in points if x is not None]
    context.store.jobs.add_points(context.job.id, found)
    loss = f"loss {point.loss:.3f}" if point.loss is not None else ""
    score = f"validation nDCG@10 {point.score:.3f}" if point.score is not None else ""
    line = " · ".join(part for part in (f"training {stage.name}", loss, score) if part)
    context.progress(point.step, point.steps, line)


def _before_after(trained: TrainedRetriever) -> dict[str, float | None]:
    """System → nDCG@10 on validation."""
    return dict(zip(BEFORE_AFTER, (trained.base_score, trained.best_score), strict=True))


def _training_scores(trained: TrainedRetriever) -> dict[str, Any]:
    return {
        "steps": trained.steps,
        "best_step": trained.best_step,
        "share": trained.share,
        "validation_ndcg@10": _before_after(trained),
    }
