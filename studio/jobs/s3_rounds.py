"""S3's small models: trained from scratch each round, scored on gold, their errors collected."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.jobs.context import Cancelled, JobContext
from studio.jobs.s3_params import S3Params
from studio.labelled import GoldItem, Item, Label, LabelledTask, Prediction, Round, RoundError, Run
from studio.records import StudioError
from studio.training import small, small_model, small_settings
from studio.training.settings import TrainingPoint
from studio.training.small_model import TrainedSmall
from studio.training.small_settings import SmallSettings


def settings_for(task: LabelledTask, params: S3Params) -> SmallSettings:
    """The task's defaults with what the params say instead."""
    chosen = small_settings.defaults(task, params.kind, params.base)
    given: dict[str, Any] = {
        name: value
        for name in ("epochs", "learning_rate", "batch_size", "max_length")
        if (value := getattr(params, name)) is not None
    }
    return replace(chosen, class_weights=params.class_weights, seed=params.seed, **given)


class Trainer:
    """Trains and scores the rounds of one run."""

    def __init__(
        self,
        context: JobContext,
        run: Run,
        params: S3Params,
        task: LabelledTask,
        labels: Sequence[Label],
    ) -> None:
        """``labels`` is empty for questions."""
        self.context, self.run, self.params = context, run, params
        self.task, self.labels = task, list(labels)
        store = context.store
        self.validation = store.gold_items.all("validation")
        self.test = store.gold_items.all("test")
        self.settings = settings_for(task, params)

    def train_and_score(self, round_: Round, items: Sequence[Item]) -> Round:
        """One round: as many trainings as seeds; the first one's errors are the round's."""
        runs = self.context.store.runs
        if round_.stage == "new":
            round_ = self._train(round_, items)
        if round_.stage == "trained":
            self._score(round_)
        found = runs.round(round_.id)
        assert found is not None
        return found

    def folder(self, number: int, seed: int) -> Path:
        """Where a round's model lies."""
        name = f"{self.run.method}-{self.run.id}-round-{number}"
        more = seed - self.params.seed
        return self.context.project.models_dir / (f"{name}-seed-{seed}" if more else name)

    def _seeds(self) -> range:
        return range(self.params.seed, self.params.seed + max(self.params.seeds, 1))

    def _train(self, round_: Round, items: Sequence[Item]) -> Round:
        began = time.monotonic()
        for seed in self._seeds():
            out = self.folder(round_.number, seed)
            if not (out / small_model.CARD).exists():
                self._train_one(round_, items, seed, out)
        seconds = {**round_.seconds, "train": round(time.monotonic() - began, 3)}
        path = self.folder(round_.number, self.params.seed)
        changed: dict[str, Any] = {
            "stage": "trained",
            "records": len(items),
            "seconds": seconds,
            "model_path": str(path.relative_to(self.context.project.path)),
        }
        self.context.store.runs.update_round(round_.id, **changed)
        return replace(round_, **changed)

    def _train_one(self, round_: Round, items: Sequence[Item], seed: int, out: Path) -> None:
        trained: TrainedSmall = small.train(
            items,
            self.labels,
            replace(self.settings, seed=seed),
            out,
            validation=[gold.item for gold in self.validation],
            on_progress=lambda point: self._report(round_.number, point),
            should_stop=self.context.should_stop,
            resume=True,
        )
        if trained.cancelled:
            raise Cancelled
        self.context.check()

    def _report(self, number: int, point: TrainingPoint) -> None:
        job, store = self.context.job.id, self.context.store
        if point.loss is not None:
            store.jobs.add_points(job, [(f"round {number} loss", point.step, point.loss)])
        if point.score is not None:
            name = f"round {number} validation"
            store.jobs.add_points(job, [(name, point.step, point.score)])
        self.context.progress(point.step, point.steps, f"training, step {point.step}")

    def _score(self, round_: Round) -> None:
        """Validation for errors, test for the table; nothing is chosen by test."""
        began = time.monotonic()
        store = self.context.store
        errors: list[RoundError] = []
        tables: dict[str, list[dict[str, Any]]] = {"validation": [], "test": []}
        for seed in self._seeds():
            model = small.load(self.folder(round_.number, seed))
            for split, gold in (("validation", self.validation), ("test", self.test)):
                if not gold:
                    continue
                predictions = self._predict(model, gold)
                items = [one.item for one in gold]
                scores = small_model.scores(self.task, items, predictions)
                right = [int(p.right) for p in predictions]
                tables[split].append({**scores, "right": right, "seed": seed})
                if split == "test":
                    tables[split][-1]["f1s"] = [round(p.score, 4) for p in predictions]
                if split == "validation" and seed == self.params.seed:
                    errors = list(_errors(round_.id, gold, predictions))
        spent = {**round_.seconds, "score": round(time.monotonic() - began, 3)}
        with store.write():
            store.runs.set_errors(round_.id, errors)
            store.runs.update_round(
                round_.id,
                stage="scored",
                validation=spread(tables["validation"], keep_right=False),
                test=spread(tables["test"], keep_right=True),
                seconds=spent,
            )

    def _predict(self, model: small_model.SmallModel, gold: Sequence[GoldItem]) -> list[Prediction]:
        found = model.predict(
            [one.item for one in gold],
            on_progress=lambda done: self.context.progress(done, len(gold), "scoring"),
            should_stop=self.context.should_stop,
        )
        self.context.check()
        return found


def _errors(
    round_id: int, gold: Sequence[GoldItem], predictions: Sequence[Prediction]
) -> list[RoundError]:
    return [
        RoundError(
            round_id, one.id, p.predicted, round(p.confidence, 4), {"score": round(p.score, 4)}
        )
        for one, p in zip(gold, predictions, strict=True)
        if not p.right
    ]


def spread(tables: Sequence[dict[str, Any]], *, keep_right: bool) -> dict[str, Any]:
    """Mean of each metric over the seeds, ``sd`` beside it, and the first seed's details."""
    if not tables:
        return {}
    metrics = [name for name, value in tables[0].items() if isinstance(value, float)]
    found: dict[str, Any] = {
        name: statistics.fmean(table[name] for table in tables) for name in metrics
    }
    if len(tables) > 1:
        found["sd"] = {name: statistics.stdev(table[name] for table in tables) for name in metrics}
        found["seeds"] = len(tables)
    if "labels" in tables[0]:
        found["labels"] = tables[0]["labels"]
    if keep_right:
        found["right"] = tables[0]["right"]
        found["f1s"] = tables[0].get("f1s", [])
    return found


def gold_training_items(path: Path, task: LabelledTask, labels: Sequence[Label]) -> list[Item]:
    """The items of a human-labelled training file, for the method ``gold``."""
    from studio.formats.labelled import read_items
    from studio.formats.rows import SkippedRow

    names = [label.name for label in labels]
    rows = list(read_items(path, task, labels=names, split="validation"))
    items = [row.item for row in rows if not isinstance(row, SkippedRow)]
    if not items:
        first = next((row for row in rows if isinstance(row, SkippedRow)), None)
        said = f" The first row: {first.where}: {first.reason}" if first else ""
        raise StudioError(f"{path} holds no item of the task {task} to train on.{said}")
    return items
