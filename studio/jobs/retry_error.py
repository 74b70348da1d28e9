"""Asking once more for one error: the request, and what becomes of its answer.

A person asks from the Rounds pane while the worker may be writing in the same round. What is asked
again gets a place that the worker never uses, and a sampling seed of its own, so that neither is
lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from studio.calls import Answer
from studio.jobs.leaks import unfit
from studio.jobs.ledger import PATIENCE
from studio.jobs.params import RoundParams
from studio.jobs.plans import Beginning, planned
from studio.jobs.run_rows import method_name
from studio.llm.budget import most_of
from studio.methods.protocol import Ask, Missed, Plan, Stage, drafts_in
from studio.project import Project
from studio.records import Record, StudioError
from studio.runs import Round, RoundError, Run
from studio.settings import Endpoint
from studio.store import Store
from studio.store.generations import Finished
from studio.store.reservations import PlannedCall

AGAIN = 1_000_000
"""Added to the run's seed for the first request of this kind, one more for each further one."""
GONE = "The error is not there any more: the round was scored anew."


@dataclass(frozen=True, slots=True)
class Question:
    """One request for one error, ready to be sent."""

    run: Run
    round: Round
    """The round of the error."""
    stage: Stage
    ask: Ask
    plan: Plan
    endpoint: Endpoint
    reserved: int
    """The row of its reservation, for :func:`keep` or :func:`studio.jobs.ledger.end_one`."""


def question(path: Path, project: Project, error_id: int) -> Question:
    """The next request for this error that has no answer yet.

    Opens the store anew: for a thread of its own. Raises StudioError when nothing that is written
    now could be trained on, and for what keeps the run itself from asking.
    """
    store = Store(path)
    try:
        return _question(replace(project, store=store), error_id)
    finally:
        store.close()


def _question(project: Project, error_id: int) -> Question:
    store = project.store
    error = store.runs.error(error_id)
    round_ = store.runs.round(error.round_id) if error else None
    run = store.runs.get(round_.run_id) if round_ else None
    if error is None or round_ is None or run is None:
        raise StudioError(GONE)
    gold = store.gold.many([error.gold_id]).get(error.gold_id)
    if gold is None:
        raise StudioError(GONE)
    method, plan, endpoint = planned(project, {**run.params, "method": method_name(run)})
    stage = next((one for one in method.stages if one.feedback == "errors"), None)
    _check_open(store, run, round_, stage)
    assert stage is not None
    with store.write():
        ask = _unasked(store, stage, plan, round_, Missed(gold, error))
        most, wait = most_of(ask.request, endpoint), PATIENCE * endpoint.timeout_s
        [row] = store.reservations.claim([PlannedCall(ask.request.sha, most, wait)])
    assert row is not None
    return Question(run, round_, stage, ask, plan, endpoint, row)


def _check_open(store: Store, run: Run, round_: Round, stage: Stage | None) -> None:
    """A model that trains or is trained must not get data behind its back."""
    if any(one.number > round_.number for one in store.runs.rounds(run.id)):
        raise StudioError(
            f"Round {round_.number + 1} was already trained on what was written for this error. "
            "Ask again for errors of the newest round."
        )
    params = RoundParams.from_row(run.params)
    if stage is None or not params.extrapolate or round_.number >= params.rounds:
        raise StudioError(
            f"No round follows round {round_.number} in this run: what is written now would train "
            "nothing. Begin a run with more rounds."
        )


def _unasked(store: Store, stage: Stage, plan: Plan, round_: Round, missed: Missed) -> Ask:
    """The stage's first request for the error, with the first seed that nobody has asked with."""
    seed = plan.seed + AGAIN
    while True:
        asks = stage.ask(replace(plan, seed=seed), round_.number, Beginning(errors=[missed]))
        ask = next(asks, None)
        if ask is None:
            raise StudioError(GONE)
        sha = ask.request.sha
        if store.generations.row_of(sha) is None and not store.reservations.is_claimed(sha):
            return ask
        seed += 1


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of an answer."""

    record_id: int | None
    """None when the answer gave no text at all."""
    reason: str
    """Why it is dropped or gave none; empty when it is kept."""


def keep(store: Store, asked: Question, answer: Answer) -> Kept:
    """Store the call and what came of it, both or neither."""
    draft = drafts_in(asked.stage, asked.plan, asked.ask, answer)[0]
    with store.write(durable=True):
        _still_open(store, asked.ask.error_id)
        records: tuple[Record, ...] = ()
        reason = draft.reason
        if draft.fields:
            record = _record(store, asked, {**asked.ask.fields, **draft.fields})
            reason = reason or unfit(record, _run_records(store, asked), store.gold.all("test"))
            records = (replace(record, reason=reason),)
        request, most = asked.ask.request, most_of(asked.ask.request, asked.endpoint)
        finished = Finished(request, answer, draft.reason, records, most, asked.reserved)
        store.generations.save([finished])
        made = store.records.of_error(asked.ask.error_id or 0) if records else []
        return Kept(made[-1].id if made else None, reason)


def _record(store: Store, asked: Question, fields: dict[str, str]) -> Record:
    return Record(
        asked.stage.makes,
        fields,
        document_id=asked.ask.document.id if asked.ask.document else None,
        run_id=asked.run.id,
        stage=asked.stage.name,
        batch=asked.round.number,
        place=_free_place(store, asked),
        error_id=asked.ask.error_id,
    )


def _still_open(store: Store, error_id: int | None) -> RoundError:
    """The error may be gone by now: a worker that was killed while scoring scores anew."""
    found = store.runs.error(error_id) if error_id is not None else None
    if found is None:
        raise StudioError(GONE)
    return found


def _free_place(store: Store, asked: Question) -> int:
    """After all places that the worker may still fill."""
    each = 1 + int(getattr(asked.plan.settings, "hard_negatives", 0))
    taken = store.records.next_place(asked.run.id, asked.stage.name, asked.round.number)
    return max(taken, (asked.round.errors or 0) * each)


def _run_records(store: Store, asked: Question) -> list[Record]:
    """What the run has kept so far."""
    stages = dict.fromkeys(stage for stage, _ in store.records.run_counts(asked.run.id))
    return [one for stage in stages for one in store.records.of_stage(asked.run.id, stage)]
