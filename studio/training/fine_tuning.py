"""Fine-tuning with transformers' Trainer: what classifiers and readers share.

Validation alone decides which checkpoint is kept. (S3's released code chose the best epoch on the
training set, and for questions on the test set.)
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from studio.llm.loading import best_device, has_bf16
from studio.records import Datum, Label, content_sha
from studio.tasks import TASKS
from studio.training.checkpoints import WorkingFolder, put_in_place
from studio.training.classifier import Classifier
from studio.training.reader import Reader
from studio.training.refusals import encoder_advice, mendable
from studio.training.settings import TrainingPoint
from studio.training.small_model import CARD, METRIC, SmallModel, TrainedSmall, scores
from studio.training.small_settings import SmallSettings
from studio.training.stopping import StopWatch
from studio.training.trainer import curve_callback
from studio.training.validated_trainer import (
    on_one_gpu,
    train_until_stopped,
    usual_arguments,
    validated_trainer,
)

SCORE = "score"
"""The trainer's name for the metric of the task."""
_HARMLESS = frozenset({"device", "log_every"})
"""Settings that may change between an interruption and its resumption."""


class FineTuned(Protocol):
    """What a classifier and a reader do differently."""

    model: Any
    """The transformers model."""
    tokenizer: Any

    def dataset(self, items: Sequence[Datum]) -> Any:
        """Tokenised rows to train on."""

    def collator(self) -> Any:
        """Puts rows into padded batches."""

    def loss(self, items: Sequence[Datum]) -> Callable[..., Any] | None:
        """A loss of its own, or None for the model's."""

    def small_model(self) -> SmallModel:
        """The model as it predicts."""


def kind_of(settings: SmallSettings, labels: Sequence[str], source: str = "") -> FineTuned:
    """A classifier or a reader from its base, or from a saved folder."""
    if TASKS[settings.task].gold == "answers":
        return Reader(settings, source or settings.base)
    return Classifier(settings, labels, source or settings.base)


def load(path: Path, card: dict[str, Any], device: str | None) -> SmallModel:
    """A saved model, ready to predict."""
    settings = SmallSettings.from_row(card["settings"])
    kind = kind_of(settings, card["labels"], str(path))
    kind.model.to(device or best_device())
    return kind.small_model()


def train(
    items: Sequence[Datum],
    labels: Sequence[Label],
    settings: SmallSettings,
    out: Path,
    validation: Sequence[Datum],
    on_progress: Callable[[TrainingPoint], None],
    should_stop: Callable[[], bool],
    resume: bool,
) -> TrainedSmall:
    """See :func:`studio.training.small.train`."""
    from transformers import set_seed

    began = time.monotonic()
    set_seed(settings.seed)
    names = [label.name for label in labels]
    kind = kind_of(settings, names)
    folder = WorkingFolder.beside(out)
    checkpoint = folder.entered(_fingerprint(items, names, settings, validation), resume)
    watch = StopWatch(should_stop)
    with mendable(encoder_advice(settings.max_length, min(settings.batch_size, 32))):
        run = _FineTuningRun(kind, items, settings, folder, validation, on_progress, watch)
        run.to_the_end(checkpoint)
        _save(kind, names, settings, out)
    if not run.cancelled:
        folder.remove()
    return TrainedSmall(
        path=out,
        steps=run.steps,
        best_step=run.best_step,
        validation=run.scores(),
        seconds=time.monotonic() - began,
        cancelled=run.cancelled,
    )


@dataclass(slots=True)
class _FineTuningRun:
    """One training under way."""

    kind: FineTuned
    items: Sequence[Datum]
    settings: SmallSettings
    folder: WorkingFolder
    validation: Sequence[Datum]
    on_progress: Callable[[TrainingPoint], None]
    watch: StopWatch
    steps: int = 0
    best_step: int = 0
    cancelled: bool = False

    def to_the_end(self, checkpoint: Path | None) -> None:
        """Train; the best checkpoint's weights are in the model afterwards."""
        table = self.kind.dataset(self.items)
        batches = -(-len(table) // self.settings.batch_size)
        planned = self.settings.max_steps or max(1, round(batches * self.settings.epochs))
        trainer = self._trainer(table, batches, planned)
        with self._stoppable():
            done = train_until_stopped(trainer, checkpoint, self.watch, planned, self.folder)
        self.steps, self.best_step, self.cancelled = done.steps, done.best_step, done.cancelled

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        hook = self.kind.model.register_forward_pre_hook(self.watch.before_forward)
        try:
            yield
        finally:
            hook.remove()

    def scores(self) -> dict[str, Any]:
        """What the model in memory reaches on validation; empty without one."""
        if not self.validation:
            return {}
        predictions = self.kind.small_model().predict(self.validation)
        return scores(self.settings.task, self.validation, predictions)

    def _trainer(self, table: Any, batches: int, planned: int) -> Any:
        from transformers import EarlyStoppingCallback, Trainer
        from transformers.trainer_callback import PrinterCallback

        callbacks = [curve_callback(self.on_progress, self.watch, planned, SCORE)]
        if self.validation and self.settings.patience:
            callbacks.append(EarlyStoppingCallback(self.settings.patience))
        trainer = validated_trainer(Trainer, SCORE, self._score)(
            model=self.kind.model,
            args=self._arguments(batches, planned),
            train_dataset=table,
            eval_dataset=table if self.validation else None,
            data_collator=self.kind.collator(),
            compute_loss_func=self.kind.loss(self.items),
            callbacks=callbacks,
        )
        trainer.remove_callback(PrinterCallback)
        return trainer

    def _score(self) -> float:
        return float(self.scores()[METRIC[TASKS[self.settings.task].gold]])

    def _arguments(self, batches: int, planned: int) -> Any:
        from transformers import TrainingArguments

        chosen = self.settings
        device = chosen.device or best_device()
        every = -(-planned // chosen.evaluations) if chosen.evaluations else batches
        validated = bool(self.validation)
        return on_one_gpu(
            TrainingArguments(
                output_dir=str(self.folder.path),
                per_device_train_batch_size=chosen.batch_size,
                max_steps=planned,
                learning_rate=chosen.learning_rate,
                weight_decay=chosen.weight_decay,
                warmup_steps=min(chosen.warmup_steps, planned // 10),
                bf16=has_bf16(device) if chosen.bf16 is None else chosen.bf16,
                seed=chosen.seed,
                logging_steps=chosen.log_every,
                save_steps=every,
                eval_steps=every if validated else None,
                **usual_arguments(device, SCORE, validated),
            )
        )


def _fingerprint(
    items: Sequence[Datum],
    labels: Sequence[str],
    settings: SmallSettings,
    validation: Sequence[Datum],
) -> str:
    """Equal for trainings that would take the same steps."""
    decisive = {name: value for name, value in settings.as_row().items() if name not in _HARMLESS}
    # A folder's name alone: projects are moved.
    decisive["base"] = Path(settings.base).name
    parts = [json.dumps(decisive, sort_keys=True), *labels]
    for item in (*items, *validation):
        parts += [item.text, item.context, item.label, *item.answers, "\n"]
    return content_sha(*parts)


def _save(kind: FineTuned, labels: Sequence[str], settings: SmallSettings, out: Path) -> None:
    card = {"settings": settings.as_row(), "labels": list(labels)}
    with put_in_place(out) as folder:
        kind.model.save_pretrained(str(folder))
        kind.tokenizer.save_pretrained(str(folder))
        (folder / CARD).write_text(json.dumps(card, indent=1), "utf-8")
