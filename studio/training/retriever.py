"""Training a retriever on query-document pairs.

A dual encoder with shared weights learns by softmax cross-entropy over the documents of its batch,
as Promptagator's first stage does (Dai et al. 2022, §3.2). Promptagator's second stage is another
call that starts from the first one's model.
"""

from __future__ import annotations

import errno
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.records import StudioError
from studio.training.batches import BatchPlan, groups_of
from studio.training.checkpoints import WorkingFolder, replace_folder, run_fingerprint
from studio.training.encoders import fingerprint, load_encoder
from studio.training.interpolation import blend, blend_best, weights_of
from studio.training.loss import Bank, bank_for
from studio.training.model_card import ModelCard, write_card
from studio.training.settings import (
    BANK_LIMIT,
    RetrieverSettings,
    TrainedRetriever,
    TrainingPair,
    TrainingPoint,
    ValidationSet,
)
from studio.training.stopping import StopWatch, TrainingStoppedError
from studio.training.trainer import (
    Schedule,
    TextNumbers,
    build_trainer,
    columns,
    curve_callback,
    schedule,
)
from studio.training.two_sided import two_sided
from studio.training.validation import Validator

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from studio.training.interpolation import Weights


def train(
    pairs: Sequence[TrainingPair],
    settings: RetrieverSettings,
    out: Path,
    *,
    validation: ValidationSet | None = None,
    on_progress: Callable[[TrainingPoint], None] = lambda point: None,
    should_stop: Callable[[], bool] = lambda: False,
    resume: bool = False,
    corpus: Mapping[int | str, str] | None = None,
) -> TrainedRetriever:
    """Train, keep the best checkpoint, and save it as a plain sentence-transformers folder.

    Args:
        pairs: what to learn from, of at least two documents.
        settings: how.
        out: where the model will lie; it appears there whole or not at all.
        validation: decides which checkpoint is best; without it the last one is kept.
        on_progress: told of every point of the curves.
        should_stop: asked about twice a second; on True the best so far is saved.
        resume: go on from the last checkpoint of the same training, if there is one.
        corpus: document id → text, from which ``corpus_negatives`` are drawn; None draws them from
            the pairs' own documents.

    Raises:
        StudioError: too few documents, an encoder that is not there, too little memory or disk,
            a loss that is no number, or a stop before the first step.
    """
    groups = _checked_groups(pairs)
    _check(settings)
    plan = BatchPlan(groups, settings.batch_size, settings.seed)
    began = time.monotonic()
    model = _prepared_encoder(settings)
    watch = StopWatch(should_stop)
    folder = WorkingFolder.beside(out)
    with _mendable(settings, plan.batch_size):
        run = _Run(pairs, settings, plan, model, folder, validation, on_progress, watch, corpus)
        steps, best_step, best_score, share = run.to_the_end(resume)
        result = TrainedRetriever(
            path=out,
            steps=steps,
            best_step=best_step,
            best_score=best_score,
            seconds=time.monotonic() - began,
            base_score=folder.base_score(),
            share=share,
            cancelled=run.cancelled,
        )
        _save(model, out, run.settled(), pairs, result)
    if not result.cancelled:
        folder.remove()
    return result


class _Run:
    """One call of :func:`train`: the pieces that its steps share."""

    def __init__(
        self,
        pairs: Sequence[TrainingPair],
        settings: RetrieverSettings,
        plan: BatchPlan,
        model: SentenceTransformer,
        folder: WorkingFolder,
        gold: ValidationSet | None,
        on_progress: Callable[[TrainingPoint], None],
        watch: StopWatch,
        corpus: Mapping[int | str, str] | None,
    ) -> None:
        self.pairs = pairs
        self.settings = settings
        self.plan = plan
        self.model = model
        self.folder = folder
        self.gold = gold
        self.on_progress = on_progress
        self.watch = watch
        self.corpus = corpus
        self.cancelled = False
        self.schedule: Schedule = schedule(model, plan, settings, gold is not None)
        fixed = settings.trained_side == "query"
        self.validator = (
            Validator(gold, bf16=self.schedule.bf16, fixed_documents=fixed) if gold else None
        )

    def to_the_end(self, resume: bool) -> tuple[int, int, float | None, float]:
        """Steps done, the step kept, its score, and the share of trained weights in the result."""
        identity = run_fingerprint(
            self.pairs, self.settings, self.gold, fingerprint(self.model, "query")
        )
        checkpoint = self.folder.last_checkpoint(identity) if resume else None
        if checkpoint is None:
            self.folder.begin(identity)
        anchor = self._anchor()
        hook = self.model[0].register_forward_pre_hook(self.watch.before_forward)
        try:
            self._score_base()
            steps, best_step, best_score = self._steps(checkpoint)
        finally:
            hook.remove()
        share, score = self._interpolate(anchor, best_score)
        return steps, best_step, score, share

    def settled(self) -> RetrieverSettings:
        """The settings with what they left open filled in, for the model card."""
        made = self.schedule
        return replace(
            self.settings,
            max_steps=made.steps,
            learning_rate=made.learning_rate,
            mini_batch=made.mini_batch,
            bf16=made.bf16,
        )

    def _score_base(self) -> None:
        if self.gold is None or self.folder.base_score() is not None:
            return
        try:
            score = self._score()
        except TrainingStoppedError as error:
            raise _nothing_trained() from error
        self.folder.note_base_score(score)
        self.on_progress(TrainingPoint(0, self.schedule.steps, 0.0, score=score))

    def _steps(self, checkpoint: Path | None) -> tuple[int, int, float | None]:
        trainer = self._trainer()
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        except TrainingStoppedError:
            if trainer.state.best_model_checkpoint is not None:
                trainer._load_best_model()
        state = trainer.state
        self.cancelled = self.watch.stopped and state.global_step < self.schedule.steps
        if not state.global_step:
            self.folder.remove()
            raise _nothing_trained()
        if state.best_model_checkpoint is None:
            return state.global_step, state.global_step, None
        return state.global_step, int(state.best_global_step), float(state.best_metric)

    def _trainer(self) -> Any:
        from transformers import EarlyStoppingCallback

        callbacks = [curve_callback(self.on_progress, self.watch, self.schedule.steps)]
        if self.gold is not None and self.settings.patience:
            callbacks.append(EarlyStoppingCallback(self.settings.patience))
        numbers = TextNumbers()
        table = columns(self.pairs, self.settings, numbers)
        return build_trainer(
            self.model,
            table,
            self.plan,
            self.schedule,
            self.settings,
            self.folder.path,
            self.validator,
            self._bank(numbers),
            callbacks,
        )

    def _bank(self, numbers: TextNumbers) -> Bank | None:
        query_only = self.settings.trained_side == "query"
        if not self.settings.corpus_negatives and not query_only:
            return None
        own = list(dict.fromkeys(pair.document_text for pair in self.pairs))
        others = list(dict.fromkeys((self.corpus or {}).values()))
        room = min(max(0, BANK_LIMIT - len(own)), len(others))
        drawn = random.Random(self.settings.seed).sample(others, room)
        texts = list(dict.fromkeys([*own, *drawn]))
        count, bf16 = self.settings.corpus_negatives, self.schedule.bf16
        return bank_for(self.model, texts, [numbers.of(text) for text in texts], count, bf16)

    def _anchor(self) -> Weights | None:
        """The weights to average with, if the result is to be an average."""
        if self.settings.interpolation == 1.0:
            return None
        if not self.settings.anchor:
            return weights_of(self.model)
        other = load_encoder(self.settings.anchor, "cpu", self.settings.max_length)
        if self.settings.trained_side == "query":
            other = two_sided(other)
        weights = weights_of(other)
        mine = {name: tensor.shape for name, tensor in self.model.state_dict().items()}
        if mine != {name: tensor.shape for name, tensor in weights.items()}:
            raise StudioError(
                f"The weights of {self.settings.anchor} and {self.settings.base} have different "
                "shapes, so they cannot be averaged; choose the encoder that the base came from."
            )
        return weights

    def _interpolate(
        self, anchor: Weights | None, best_score: float | None
    ) -> tuple[float, float | None]:
        share = self.settings.interpolation
        if anchor is None or self.cancelled:
            return 1.0, best_score
        if share != "validation":
            blend(self.model, anchor, weights_of(self.model), share)
            return share, self._score() if self.gold is not None else None
        if best_score is None:
            return 1.0, None
        return blend_best(self.model, anchor, self._score, best_score)

    def _score(self) -> float:
        assert self.validator is not None
        return self.validator(self.model)


def _checked_groups(pairs: Sequence[TrainingPair]) -> list[int]:
    groups = groups_of(pairs)
    if len(set(groups)) < 2:
        raise StudioError(
            f"The {len(pairs)} training pairs are all of one document, and an encoder learns by "
            "telling documents apart; generate queries for at least two documents."
            if pairs
            else "There are no training pairs; generate queries, or loosen the filters."
        )
    return groups


def _check(settings: RetrieverSettings) -> None:
    wrong = [
        name
        for name in ("batch_size", "learning_rate", "epochs", "max_steps", "max_length", "scale")
        if (value := getattr(settings, name)) is not None and not value > 0
    ]
    if wrong:
        raise StudioError(f"The training setting {wrong[0]} must be greater than 0.")


def _prepared_encoder(settings: RetrieverSettings) -> SentenceTransformer:
    import torch
    from transformers import set_seed

    set_seed(settings.seed)
    model = load_encoder(settings.base, settings.device, settings.max_length)
    prompts = {"query": settings.query_prompt, "document": settings.document_prompt}
    model.prompts = {**model.prompts, **{role: text for role, text in prompts.items() if text}}
    model.to(torch.float32)
    return two_sided(model) if settings.trained_side == "query" else model


def _save(
    model: SentenceTransformer,
    out: Path,
    settings: RetrieverSettings,
    pairs: Sequence[TrainingPair],
    result: TrainedRetriever,
) -> None:
    partial = out.absolute().with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(str(partial), create_model_card=False)
    write_card(partial, ModelCard.of_training(out.name, settings, pairs, result))
    replace_folder(partial, out.absolute())


def _nothing_trained() -> StudioError:
    return StudioError(
        "The training was cancelled before its first step was done, so there is no model."
    )


@contextmanager
def _mendable(settings: RetrieverSettings, batch: int) -> Iterator[None]:
    """Too little memory or disk becomes advice."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        raise StudioError(_memory_advice(settings, batch)) from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise StudioError(
            "The disk is full, so the training stopped; free some space and resume it."
        ) from error


def _is_out_of_memory(error: BaseException) -> bool:
    # torch raises its own class on a GPU and a bare RuntimeError on a CPU.
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate" in text


def _memory_advice(settings: RetrieverSettings, batch: int) -> str:
    at_once = min(batch, settings.mini_batch or 32)
    ways = []
    if at_once > 1:
        ways.append(f"set the mini-batch to {max(1, at_once // 2)} (results stay the same)")
    if settings.max_length > 64:
        ways.append(f"the length to {settings.max_length // 2} tokens")
    ways.append("choose a smaller encoder")
    return f"The memory ran out in training; {', or '.join(ways)}, and resume."
