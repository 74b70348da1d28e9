"""Asking once more for one error: the request, and what becomes of its answer.

A person asks from the Rounds pane while the worker may be writing in the same round. What is asked
again gets a place that the worker never uses, and a draw of its own, so that neither is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.jobs.s3_params import S3Params
from studio.labelled import Round, RoundError, Run, SyntheticItem
from studio.methods.synthesis import (
    SynthesisPlan,
    Target,
    extrapolation_target,
    parse_item,
    query_target,
)
from studio.prompting.words import normal
from studio.records import Answer, Reason, StudioError
from studio.settings import Endpoint

if TYPE_CHECKING:
    from studio.project import Project
    from studio.store import Store

AGAIN = 1_000_000
"""The first draw of what people ask for; the worker's own draws are below it."""
GONE = "The error is not there any more: the round was scored anew."


@dataclass(frozen=True, slots=True)
class Question:
    """One request for one error, ready to be sent."""

    run: Run
    round: Round
    """The round of the error."""
    target: Target
    plan: SynthesisPlan
    endpoint: Endpoint


def question(path: Path, project: Project, error_id: int) -> Question:
    """The next request for this error that has no answer yet.

    Opens the store anew: for a thread of its own. Raises StudioError when nothing that is written
    now could be trained on, and for what keeps the run itself from asking.
    """
    from studio.store import Store

    store = Store(path)
    try:
        return _question(replace(project, store=store), error_id)
    finally:
        store.close()


def _question(project: Project, error_id: int) -> Question:
    from studio.jobs.s3_setup import endpoint_of, plan_for

    store = project.store
    error = store.runs.error(error_id)
    round_ = store.runs.round(error.round_id) if error else None
    run = store.runs.get(round_.run_id) if round_ else None
    if error is None or round_ is None or run is None:
        raise StudioError(GONE)
    _check_open(store, run, round_)
    params = S3Params.from_row(run.params)
    endpoint = endpoint_of(project, params)
    labels = store.labels.all() if project.task in ("classification", "nli") else []
    plan = plan_for(project, params, project.task, labels, endpoint)
    ask = _asks_for_query if project.task == "retrieval" else _asks_for_item
    return Question(run, round_, _unasked(store, ask(store, plan, error)), plan, endpoint)


Asking = Callable[[int], Target]
"""A draw → its request."""


def _asks_for_item(store: Store, plan: SynthesisPlan, error: RoundError) -> Asking:
    gold = store.gold_items.get(error.gold_id)
    if gold is None:
        raise StudioError(GONE)
    return lambda draw: extrapolation_target(plan, gold, 0, draw, error.id)


def _asks_for_query(store: Store, plan: SynthesisPlan, error: RoundError) -> Asking:
    query = next((q for q in store.gold.queries("validation") if q.id == error.gold_id), None)
    right = [row for row, grade in (query.relevant if query else {}).items() if grade > 0]
    document = next(iter(store.documents.many(right[:1]).values()), None)
    if query is None or document is None:
        raise StudioError(GONE)
    missed = query.text
    return lambda draw: replace(query_target(plan, document, missed, 0, draw), error_id=error.id)


def _check_open(store: Store, run: Run, round_: Round) -> None:
    """A model that trains or is trained must not get data behind its back."""
    if any(one.number > round_.number for one in store.runs.rounds(run.id)):
        raise StudioError(
            f"Round {round_.number + 1} was already trained on what was written for this error. "
            "Ask again for errors of the newest round."
        )
    params = S3Params.from_row(run.params)
    follows = params.method == "s3" and params.extrapolate and round_.number < params.rounds
    if not follows:
        raise StudioError(
            f"No round follows round {round_.number} in this run: what is written now would train "
            "nothing. Begin a run with more rounds."
        )


def _unasked(store: Store, ask: Asking) -> Target:
    draw = AGAIN
    while store.generations.row_of((target := ask(draw)).request.sha) is not None:
        draw += 1
    return target


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of an answer."""

    item_id: int | None
    """The record; None when the answer gave no text at all."""
    reason: str
    """Why it is dropped or gave none; empty when it is kept."""


def keep(store: Store, asked: Question, answer: Answer) -> Kept:
    """Store the call and what came of it, both or neither."""
    from studio.store.generations import Finished

    parsed = parse_item(asked.plan, asked.target, answer)
    with store.write(durable=True):
        _still_open(store, asked)
        store.generations.save([Finished(asked.target.request, answer, parsed.reason, ())])
        if parsed.item is None:
            return Kept(None, parsed.reason)
        # A query's document is in the corpus: its text is not stored once more.
        plain = asked.plan.template.task == "retrieval"
        item = SyntheticItem(
            item=replace(parsed.item, context="") if plain else parsed.item,
            run_id=asked.run.id,
            round=asked.round.number + 1,
            place=_free_place(store, asked),
            error_id=asked.target.error_id,
            generation_id=store.generations.row_of(asked.target.request.sha),
            document_id=asked.target.document_id,
        )
        reason = parsed.reason or unfit(store, item)
        store.items.add([replace(item, reason=reason)])
        made = store.items.of_error(asked.target.error_id or 0)
        return Kept(made[-1].id if made else None, reason)


def _still_open(store: Store, asked: Question) -> None:
    """The error may be gone by now: a worker that was killed while scoring scores anew."""
    if asked.target.error_id is None or store.runs.error(asked.target.error_id) is None:
        raise StudioError(GONE)


def _free_place(store: Store, asked: Question) -> int:
    """After all places that the worker may still fill."""
    number, params = asked.round.number + 1, asked.run.params
    each = 1 + S3Params.from_row(params).hard_negatives
    return max(store.items.next_place(asked.run.id, number), (asked.round.errors or 0) * each)


def unfit(store: Store, item: SyntheticItem) -> str:
    """Why an item must not be trained on beside the run's others: a repetition, or a leak."""
    key = (normal(item.item.text), item.item.context)
    for other in store.items.of_run(item.run_id, up_to_round=item.round):
        if (normal(other.item.text), other.item.context) == key:
            return Reason.DUPLICATE
    return Reason.TEST_LEAK if _leaks(store, item) else ""


def _leaks(store: Store, item: SyntheticItem) -> bool:
    """As the run's own guard, for one text: one by one, which needs no matrix."""
    from studio.filters.similarity import Vocabulary, likeness
    from studio.jobs.s3_synthesis import LEAK

    vocabulary = Vocabulary()
    text, context = vocabulary.encode(item.item.text), normal(item.item.context)
    for gold in store.gold_items.all("test"):
        if context and normal(gold.item.context) == context:
            return True
        if likeness(text, vocabulary.encode(gold.item.text)) > LEAK:
            return True
    queries = (query.text for query in store.gold.queries("test"))
    return any(likeness(text, vocabulary.encode(query)) > LEAK for query in queries)
