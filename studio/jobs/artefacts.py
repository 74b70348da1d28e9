"""The files that a finished job left behind, and deleting them. Rows are never deleted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from studio.jobs.queue import ENDED, RESUMABLE, log_path
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job

What = Literal["log", "checkpoints", "model"]


@dataclass(frozen=True, slots=True)
class Artefact:
    """Files that can be deleted together."""

    what: What
    path: Path
    """A file, or a folder with all in it."""
    size: int
    """Bytes on the disk."""
    consequence: str
    """What cannot be done any more without it; empty when nothing is lost by it."""
    model_id: int | None = None

    @property
    def words(self) -> str:
        """Such as ``model retriever-5``."""
        return f"{self.what} {self.path.name}"


def artefacts_of(project: Project, job: Job) -> list[Artefact]:
    """What there is to delete of a job. Raises StudioError while it runs."""
    if job.state not in ENDED:
        raise StudioError(f"Job {job.id} is {job.state_word}. Cancel it before deleting its files.")
    found = [*_logs(project, job), *_checkpoints(project, job), *_models(project, job)]
    return [one for one in found if _is_inside(project, one.path)]


def delete(project: Project, job: Job, chosen: Sequence[Artefact]) -> str:
    """Delete these files for good and note it in the job's row; one sentence on what was deleted.

    Raises StudioError for what cannot be deleted; what was deleted before it is noted all the same.
    """
    gone: list[Artefact] = []
    try:
        for one in chosen:
            _remove(project, one)
            gone.append(one)
    finally:
        sentence = _noted(project, job, gone)
    return sentence


def size_words(size: int) -> str:
    """Such as ``12 KB`` or ``91.2 MB``."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1_000)) if size else 0:,} KB"
    return f"{size / 1_000_000:,.1f} MB"


def _logs(project: Project, job: Job) -> Iterator[Artefact]:
    for path in (log_path(project, job.id), project.logs_dir / f"llm-{job.id}.log"):
        if path.is_file():
            yield Artefact("log", path, path.stat().st_size, "")


def _checkpoints(project: Project, job: Job) -> Iterator[Artefact]:
    others = {m.name for m in project.store.models.all() if m.job_id != job.id}
    anew = "a resume would train from the beginning" if job.state in RESUMABLE else ""
    for name in sorted(_model_names(project, job) - others):
        folder = project.models_dir / f"{name}.training"
        if folder.is_dir():
            yield Artefact("checkpoints", folder, _size(folder), anew)


def _model_names(project: Project, job: Job) -> set[str]:
    """What the job calls its models, also those that it has not finished."""
    told = job.params.get("train") if job.kind == "path" else job.params
    named = str(told.get("name") or "") if isinstance(told, dict) else ""
    made = {model.name for model in project.store.models.of_job(job.id)}
    names = {
        f"retriever-{job.id}",
        f"round-trip-{job.id}",
        f"tuned-{job.id}",
        f"reranker-{job.id}",
        named,
        *made,
    }
    return {name for name in names if name and Path(name).name == name}


def _models(project: Project, job: Job) -> Iterator[Artefact]:
    lost = "it cannot search or be trained on; its scores stay"
    for model in project.store.models.of_job(job.id):
        folder = project.path / model.path
        if folder.is_dir():
            yield Artefact("model", folder, _size(folder), lost, model.id)


def _size(folder: Path) -> int:
    return sum(
        entry.stat(follow_symlinks=False).st_size
        for parent, _, files in os.walk(folder)
        for entry in (Path(parent) / name for name in files)
        if entry.exists()
    )


def _is_inside(project: Project, path: Path) -> bool:
    """A project may come from anybody: its rows must not name files elsewhere."""
    if path.is_symlink():
        return False
    real = path.resolve()
    homes = (project.models_dir.resolve(), project.logs_dir.resolve())
    return any(real != home and real.is_relative_to(home) for home in homes)


def _remove(project: Project, one: Artefact) -> None:
    if not _is_inside(project, one.path):
        raise StudioError(f"{one.path} is not among the project's own files; it stays.")
    try:
        if one.path.is_dir():
            shutil.rmtree(one.path)
        else:
            one.path.unlink(missing_ok=True)
    except OSError as error:
        raise StudioError(
            f"{one.path} cannot be deleted: {error.strerror}. Look at its permissions."
        ) from error
    values = project.store.values
    if one.model_id is not None and values.get("round_trip_model") == one.model_id:
        # The next training starts from the base again.
        values.set("round_trip_model", None)


def _noted(project: Project, job: Job, gone: Sequence[Artefact]) -> str:
    if not gone:
        return ""
    listed = ", ".join(f"{one.words} ({size_words(one.size)})" for one in gone)
    sentence = f"Deleted on {datetime.now().astimezone():%d %b %Y}: {listed}."
    before = f"{job.deleted} " if job.deleted else ""
    project.store.jobs.note_deleted(job.id, before + sentence)
    return sentence
