"""Train a retriever on records, in the worker: curves into the store, resumable, cancellable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.evaluation.systems import BEFORE_AFTER
from studio.jobs.base_encoders import located, stored
from studio.jobs.cards import write_model_card
from studio.jobs.context import Cancelled, JobContext
from studio.jobs.datasets import (
    encoder_name,
    gold_set,
    sources_by_text,
)
from studio.jobs.train_params import (
    EvaluateParams,
    TrainParams,
)
from studio.jobs.training_data import chosen_records, relabelled, without_gold
from studio.jobs.training_inputs import (
    TrainingStage,
    corpus_for,
    mine_negatives,
    settings_for,
    teacher_of,
    training_pairs,
    validation_set,
    with_negatives,
)
from studio.jobs.training_speed import TrainingSpeed
from studio.project import Project
from studio.records import Record, StudioError
from studio.runs import Model
from studio.training.encoders import ROLES
from studio.training.retriever import train
from studio.training.settings import (
    RetrieverSettings,
    TrainedRetriever,
    TrainingPair,
    TrainingPoint,
)


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
    taught = relabelled(context.store, records)
    pairs = training_pairs(context, taught, params)
    if params.hard_negatives:
        pairs = mine_negatives(context, pairs, stage.start, params)
    settings = settings_for(context, stage, pairs, params)
    if negatives:
        pairs = with_negatives(context, pairs, taught, negatives)
        settings = replace(settings, negatives=max(len(pair.negatives) for pair in pairs))
    trained = _trained(context, stage, pairs, settings, params, pace)
    snapshot = context.store.snapshots.take([r.id for r in records], f"for {stage.name}")
    scores = {
        **_training_scores(trained),
        "pace": pace.found(trained.steps),
        "left_out_gold": left_out,
    }
    model = Model(
        name=stage.name,
        path=f"models/{stage.name}",
        base=stored(context.project, stage.base),
        parent_id=stage.parent_id,
        snapshot_id=snapshot,
        job_id=context.job.id,
        settings=_as_row(
            context.project,
            settings,
            trained,
            instructions=any(pair.instruction for pair in pairs),
        ),
        scores=scores,
    )
    model_id = context.store.models.add(model)
    write_model_card(context, replace(model, id=model_id))
    return model_id, trained


def _trained(
    context: JobContext,
    stage: TrainingStage,
    pairs: list[TrainingPair],
    settings: RetrieverSettings,
    params: TrainParams,
    pace: TrainingSpeed,
) -> TrainedRetriever:
    """The training itself. Raises Cancelled where it was asked to stop, before any step too."""
    corpus = corpus_for(context, pairs, settings) if settings.corpus_negatives else None
    with context.training():
        trained = train(
            pairs,
            settings,
            context.project.models_dir / stage.name,
            validation=validation_set(context, instructions=params.instructions)
            if stage.final
            else None,
            corpus=corpus,
            teacher=teacher_of(context, stage, corpus, params, pairs)
            if settings.distillation
            else None,
            sources=sources_by_text(context.store),
            on_progress=lambda point: _report(context, stage, point, pace),
            should_stop=context.should_stop,
            resume=True,
        )
    if trained.cancelled:
        raise Cancelled
    return trained


def _as_row(
    project: Project,
    settings: RetrieverSettings,
    trained: TrainedRetriever,
    *,
    instructions: bool,
) -> dict[str, Any]:
    """The settings of a model: folders as rows say them, and the prefixes that were really used."""
    row = settings.as_dict()
    row |= {name: stored(project, row[name]) for name in ("base", "anchor")}
    row |= {f"{role}_prompt": trained.prefixes.of(role) for role in ROLES}
    row["instructions"] = instructions
    return row


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
