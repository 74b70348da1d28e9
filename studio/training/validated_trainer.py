"""What all trainings tell transformers' Trainer, and a trainer that validation decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from studio.training.length_groups import LengthGroups


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
