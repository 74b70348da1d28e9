"""An import that is killed, or meets a full disk, leaves nothing half-done and resumes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.jobs import queue
from studio.project import Project
from studio.records import StudioError
from studio.runs import JobState
from tests.support.project import corpus_file
from tests.support.waiting import PATIENCE_S

ROWS = 30_000


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))


def kill_when(project: Project, job: int, moment: str) -> None:
    """Kill the worker while it reads, while it commits, or while it indexes."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        row = queue.get(project, job)
        reached = {
            "reading": row.done > 0,
            "committing": row.done >= ROWS - 2_000,
            "indexing": "searchable" in row.message,
        }
        if reached[moment] and row.pid is not None:
            os.kill(row.pid, signal.SIGKILL)
            return
        time.sleep(0.005)
    raise AssertionError("the moment never came")


@pytest.mark.parametrize("moment", ["reading", "committing", "indexing"])
def test_a_killed_import_leaves_all_or_nothing_and_resumes(tmp_path: Path, moment: str) -> None:
    project = Project.create(tmp_path / "project")
    corpus = corpus_file(tmp_path / "corpus.jsonl", ROWS)
    job = queue.submit(project, "import", {"corpus": str(corpus)})
    kill_when(project, job.id, moment)
    while queue.get(project, job.id).state is JobState.RUNNING:
        time.sleep(0.01)
    assert project.store.documents.count() in (0, ROWS)
    if moment == "committing" and queue.get(project, job.id).state is JobState.DONE:
        pytest.skip("this machine committed and indexed before the kill came")
    assert [left.id for left in queue.interrupted(project)] == [job.id]
    assert sorted(item.name.partition("-")[0] for item in project.path.iterdir()) == [
        "logs",
        "studio.db",
        "studio.db",
        "studio.db",
    ]
    queue.resume(project, job.id)
    ended = queue.wait(project, job.id)
    assert (ended.state, ended.result["documents"]) == (JobState.DONE, ROWS)
    assert project.store.documents.count() == ROWS
    assert len(project.store.documents.search(f"{ROWS - 1}: some")) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB; only root may make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_an_import_with_one_sentence_and_nothing_of_it(
    tmp_path: Path, small_disk: Path
) -> None:
    project = Project.create(small_disk / "project")
    corpus = corpus_file(tmp_path / "corpus.jsonl", ROWS, "word " * 60)
    job = queue.submit(project, "import", {"corpus": str(corpus)})
    ended = queue.wait(project, job.id)
    assert ended.state is JobState.FAILED
    with pytest.raises(StudioError, match=r"disk that holds .* is full.*Free some space"):
        queue.result(project, ended)
    assert project.store.documents.count() == 0
    small = corpus_file(tmp_path / "small.jsonl", 50)
    after = queue.submit(project, "import", {"corpus": str(small)})
    assert queue.wait(project, after.id).state is JobState.DONE
    assert project.store.documents.count() == 50
    project.close()


def test_a_read_only_disk_is_said_in_one_sentence(small_disk: Path) -> None:
    Project.create(small_disk / "project").close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    project = Project.open(small_disk / "project")
    assert queue.all_jobs(project) == []
    with pytest.raises(StudioError, match=r"studio\.db cannot be written: .*copy the project"):
        queue.submit(project, "import", {"corpus": "corpus.jsonl"})
    project.close()
    with pytest.raises(StudioError, match=r"cannot be made: Read-only"):
        Project.create(small_disk / "another")
