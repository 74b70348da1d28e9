"""What all trainings tell transformers' Trainer, and a trainer that validation decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.evaluation.retrieval import NDCG
from studio.training.checkpoints import WorkingFolder
from studio.training.length_groups import LengthGroups
from studio.training.stopping import StopWatch, TrainingStoppedError, nothing_trained


def usual_arguments(
    device: str, metric: str, validated: bool, *, greater_is_better: bool = True
) -> dict[str, Any]:
    """Arguments of a trainer: curves and checkpoints, none of its own bars and reports.

    metric: the trainer's name for what validation is scored by.
    """
    return {
        "logging_nan_inf_filter": False,
        "save_total_limit": 2,
        "eval_strategy": "steps" if validated else "no",
        "load_best_model_at_end": validated,
        "metric_for_best_model": f"eval_{metric}" if validated else None,
        "greater_is_better": greater_is_better if validated else None,
        "restore_callback_states_from_checkpoint": True,
        "use_cpu": device == "cpu",
        "dataloader_pin_memory": device.startswith("cuda"),
        "disable_tqdm": True,
        "report_to": "none",
    }


def on_one_gpu(arguments: Any) -> Any:
    """The same arguments. Several visible GPUs would be used through DataParallel, which splits
    batches and with them the in-batch negatives."""
    # The device is set up by its first reading.
    if arguments.device.type == "cuda":
        arguments._n_gpu = 1
    return arguments


def validated_trainer(base: type[Any], metric: str, score: Callable[[], float]) -> type[Any]:
    """A trainer that scores validation as the tables do, and has rows of like length in a batch.

    base: a Trainer of transformers or of its kin. metric: the trainer's name for the score.
    """

    class ValidatedTrainer(base):  # type: ignore[misc]
        """Its evaluation is the score."""

        control: Any

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            lengths = [len(ids) for ids in self.train_dataset["input_ids"]]
            return LengthGroups(lengths, self.args.per_device_train_batch_size, self.args.seed)

        def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
            metrics = {f"eval_{metric}": score()}
            self.model.train()
            self.log(metrics)
            self.control = self.callback_handler.on_evaluate(
                self.args, self.state, self.control, metrics
            )
            return metrics

    return ValidatedTrainer


def without_model_card(base: type[Any]) -> type[Any]:
    """A trainer of sentence-transformers that writes none: the studio writes its own."""

    class CardlessTrainer(base):  # type: ignore[misc]
        """Saves the weights alone."""

        def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
            """Its callback runs the model on samples to describe the data, which costs seconds."""

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            self.model.save_pretrained(output_dir or self.args.output_dir, create_model_card=False)

    return CardlessTrainer


def ndcg_evaluator(score: Callable[[Any], float]) -> Any:
    """What a trainer of sentence-transformers asks for nDCG@10 on validation; given the model."""
    from sentence_transformers.base.evaluation import BaseEvaluator

    class ValidationEvaluator(BaseEvaluator):  # type: ignore[misc]
        """One score."""

        def __call__(self, model: Any, *_: Any, **__: Any) -> dict[str, float]:
            return {NDCG: score(model)}

    evaluator = ValidationEvaluator()
    evaluator.primary_metric = NDCG
    return evaluator


@dataclass(frozen=True, slots=True)
class StepsDone:
    """How far a trainer came."""

    steps: int
    """Before and after an interruption."""
    best_step: int
    """The step whose weights are in the model; the last one without validation."""
    best_score: float | None
    cancelled: bool


def train_until_stopped(
    trainer: Any, checkpoint: Path | None, watch: StopWatch, planned: int, folder: WorkingFolder
) -> StepsDone:
    """Take the planned steps, or as many as there is time for until a stop.

    The best checkpoint's weights are in the model afterwards. Raises StudioError where not one step
    was done.
    """
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except TrainingStoppedError:
        if trainer.state.best_model_checkpoint is not None:
            trainer._load_best_model()
    state = trainer.state
    steps: int = state.global_step
    if not steps:
        folder.remove()
        raise nothing_trained()
    cancelled = watch.stopped and steps < planned
    if state.best_model_checkpoint is None:
        return StepsDone(steps, steps, None, cancelled)
    return StepsDone(steps, int(state.best_global_step), float(state.best_metric), cancelled)
