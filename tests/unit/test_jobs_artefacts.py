"""The files a job left behind: found, measured, deleted for good, and only inside the project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from studio.jobs import queue
from studio.jobs.artefacts import Artefact, artefacts_of, delete, size_words
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job, JobState, Model


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("STUDIO_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    return Project.create(tmp_path / "project")


def ended(project: Project, kind: str, params: dict[str, object] | None = None) -> Job:
    number = project.store.jobs.submit(kind, params or {})
    with project.store.write() as conn:
        conn.execute("UPDATE jobs SET state = 'done' WHERE id = ?", (number,))
    return queue.get(project, number)


def folder(project: Project, name: str, size: int = 10) -> Path:
    made = project.models_dir / name
    made.mkdir()
    (made / "weights").write_bytes(b"x" * size)
    return made


def names(found: list[Artefact]) -> list[str]:
    return [one.words for one in found]


def test_a_jobs_logs_checkpoints_and_models_are_found(project: Project) -> None:
    job = ended(project, "path", {"train": {"name": "mine"}})
    (project.logs_dir / queue.log_path(project, job.id).name).write_text("said")
    (project.logs_dir / f"llm-{job.id}.log").write_text("said")
    for name in (f"round-trip-{job.id}", f"round-trip-{job.id}.training", "mine.training"):
        folder(project, name)
    round_trip = f"round-trip-{job.id}"
    project.store.models.add(Model(round_trip, f"models/{round_trip}", "base", job_id=job.id))
    assert names(artefacts_of(project, job)) == [
        f"log job-{job.id}.log",
        f"log llm-{job.id}.log",
        "checkpoints mine.training",
        f"checkpoints {round_trip}.training",
        f"model {round_trip}",
    ]


def test_what_belongs_to_another_job_is_left_alone(project: Project) -> None:
    other = ended(project, "train")
    job = ended(project, "train", {"name": "mine"})
    folder(project, "mine.training")
    project.store.models.add(Model("mine", "models/mine", "base", job_id=other.id))
    assert artefacts_of(project, job) == []


def test_a_checkpoint_of_a_resumable_job_says_what_is_lost(project: Project) -> None:
    job = replace(ended(project, "train"), state=JobState.CANCELLED)
    folder(project, f"retriever-{job.id}.training")
    assert "from the beginning" in artefacts_of(project, job)[0].consequence


def test_a_deleted_model_keeps_its_row_and_frees_the_next_training(project: Project) -> None:
    job = ended(project, "filter")
    made = folder(project, "first", 2_000_000)
    number = project.store.models.add(Model("first", "models/first", "base", job_id=job.id))
    project.store.values.set("round_trip_model", number)
    said = delete(project, job, artefacts_of(project, job))
    assert not made.exists()
    assert said.endswith("model first (2.0 MB).")
    assert queue.get(project, job.id).deleted == said
    assert project.store.models.get(number) is not None
    assert project.store.values.get("round_trip_model") is None


@pytest.mark.parametrize("path", ["../outside", "/etc", "models", "models/../..", "."])
def test_a_strangers_row_names_no_folder_elsewhere(project: Project, path: str) -> None:
    (project.path.parent / "outside").mkdir()
    project.models_dir.mkdir(exist_ok=True)
    job = ended(project, "train")
    project.store.models.add(Model("x", path, "base", job_id=job.id))
    assert artefacts_of(project, job) == []
    forged = Artefact("model", project.path / path, 1, "")
    with pytest.raises(StudioError, match="not among the project's own files"):
        delete(project, job, [forged])


def test_a_link_out_of_the_project_is_not_followed(project: Project, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    job = ended(project, "train")
    (project.models_dir / "linked").symlink_to(tmp_path / "precious")
    project.store.models.add(Model("linked", "models/linked", "base", job_id=job.id))
    assert artefacts_of(project, job) == []


def test_a_waiting_job_keeps_its_files(project: Project) -> None:
    number = project.store.jobs.submit("train", {})
    with pytest.raises(StudioError, match="is waiting"):
        artefacts_of(project, queue.get(project, number))


def test_sizes_are_said_in_round_numbers() -> None:
    assert [size_words(n) for n in (0, 10, 4_000, 91_240_000)] == [
        "0 KB",
        "1 KB",
        "4 KB",
        "91.2 MB",
    ]
