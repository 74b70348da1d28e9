"""What the Rounds pane shows, read from the store by a thread: runs, rounds, errors and more.

Nothing of it is kept anywhere else: quit and come back from another terminal, and it is all there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from studio import methods
from studio.jobs import queue
from studio.methods.protocol import Stage, first_round
from studio.records import Document, Gold, Record
from studio.runs import Job, JobState, Round, RoundError, Run
from studio.store import Store
from studio.store.review_shapes import Decision
from studio.store.runs import ErrorRow

KINDS: Final = ("s3", "s3-compare")
"""Kinds of job that work on runs."""
JOBS: Final = 200
"""The newest jobs among which a run's own is looked for."""
BULKY: Final = ("right", "f1s")
"""What a round's scores hold for significance tests, and no screen shows."""
NEWEST: Final = 20
"""Records and notes shown of those that are being written."""
HARD_NEGATIVES: Final = 5
"""Documents shown that a retriever took for the right one."""


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """One run as it stands, or that there is none."""

    run: Run | None
    job: Job | None
    """What works on it, or worked on it last; also one that has not made its run yet."""
    rounds: tuple[Round, ...] = ()
    counts: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Round whose model is trained on them first → (kept, dropped); 0 is the seed."""
    rationales: int = 0
    reasons: tuple[Record, ...] = ()
    """The newest notes, while there is no round to look at."""
    newest: tuple[Record, ...] = ()
    """The newest seed records, while there is no round to look at."""
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Name → points of the training under way."""
    extrapolates: bool = False
    """Whether its method writes from errors."""
    writes: str = ""
    """What its method writes between two trainings; empty where it writes nothing then."""
    gaps: dict[int, Job] = field(default_factory=dict)
    """Round → the job that measured, or measures, how near its extrapolations are."""

    @property
    def is_live(self) -> bool:
        """Whether a worker is at it, or soon will be."""
        return self.job is not None and self.job.state in (JobState.RUNNING, JobState.WAITING)

    @property
    def is_resting(self) -> bool:
        """Whether a person is to approve the newest extrapolations."""
        if self.run is None or self.is_live or not self.rounds:
            return False
        waits = self.run.params.get("approve") == "person"
        return waits and self.rounds[-1].stage == "extrapolated"

    @property
    def is_scored(self) -> bool:
        """Whether any round is: there are errors to look at, or none at all."""
        return any(one.errors is not None for one in self.rounds)

    def round(self, number: int) -> Round | None:
        """One round by its number."""
        return next((one for one in self.rounds if one.number == number), None)

    def shown(self, chosen: int | None) -> Round | None:
        """The round whose errors are shown: the one that a person chose, else the newest."""
        if chosen is not None and (found := self.round(chosen)) is not None:
            return found
        scored = [one for one in self.rounds if one.errors is not None]
        # A last round without an error has nothing to look at: the one before has extrapolations.
        with_errors = [one for one in scored if one.errors]
        return next(iter(reversed(with_errors or scored)), None)

    def can_ask(self, shown: Round | None) -> bool:
        """Whether what is written now would be trained on: a round is to follow the shown one."""
        if self.run is None or shown is None or shown is not self.rounds[-1]:
            return False
        ended = self.job is not None and self.job.state is JobState.DONE and not self.is_resting
        return self.extrapolates and shown.number < int(self.run.params["rounds"]) and not ended


def look(store: Store, run_id: int | None, job_id: int | None) -> RunSnapshot:
    """The run asked for, the run of the job asked for, else the newest one."""
    latest = store.jobs.latest((*KINDS, "gap"), JOBS)
    jobs = [queue.with_true_state(store, job) for job in latest]
    working = [job for job in jobs if job.kind in KINDS]
    asked = next((job for job in working if job.id == job_id), None)
    if asked is not None:
        run_id = run_of(asked)
        if run_id is None:
            return RunSnapshot(None, asked)
    newest = next(iter(training_runs(store)), None)
    run = store.runs.get(run_id) if run_id is not None else newest
    if run is None:
        return RunSnapshot(None, next(iter(working), None))
    job = next((job for job in working if run_of(job) == run.id), None)
    return _whole(store, run, job, [one for one in jobs if one.kind == "gap"])


def training_runs(store: Store) -> list[Run]:
    """The runs that have rounds, the newest first: others only write records."""
    return [run for run in store.runs.all() if "rounds" in run.params]


def run_of(job: Job) -> int | None:
    """The run that a job works on, as far as it is known."""
    found = job.result.get("run_id") or job.params.get("run_id")
    return int(found) if found else None


def _whole(store: Store, run: Run, job: Job | None, gaps: Sequence[Job]) -> RunSnapshot:
    mine = [one for one in reversed(gaps) if one.params.get("run_id") == run.id]
    live = job is not None and job.state is JobState.RUNNING
    rounds = tuple(_light(one) for one in store.runs.rounds(run.id))
    early = not any(one.errors is not None for one in rounds)
    method = methods.of_task(store.values.get("task", "retrieval")).get(run.method)
    stages = {stage.name: stage for stage in (method.stages if method is not None else ())}
    notes = [name for name, stage in stages.items() if not stage.makes.is_trained_on]
    written = [note for name in notes for note in store.records.of_stage(run.id, name)]
    return RunSnapshot(
        run=run,
        job=job,
        rounds=rounds,
        counts=_counts(store, run, stages),
        rationales=len(written),
        reasons=tuple(written[-NEWEST:][::-1]) if early else (),
        newest=tuple(store.records.newest_of_run(run.id, NEWEST)) if early else (),
        curves=store.jobs.points(job.id) if live and job is not None else {},
        extrapolates=any(stage.feedback == "errors" for stage in stages.values()),
        writes=next(
            (stage.words for stage in stages.values() if stage.feedback in ("errors", "influence")),
            "",
        ),
        gaps={int(one.params.get("round", 0)): one for one in mine},
    )


def _counts(store: Store, run: Run, stages: Mapping[str, Stage]) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for (name, batch), (kept, dropped) in store.records.run_counts(run.id).items():
        stage = stages.get(name)
        if stage is None or stage.makes.is_trained_on:
            number = first_round(stage.feedback, batch) if stage is not None else 0
            before = found.get(number, (0, 0))
            found[number] = (before[0] + kept, before[1] + dropped)
    return found


def _light(one: Round) -> Round:
    return replace(one, validation=_shown(one.validation), test=_shown(one.test))


def _shown(scores: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scores.items() if name not in BULKY}


@dataclass(slots=True)
class ErrorPages:
    """A round's errors by position: ids in memory, rows a page at a time."""

    store: Store
    round_id: int
    ids: Sequence[int]

    def at(self, position: int, limit: int) -> Sequence[ErrorRow]:
        """Rows from a position on."""
        if not 0 <= position < len(self.ids):
            return []
        after = self.ids[position] - 1
        return self.store.runs.error_rows(self.round_id, after, limit)


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """One error whole, with all that was written from it."""

    error: RoundError
    gold: Gold | None
    """None when it is no longer gold."""
    documents: tuple[tuple[str, Document], ...]
    """(what it is, document) for retrieval: the right ones, then its hard negatives."""
    additions: tuple[Record, ...]
    words: dict[int, Decision]
    """Addition → a person's last word on it."""

    @property
    def text(self) -> str:
        """What the model got wrong."""
        return self.gold.text if self.gold is not None else ""


def details_of(store: Store, error_id: int) -> ErrorDetails | None:
    """One error whole; None when it is gone."""
    error = store.runs.error(error_id)
    if error is None:
        return None
    gold = store.gold.get(error.gold_id)
    return ErrorDetails(
        error=error,
        gold=gold,
        documents=_documents(store, error, gold),
        additions=tuple(store.records.of_error(error_id)),
        words=store.records.decisions_of_error(error_id),
    )


def _right_ones(error: RoundError, gold: Gold) -> list[int]:
    """The right documents; of a long one the passage that came nearest, else its first."""
    nearest, found = error.detail.get("right"), dict[int, int]()
    for row, grade in gold.relevant.items():
        if grade > 0:
            source = gold.named.get(row, -row)
            found[source] = row if row == nearest else found.get(source, row)
    return list(found.values())


def _documents(
    store: Store, error: RoundError, gold: Gold | None
) -> tuple[tuple[str, Document], ...]:
    right = _right_ones(error, gold) if gold else []
    wrong = [row for row in error.hard_negatives if row not in right][:HARD_NEGATIVES]
    found = store.documents.many([*right, *wrong])
    named = [("right", row) for row in right] + [("hard negative", row) for row in wrong]
    return tuple((what, found[row]) for what, row in named if row in found)
