"""sentence-transformers' own trainer, with the studio's batches, curves and stopping put in."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.evaluation.embeddings import Role
from studio.evaluation.retrieval import NDCG
from studio.llm.loading import has_bf16
from studio.records import StudioError, content_sha
from studio.training import adapters
from studio.training.batches import BatchPlan
from studio.training.encoders import is_static
from studio.training.loss import Objective, loss_for
from studio.training.settings import (
    LEARNING_RATE,
    STATIC_LEARNING_RATE,
    RetrieverSettings,
    TrainingPair,
    TrainingPoint,
)
from studio.training.stopping import StopWatch
from studio.training.two_sided import role_prompt
from studio.training.validated_trainer import (
    ndcg_evaluator,
    on_one_gpu,
    usual_arguments,
    without_model_card,
)
from studio.training.validation import Validator

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True, slots=True)
class TrainingSchedule:
    """The settings made definite for this model, machine and number of pairs."""

    steps: int
    """Batches in all."""
    mini_batch: int
    """Texts at once in the network."""
    learning_rate: float
    """At its peak."""
    bf16: bool
    """Half precision in the network."""
    evaluate_every: int
    """Steps between two evaluations, or between two checkpoints without a validation set."""


def schedule(
    model: SentenceTransformer, plan: BatchPlan, settings: RetrieverSettings, validated: bool
) -> TrainingSchedule:
    """Work out what the settings leave open."""
    on_gpu = model.device.type == "cuda"
    steps = settings.max_steps or max(1, round(plan.batches * settings.epochs))
    rate = STATIC_LEARNING_RATE if is_static(model) else LEARNING_RATE
    rate = adapters.LEARNING_RATE if settings.lora_rank else rate
    every = -(-steps // max(1, settings.evaluations)) if validated else settings.checkpoint_every
    return TrainingSchedule(
        steps=steps,
        mini_batch=settings.mini_batch or (256 if on_gpu else 32),
        learning_rate=settings.learning_rate or rate,
        bf16=has_bf16(model.device.type) if settings.bf16 is None else settings.bf16,
        evaluate_every=max(1, every),
    )


def build_trainer(
    model: SentenceTransformer,
    dataset: Any,
    plan: BatchPlan,
    schedule: TrainingSchedule,
    settings: RetrieverSettings,
    folder: Path,
    validator: Validator | None,
    objective: Objective,
    callbacks: Sequence[Any],
) -> Any:
    """A trainer that is ready to run."""
    from transformers.trainer_callback import PrinterCallback

    trainer = _trainer_class(plan, _lengths(dataset), has_adapters=bool(settings.lora_rank))(
        model=model,
        args=_arguments(model, plan, schedule, settings, folder, validator is not None),
        train_dataset=dataset,
        loss=loss_for(model, schedule.mini_batch, plan.batch_size, objective),
        evaluator=ndcg_evaluator(validator) if validator is not None else None,
        callbacks=list(callbacks),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _lengths(dataset: Any) -> list[int]:
    """Characters of what is longest in each row: the document, or else the query."""
    name = "document" if "document" in dataset.column_names else "query"
    return [len(text) for text in dataset[name]]


def columns(
    pairs: Sequence[TrainingPair], settings: RetrieverSettings, numbers: TextNumbers
) -> Any:
    """The pairs as a ``datasets.Dataset``: query, document, negative_1 …, and their texts' numbers.

    Only queries and numbers where documents keep their vectors. With a teacher the query's own
    number, counted from the first distinct query, comes last.

    A pair that brings too few negatives is filled up with other pairs' documents, drawn at random.
    """
    from datasets import Dataset

    query_only = settings.trained_side == "query"
    negatives = 0 if query_only else settings.negatives
    drawn = random.Random(settings.seed)
    rows = [
        [pair.document_text, *filled_up(pair, pairs, negatives, drawn)]
        if negatives
        else [pair.document_text]
        for pair in pairs
    ]
    names = ["document", *(f"negative_{place + 1}" for place in range(negatives))]
    table: dict[str, list[Any]] = {"query": [pair.asked for pair in pairs]}
    if not query_only:
        table |= {name: [row[place] for row in rows] for place, name in enumerate(names)}
    table["label"] = [[numbers.of(text) for text in row] for row in rows]
    if settings.distillation:
        queries = TextNumbers()
        for pair, label in zip(pairs, table["label"], strict=True):
            label.append(queries.of(pair.query))
    return Dataset.from_dict(table)


class TextNumbers:
    """A number for each distinct text, by which the loss knows copies."""

    def __init__(self) -> None:
        """Empty."""
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def by_hash(self) -> Mapping[str, int]:
        """Hash of a text → its number."""
        return self._numbers

    def of(self, text: str) -> int:
        """The text's number; a new one for a new text."""
        return self._numbers.setdefault(content_sha(text), len(self._numbers))


def filled_up(
    pair: TrainingPair, pairs: Sequence[TrainingPair], count: int, drawn: random.Random
) -> list[str]:
    """So many negatives of a pair: its own, then other pairs' documents."""
    chosen = list(pair.negatives[:count])
    while len(chosen) < count:
        other = pairs[drawn.randrange(len(pairs))]
        if other.document_text != pair.document_text:
            chosen.append(other.document_text)
    return chosen


def _arguments(
    model: SentenceTransformer,
    plan: BatchPlan,
    schedule: TrainingSchedule,
    settings: RetrieverSettings,
    folder: Path,
    validated: bool,
) -> Any:
    from sentence_transformers.sentence_transformer.training_args import (
        SentenceTransformerTrainingArguments,
    )

    columns = ("query", "document", *(f"negative_{n + 1}" for n in range(settings.negatives)))
    roles: dict[str, Role] = {name: "query" if name == "query" else "document" for name in columns}
    prompts = {name: role_prompt(model, role) for name, role in roles.items()}
    return on_one_gpu(
        SentenceTransformerTrainingArguments(
            output_dir=str(folder),
            per_device_train_batch_size=plan.batch_size,
            max_steps=schedule.steps,
            learning_rate=schedule.learning_rate,
            warmup_steps=round(schedule.steps * settings.warmup),
            weight_decay=settings.weight_decay,
            bf16=schedule.bf16,
            seed=settings.seed,
            prompts={name: prompt for name, prompt in prompts.items() if prompt},
            router_mapping=roles,
            logging_steps=settings.log_every,
            save_steps=schedule.evaluate_every,
            eval_steps=schedule.evaluate_every if validated else None,
            **usual_arguments(model.device.type, NDCG, validated),
        )
    )


def _trainer_class(plan: BatchPlan, lengths: Sequence[int], *, has_adapters: bool) -> type[Any]:
    from sentence_transformers import SentenceTransformerTrainer
    from sentence_transformers.base.sampler import DefaultBatchSampler

    class PlannedBatches(DefaultBatchSampler):  # type: ignore[misc]
        """The plan's batches; the trainer sets the epoch."""

        def __iter__(self) -> Any:
            # Like lengths side by side: a mini-batch is padded to its longest text.
            for batch in plan.epoch(self.epoch):
                yield sorted(batch, key=lambda row: lengths[row])

        def __len__(self) -> int:
            return plan.batches

    class RetrieverTrainer(without_model_card(SentenceTransformerTrainer)):  # type: ignore[misc]
        """With the plan's batches, and adapters alone in a checkpoint where there are some."""

        def get_batch_sampler(self, dataset: Any, **options: Any) -> Any:
            return PlannedBatches(dataset, **options)

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            if has_adapters:
                adapters.save_adapters(self.model, Path(output_dir or self.args.output_dir))
            else:
                super()._save(output_dir, state_dict)

        def _load_from_checkpoint(self, checkpoint_path: str) -> None:
            if has_adapters:
                adapters.load_adapters(self.model, Path(checkpoint_path))
            else:
                super()._load_from_checkpoint(checkpoint_path)

    return RetrieverTrainer


def curve_callback(
    on_progress: Callable[[TrainingPoint], None],
    watch: StopWatch,
    steps: int,
    metric: str = NDCG,
) -> Any:
    """Reports the curves, stops when asked, and ends a training whose loss is no number."""
    from transformers import TrainerCallback

    began = time.monotonic()

    class Curve(TrainerCallback):  # type: ignore[misc]
        """Turns the trainer's logs into points."""

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if watch.stopping():
                control.should_training_stop = True
                # A checkpoint whose evaluation was left out could never be chosen after resuming.
                control.should_save = not control.should_evaluate
                control.should_evaluate = False

        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any
        ) -> None:
            if "loss" in logs:
                _refuse_nan(logs["loss"], state.global_step)
                report(state, loss=logs["loss"], learning_rate=logs["learning_rate"])
            elif f"eval_{metric}" in logs:
                report(state, score=logs[f"eval_{metric}"])

    def report(state: Any, **values: float) -> None:
        seconds = time.monotonic() - began
        epoch = float(state.epoch or 0.0)
        on_progress(TrainingPoint(state.global_step, steps, epoch, seconds=seconds, **values))

    return Curve()


def _refuse_nan(loss: float, step: int) -> None:
    if loss != loss:
        raise StudioError(
            f"The loss was no longer a number at step {step}, so the training was ended; "
            "lower the learning rate, or switch bf16 off."
        )
