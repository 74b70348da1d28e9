"""The list of the Train pane: trainings that have no model yet, and all models, newest first."""

from __future__ import annotations

from typing import Any

from studio.evaluation.measures import measure_name
from studio.jobs import queue
from studio.jobs.base_encoders import default_encoder
from studio.project import Project
from studio.runs import Job, JobState, Model
from studio.tasks import TASKS, Task
from studio.tui.job_watch import JobWatch
from studio.tui.train import words as train_words
from studio.tui.widgets.rows import Column, Row, RowList


def model_columns(task: Task) -> tuple[Column, ...]:
    """The columns of the list, in the task's words."""
    measure = measure_name(task.metrics[0])
    return (
        Column("", 1),
        Column("model"),
        Column("base", 14),
        Column("pairs" if task.has_path else "records", 7, "right", from_width=100),
        Column("loss on gold" if measure == "ROUGE-L" else "validation", 13, "right"),
        Column(f"test {measure}", 13, "right"),
        Column("p" if task.trained_by else "", 5, "right"),
        Column("when", 12, "right", from_width=100),
    )


TRAINING = ("train", "rerank", "tune", "path", "filter")
"""Kinds of jobs that train a model, if only on the way."""
ALIVE = (JobState.RUNNING, JobState.WAITING)
TONES: dict[JobState, Any] = {
    JobState.RUNNING: "warn",
    JobState.FAILED: "bad",
    JobState.INTERRUPTED: "bad",
    JobState.CANCELLED: "muted",
}
MARKED = "◆"


class ModelTable(RowList):
    """Models and trainings as rows; it knows what stands under its cursor."""

    def __init__(self) -> None:
        super().__init__(model_columns(TASKS["retrieval"]), empty="", id="models")
        self._measure = ""
        self.models: dict[int, Model] = {}
        self.jobs: dict[int, Job] = {}
        """Trainings without a model."""
        self.marked: int | None = None
        """The model that others are compared with."""
        self.wanted = ""
        """The row that the cursor should go to at the next reading."""
        self._pairs: dict[int, int] = {}

    @property
    def model(self) -> Model | None:
        """The model under the cursor."""
        return self.models.get(self._number("model"))

    @property
    def job(self) -> Job | None:
        """The training under the cursor that has no model yet."""
        return self.jobs.get(self._number("job"))

    def _number(self, kind: str) -> int:
        found, _, number = self.current.key.partition("-") if self.current else ("", "", "")
        return int(number) if found == kind else 0

    @property
    def marked_model(self) -> Model | None:
        """The marked one, while it is there."""
        return self.models.get(self.marked or 0)

    @property
    def is_training(self) -> bool:
        """Whether anything runs or waits."""
        return any(job.state in ALIVE for job in self.jobs.values())

    def pairs_of(self, model: Model) -> int | None:
        """How many pairs it was trained on."""
        return self._pairs.get(model.snapshot_id or 0)

    def read(self, project: Project, watch: JobWatch) -> None:
        """List what the store has; the cursor follows a training to the model that it made."""
        store = project.store
        self.columns, self._measure = model_columns(project.task), project.task.metrics[0]
        self.models = {model.id: model for model in store.models.all()}
        unfinished = store.jobs.unfinished(TRAINING)
        found = [watch.as_told(queue.with_true_state(store, job)) for job in unfinished]
        self.jobs = {job.id: job for job in found if _shows(job)}
        self._pairs = store.snapshots.counts()
        rows = self._rows(default_encoder(project))
        keys = {row.key for row in rows}
        wanted, self.wanted = self.wanted or self._became(keys), ""
        self.show(rows, key=wanted if wanted in keys else None)
        self.refresh()

    def _became(self, keys: set[str]) -> str:
        """The row of the model that the training under the cursor has made meanwhile."""
        row = self.current
        if row is None or row.key in keys:
            return ""
        made = [m.id for m in self.models.values() if row.key == f"job-{m.job_id}"]
        return f"model-{made[0]}" if made else ""

    def _rows(self, encoder: str) -> list[Row]:
        """What runs comes first; then models and stopped trainings, the newest first."""
        jobs = [
            (job.state in ALIVE, job.created, _job_row(job, encoder)) for job in self.jobs.values()
        ]
        models = [(False, model.created, self._row(model)) for model in self.models.values()]
        return [row for *_, row in sorted([*jobs, *models], key=lambda x: x[:2], reverse=True)]

    def _row(self, model: Model) -> Row:
        mark = MARKED if model.id == self.marked else ""
        cells = train_words.model_cells(model, self.pairs_of(model), mark, self._measure)
        return Row(f"model-{model.id}", cells)

    @property
    def title(self) -> str:
        """How many there are, what trains, and what is marked."""
        live = sum(job.state is JobState.RUNNING for job in self.jobs.values())
        title = f"Models {len(self.models)}" + (f" · {live} training" if live else "")
        if (marked := self.marked_model) is not None:
            title += f" · {MARKED} {marked.name}: c on another compares"
        return title


def _job_row(job: Job, encoder: str) -> Row:
    _, params = train_words.training_of(job)
    base = str(params.get("encoder") or params.get("base") or encoder)
    return Row(f"job-{job.id}", train_words.job_cells(job, base), TONES.get(job.state, ""))


def _shows(job: Job) -> bool:
    """Trainings without a model so far; of longer jobs only while they train."""
    if job.kind in ("train", "rerank", "tune"):
        return "model_id" not in job.result
    trains = "training " in job.message or "mining" in job.message or "teacher" in job.message
    return job.kind in ("path", "filter") and job.state in ALIVE and trains
