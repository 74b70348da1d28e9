"""Training and asking a reranker: a cross-encoder that reads a query and a document together.

Promptagator++ (Dai et al. 2022, §3.4): the first documents that a retriever finds are put in a new
order by a network that learns from the same synthetic pairs, by softmax cross-entropy of the right
document against 31 that are drawn from the retriever's first 200.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.evaluation.retrieval import NDCG, evaluate
from studio.llm.loading import check_weights, has_bf16, named_in_errors, refusing_missing_weights
from studio.llm.model_folders import UnusableModel, check_folder
from studio.records import StudioError, content_sha
from studio.training.checkpoints import HARMLESS, WorkingFolder, put_in_place
from studio.training.encoders import folder_of, longest
from studio.training.refusals import encoder_advice, mendable
from studio.training.reranker_settings import RerankerSettings
from studio.training.settings import TrainingPair, TrainingPoint
from studio.training.stopping import StopWatch, TrainingStoppedError
from studio.training.trainer import curve_callback, filled_up
from studio.training.validated_trainer import (
    StepsDone,
    ndcg_evaluator,
    on_one_gpu,
    train_until_stopped,
    usual_arguments,
    without_model_card,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_AT_ONCE: Final = 32
"""Pairs that pass the network at once in training."""
_READ_ON_GPU: Final = 256
_READ_ON_CPU: Final = 16
"""Pairs that are scored at once: on a CPU more are slower, and a cancel waits for them."""


@dataclass(frozen=True, slots=True)
class RerankingGold:
    """Validation queries with what the retriever found first: only that is put in order."""

    queries: Mapping[str, str]
    """Query id → text."""
    found: Mapping[str, Mapping[str, str]]
    """Query id → document id → text, as the retriever has them, the best first."""
    relevant: Mapping[str, Mapping[str, int]]
    """Query id → document id → grade."""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every query with each text that was found for it."""
        return [
            (self.queries[name], text)
            for name, found in self.found.items()
            for text in found.values()
        ]

    def scored(self, scores: Iterable[float]) -> float:
        """nDCG@10 with a score for each of the pairs."""
        each = iter(scores)
        run = {
            name: {document: next(each) for document in found} for name, found in self.found.items()
        }
        return evaluate(run, {name: self.relevant[name] for name in run}).means[NDCG]

    @property
    def untouched(self) -> float:
        """nDCG@10 of the retriever's own order."""
        return self.scored(-place for found in self.found.values() for place in range(len(found)))


@dataclass(frozen=True, slots=True)
class TrainedReranker:
    """What came of a training."""

    path: Path
    steps: int
    best_step: int
    """The step whose weights were kept."""
    base_score: float | None
    """nDCG@10 on validation of the retriever's own order; None without validation queries."""
    best_score: float | None
    """nDCG@10 after reranking."""
    seconds: float
    cancelled: bool = False
    pairs_s: float | None = None
    """Pairs a second that validation's checks read; None without one."""


class Reranker:
    """A cross-encoder that is ready to score."""

    def __init__(self, model: Any) -> None:
        self.model = model
        on_gpu = model.device.type == "cuda"
        self.batch_size = _READ_ON_GPU if on_gpu else _READ_ON_CPU
        self.told_after = 8 * _READ_ON_GPU if on_gpu else _READ_ON_CPU

    def scores(self, query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """A number for each text, higher for one that answers the query better; any number."""
        return self.of_pairs([(query, text) for text in texts])

    def of_pairs(
        self,
        pairs: Sequence[tuple[str, str]],
        on_batch: Callable[[int], None] = lambda read: None,
    ) -> NDArray[np.float32]:
        """A number for each (query, text).

        on_batch: told after each batch how many pairs are read; may raise to end it.
        """
        import numpy as np
        from torch.nn import Identity

        # Pairs of one length share a batch, which is as long as its longest.
        longest_first = sorted(range(len(pairs)), key=lambda n: -sum(map(len, pairs[n])))
        scores = np.empty(len(pairs), dtype=np.float32)
        for start in range(0, len(pairs), self.told_after):
            part = longest_first[start : start + self.told_after]
            scores[part] = self.model.predict(
                [pairs[n] for n in part],
                batch_size=self.batch_size,
                activation_fn=Identity(),
                show_progress_bar=False,
            )
            on_batch(start + len(part))
        if not np.isfinite(scores).all():
            raise StudioError(
                "The reranker gives scores that are no numbers (NaN or infinite); its weights are "
                "damaged, or a training's learning rate is too high."
            )
        return scores


def load_reranker(name: str, device: str | None = None, max_length: int = 256) -> Reranker:
    """A cross-encoder by folder or hub name.

    Raises:
        StudioError: it is not there, it is broken, or it is an encoder that was never trained to
            rerank.
    """
    return Reranker(_cross_encoder(name, device, max_length, may_begin=False))


def train(
    pairs: Sequence[TrainingPair],
    settings: RerankerSettings,
    out: Path,
    *,
    validation: RerankingGold | None = None,
    on_progress: Callable[[TrainingPoint], None] = lambda point: None,
    on_check: Callable[[int, int], None] = lambda read, pairs: None,
    should_stop: Callable[[], bool] = lambda: False,
    resume: bool = False,
) -> TrainedReranker:
    """Train, keep the best checkpoint, and save it as a plain cross-encoder folder.

    Args:
        pairs: with negatives, drawn from the retriever's first documents; where one has too few,
            others' documents stand in.
        settings: how.
        out: where the model will lie; it appears there whole or not at all.
        validation: decides which checkpoint is kept; without it the last one is.
        on_progress: told of every point of the curves.
        on_check: told while validation is scored how many of its pairs are read.
        should_stop: asked about twice a second; on True the best so far is saved.
        resume: go on from the last checkpoint of the same training, if there is one.

    Raises:
        StudioError: fewer than two documents, a base that is not there, too little memory or disk,
            a loss that is no number, or a stop before the first step.
    """
    from transformers import set_seed

    if len({pair.document_text for pair in pairs}) < 2:
        raise StudioError("A reranker needs queries of at least two documents to learn from.")
    began = time.monotonic()
    set_seed(settings.seed)
    folder = WorkingFolder.beside(out)
    checkpoint = folder.entered(_identity(pairs, settings, validation), resume)
    at_once = settings.mini_batch or _AT_ONCE
    with mendable(encoder_advice(settings.max_length, at_once)):
        model = _cross_encoder(settings.base, settings.device, settings.max_length, may_begin=True)
        watch = StopWatch(should_stop)
        run = _RerankerRun(model, pairs, settings, folder, validation, on_progress, on_check, watch)
        done = run.to_the_end(checkpoint)
        with put_in_place(out) as place:
            model.save_pretrained(str(place), create_model_card=False)
    if not done.cancelled:
        folder.remove()
    return TrainedReranker(
        path=out,
        steps=done.steps,
        best_step=done.best_step,
        base_score=run.base_score,
        best_score=done.best_score,
        seconds=time.monotonic() - began,
        cancelled=done.cancelled,
        pairs_s=run.pairs_s,
    )


class _RerankerRun:
    """One training under way."""

    def __init__(
        self,
        model: Any,
        pairs: Sequence[TrainingPair],
        settings: RerankerSettings,
        folder: WorkingFolder,
        gold: RerankingGold | None,
        on_progress: Callable[[TrainingPoint], None],
        on_check: Callable[[int, int], None],
        watch: StopWatch,
    ) -> None:
        self.model = model
        self.settings = settings
        self.folder = folder
        self.gold = gold if gold is not None and gold.found else None
        self.on_progress = on_progress
        self.on_check = on_check
        self.watch = watch
        self.pairs_s: float | None = None
        self.table = _columns(pairs, settings)
        self.planned = settings.steps_for(len(self.table))
        self.base_score = self.gold.untouched if self.gold else None

    def to_the_end(self, checkpoint: Path | None) -> StepsDone:
        """The best checkpoint's weights are in the model afterwards."""
        if self.base_score is not None and checkpoint is None:
            self.on_progress(TrainingPoint(0, self.planned, 0.0, score=self.base_score))
        trainer = self._trainer()
        hook = self.model[0].register_forward_pre_hook(self.watch.before_forward)
        try:
            return train_until_stopped(trainer, checkpoint, self.watch, self.planned, self.folder)
        finally:
            hook.remove()

    def _trainer(self) -> Any:
        from sentence_transformers import CrossEncoderTrainer
        from transformers import EarlyStoppingCallback
        from transformers.trainer_callback import PrinterCallback

        callbacks = [curve_callback(self.on_progress, self.watch, self.planned)]
        if self.gold is not None and self.settings.patience:
            callbacks.append(EarlyStoppingCallback(self.settings.patience))
        trainer = without_model_card(CrossEncoderTrainer)(
            model=self.model,
            args=self._arguments(),
            train_dataset=self.table,
            loss=_loss(self.model, self.settings.mini_batch),
            evaluator=ndcg_evaluator(self._score) if self.gold else None,
            callbacks=callbacks,
        )
        trainer.remove_callback(PrinterCallback)
        return trainer

    def _score(self, model: Any) -> float:
        assert self.gold is not None
        pairs, began = self.gold.pairs, time.monotonic()

        def told(read: int) -> None:
            self.on_check(read, len(pairs))
            if self.watch.stopping():
                raise TrainingStoppedError

        scores = Reranker(model).of_pairs(pairs, told)
        self.pairs_s = len(pairs) / max(time.monotonic() - began, 1e-6)
        return self.gold.scored(scores.tolist())

    def _arguments(self) -> Any:
        from sentence_transformers.cross_encoder.training_args import CrossEncoderTrainingArguments

        chosen, device = self.settings, self.model.device.type
        every = max(1, -(-self.planned // max(1, chosen.evaluations)))
        validated = self.gold is not None
        return on_one_gpu(
            CrossEncoderTrainingArguments(
                output_dir=str(self.folder.path),
                per_device_train_batch_size=chosen.batch_size,
                max_steps=self.planned,
                learning_rate=chosen.learning_rate,
                warmup_steps=round(self.planned * chosen.warmup),
                bf16=has_bf16(device) if chosen.bf16 is None else chosen.bf16,
                seed=chosen.seed,
                logging_steps=chosen.log_every,
                save_steps=every,
                eval_steps=every if validated else None,
                **usual_arguments(device, NDCG, validated),
            )
        )


def _columns(pairs: Sequence[TrainingPair], settings: RerankerSettings) -> Any:
    """The pairs as a ``datasets.Dataset``: query, document, negative_1 …"""
    from datasets import Dataset

    drawn = random.Random(settings.seed)
    table: dict[str, list[str]] = {
        "query": [pair.query for pair in pairs],
        "document": [pair.document_text for pair in pairs],
    }
    filled = [filled_up(pair, pairs, settings.negatives, drawn) for pair in pairs]
    for place in range(settings.negatives):
        table[f"negative_{place + 1}"] = [row[place] for row in filled]
    return Dataset.from_dict(table)


def _loss(model: Any, mini_batch: int | None) -> Any:
    import torch
    from sentence_transformers.cross_encoder.losses import CachedMultipleNegativesRankingLoss

    class SoftmaxOverOwnDocuments(CachedMultipleNegativesRankingLoss):  # type: ignore[misc]
        """Cross-entropy of each query's document against its own negatives alone."""

        def get_in_batch_negatives(self, *_: Any) -> Any:
            return iter(())

    at_once = mini_batch or (256 if model.device.type == "cuda" else _AT_ONCE)
    return SoftmaxOverOwnDocuments(
        model, scale=1.0, activation_fn=torch.nn.Identity(), mini_batch_size=at_once
    )


def _cross_encoder(name: str, device: str | None, max_length: int, *, may_begin: bool) -> Any:
    """A cross-encoder with one score in float32; ``may_begin``: an encoder gets a new layer."""
    import torch
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Transformer
    from transformers.utils import logging

    # Its bars and reports would be drawn over a terminal program's screen.
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    with named_in_errors(f"The reranker {name}"):
        folder = folder_of(name, "cross-encoder/")
        check_folder(folder)
        if not may_begin and not _ranks(folder):
            raise UnusableModel(
                "it is no cross-encoder with one score. Train one with `studio rerank`, or name "
                "another."
            )
        loading = {"trust_remote_code": False, "local_files_only": True}
        with refusing_missing_weights():
            network = Transformer(
                str(folder),
                transformer_task="sequence-classification",
                model_kwargs={"use_safetensors": True, "dtype": torch.float32, **loading},
                processor_kwargs=dict(loading),
                config_kwargs={"num_labels": 1, **loading},
            )
        model = CrossEncoder(modules=[network], device=device)
        most = longest(network.auto_model, network.tokenizer)
        model.max_seq_length = min(max_length, most)
        check_weights(model)
    return model.float()


def _ranks(folder: Path) -> bool:
    """Whether its config is that of a network which was trained to give a pair one score."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    kinds = config.get("architectures") or []
    labels = config.get("id2label") or {"0": ""}
    return any("SequenceClassification" in kind for kind in kinds) and len(labels) == 1


def _identity(
    pairs: Sequence[TrainingPair], settings: RerankerSettings, gold: RerankingGold | None
) -> str:
    """Equal for trainings that would take the same steps."""
    decisive = {name: x for name, x in asdict(settings).items() if name not in HARMLESS}
    parts = [json.dumps(decisive, sort_keys=True), Path(settings.base).name]
    for pair in pairs:
        parts += [pair.query, pair.document_text, *pair.negatives, "\n"]
    if gold is not None:
        parts += [f"{name} {text}" for name, text in sorted(gold.queries.items())]
        parts += [text for found in gold.found.values() for text in found]
    return content_sha(*parts)
