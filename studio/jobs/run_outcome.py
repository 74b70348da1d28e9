"""What a run that trains has come to, round by round, and what people do with one that rests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from studio.jobs import queue
from studio.jobs.collect import ADDED
from studio.jobs.learners import shown_scores
from studio.jobs.plans import method_of
from studio.jobs.run_rows import method_name
from studio.methods.protocol import first_round
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job, Round, Run


def outcome(project: Project, run_id: int) -> dict[str, Any]:
    """What a run has come to: ``rounds``, each with its records, errors, scores and seconds."""
    store = project.store
    run_ = store.runs.get(run_id)
    table = [
        {
            "round": one.number,
            "records": one.records,
            "errors": one.errors,
            "validation": shown_scores(one.validation),
            "test": shown_scores(one.test),
            "seconds": one.seconds,
        }
        for one in store.runs.rounds(run_id)
        if one.stage != "new"
    ]
    additions: dict[int, int] = {}
    dropped: dict[int, dict[str, int]] = {}
    for number, stage, batch, kept in _additions(project, run_id):
        additions[number] = additions.get(number, 0) + kept
        reasons = dropped.setdefault(number, {})
        for reason, lost in store.records.run_reasons(run_id, stage, batch).items():
            reasons[reason] = reasons.get(reason, 0) + lost
    return {
        "run_id": run_id,
        "method": run_.method if run_ else "",
        "rounds": table,
        "additions": additions,
        "dropped": dropped,
    }


def round_of(project: Project, run_: Run, stage: str, batch: int) -> int | None:
    """The round that is the first to train on a batch; None for notes, which none trains on."""
    if stage == ADDED:
        return 0
    try:
        found = method_of(project, method_name(run_)).stage(stage)
    except (StudioError, KeyError):
        # A method that is not installed any more.
        return batch
    if not found.makes.is_trained_on:
        return None
    return first_round(found.feedback, batch)


def _additions(project: Project, run_id: int) -> Iterator[tuple[int, str, int, int]]:
    """(round, stage, batch, kept) of every batch that is trained on."""
    run_ = project.store.runs.get(run_id)
    for (stage, batch), (kept, _) in project.store.records.run_counts(run_id).items():
        number = round_of(project, run_, stage, batch) if run_ is not None else None
        if number is not None:
            yield number, stage, batch, kept


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
    params = {**run_.params, "run_id": run_id, "method": method_name(run_)}
    return queue.submit(project, "s3", params)
