"""A run that trains: what is written, trained, found wrong, extrapolated, round by round.

Before a batch with feedback a model is trained and scored, and the batch is written from its
errors. Each stage is written down before the next begins, so that a killed run goes on where it
was: what was answered is not asked again, what was trained is not trained again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from studio.jobs.collect import ADDED, Collector
from studio.jobs.context import JobContext
from studio.jobs.influence import helpful_records
from studio.jobs.learners import Learner, learner_for
from studio.jobs.params import RoundParams, RunParams
from studio.jobs.plans import method_of, planned
from studio.jobs.run_outcome import outcome
from studio.jobs.run_rows import GOLD, asked_with, begun, nothing_came
from studio.jobs.training_data import labelled_data, without_gold
from studio.methods.protocol import TURNS, Missed, Stage, first_round
from studio.records import CapReached, Datum, Record, StudioError
from studio.runs import Round, Run
from studio.store import Store

ENOUGH = {0: "no round was asked for", 1: "the one round is done"}
"""Why a run of few rounds has ended; of more, all are done."""


def rounds(context: JobContext, row: dict[str, Any]) -> dict[str, Any]:
    """One whole run that trains, or the rest of one; :func:`outcome` is kept in the job's row."""
    params = RoundParams.from_row(row)
    name = RunParams.from_row(row).method or context.project.task.method
    if name == GOLD:
        run_ = begun(context, name, None, row)
        learner = learner_for(context, run_, params)
        return _Flow(context, run_, params, learner, None).to_the_end()
    method = method_of(context.project, name)
    # What keeps it from learning is said before anything is paid for.
    learner_for(context, Run(name, row), params)
    run_ = begun(context, name, method, row)
    learner = learner_for(context, run_, params)
    _, plan, endpoint = planned(context.project, asked_with(run_, row))
    asking = RunParams.from_row(row)
    with Collector(context, run_, method, plan, endpoint, asking, owns=True) as collector:
        return _Flow(context, run_, params, learner, collector).to_the_end()


class _Flow:
    """One run that trains, from wherever it stands to its end, or to where a person is asked."""

    def __init__(
        self,
        context: JobContext,
        run_: Run,
        params: RoundParams,
        learner: Learner,
        collector: Collector | None,
    ) -> None:
        self.context, self.run, self.params = context, run_, params
        self.learner, self.collector = learner, collector
        self.store: Store = context.store
        self.stages: Sequence[Stage] = collector.method.stages if collector else ()
        self.warnings = list(learner.warnings)

    # -- the whole --

    def to_the_end(self) -> dict[str, Any]:
        """Every stage that is not done yet."""
        self._write_before_feedback()
        number = 0
        while True:
            round_ = self._round(number)
            why = self._why_end(round_)
            try:
                if why or not self._extrapolate(round_):
                    break
            except CapReached:
                self._keep_model(round_)
                self._keep(stopped="its cap was reached", waiting_for="")
                raise
            if self.params.approve == "person" and not self._is_approved(round_):
                return self._keep(waiting_for="approval", round=number)
            number += 1
        chosen = self._keep_model(round_)
        stopped = why or "nothing new was written from the errors"
        if chosen.number < round_.number:
            stopped += f"; the model of round {chosen.number} is kept"
        return self._keep(stopped=stopped, waiting_for="")

    def _keep_model(self, last: Round) -> Round:
        """Make the model of one of the rounds the run's; which round that is."""
        chosen = self._chosen(last)
        rows = [record.id for record in self._run_records(chosen.number)]
        self.context.keep(**self.learner.keep_model(chosen, rows))
        return chosen

    @property
    def feedback(self) -> Stage | None:
        """The stage that is written from what a model gets wrong, or from gold."""
        found = next((stage for stage in self.stages if stage.feedback), None)
        return found if self.params.extrapolate else None

    # -- what is written before any model is trained --

    def _write_before_feedback(self) -> None:
        if self.collector is None or self.store.runs.rounds(self.run.id):
            return
        began = time.monotonic()
        for stage in self.stages:
            if not stage.feedback and stage.name not in self.run.finished_stages:
                self._write_stage(self.collector, stage)
        self._add_records(self.collector)
        first = self.store.runs.begin_round(self.run.id, 0)
        self.store.runs.update_round(first.id, seconds=timed({}, "synthesis", began))

    def _write_stage(self, collector: Collector, stage: Stage) -> None:
        self.context.begin(stage.name)
        asked = collector.collect_all(stage)
        collector.check_cap()
        self._check_written(collector, stage, asked)
        self.store.runs.finish_stage(self.run.id, stage.name)

    def _check_written(self, collector: Collector, stage: Stage, asked: int) -> None:
        kept = collector.made.count(stage.name)
        if not stage.makes.is_trained_on:
            self._warn_of_labels_without_notes(collector, stage)
            return
        if not asked and stage.makes.context and not collector.plan.corpus.contexts():
            raise StudioError(
                "There is no document to write for. Import passages with `studio import FILE`; "
                "those that gold test items are about are left out."
            )
        if not kept:
            raise StudioError(nothing_came(self.context, asked, stage))
        wanted = self._wanted(collector)
        if kept < wanted:
            self.warnings.append(
                f"Only {kept:,} of the {wanted:,} seed items came about: "
                f"{asked:,} requests were made."
            )

    def _wanted(self, collector: Collector) -> int:
        settings = collector.plan.settings
        alone = self.feedback is None and self.params.records
        return int(self.params.records or 0) if alone else int(getattr(settings, "seed_records", 0))

    def _warn_of_labels_without_notes(self, collector: Collector, stage: Stage) -> None:
        if not collector.made.asked(stage.name):
            return
        known = {note.label for note in collector.made.kept(stage.name)}
        for label in collector.plan.labels:
            if label.name not in known:
                self.warnings.append(
                    f"No reason for the label {label.name} could be read out of the answers; its "
                    "texts are written from the label alone."
                )

    def _add_records(self, collector: Collector) -> None:
        """Another data set's additions, on top of the seed."""
        if not self.params.add_records:
            return
        data = labelled_data(self.context.project, self.params.add_records)
        self.store.records.add(
            [
                Record(one.type, one.fields, run_id=self.run.id, stage=ADDED, place=place)
                for place, one in enumerate(data)
            ],
            self.context.job.id,
        )
        collector.settle(ADDED, 0)

    # -- rounds --

    def _run_records(self, number: int) -> list[Record]:
        """The run's kept records that a round is trained on, in their order."""
        found: list[Record] = []
        names = [stage.name for stage in self.stages if not stage.feedback]
        for name in (*names, ADDED):
            found += [
                r for r in self.store.records.of_stage(self.run.id, name) if r.type.is_trained_on
            ]
        if self.feedback is not None:
            found += self.store.records.of_stage(
                self.run.id, self.feedback.name, before=self._batches(number)
            )
        return found if self.params.records is None else found[: self.params.records]

    def _batches(self, number: int) -> int | None:
        """How many batches with feedback come before a round; None: all of them."""
        feedback = self.feedback.feedback if self.feedback is not None else ""
        if feedback == "gold" and number:
            return None
        return TURNS * number if feedback == "influence" else number

    def _data(self, number: int) -> Sequence[Datum]:
        if self.collector is None:
            if not self.params.train_file:
                raise StudioError(
                    "The method gold trains on human-labelled items, which are not among "
                    "validation and test. Name their file with --train-file."
                )
            found = labelled_data(self.context.project, self.params.train_file)
            clean, left_out = without_gold(self.store, found)
            if left_out and not number:
                self.warnings.append(
                    f"{left_out:,} items of {self.params.train_file} say what gold validation or "
                    "test says; they are not trained on."
                )
            return clean[: self.params.records]
        return self.learner.records(self._run_records(number))

    def _round(self, number: int) -> Round:
        runs = self.store.runs
        round_ = runs.begin_round(self.run.id, number)
        if round_.stage in ("new", "trained"):
            self.context.begin(f"round {number}")
            if round_.stage == "new":
                round_ = self._train(round_)
            self._score(round_)
            self._keep()
        return runs.begin_round(self.run.id, number)

    def _train(self, round_: Round) -> Round:
        began, data = time.monotonic(), self._data(round_.number)
        changed: dict[str, Any] = {
            "model_path": self.learner.train(round_, data),
            "stage": "trained",
            "records": len(data),
            "seconds": timed(round_.seconds, "train", began),
        }
        self.store.runs.update_round(round_.id, **changed)
        return replace(round_, **changed)

    def _score(self, round_: Round) -> None:
        began = time.monotonic()
        validation, test, errors = self.learner.score(round_)
        with self.store.write():
            self.store.runs.set_errors(round_.id, errors)
            self.store.runs.update_round(
                round_.id,
                stage="scored",
                validation=validation,
                test=test,
                seconds=timed(round_.seconds, "score", began),
            )

    def _why_end(self, round_: Round) -> str:
        """Why this round is the last one; empty when another one follows."""
        feedback = self.feedback
        if feedback is None:
            return "the method does not extrapolate"
        if round_.number >= (1 if feedback.feedback == "gold" else self.params.rounds):
            return ENOUGH.get(self.params.rounds, f"all {self.params.rounds} rounds are done")
        if not round_.errors and feedback.feedback == "errors":
            return f"{self.learner.no_error(round_.number)}: there is no error to extrapolate"
        if self.params.records and round_.records >= self.params.records:
            return f"{self.params.records:,} records are reached"
        return self._stalled(round_)

    def _stalled(self, round_: Round) -> str:
        best = self._best(round_).number
        if self.params.patience and round_.number - best >= self.params.patience:
            return f"validation did not improve after round {best}"
        return ""

    def _best(self, last: Round) -> Round:
        """The first round up to this one that no other beats on validation."""
        metric = self.context.project.task.metrics[0]
        rounds_ = self.store.runs.rounds(self.run.id)[: last.number + 1]
        return max(rounds_, key=lambda one: float(one.validation.get(metric, 0.0)))

    def _chosen(self, last: Round) -> Round:
        """Whose model is the run's: the last one, of everything (the paper's); after a stall the
        best on validation."""
        return self._best(last) if self._stalled(last) else last

    # -- what is written from feedback --

    def _extrapolate(self, round_: Round) -> bool:
        """Write from the round's errors, or from all of gold; whether anything was kept."""
        assert self.collector is not None
        assert self.feedback is not None
        number = round_.number + 1
        if round_.stage == "scored":
            self.context.begin(f"extrapolation {number}")
            began = time.monotonic()
            self._write_feedback(self.collector, self.feedback, round_)
            seconds = timed(round_.seconds, "extrapolate", began)
            self.store.runs.update_round(round_.id, stage="extrapolated", seconds=seconds)
        kept, reasons = self._came_of(round_.number)
        if not kept:
            why = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
            self.warnings.append(
                f"None of the {self.feedback.words} of round {round_.number} could be kept"
                f"{': ' + why if why else ''}."
            )
        return kept > 0

    def _write_feedback(self, collector: Collector, stage: Stage, round_: Round) -> None:
        most = self.params.records
        collector.made.room = None if most is None else most - round_.records
        collector.made.errors = self._missed(round_)
        collector.made.gold = self.learner.gold
        if stage.feedback == "influence":
            self._write_from_influence(collector, stage, round_)
            return
        if stage.feedback == "errors":
            collector.collect(stage, round_.number)
            collector.check_cap()
            return
        asked = collector.collect_all(stage)
        collector.check_cap()
        wanted = len(self.learner.gold) if collector.made.room is None else collector.made.room
        if (kept := collector.made.count(stage.name)) < wanted:
            self.warnings.append(
                f"Only {kept:,} of the {wanted:,} items like gold came about of {asked:,} requests."
            )

    def _write_from_influence(self, collector: Collector, stage: Stage, round_: Round) -> None:
        """The round's even share of what is left to write, topped up where texts are dropped."""
        wanted, room = getattr(collector.plan.settings, "seed_records", 0), collector.made.room
        if room is not None:
            wanted = -(-room // (self.params.rounds - round_.number))
        data = [one for one in self._data(round_.number) if isinstance(one, Record)]
        model = self.context.project.path / round_.model_path
        collector.made.helpful = helpful_records(model, data, self.params.seed)
        first = TURNS * round_.number
        for batch in range(first, first + TURNS):
            collector.made.room = wanted - self._kept_in(stage.name, range(first, batch))
            asked = collector.collect(stage, batch)
            collector.check_cap()
            if not asked:
                break

    def _kept_in(self, stage: str, batches: range) -> int:
        counts = self.store.records.run_counts(self.run.id)
        return sum(counts.get((stage, batch), (0, 0))[0] for batch in batches)

    def _missed(self, round_: Round) -> list[Missed]:
        errors = self.store.runs.errors(round_.id)
        gold = self.store.gold.many([error.gold_id for error in errors])
        return [Missed(gold[error.gold_id], error) for error in errors if error.gold_id in gold]

    def _came_of(self, number: int) -> tuple[int, dict[str, int]]:
        assert self.feedback is not None
        counts = self.store.records.run_counts(self.run.id)
        feedback = self.feedback.feedback
        batches = [
            batch
            for stage, batch in counts
            if stage == self.feedback.name
            and (feedback == "gold" or first_round(feedback, batch) == number + 1)
        ]
        reasons: dict[str, int] = {}
        for batch in batches:
            found = self.store.records.run_reasons(self.run.id, self.feedback.name, batch)
            for reason, dropped in found.items():
                reasons[reason] = reasons.get(reason, 0) + dropped
        return sum(counts[self.feedback.name, batch][0] for batch in batches), reasons

    def _is_approved(self, round_: Round) -> bool:
        """Whether a person let this round's additions through."""
        found = self.store.runs.round(round_.id)
        return found is not None and found.stage == "merged"

    def _keep(self, **more: Any) -> dict[str, Any]:
        found = outcome(self.context.project, self.run.id)
        kept = {**found, "warnings": self.warnings, "kind": self.learner.kind, **more}
        self.context.keep(**kept)
        return kept


def timed(seconds: Mapping[str, float], stage: str, began: float) -> dict[str, float]:
    """A round's seconds with those of one more stage."""
    return {**seconds, stage: round(time.monotonic() - began, 3)}
