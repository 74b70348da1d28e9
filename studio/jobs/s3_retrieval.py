"""S3's idea carried to retrievers: queries that miss their document are extrapolated.

None of the reference systems has this. An error is a gold validation query whose right document is
not among the first k of the round's model. The LLM writes another query that would be missed in the
same way, for the right document, and one for each of its hard negatives (the wrong documents that
came first), so that the model learns to tell them apart; it is trained against them too. The
seed are the project's kept queries. Validation alone is looked at; test is scored for the table.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from studio import methods
from studio.evaluation.rankers import run_of
from studio.evaluation.retrieval import NDCG, RetrievalScores, evaluate
from studio.jobs import s3
from studio.jobs.asking import Desk
from studio.jobs.context import JobContext
from studio.jobs.datasets import Corpus, GoldSet, dense_ranker, encoder_name, gold_set, read_corpus
from studio.jobs.params import TrainParams
from studio.jobs.s3_params import S3Params
from studio.jobs.s3_setup import begun, endpoint_of, plan_for
from studio.jobs.s3_synthesis import Writer
from studio.jobs.training import Stage, root_encoder, train_stage
from studio.labelled import GoldItem, Item, Round, RoundError, Run
from studio.methods.synthesis import SynthesisPlan, Target, query_target
from studio.records import Document, GoldQuery, Record, StudioError

DEPTH = 100
"""Documents that are ranked for each query."""


def run(context: JobContext, params: S3Params) -> None:
    """The job ``s3`` in a retrieval project."""
    validation = gold_set(context.store, "validation")
    if not validation.queries:
        raise StudioError(
            "There is no gold validation query: missed queries are looked for there. Mark some in "
            "Search, or import some with `studio import --gold`."
        )
    run_ = begun(context, params)
    endpoint = endpoint_of(context.project, params)
    plan = plan_for(context.project, params, "retrieval", [], endpoint)
    with Desk(context, endpoint, params) as desk:
        writer = Writer(context, run_, params, methods.get_synthesis("s3"), plan, desk)
        test = gold_set(context.store, "test")
        writer.keep_away_from(_as_items(test.queries))
        _Rounds(context, run_, params, plan, writer, validation, test).to_the_end()


def _as_items(queries: Sequence[GoldQuery]) -> list[GoldItem]:
    return [GoldItem(Item(query.text), "test", query.outside_id) for query in queries]


@dataclass(slots=True)
class _Rounds:
    """One run from wherever it stands."""

    context: JobContext
    run: Run
    params: S3Params
    plan: SynthesisPlan
    writer: Writer
    validation: GoldSet
    test: GoldSet
    _corpus: Corpus | None = None

    def to_the_end(self) -> None:
        """Every stage that is not done yet."""
        number = 0
        while True:
            round_ = self._round(number)
            why = self._why_end(round_)
            if why or not self._extrapolate(round_):
                break
            if self.params.approve == "person" and self._stage(round_) != "merged":
                self._keep(waiting_for="approval", round=number)
                return
            number += 1
        self._keep(stopped=why or "nothing new was written from the errors", waiting_for="")

    def _stage(self, round_: Round) -> str:
        found = self.context.store.runs.round(round_.id)
        return found.stage if found else ""

    # -- train and score --

    def _round(self, number: int) -> Round:
        runs = self.context.store.runs
        round_ = runs.begin_round(self.run.id, number)
        if round_.stage == "new":
            self.context.begin(f"round {number}")
            self._train(round_)
            round_ = runs.begin_round(self.run.id, number)
        if round_.stage == "trained":
            self._score(round_)
            self._keep()
        return runs.begin_round(self.run.id, number)

    def _train(self, round_: Round) -> None:
        began = time.monotonic()
        store, name = self.context.store, f"s3-{self.run.id}-round-{round_.number}"
        base = encoder_name(self.context.project, self.params.base)
        records = self._records(round_.number)
        if name not in {model.name for model in store.models.all()}:
            stage = Stage(
                name=name, start=base, base=base, root=root_encoder(self.context.project, base)
            )
            told = TrainParams(
                encoder=base,
                epochs=self.params.epochs,
                learning_rate=self.params.learning_rate,
                batch_size=self.params.batch_size,
                seed=self.params.seed,
            )
            train_stage(self.context, stage, records, told, negatives=self._negatives(records))
        store.runs.update_round(
            round_.id,
            stage="trained",
            records=len(records),
            model_path=f"models/{name}",
            seconds={**round_.seconds, "train": round(time.monotonic() - began, 3)},
        )

    def _records(self, number: int) -> list[Record]:
        """The project's own kept queries, and this run's up to the round."""
        store = self.context.store
        own = [record for record in store.records.all(kept=True) if not store.items.has(record.id)]
        if not own:
            raise StudioError(
                "No query is kept, so there is no seed to begin with. Generate some first, in "
                "Generate or with `studio generate`."
            )
        added = [
            Record(one.document_id, one.item.text, one.id)
            for one in store.items.of_run(self.run.id, up_to_round=number)
            if one.document_id is not None
        ]
        return [*own, *added]

    def _negatives(self, records: Sequence[Record]) -> dict[int, tuple[int, ...]]:
        """Record → the documents that its error was confused with."""
        store = self.context.store
        hard_negatives: dict[int, tuple[int, ...]] = {}
        for round_ in store.runs.rounds(self.run.id):
            for error in store.runs.errors(round_.id):
                hard_negatives[error.id] = error.hard_negatives
        found = {}
        for one in store.items.of_run(self.run.id):
            others = hard_negatives.get(one.error_id or 0, ())
            found[one.id] = tuple(row for row in others if row != one.document_id)
        kept = {record.id for record in records}
        return {row: others for row, others in found.items() if row in kept and others}

    def _score(self, round_: Round) -> None:
        began = time.monotonic()
        store = self.context.store
        corpus = self._corpus or read_corpus(store)
        self._corpus = corpus
        folder = str(self.context.project.path / round_.model_path)

        def encoding(done: int) -> None:
            self.context.check()
            self.context.progress(done, len(corpus.ids), "encoding the corpus")

        ranker = dense_ranker(corpus, folder, on_progress=encoding)
        ranked = run_of(self.validation.texts(), ranker, DEPTH)
        scored = evaluate(ranked, self.validation.qrels())
        test = self._test_scores(ranker)
        errors = list(_missed(round_.id, self.validation, ranked, self.params.top_k))
        with store.write():
            store.runs.set_errors(round_.id, errors)
            store.runs.update_round(
                round_.id,
                stage="scored",
                validation=dict(scored.means),
                test=dict(test.means) if test else {},
                seconds={**round_.seconds, "score": round(time.monotonic() - began, 3)},
            )

    def _test_scores(self, ranker: Any) -> RetrievalScores | None:
        if not self.test.queries:
            return None
        return evaluate(run_of(self.test.texts(), ranker, DEPTH), self.test.qrels())

    # -- extrapolate --

    def _why_end(self, round_: Round) -> str:
        if round_.number >= self.params.rounds:
            return f"all {self.params.rounds} rounds are done"
        if not round_.errors:
            return (
                f"the model of round {round_.number} finds the right document of every validation "
                f"query among its first {self.params.top_k}: there is no error to extrapolate"
            )
        scores = [
            float(one.validation.get(NDCG, 0.0))
            for one in self.context.store.runs.rounds(self.run.id)
            if one.number <= round_.number
        ]
        best = scores.index(max(scores))
        if self.params.patience and len(scores) - 1 - best >= self.params.patience:
            return f"validation did not improve after round {best}"
        return ""

    def _extrapolate(self, round_: Round) -> bool:
        store, number = self.context.store, round_.number + 1
        if round_.stage == "scored":
            self.context.begin(f"extrapolation {number}")
            began = time.monotonic()
            self.writer.write(list(self._targets(round_)), number)
            seconds = {**round_.seconds, "extrapolate": round(time.monotonic() - began, 3)}
            store.runs.update_round(round_.id, stage="extrapolated", seconds=seconds)
        kept = store.items.counts(self.run.id).get(number, (0, 0))[0]
        if not kept:
            self.writer.warnings.append(
                f"None of the extrapolations of round {round_.number} could be kept."
            )
        return kept > 0

    def _targets(self, round_: Round) -> Iterator[Target]:
        """For each error a query for its document, and one for each of its hard negatives."""
        by_id = {query.id: query for query in self.validation.queries}
        each = 1 + self.params.hard_negatives
        for number, error in enumerate(self.context.store.runs.errors(round_.id)):
            query = by_id.get(error.gold_id)
            if query is None:
                continue
            right = max(query.relevant, key=lambda row: query.relevant[row])
            others = error.hard_negatives[: self.params.hard_negatives]
            documents = self.context.store.documents.many([right, *others])
            for place, row in enumerate((right, *others)):
                if row in documents:
                    yield self._target(
                        query, error, documents[row], number * each + place, round_, right=not place
                    )

    def _target(
        self,
        query: GoldQuery,
        error: RoundError,
        document: Document,
        place: int,
        round_: Round,
        *,
        right: bool,
    ) -> Target:
        target = query_target(
            self.plan, document, query.text, place, draw=round_.number, for_hard_negative=not right
        )
        return replace(target, error_id=error.id)

    def _keep(self, **more: Any) -> None:
        found = s3.outcome(self.context.project, self.run.id)
        warnings = self.writer.warnings
        self.context.keep(**{**found, "warnings": warnings, "kind": "retriever", **more})


def _missed(
    round_id: int, gold: GoldSet, ranked: dict[str, dict[str, float]], k: int
) -> Iterator[RoundError]:
    """The queries without a right document among the first k, with what came first instead."""
    for query in gold.queries:
        order = sorted(ranked[query.outside_id].items(), key=lambda item: -item[1])
        rows = [int(row) for row, _ in order]
        right = {row for row, grade in query.relevant.items() if grade > 0}
        rank = next((place for place, row in enumerate(rows, 1) if row in right), None)
        if rank is not None and rank <= k:
            continue
        hard_negatives = [row for row in rows if row not in query.relevant][:5]
        predicted, score = (str(rows[0]), order[0][1]) if rows else ("", 0.0)
        detail = {"rank": rank, "hard_negatives": hard_negatives}
        yield RoundError(round_id, query.id, predicted, round(float(score), 4), detail)
