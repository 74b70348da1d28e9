"""Tune a small LLM, in the worker: curves into the store, resumable, cancellable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from studio.evaluation.systems import BEFORE_AFTER
from studio.formats.instructions import prompt_text
from studio.jobs.answering import measure, prompted
from studio.jobs.base_encoders import located, stored
from studio.jobs.cards import write_model_card
from studio.jobs.context import Cancelled, JobContext
from studio.jobs.leaks import shown_examples
from studio.jobs.training import free_name, own_model
from studio.jobs.training_data import chosen_records, without_gold
from studio.jobs.training_speed import TrainingSpeed
from studio.jobs.tune_params import AnswerParams, TuneParams
from studio.llm.causal import Prompted
from studio.records import StudioError
from studio.runs import Model
from studio.store import Store
from studio.training import instruction_model
from studio.training.instruction_folder import ADAPTER
from studio.training.instruction_model import TrainedInstruction
from studio.training.instruction_settings import InstructionSettings
from studio.training.settings import TrainingPoint

POINTS = 20
"""Of the loss curve, at most as far as ten steps a point: each is a mean, and small batches differ
much."""
LOSS = "loss"
ON_VALIDATION = "loss on validation"
"""The curves of a tuning, behind the model's name."""


def run(context: JobContext) -> None:
    """The job ``tune``; a training that ended before an interruption is not done again."""
    params = TuneParams.from_row(context.job.params)
    if "model_id" not in context.result:
        tune_kept(context, params)
    if not params.evaluate:
        return
    if not context.store.gold.count("test"):
        context.keep(gold="no gold test instructions: nothing was measured")
        return
    context.begin("evaluate")
    asked = AnswerParams(model_id=int(context.result["model_id"]), seed=params.seed)
    context.keep(**measure(context, asked))


def tune_kept(context: JobContext, params: TuneParams) -> None:
    """Train on the chosen records, and keep the model with all that made it."""
    store, project = context.store, context.project
    chosen = [one for one in chosen_records(store, params) if one["output"].strip()]
    records, left_out = without_gold(store, chosen)
    if not records:
        raise StudioError(
            f"All {len(chosen)} chosen instructions are gold or have no output, so there is "
            "nothing to train on. Generate others, or choose others."
        )
    name = free_name(context, params.name or f"tuned-{context.job.id}")
    pairs = [prompted(one) for one in records]
    shown = of_examples(store) if params.examples else []
    settings = settings_of(params, located(project, params.base), len(pairs + shown))
    pace = TrainingSpeed()
    trained = _trained(context, name, [*shown, *pairs], settings, pace)
    parent = own_model(project, settings.base)
    base = stored(project, settings.base)
    model = Model(
        name=name,
        path=f"models/{name}",
        base=base,
        parent_id=parent.id if parent else None,
        snapshot_id=store.snapshots.take([one.id for one in records], f"for {name}"),
        job_id=context.job.id,
        settings={**settings.as_row(), "base": base, "examples": len(shown)},
        scores={**_scores(trained), "pace": pace.found(trained.steps), "left_out_gold": left_out},
    )
    model_id = store.models.add(model)
    write_model_card(context, replace(model, id=model_id))
    context.keep(
        model_id=model_id,
        model_path=model.path,
        pairs=len(records),
        examples=len(shown),
        left_out_gold=left_out,
        **_scores(trained),
        adapter_path=f"{model.path}/{ADAPTER}",
        gguf_path=str(trained.gguf.relative_to(project.path)) if trained.gguf else "",
    )


def of_examples(store: Store) -> list[Prompted]:
    """The examples that are switched on, have an answer and are not gold."""
    shown, _ = shown_examples(store)
    return [
        Prompted(prompt_text(one.query, one.fields.get("input", "")), output)
        for one in shown
        if (output := one.fields.get("output", "")).strip()
    ]


def settings_of(params: TuneParams, base: str, pairs: int) -> InstructionSettings:
    """The trainer's settings; base: where the model to start from is now."""
    points = params.steps_for(pairs) // POINTS
    return InstructionSettings(
        base=base,
        rank=params.rank,
        alpha=params.alpha,
        dropout=params.dropout,
        learning_rate=params.learning_rate,
        batch_size=params.batch_size,
        epochs=params.epochs,
        max_steps=params.steps,
        max_length=params.max_length,
        packing=params.packing,
        warmup_share=params.warmup,
        patience=params.patience,
        evaluations=params.evaluations,
        gradient_checkpointing=params.gradient_checkpointing,
        bf16=params.bf16,
        log_every=max(1, min(points, 10)),
        seed=params.seed,
    )


def _trained(
    context: JobContext,
    name: str,
    pairs: list[Prompted],
    settings: InstructionSettings,
    pace: TrainingSpeed,
) -> TrainedInstruction:
    """The training itself. Raises Cancelled where it was asked to stop, before any step too."""
    with context.training():
        trained = instruction_model.train(
            pairs,
            settings,
            context.project.models_dir / name,
            validation=[prompted(one) for one in context.store.gold.all("validation")],
            on_progress=lambda point: _report(context, name, point, pace),
            should_stop=context.should_stop,
            resume=True,
        )
    if trained.cancelled:
        raise Cancelled
    return trained


def _report(context: JobContext, name: str, point: TrainingPoint, pace: TrainingSpeed) -> None:
    pace.see(point)
    points = [(LOSS, point.loss), (ON_VALIDATION, point.score)]
    found = [(f"{name} {curve}", point.step, x) for curve, x in points if x is not None]
    context.store.jobs.add_points(context.job.id, found)
    said = [f"{curve} {x:.3f}" for curve, x in points if x is not None]
    context.progress(point.step, point.steps, " · ".join([f"training {name}", *said]))


def _scores(trained: TrainedInstruction) -> dict[str, Any]:
    losses = (trained.base_loss, trained.best_loss)
    return {
        "steps": trained.steps,
        "best_step": trained.best_step,
        "trained_parameters": trained.trained_parameters,
        "validation_loss": dict(zip(BEFORE_AFTER, losses, strict=True)),
    }
