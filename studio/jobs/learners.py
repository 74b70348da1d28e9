"""What a run trains: from scratch each round, scored on gold, its errors collected.

A learner per kind of model. Validation is looked at for errors; test is only ever scored for the
table, and nothing is chosen by it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from studio.evaluation.counting import Place
from studio.jobs.base_encoders import located, stored
from studio.jobs.context import Cancelled, JobContext
from studio.jobs.datasets import (
    CorpusTexts,
    GoldSet,
    dense_ranker,
    encoder_name,
    gold_set,
    grades_of,
    read_corpus,
    sources_of,
)
from studio.jobs.labelled_projects import checked_labels
from studio.jobs.params import RoundParams
from studio.jobs.train_params import TrainParams
from studio.jobs.training_data import without_gold
from studio.records import Datum, Gold, Label, Prediction, Record, StudioError
from studio.runs import Model, Round, RoundError, Run
from studio.training import small, small_model, small_settings
from studio.training.settings import TrainingPoint
from studio.training.small_model import SmallModel, TrainedSmall
from studio.training.small_settings import SmallSettings

DEPTH = 100
"""Documents that are ranked for each query."""
NOT_SHOWN: Final = ("right", "f1s")
"""Parts of a round's test scores that are for tests of significance, not for tables."""


class Learner(Protocol):
    """Trains and scores the rounds of one run."""

    @property
    def kind(self) -> str:
        """What it trains, for tables."""

    @property
    def gold(self) -> Sequence[Gold]:
        """Gold validation, whose errors are looked for."""

    @property
    def warnings(self) -> Sequence[str]:
        """What a person should know of the gold, in sentences."""

    def records(self, run_records: Sequence[Record]) -> Sequence[Datum]:
        """What a round is trained on: the run's own records so far, with what it begins with."""

    def train(self, round_: Round, data: Sequence[Datum]) -> str:
        """Train the round's model; returns its folder, relative to the project."""

    def score(self, round_: Round) -> tuple[dict[str, Any], dict[str, Any], list[RoundError]]:
        """Validation and test scores of the round's model, and its errors on validation."""

    def no_error(self, number: int) -> str:
        """Why there is nothing to extrapolate after this round, in words."""

    def keep_model(self, chosen: Round, rows: Sequence[int]) -> dict[str, Any]:
        """Make the chosen round's model one of the project's; what to keep in the job's row.

        rows: the records that it was trained on.
        """


def learner_for(context: JobContext, run: Run, params: RoundParams) -> Learner:
    """The learner of the project's task. Raises StudioError for what keeps it from learning."""
    task = context.project.task
    if task.gold == "documents":
        return RetrieverLearner(context, run, params)
    return SmallLearner(context, run, params, checked_labels(context.project, task))


# -- small models --


OF_STEPS = {"epochs": "epochs", "learning_rate": "learning rate", "batch_size": "batches"}
"""What only a training in steps has: parameter → its word."""


def settings_for(task: str, params: RoundParams, language: str) -> SmallSettings:
    """The defaults of the task and the language with what the params say instead."""
    chosen = small_settings.defaults(task, params.kind, params.base, language)
    given: dict[str, Any] = {
        name: value
        for name in ("epochs", "learning_rate", "batch_size", "max_length")
        if (value := getattr(params, name)) is not None
    }
    return replace(chosen, class_weights=params.class_weights, seed=params.seed, **given)


class SmallLearner:
    """Classifiers and readers: as many trainings a round as seeds; the first one's errors count."""

    def __init__(
        self, context: JobContext, run: Run, params: RoundParams, labels: Sequence[Label]
    ) -> None:
        """``labels`` is empty for questions. Raises StudioError for a kind that cannot learn it."""
        self.context, self.run, self.params = context, run, params
        self.task, self.labels = context.project.task, list(labels)
        small_settings.check_kind(self.task.name, params.kind)
        self.gold = context.store.gold.all("validation")
        self.test = context.store.gold.all("test")
        chosen = settings_for(self.task.name, params, context.project.language)
        self.settings = replace(chosen, base=located(context.project, chosen.base))
        self.kind = params.kind
        self.warnings = self._warnings()

    def _warnings(self) -> list[str]:
        counts = self.context.store.gold.counts()
        found = [
            f"No gold validation item has the label {label.name}: its errors are not seen."
            for label in self.labels
            if ("validation", label.name) not in counts
        ]
        if not self.test:
            found.append("There is no gold test item: scores are on validation only.")
        told = [name for name in OF_STEPS if getattr(self.params, name) is not None]
        if self.kind == "head" and told:
            found.append(
                f"A linear head knows no {' and no '.join(OF_STEPS[name] for name in told)}: what "
                "was said of it changes nothing."
            )
        return found

    def records(self, run_records: Sequence[Record]) -> Sequence[Datum]:
        """The run's own, without what people have made the same as gold since."""
        return without_gold(self.context.store, run_records)[0]

    def folder(self, number: int, seed: int) -> Path:
        """Where a round's model lies."""
        name = f"{self.run.method}-{self.run.id}-round-{number}"
        more = seed - self.params.seed
        return self.context.project.models_dir / (f"{name}-seed-{seed}" if more else name)

    def _seeds(self) -> range:
        return range(self.params.seed, self.params.seed + max(self.params.seeds, 1))

    def train(self, round_: Round, data: Sequence[Datum]) -> str:
        """A model for each seed; those that are there already are not trained again."""
        for seed in self._seeds():
            out = self.folder(round_.number, seed)
            if not (out / small_model.CARD).exists():
                self._train_one(round_, data, seed, out)
        path = self.folder(round_.number, self.params.seed)
        return str(path.relative_to(self.context.project.path))

    def _train_one(self, round_: Round, data: Sequence[Datum], seed: int, out: Path) -> None:
        with self.context.training():
            trained: TrainedSmall = small.train(
                data,
                self.labels,
                replace(self.settings, seed=seed),
                out,
                validation=self.gold,
                on_progress=lambda point: self._report(round_.number, point),
                should_stop=self.context.should_stop,
                resume=True,
            )
        if trained.cancelled:
            raise Cancelled
        self.context.check()

    def _report(self, number: int, point: TrainingPoint) -> None:
        curves = ((f"round {number} loss", point.loss), (f"round {number} validation", point.score))
        points = [(name, point.step, value) for name, value in curves if value is not None]
        self.context.store.jobs.add_points(self.context.job.id, points)
        self.context.progress(point.step, point.steps, f"training, step {point.step}")

    def score(self, round_: Round) -> tuple[dict[str, Any], dict[str, Any], list[RoundError]]:
        """Each seed's model on both splits; the first seed's errors."""
        errors: list[RoundError] = []
        tables: dict[str, list[dict[str, Any]]] = {"validation": [], "test": []}
        for seed in self._seeds():
            model = small.load(self.folder(round_.number, seed))
            for split, gold in (("validation", self.gold), ("test", self.test)):
                if not gold:
                    continue
                predictions = self._predict(model, gold)
                scores = small_model.scores(self.task.name, gold, predictions)
                right = [int(p.right) for p in predictions]
                tables[split].append({**scores, "right": right, "seed": seed})
                if split == "test":
                    tables[split][-1]["f1s"] = [round(p.score, 4) for p in predictions]
                elif seed == self.params.seed:
                    errors = _errors(round_.id, gold, predictions)
        validation = spread(tables["validation"], keep_right=False)
        return validation, spread(tables["test"], keep_right=True), errors

    def _predict(self, model: SmallModel, gold: Sequence[Gold]) -> list[Prediction]:
        found = model.predict(
            gold,
            on_progress=lambda done: self.context.progress(done, len(gold), "scoring"),
            should_stop=self.context.should_stop,
        )
        self.context.check()
        return found

    def no_error(self, number: int) -> str:
        """In words."""
        return f"the model of round {number} gets every validation item right"

    def keep_model(self, chosen: Round, rows: Sequence[int]) -> dict[str, Any]:
        """The model's row, with the exact records that it was trained on."""
        store = self.context.store
        if not chosen.model_path or chosen.model_path in {m.path for m in store.models.all()}:
            return {}
        snapshot = store.snapshots.take(list(rows), f"run {self.run.id}") if rows else None
        model = Model(
            name=Path(chosen.model_path).name,
            path=chosen.model_path,
            base=stored(self.context.project, self.settings.base),
            snapshot_id=snapshot,
            job_id=self.context.job.id,
            settings=replace(
                self.settings, base=stored(self.context.project, self.settings.base)
            ).as_row(),
            scores={
                "validation": chosen.validation,
                "test": shown_scores(chosen.test),
                "run": self.run.id,
            },
        )
        return {"model_id": store.models.add(model), "model_path": chosen.model_path}


def shown_scores(scores: Mapping[str, Any]) -> dict[str, Any]:
    """A round's scores as tables show them."""
    return {name: value for name, value in scores.items() if name not in NOT_SHOWN}


def _errors(
    round_id: int, gold: Sequence[Gold], predictions: Sequence[Prediction]
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


# -- retrievers --


@dataclass
class RetrieverLearner:
    """Retrievers: an error is a query whose right document is not among the first k."""

    context: JobContext
    run: Run
    params: RoundParams
    kind: str = "retriever"
    warnings: Sequence[str] = ()
    _corpus: CorpusTexts | None = None

    def __post_init__(self) -> None:
        """Raises StudioError when there is no gold validation query."""
        self.validation = gold_set(self.context.store, "validation")
        self.test = gold_set(self.context.store, "test")
        if not self.validation.queries:
            raise StudioError(
                "There is no gold validation query: missed queries are looked for there. Mark some "
                "in Search, or import some with `studio import --gold`."
            )

    @property
    def gold(self) -> Sequence[Gold]:
        """The validation queries."""
        return self.validation.queries

    def records(self, run_records: Sequence[Record]) -> Sequence[Datum]:
        """The project's own kept queries, and this run's."""
        own = [r for r in self.context.store.records.all(kept=True) if r.error_id is None]
        if not own:
            raise StudioError(
                "No query is kept, so there is no seed to begin with. Generate some first, in "
                "Generate or with `studio generate`."
            )
        return [*own, *run_records]

    def train(self, round_: Round, data: Sequence[Datum]) -> str:
        """From the base encoder, with the hard negatives of the errors."""
        from studio.jobs.training import root_encoder, train_stage
        from studio.jobs.training_inputs import TrainingStage

        records = [one for one in data if isinstance(one, Record)]
        name = f"{self.run.method}-{self.run.id}-round-{round_.number}"
        base = encoder_name(self.context.project, self.params.base)
        if name not in {model.name for model in self.context.store.models.all()}:
            root = root_encoder(self.context.project, base)
            stage = TrainingStage(name=name, start=base, base=base, root=root)
            told = TrainParams(
                encoder=base,
                epochs=self.params.epochs,
                learning_rate=self.params.learning_rate,
                batch_size=self.params.batch_size,
                seed=self.params.seed,
            )
            train_stage(self.context, stage, records, told, negatives=self._negatives(records))
        return f"models/{name}"

    def _negatives(self, records: Sequence[Record]) -> dict[int, tuple[int, ...]]:
        """Record → the documents that its error was confused with."""
        wrong: dict[int, tuple[int, ...]] = {}
        for round_ in self.context.store.runs.rounds(self.run.id):
            for error in self.context.store.runs.errors(round_.id):
                wrong[error.id] = error.hard_negatives
        return {
            record.id: tuple(row for row in others if row != record.document_id)
            for record in records
            if (others := wrong.get(record.error_id or 0, ()))
        }

    def score(self, round_: Round) -> tuple[dict[str, Any], dict[str, Any], list[RoundError]]:
        """nDCG and recall on both splits; the missed validation queries."""
        corpus = self._corpus or read_corpus(self.context.store)
        self._corpus = corpus
        folder = str(self.context.project.path / round_.model_path)

        def encoding(done: int) -> None:
            self.context.check()
            self.context.progress(done, len(corpus.ids), "encoding the corpus")

        ranker = dense_ranker(corpus, folder, on_progress=encoding)
        scored = self.validation.scored(ranker, DEPTH)
        test: dict[str, Any] = {}
        if self.test.queries:
            test = dict(self.test.scored(ranker, DEPTH).means)
        ranked = self.validation.ranked(ranker, DEPTH)
        sources = sources_of(self.context.store)
        errors = list(_missed(round_.id, self.validation, ranked, self.params.top_k, sources))
        return dict(scored.means), test, errors

    def no_error(self, number: int) -> str:
        """In words."""
        return (
            f"the model of round {number} finds the right document of every validation query "
            f"among its first {self.params.top_k}"
        )

    def keep_model(self, chosen: Round, rows: Sequence[int]) -> dict[str, Any]:
        """It is one of the project's since it was trained."""
        models = self.context.store.models.all()
        found = next((model for model in models if model.path == chosen.model_path), None)
        return {"model_id": found.id, "model_path": found.path} if found else {}


def _missed(
    round_id: int,
    gold: GoldSet,
    ranked: Mapping[str, Sequence[Place[str]]],
    k: int,
    sources: Mapping[int | str, tuple[int, ...]],
) -> Iterator[RoundError]:
    """The queries without a right answer among the first k, with what came first instead.

    A passage of a document that a right one was cut from is no hard negative.
    """
    for query in gold.queries:
        order, grades = ranked[query.outside_id], grades_of(gold.counting, query)
        right = (n for n, one in enumerate(order, 1) if grades.get(one.name, 0) > 0)
        rank = next(right, None)
        if rank is not None and rank <= k:
            continue
        near = {source for row in query.relevant for source in sources.get(row, ())}
        wrong = [
            int(one.passage)
            for one in order
            if one.name not in grades and near.isdisjoint(sources.get(int(one.passage), ()))
        ]
        predicted, score = (order[0].passage, order[0].score) if order else ("", 0.0)
        detail = {"rank": rank, "hard_negatives": wrong[:5]}
        if rank is not None:
            detail["right"] = int(order[rank - 1].passage)
        yield RoundError(round_id, query.id, predicted, round(float(score), 4), detail)
