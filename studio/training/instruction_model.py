"""A small LLM tuned on instructions: supervised fine-tuning by TRL with a LoRA adapter of PEFT.

The loss is that of the answers alone, after the base's own chat template. Validation's loss decides
which checkpoint is kept.
"""

from __future__ import annotations

import importlib.util
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.llm.causal import CausalModel, Prompted, load_causal
from studio.llm.causal_folders import INSTALL, CausalFolder, causal_folder
from studio.llm.loading import best_device, has_bf16, loaded, named_in_errors
from studio.records import StudioError, content_sha
from studio.training.checkpoints import WorkingFolder
from studio.training.instruction_folder import GGUF_FILE, save_tuned
from studio.training.instruction_settings import InstructionSettings
from studio.training.refusals import mendable
from studio.training.settings import TrainingPoint
from studio.training.stopping import StopWatch, TrainingStoppedError, nothing_trained
from studio.training.trainer import curve_callback
from studio.training.validated_trainer import (
    on_one_gpu,
    train_until_stopped,
    usual_arguments,
    validated_trainer,
)

LOSS = "loss"
"""The trainer's name for the mean nats a token of validation's answers."""
_IGNORED = -100
"""The label of a token that is read and not learnt."""
_HARMLESS = frozenset({"device", "log_every", "gradient_checkpointing"})
"""Settings that may change between an interruption and its resumption."""


@dataclass(frozen=True, slots=True)
class TrainedInstruction:
    """What came of a training."""

    path: Path
    """The merged model; in it the adapter, and a GGUF where one could be made."""
    steps: int
    """Batches trained, before and after an interruption."""
    best_step: int
    """The step whose weights were kept; the last one without validation."""
    base_loss: float | None
    """Mean nats a token of validation's answers for the base; None without validation."""
    best_loss: float | None
    """The same for what was kept."""
    trained_parameters: int
    """Weights of the adapter."""
    seconds: float
    """This run's; what was done before an interruption is not in it."""
    cancelled: bool = False
    """Stopped by a person: the best so far was saved, and the training can be resumed."""

    @property
    def gguf(self) -> Path | None:
        """The file that the embedded runtime serves; None where none could be made."""
        file = self.path / GGUF_FILE
        return file if file.is_file() else None


def train(
    pairs: Sequence[Prompted],
    settings: InstructionSettings,
    out: Path,
    *,
    validation: Sequence[Prompted] = (),
    on_progress: Callable[[TrainingPoint], None] = lambda point: None,
    should_stop: Callable[[], bool] = lambda: False,
    resume: bool = False,
) -> TrainedInstruction:
    """Tune the base and save the checkpoint with the lowest loss on validation.

    Args:
        pairs: instructions and their answers.
        settings: how.
        out: where the model will lie; it appears there whole or not at all.
        validation: decides which checkpoint is kept; without it the last one is.
        on_progress: told of every point of the curves; ``score`` is validation's loss.
        should_stop: asked about twice a second.
        resume: go on from the last checkpoint of the same training, if there is one.

    Raises:
        StudioError: nothing to learn from, TRL or PEFT missing, a base that is not there, no causal
            LLM or without safetensors, bf16 without a GPU that has it, too little memory or disk, a
            loss that is no number, or a stop before the first step.
    """
    settings.check()
    if not any(pair.answer.strip() for pair in pairs):
        raise StudioError(
            "There is nothing to tune on: no kept instruction has an answer. Generate or import "
            "some first."
        )
    check_packages()
    began = time.monotonic()
    watch = StopWatch(should_stop)
    working = WorkingFolder.beside(out)
    checkpoint = working.entered(_fingerprint(pairs, settings, validation), resume)
    with mendable(_advice(settings)):
        source, opened = loaded(lambda: _opened(settings), watch.stopping)
        run = _TuningRun(pairs, settings, working, opened, validation, on_progress, watch)
        run.to_the_end(checkpoint)
        save_tuned(opened, source, settings, out)
    if not run.cancelled:
        working.remove()
    return TrainedInstruction(
        path=out,
        steps=run.steps,
        best_step=run.best_step,
        base_loss=run.base_loss,
        best_loss=run.best_loss,
        trained_parameters=run.trained_parameters,
        seconds=time.monotonic() - began,
        cancelled=run.cancelled,
    )


@dataclass(slots=True)
class _TuningRun:
    """One training under way."""

    pairs: Sequence[Prompted]
    settings: InstructionSettings
    working: WorkingFolder
    opened: CausalModel
    validation: Sequence[Prompted]
    on_progress: Callable[[TrainingPoint], None]
    watch: StopWatch
    trainer: Any = None
    steps: int = 0
    best_step: int = 0
    base_loss: float | None = None
    best_loss: float | None = None
    trained_parameters: int = 0
    cancelled: bool = False

    def to_the_end(self, checkpoint: Path | None) -> None:
        """Train; the best checkpoint's weights are in the model afterwards."""
        with warnings.catch_warnings():
            # PEFT asks transformers by an old name; in the job's log that would look like a fault.
            warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
            trainer = self.trainer = self._trainer()
        # The adapter stands beside the base's weights from here on, and changes nothing yet.
        self.opened.model = trainer.model
        weights = trainer.model.parameters()
        self.trained_parameters = sum(one.numel() for one in weights if one.requires_grad)
        planned = self._schedule(trainer)
        with _broken_off(self.opened, self.watch):
            self._score_base(planned)
            done = train_until_stopped(trainer, checkpoint, self.watch, planned, self.working)
        self.steps, self.best_step, self.cancelled = done.steps, done.best_step, done.cancelled
        self.best_loss = done.best_score

    def _score_base(self, planned: int) -> None:
        """Step 0 of the curve; known already when a training goes on."""
        if not self.validation:
            return
        self.base_loss = self.working.base_score()
        if self.base_loss is None:
            try:
                self.base_loss = self._validation_loss()
            except TrainingStoppedError as error:
                self.working.remove()
                raise nothing_trained() from error
            self.working.note_base_score(self.base_loss)
        self.on_progress(TrainingPoint(0, planned, 0.0, score=self.base_loss))

    def _validation_loss(self) -> float:
        import torch

        half = bool(self.trainer.args.bf16)
        with torch.autocast(self.opened.model.device.type, torch.bfloat16, enabled=half):
            found = self.opened.losses(self.validation, should_stop=self.watch.stopping)
        if len(found) < len(self.validation):
            raise TrainingStoppedError
        return sum(one.nats for one in found) / max(1, sum(one.tokens for one in found))

    def _trainer(self) -> Any:
        from peft import LoraConfig
        from transformers import EarlyStoppingCallback

        chosen = self.settings
        callbacks = []
        if self.validation and chosen.patience:
            callbacks.append(EarlyStoppingCallback(chosen.patience))
        trainer = _trainer_class(self._validation_loss)(
            model=self.opened.model,
            args=self._arguments(),
            train_dataset=self._dataset(),
            processing_class=self.opened.tokenizer,
            peft_config=LoraConfig(
                r=chosen.rank,
                lora_alpha=chosen.alpha,
                lora_dropout=chosen.dropout,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            ),
            callbacks=callbacks,
        )
        # Saving looks on the hub for what has a name, and folders of this machine are no names.
        trainer.model.peft_config["default"].base_model_name_or_path = None
        return trainer

    def _schedule(self, trainer: Any) -> int:
        """Make the steps definite: how many rows there are is known after packing."""
        from transformers.trainer_callback import PrinterCallback

        chosen, arguments = self.settings, trainer.args
        batches = -(-len(trainer.train_dataset) // chosen.batch_size)
        planned = chosen.max_steps or max(1, round(batches * chosen.epochs))
        every = max(1, -(-planned // chosen.evaluations))
        arguments.max_steps = planned
        arguments.warmup_steps = round(planned * chosen.warmup_share)
        arguments.save_steps = every
        if self.validation:
            arguments.eval_steps = every
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(curve_callback(self.on_progress, self.watch, planned, LOSS))
        return planned

    def _dataset(self) -> Any:
        from datasets import Dataset, disable_progress_bars

        disable_progress_bars()
        rows = [self.opened.tokens(pair) for pair in self.pairs if pair.answer.strip()]
        return Dataset.from_dict(
            {
                "input_ids": [row.ids for row in rows],
                "labels": [[_IGNORED] * row.start + row.ids[row.start :] for row in rows],
            }
        )

    def _arguments(self) -> Any:
        from trl import SFTConfig

        chosen = self.settings
        device = chosen.device or best_device()
        validated = bool(self.validation)
        return on_one_gpu(
            SFTConfig(
                output_dir=str(self.working.path),
                per_device_train_batch_size=chosen.batch_size,
                max_length=self.opened.max_length,
                packing=chosen.packing,
                learning_rate=chosen.learning_rate,
                bf16=_half(chosen.bf16, device),
                activation_checkpointing=chosen.gradient_checkpointing,
                seed=chosen.seed,
                logging_steps=chosen.log_every,
                eval_steps=1,
                save_steps=1,
                **usual_arguments(device, LOSS, validated, greater_is_better=False),
            )
        )


def _trainer_class(loss: Callable[[], float]) -> type[Any]:
    from trl import SFTTrainer

    class InstructionTrainer(validated_trainer(SFTTrainer, LOSS, loss)):  # type: ignore[misc]
        """Writes no model card of TRL's."""

        def __init__(self, **options: Any) -> None:
            # What is not looked at has to be there: validation is scored from the pairs.
            validated = options["args"].eval_strategy != "no"
            super().__init__(
                **options, eval_dataset=options["train_dataset"].select([0]) if validated else None
            )

        def create_model_card(self, *_: Any, **__: Any) -> None:
            """The studio writes its own."""

    return InstructionTrainer


@contextmanager
def _broken_off(opened: CausalModel, watch: StopWatch) -> Iterator[None]:
    """A long step is left at the next layer, on the way there or back, once a stop is overdue."""

    def way_back(module: Any, given: Any, output: Any) -> None:
        tensor = output[0] if isinstance(output, tuple) else output
        if getattr(tensor, "requires_grad", False):
            tensor.register_hook(watch.before_forward)

    layers = [
        module
        for name, module in opened.model.named_modules()
        if name.rpartition(".")[2].isdigit() and "lora" not in name
    ]
    hooks = [opened.model.register_forward_pre_hook(watch.before_forward)]
    for layer in layers:
        hooks.append(layer.register_forward_pre_hook(watch.before_forward))
        hooks.append(layer.register_forward_hook(way_back))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def check_packages() -> None:
    """Raise StudioError where a package that tuning takes is missing."""
    for package in ("trl", "peft"):
        if importlib.util.find_spec(package) is None:
            raise StudioError(f"Tuning an LLM needs the package {package}: {INSTALL}.")


def _half(wanted: bool | None, device: str) -> bool:
    has = has_bf16(device)
    if wanted and not has:
        raise StudioError(f"This machine's {device} has no bfloat16 of its own; switch bf16 off.")
    return has if wanted is None else wanted


def _opened(settings: InstructionSettings) -> tuple[CausalFolder, CausalModel]:
    from transformers import set_seed

    set_seed(settings.seed)
    with named_in_errors(f"The LLM {settings.base}"):
        source = causal_folder(settings.base)
        opened = CausalModel(*load_causal(source), settings.max_length)
    opened.model.name_or_path = ""
    return source, opened


def _advice(settings: InstructionSettings) -> str:
    ways = []
    if not settings.gradient_checkpointing:
        ways.append("switch gradient checkpointing on (results stay the same)")
    if settings.batch_size > 1:
        ways.append(f"set the batch to {settings.batch_size // 2}")
    if settings.max_length > 64:
        ways.append(f"the length to {settings.max_length // 2} tokens")
    return ", or ".join([*ways, "choose a smaller LLM"])


def _fingerprint(
    pairs: Sequence[Prompted], settings: InstructionSettings, validation: Sequence[Prompted]
) -> str:
    """Equal for trainings that would take the same steps."""
    decisive = {name: value for name, value in settings.as_row().items() if name not in _HARMLESS}
    # A folder's name alone: projects are moved.
    decisive["base"] = Path(settings.base).name
    parts = [json.dumps(decisive, sort_keys=True)]
    for pair in (*pairs, Prompted("", ""), *validation):
        parts += [pair.prompt, pair.answer]
    return content_sha(*parts)
