"""The job ``s3``: seed, rounds of error extrapolation, final model; and its kin at the same budget.

Each stage is written down before the next begins, so that a killed run goes on where it was: what
was answered is not asked again, what was trained is not trained again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from studio import methods
from studio.jobs import queue
from studio.jobs.asking import Desk
from studio.jobs.context import JobContext
from studio.jobs.labelled_projects import checked_labels, labelled_task
from studio.jobs.s3_params import S3Params
from studio.jobs.s3_rounds import Trainer, gold_training_items
from studio.jobs.s3_setup import begun, endpoint_of, plan_for
from studio.jobs.s3_synthesis import Writer
from studio.labelled import (
    GoldItem,
    Item,
    Label,
    LabelledTask,
    Round,
    RoundError,
    Run,
    SyntheticItem,
)
from studio.project import Project
from studio.records import Job, Model, StudioError
from studio.training.small_model import METRIC
from studio.training.small_settings import check_kind

GOLD = "gold"
"""The method that trains on human-labelled data alone."""


def run(context: JobContext) -> None:
    """The job ``s3``."""
    params = S3Params.from_row(context.job.params)
    if context.project.task == "retrieval":
        from studio.jobs import s3_retrieval

        s3_retrieval.run(context, params)
        return
    rounds(context, params)


def rounds(context: JobContext, params: S3Params) -> dict[str, Any]:
    """One whole run, or the rest of one; what :func:`outcome` tells is kept in the job's row."""
    task = labelled_task(context.project)
    check_kind(task, params.kind)
    labels = checked_labels(context.project, task)
    run_ = begun(context, params)
    if params.method == GOLD:
        flow = _Flow(context, run_, params, task, labels, None)
        return flow.to_the_end()
    endpoint = endpoint_of(context.project, params)
    plan = plan_for(context.project, params, task, labels, endpoint)
    with Desk(context, endpoint, params) as desk:
        method = methods.get_synthesis(params.method)
        if task not in method.tasks:
            raise StudioError(f"The method {params.method} has no form for the task {task}.")
        writer = Writer(context, run_, params, method, plan, desk)
        return _Flow(context, run_, params, task, labels, writer).to_the_end()


class _Flow:
    """One run from wherever it stands to its end, or to where a person is asked."""

    def __init__(
        self,
        context: JobContext,
        run_: Run,
        params: S3Params,
        task: LabelledTask,
        labels: list[Label],
        writer: Writer | None,
    ) -> None:
        self.context, self.run, self.params = context, run_, params
        self.task, self.writer = task, writer
        self.trainer = Trainer(context, run_, params, task, labels)
        self.warnings: list[str] = writer.warnings if writer else []
        self._warn_of_gold(labels)

    def to_the_end(self) -> dict[str, Any]:
        """Every stage that is not done yet."""
        if self.writer is not None:
            self._seed(self.writer)
        number = 0
        while True:
            round_ = self._round(number)
            why = self._why_end(round_)
            if why or not self._extrapolate(round_):
                break
            if self.params.approve == "person" and not self._is_approved(round_):
                return self._keep(waiting_for="approval", round=number)
            number += 1
        chosen = self._chosen(round_)
        self._store_model(chosen)
        stopped = why or "nothing new was written from the errors"
        if chosen.number < round_.number:
            stopped += f"; the model of round {chosen.number} is kept"
        return self._keep(stopped=stopped, waiting_for="")

    def _seed(self, writer: Writer) -> None:
        if self.context.store.runs.rounds(self.run.id):
            return
        began = time.monotonic()
        self.context.begin("rationales")
        rationales = writer.explain()
        self.context.begin("seed")
        wanted = self.params.seed_records
        if self._alone() and self.params.records:
            wanted = self.params.records
        writer.seed(rationales, wanted)
        self._add_records()
        first = self.context.store.runs.begin_round(self.run.id, 0)
        seconds = {"synthesis": round(time.monotonic() - began, 3)}
        self.context.store.runs.update_round(first.id, seconds=seconds)

    def _alone(self) -> bool:
        """Whether the seed is all there is."""
        assert self.writer is not None
        return self.writer.method.extrapolates == "nothing" or not self.params.extrapolate

    def _add_records(self) -> None:
        """Another data set's additions, on top of the seed."""
        if not self.params.add_records:
            return
        path = Path(self.params.add_records).expanduser()
        items = gold_training_items(path, self.task, self.trainer.labels)
        first = self.context.store.items.next_place(self.run.id, 0)
        self.context.store.items.add(
            (SyntheticItem(item, self.run.id, 0, first + n) for n, item in enumerate(items)),
            self.context.job.id,
        )
        if self.writer is not None:
            self.writer.settle(0)

    def _round(self, number: int) -> Round:
        round_ = self.context.store.runs.begin_round(self.run.id, number)
        if round_.stage in ("new", "trained"):
            self.context.begin(f"round {number}")
            round_ = self.trainer.train_and_score(round_, self._training_items(number))
            self._keep()
        return round_

    def _training_items(self, number: int) -> list[Item]:
        if self.params.method == GOLD:
            return self._gold_items()
        found = [
            one.item for one in self.context.store.items.of_run(self.run.id, up_to_round=number)
        ]
        return found if self.params.records is None else found[: self.params.records]

    def _gold_items(self) -> list[Item]:
        if not self.params.train_file:
            raise StudioError(
                "The method gold trains on human-labelled items, which are not among validation "
                "and test. Name their file with --train-file."
            )
        path = Path(self.params.train_file).expanduser()
        return gold_training_items(path, self.task, self.trainer.labels)[: self.params.records]

    def _why_end(self, round_: Round) -> str:
        """Why this round is the last one; empty when another one follows."""
        if self.writer is None or self._alone():
            return "the method does not extrapolate"
        if round_.number >= (1 if self._from_gold() else self.params.rounds):
            return f"all {self.params.rounds} rounds are done"
        if not round_.errors and not self._from_gold():
            return (
                f"the model of round {round_.number} gets every validation item right: there is "
                "no error to extrapolate"
            )
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
        metric = METRIC[self.task]
        rounds_ = self.context.store.runs.rounds(self.run.id)[: last.number + 1]
        return max(rounds_, key=lambda one: float(one.validation.get(metric, 0.0)))

    def _chosen(self, last: Round) -> Round:
        """Whose model is the run's: the last one, of everything (the paper's); after a stall the
        best on validation."""
        return self._best(last) if self._stalled(last) else last

    def _from_gold(self) -> bool:
        return self.writer is not None and self.writer.method.extrapolates == "gold"

    def _extrapolate(self, round_: Round) -> bool:
        """Write from the round's errors, or from all of gold; whether anything was kept."""
        assert self.writer is not None
        store, number = self.context.store, round_.number + 1
        if round_.stage == "scored":
            self.context.begin(f"extrapolation {number}")
            began = time.monotonic()
            self._write_more(round_, number)
            seconds = {**round_.seconds, "extrapolate": round(time.monotonic() - began, 3)}
            store.runs.update_round(round_.id, stage="extrapolated", seconds=seconds)
        kept = store.items.counts(self.run.id).get(number, (0, 0))[0]
        if not kept:
            reasons = store.items.reasons(self.run.id, number)
            why = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
            self.warnings.append(
                f"None of the extrapolations of round {round_.number} could be kept"
                f"{': ' + why if why else ''}."
            )
        return kept > 0

    def _write_more(self, round_: Round, number: int) -> None:
        assert self.writer is not None
        room = None if self.params.records is None else self.params.records - round_.records
        if self._from_gold():
            gold = [(one, None) for one in self.trainer.validation]
            self.writer.fill(gold, number, len(gold) if room is None else room)
            return
        sources = self._sources(round_)
        self.writer.extrapolate(sources, number, min(len(sources), room or len(sources)))

    def _sources(self, round_: Round) -> list[tuple[GoldItem, RoundError]]:
        errors = self.context.store.runs.errors(round_.id)
        gold = self.context.store.gold_items.many([error.gold_id for error in errors])
        return [(gold[error.gold_id], error) for error in errors if error.gold_id in gold]

    def _is_approved(self, round_: Round) -> bool:
        """Whether a person let this round's additions through."""
        found = self.context.store.runs.round(round_.id)
        return found is not None and found.stage == "merged"

    def _store_model(self, last: Round) -> None:
        """The final model, with the exact records that it was trained on."""
        store = self.context.store
        if not last.model_path or last.model_path in {m.path for m in store.models.all()}:
            return
        ids = [one.id for one in store.items.of_run(self.run.id, up_to_round=last.number)]
        snapshot = store.snapshots.take(ids, f"run {self.run.id}") if ids else None
        shown = {k: v for k, v in last.test.items() if k not in ("right", "f1s")}
        model = Model(
            name=Path(last.model_path).name,
            path=last.model_path,
            base=self.trainer.settings.base,
            snapshot_id=snapshot,
            job_id=self.context.job.id,
            settings=self.trainer.settings.as_row(),
            scores={"validation": last.validation, "test": shown, "run": self.run.id},
        )
        self.context.keep(model_id=store.models.add(model), model_path=last.model_path)

    def _warn_of_gold(self, labels: list[Label]) -> None:
        counts = self.context.store.gold_items.counts()
        for label in labels:
            if ("validation", label.name) not in counts:
                self.warnings.append(
                    f"No gold validation item has the label {label.name}: its errors are not seen."
                )
        if not self.trainer.test:
            self.warnings.append("There is no gold test item: scores are on validation only.")

    def _keep(self, **more: Any) -> dict[str, Any]:
        found = outcome(self.context.project, self.run.id)
        kept = {**found, "warnings": self.warnings, "kind": self.params.kind, **more}
        self.context.keep(**kept)
        return kept


def outcome(project: Project, run_id: int) -> dict[str, Any]:
    """What a run has come to: ``rounds``, each with its records, errors, scores and seconds."""
    store = project.store
    run_ = store.runs.get(run_id)
    table = [
        {
            "round": one.number,
            "records": one.records,
            "errors": one.errors,
            "validation": _shown(one.validation),
            "test": _shown(one.test),
            "seconds": one.seconds,
        }
        for one in store.runs.rounds(run_id)
        if one.stage != "new"
    ]
    counts = store.items.counts(run_id)
    return {
        "run_id": run_id,
        "method": run_.method if run_ else "",
        "rounds": table,
        "additions": {number: kept for number, (kept, _) in counts.items()},
        "dropped": {number: store.items.reasons(run_id, number) for number in counts},
    }


def _shown(scores: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scores.items() if name not in ("right", "f1s")}


# -- what people do with a run that rests --


def is_resting(run_: Run, rounds_: Sequence[Round]) -> bool:
    """Whether a person is to let the newest round's additions through."""
    waits = run_.params.get("approve") == "person"
    return waits and bool(rounds_) and rounds_[-1].stage == "extrapolated"


def approve(project: Project, run_id: int) -> Job:
    """Let a resting run's additions through as they stand, and go on with it.

    Raises StudioError when it does not rest.
    """
    # In one transaction: of two terminals that approve at once, one begins a worker.
    with project.store.write():
        rounds_ = project.store.runs.rounds(run_id)
        run_ = project.store.runs.get(run_id)
        if run_ is None or not is_resting(run_, rounds_):
            raise StudioError(
                f"Run {run_id} does not wait for anybody. `studio s3 show` tells more."
            )
        project.store.runs.update_round(rounds_[-1].id, stage="merged")
    params = {**run_.params, "run_id": run_id}
    return queue.submit(project, "s3", params)


def start(project: Project, params: S3Params) -> Job:
    """Begin a run in a worker of its own."""
    return queue.submit(project, "s3", asdict(params))
