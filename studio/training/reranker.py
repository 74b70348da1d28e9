"""Training and asking a reranker: a cross-encoder that reads a query and a document together.

Promptagator++ (Dai et al. 2022, §3.4): the first documents that a retriever finds are put in a new
order by a network that learns from the same synthetic pairs, by softmax cross-entropy of the right
document against 31 that are drawn from the retriever's first 200.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.evaluation.retrieval import NDCG, evaluate
from studio.llm.loading import check_weights, has_bf16, named_in_errors, refusing_missing_weights
from studio.llm.model_folders import UnusableModel, check_folder
from studio.records import StudioError, content_sha
from studio.training.checkpoints import WorkingFolder, replace_folder
from studio.training.encoders import folder_of, longest
from studio.training.refusals import encoder_advice, mendable
from studio.training.settings import TrainingPair, TrainingPoint
from studio.training.stopping import StopWatch, TrainingStoppedError
from studio.training.trainer import curve_callback
from studio.training.validated_trainer import on_one_gpu, usual_arguments

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HARMLESS: Final = frozenset({"base", "device", "log_every", "mini_batch"})
"""Settings that may change between an interruption and its resumption."""
_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class RerankerSettings:
    """How a reranker is trained; the defaults are the small schedule."""

    base: str = "minilm-l6"
    """An encoder, which gets a new layer on top, or a cross-encoder: catalogue name, folder, hub
    name."""
    negatives: int = 7
    """Documents that stand against each right one; the paper has 31."""
    depth: int = 200
    """They are drawn from so many of the retriever's first documents."""
    batch_size: int = 8
    """Queries in a step; the paper has 64."""
    mini_batch: int | None = None
    """Pairs that pass the network at once. None: 32; on a GPU 256."""
    learning_rate: float = 3e-5
    epochs: float = 2.0
    """Passes over the queries, unless ``max_steps`` is given."""
    max_steps: int | None = None
    warmup: float = 0.1
    """The share of steps in which the rate rises."""
    max_length: int = 256
    """Tokens read of a query and a document together."""
    evaluations: int = 4
    """How often validation is scored, and how often a checkpoint is saved."""
    patience: int = 0
    """Stop after so many evaluations without a better score; 0 never stops early."""
    bf16: bool | None = None
    """Half precision inside the network. None: on a GPU that has it."""
    device: str | None = None
    """``cpu``, ``cuda`` …; None takes the best there is."""
    log_every: int = 5
    """Steps between two points of the loss curve."""
    seed: int = 13
    """Decides the new layer, the order and dropout."""

    def steps_for(self, queries: int) -> int:
        """Batches in all for so many queries."""
        batches = -(-queries // self.batch_size)
        return self.max_steps or max(1, round(batches * self.epochs))


def published(documents: int) -> RerankerSettings:
    """Promptagator's numbers for a corpus of this size."""
    steps = 5_000 if documents <= 500_000 else 20_000
    return RerankerSettings(negatives=31, batch_size=64, max_steps=steps)


@dataclass(frozen=True, slots=True)
class RerankingGold:
    """Validation queries with what the retriever found first: only that is put in order."""

    queries: Mapping[str, str]
    """Query id → text."""
    found: Mapping[str, Mapping[str, str]]
    """Query id → document id → text, as the retriever has them, the best first."""
    relevant: Mapping[str, Mapping[str, int]]
    """Query id → document id → grade."""

    def scored(self, order: Callable[[str, Sequence[str]], Sequence[float]]) -> float:
        """nDCG@10 where ``order`` scores the texts found for a query."""
        run = {
            name: dict(zip(found, order(self.queries[name], list(found.values())), strict=True))
            for name, found in self.found.items()
        }
        return evaluate(run, {name: self.relevant[name] for name in run}).means[NDCG]

    @property
    def untouched(self) -> float:
        """nDCG@10 of the retriever's own order."""
        return self.scored(lambda _, texts: range(len(texts), 0, -1))


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


class Reranker:
    """A cross-encoder that is ready to score."""

    def __init__(self, model: Any, batch_size: int = _AT_ONCE, *, bf16: bool = False) -> None:
        self.model = model
        self.batch_size = batch_size
        self.bf16 = bf16

    def scores(self, query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """A number for each text, higher for one that answers the query better; any number."""
        return self.of_pairs([(query, text) for text in texts])

    def of_pairs(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """A number for each (query, text)."""
        import numpy as np
        import torch

        kind = self.model.device.type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.bf16):
            found: NDArray[np.float32] = self.model.predict(
                list(pairs),
                batch_size=self.batch_size,
                activation_fn=torch.nn.Identity(),
                show_progress_bar=False,
            )
        if not np.isfinite(found).all():
            raise StudioError(
                "The reranker gives scores that are no numbers (NaN or infinite); its weights are "
                "damaged, or a training's learning rate is too high."
            )
        return found.astype(np.float32)


def load_reranker(
    name: str, device: str | None = None, max_length: int = 256, *, bf16: bool = False
) -> Reranker:
    """A cross-encoder by folder or hub name.

    Raises:
        StudioError: it is not there, it is broken, or it is an encoder that was never trained to
            rerank.
    """
    model = _cross_encoder(name, device, max_length, may_begin=False)
    return Reranker(model, 256 if model.device.type == "cuda" else _AT_ONCE, bf16=bf16)


def train(
    pairs: Sequence[TrainingPair],
    settings: RerankerSettings,
    out: Path,
    *,
    validation: RerankingGold | None = None,
    on_progress: Callable[[TrainingPoint], None] = lambda point: None,
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
        run = _RerankerRun(model, pairs, settings, folder, validation, on_progress, should_stop)
        run.to_the_end(checkpoint)
        partial = out.absolute().with_name(f".{out.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        model.save_pretrained(str(partial), create_model_card=False)
        replace_folder(partial, out.absolute())
    if not run.cancelled:
        folder.remove()
    return replace(run.result(out), seconds=time.monotonic() - began)


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
        should_stop: Callable[[], bool],
    ) -> None:
        self.model = model
        self.settings = settings
        self.folder = folder
        self.gold = gold if gold is not None and gold.found else None
        self.on_progress = on_progress
        self.watch = StopWatch(should_stop)
        self.table = _columns(pairs, settings)
        self.planned = settings.steps_for(len(self.table))
        self.base_score = self.gold.untouched if self.gold else None
        self.best_score: float | None = None
        self.steps = self.best_step = 0
        self.cancelled = False

    def to_the_end(self, checkpoint: Path | None) -> None:
        """The best checkpoint's weights are in the model afterwards."""
        if self.base_score is not None and checkpoint is None:
            self.on_progress(TrainingPoint(0, self.planned, 0.0, score=self.base_score))
        trainer = self._trainer()
        hook = self.model[0].register_forward_pre_hook(self.watch.before_forward)
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        except TrainingStoppedError:
            if trainer.state.best_model_checkpoint is not None:
                trainer._load_best_model()
        finally:
            hook.remove()
        state = trainer.state
        self.steps = self.best_step = state.global_step
        self.cancelled = self.watch.stopped and self.steps < self.planned
        if not self.steps:
            self.folder.remove()
            raise StudioError(
                "The training was cancelled before its first step was done, so there is no model."
            )
        if state.best_model_checkpoint is not None:
            self.best_step, self.best_score = int(state.best_global_step), float(state.best_metric)

    def result(self, out: Path) -> TrainedReranker:
        """As far as it is known here."""
        return TrainedReranker(
            out, self.steps, self.best_step, self.base_score, self.best_score, 0.0, self.cancelled
        )

    def _trainer(self) -> Any:
        from transformers import EarlyStoppingCallback
        from transformers.trainer_callback import PrinterCallback

        callbacks = [curve_callback(self.on_progress, self.watch, self.planned)]
        if self.gold is not None and self.settings.patience:
            callbacks.append(EarlyStoppingCallback(self.settings.patience))
        trainer = _trainer_class()(
            model=self.model,
            args=self._arguments(),
            train_dataset=self.table,
            loss=_loss(self.model, self.settings.mini_batch),
            evaluator=_evaluator(self.gold, self._scores) if self.gold else None,
            callbacks=callbacks,
        )
        trainer.remove_callback(PrinterCallback)
        return trainer

    def _scores(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        scores: list[float] = Reranker(self.model).scores(query, texts).tolist()
        return scores

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
    filled = [_filled(pair, pairs, settings.negatives, drawn) for pair in pairs]
    for place in range(settings.negatives):
        table[f"negative_{place + 1}"] = [row[place] for row in filled]
    return Dataset.from_dict(table)


def _filled(
    pair: TrainingPair, pairs: Sequence[TrainingPair], count: int, drawn: random.Random
) -> list[str]:
    chosen = list(pair.negatives[:count])
    while len(chosen) < count:
        other = pairs[drawn.randrange(len(pairs))].document_text
        if other != pair.document_text:
            chosen.append(other)
    return chosen


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


def _trainer_class() -> type[Any]:
    from sentence_transformers import CrossEncoderTrainer

    class RerankerTrainer(CrossEncoderTrainer):  # type: ignore[misc]
        """Without the model card of sentence-transformers: the studio writes its own."""

        def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
            """Its callback scores samples to describe the data, which costs seconds."""

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            self.model.save_pretrained(output_dir or self.args.output_dir, create_model_card=False)

    return RerankerTrainer


def _evaluator(gold: RerankingGold, scores: Callable[[str, Sequence[str]], Sequence[float]]) -> Any:
    from sentence_transformers.base.evaluation import BaseEvaluator

    class RerankingEvaluator(BaseEvaluator):  # type: ignore[misc]
        """nDCG@10 after reranking what the retriever found for the validation queries."""

        def __call__(self, *_: Any, **__: Any) -> dict[str, float]:
            return {NDCG: gold.scored(scores)}

    evaluator = RerankingEvaluator()
    evaluator.primary_metric = NDCG
    return evaluator


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
    decisive = {name: x for name, x in asdict(settings).items() if name not in _HARMLESS}
    parts = [json.dumps(decisive, sort_keys=True), Path(settings.base).name]
    for pair in pairs:
        parts += [pair.query, pair.document_text, *pair.negatives, "\n"]
    if gold is not None:
        parts += [f"{name} {text}" for name, text in sorted(gold.queries.items())]
        parts += [text for found in gold.found.values() for text in found]
    return content_sha(*parts)
