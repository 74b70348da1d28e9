"""Training a retriever on query-document pairs.

A dual encoder with shared weights learns by softmax cross-entropy over the documents of its batch,
as Promptagator's first stage does (Dai et al. 2022, §3.2). Promptagator's second stage is another
call that starts from the first one's model.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.evaluation.embeddings import Prefixes, instructed
from studio.records import StudioError, content_sha
from studio.training.adapters import EncoderAdapters
from studio.training.bank import bank_for, bank_texts
from studio.training.batches import BatchPlan, kin_of, plan_of
from studio.training.checkpoints import WorkingFolder, put_in_place, run_fingerprint
from studio.training.distillation import Lessons, asked, graded_texts, kept
from studio.training.encoders import (
    ROLES,
    is_static,
    load_encoder,
    prefixes_of,
    word_vectors,
    words_prevail,
)
from studio.training.fingerprints import fingerprint
from studio.training.interpolation import blend, blend_best, weights_of
from studio.training.loss import Objective
from studio.training.model_card import ModelCard, write_card
from studio.training.refusals import (
    check_distillation,
    check_settings,
    checked_groups,
    encoder_advice,
    mendable,
)
from studio.training.settings import (
    RetrieverSettings,
    TrainedRetriever,
    TrainingPair,
    TrainingPoint,
    ValidationSet,
)
from studio.training.stopping import StopWatch, TrainingStoppedError, nothing_trained
from studio.training.trainer import (
    TextNumbers,
    TrainingSchedule,
    build_trainer,
    columns,
    curve_callback,
    schedule,
)
from studio.training.two_sided import two_sided
from studio.training.validated_trainer import StepsDone, train_until_stopped
from studio.training.validation import Validator

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

    from studio.training.distillation import Teacher
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
    teacher: Teacher | None = None,
    sources: Mapping[str, tuple[int, ...]] | None = None,
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
        teacher: gives for each of the queries its scores of all documents of ``corpus``, in the
            mapping's order, minus infinity for those that it did not look at. Asked once for all
            distinct queries; what it says of at most BANK_LIMIT documents is held in memory, two
            bytes each, up to 1 GiB. Only with ``distillation``.
        sources: hash of a passage's text → the long documents that it was cut from: no passage of
            theirs stands against a query of another one.

    Raises:
        StudioError: too few documents, distillation without a teacher, an encoder that is not
            there, too little memory or disk, a loss that is no number, or a stop before the first
            step.
    """
    groups = checked_groups(pairs)
    check_settings(settings)
    check_distillation(settings, teacher, corpus)
    plan = plan_of(pairs, groups, settings.batch_size, settings.seed)
    began = time.monotonic()
    model = _prepared_encoder(settings)
    watch = StopWatch(should_stop)
    folder = WorkingFolder.beside(out)
    at_once = min(plan.batch_size, settings.mini_batch or 32)
    with mendable(encoder_advice(settings.max_length, at_once)):
        run = _RetrieverRun(
            pairs,
            settings,
            plan,
            model,
            folder,
            validation,
            on_progress,
            watch,
            corpus,
            teacher,
            sources or {},
        )
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
            prefixes=prefixes_of(run.model),
        )
        _save(model, out, run.settled(), pairs, result)
    if not result.cancelled:
        folder.remove()
    return result


class _RetrieverRun:
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
        teacher: Teacher | None,
        sources: Mapping[str, tuple[int, ...]],
    ) -> None:
        self.sources = sources
        self.pairs = pairs
        self.settings = settings
        self.plan = plan
        self.model = model
        self.folder = folder
        self.gold = gold
        self.on_progress = on_progress
        self.watch = watch
        self.corpus = corpus or {}
        self.teacher = teacher if settings.distillation else None
        self.cancelled = False
        self.schedule: TrainingSchedule = schedule(model, plan, settings, gold is not None)
        fixed = settings.trained_side == "query"
        self.validator = (
            Validator(gold, bf16=self.schedule.bf16, fixed_documents=fixed) if gold else None
        )

    def to_the_end(self, resume: bool) -> tuple[int, int, float | None, float]:
        """Steps done, the step kept, its score, and the share of trained weights in the result."""
        identity = run_fingerprint(
            self.pairs, self.settings, self.gold, fingerprint(self.model, "query"), self.sources
        )
        checkpoint = self.folder.entered(identity, resume)
        anchor = self._anchor()
        rank = self.settings.lora_rank
        adapters = EncoderAdapters(self.model, rank) if rank else None
        hook = self.model[0].register_forward_pre_hook(self.watch.before_forward)
        try:
            self._score_base()
            done = self._steps(checkpoint)
        finally:
            hook.remove()
        if adapters is not None:
            adapters.merge()
        self.cancelled = done.cancelled
        share, score = self._interpolate(anchor, done.best_score)
        return done.steps, done.best_step, score, share

    def settled(self) -> RetrieverSettings:
        """The settings with what they left open filled in, for the model card."""
        made, prefixes = self.schedule, prefixes_of(self.model)
        return replace(
            self.settings,
            query_prompt=prefixes.query,
            document_prompt=prefixes.document,
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
            raise nothing_trained() from error
        self.folder.note_base_score(score)
        self.on_progress(TrainingPoint(0, self.schedule.steps, 0.0, score=score))

    def _steps(self, checkpoint: Path | None) -> StepsDone:
        return train_until_stopped(
            self._trainer(), checkpoint, self.watch, self.schedule.steps, self.folder
        )

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
            self._objective(numbers),
            callbacks,
        )

    def _objective(self, numbers: TextNumbers) -> Objective:
        chosen, width = self.settings, self.model.truncate_dim
        if not chosen.corpus_negatives and chosen.trained_side != "query":
            return Objective(
                chosen.scale,
                chosen.symmetric,
                None,
                None,
                width,
                self._kin(numbers),
                chosen.widths,
            )
        texts = bank_texts(self.pairs, self.corpus, chosen.seed)
        named, count = [numbers.of(text) for text in texts], chosen.corpus_negatives
        bank = bank_for(self.model, texts, named, count, self.schedule.bf16)
        lessons = self._lessons(self.teacher, texts, numbers) if self.teacher else None
        return Objective(
            chosen.scale,
            chosen.symmetric,
            bank,
            lessons,
            width,
            self._kin(numbers),
            chosen.widths,
        )

    def _kin(self, numbers: TextNumbers) -> Tensor | None:
        """Which texts are passages of one long document, by their numbers."""
        import torch

        kin = kin_of(numbers.by_hash, self.sources)
        return None if kin is None else torch.tensor(kin)

    def _lessons(self, teacher: Teacher, texts: list[str], numbers: TextNumbers) -> Lessons:
        """The teacher's scores, asked for once, or as an interrupted run has left them."""
        import torch

        queries = list(dict.fromkeys(pair.query for pair in self.pairs))
        mined = [text for pair in self.pairs for text in pair.negatives]
        graded = graded_texts([*texts, *mined], self.corpus, len(queries), self.settings.seed)
        try:
            scores = kept(
                self.folder.teacher(content_sha(*queries, "\n", *graded)),
                lambda: asked(teacher, queries, list(graded.values()), self._check_stop),
            )
        except TrainingStoppedError as error:
            raise nothing_trained() from error
        places = [numbers.of(text) for text in graded]
        column_of = torch.full((len(numbers),), -1, dtype=torch.long)
        column_of[torch.tensor(places, dtype=torch.long)] = torch.arange(len(places))
        weight, temperature = self.settings.distillation, self.settings.teacher_temperature
        margins = self.settings.margins
        return Lessons(torch.from_numpy(scores), column_of, weight, temperature, margins)

    def _check_stop(self) -> None:
        if self.watch.stopping():
            raise TrainingStoppedError

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


def _prepared_encoder(settings: RetrieverSettings) -> SentenceTransformer:
    from transformers import set_seed

    set_seed(settings.seed)
    wanted = Prefixes(settings.query_prompt, settings.document_prompt)
    model = load_encoder(settings.base, settings.device, settings.max_length, wanted)
    held = words_prevail(model) if settings.freeze_words is None else settings.freeze_words
    # A static encoder is nothing but word vectors.
    if held and not is_static(model):
        for role in ROLES:
            word_vectors(model, role).requires_grad_(False)
    return two_sided(model) if settings.trained_side == "query" else model


def _save(
    model: SentenceTransformer,
    out: Path,
    settings: RetrieverSettings,
    pairs: Sequence[TrainingPair],
    result: TrainedRetriever,
) -> None:
    keep_prompts(model, pairs)
    with put_in_place(out) as folder:
        model.save_pretrained(str(folder), create_model_card=False)
        write_card(folder, ModelCard.of_training(out.name, settings, pairs, result))


MOST_PROMPTS: Final = 500
"""Instructions that a saved model names."""


def keep_prompts(model: SentenceTransformer, pairs: Sequence[TrainingPair]) -> None:
    """Let the model know the instructions that it has learnt, the commonest ones by their words.

    ``model.encode(queries, prompt_name=instruction)`` then puts before them what training did.
    """
    own = prefixes_of(model).query
    known = Counter(pair.instruction for pair in pairs if pair.instruction)
    for instruction, _ in known.most_common(MOST_PROMPTS):
        model.prompts[instruction] = own + instructed(instruction, "")
