"""Jobs in processes of their own: they outlive the submitter, stop when asked, and resume."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from studio.jobs import queue
from studio.jobs.worker import main as work
from studio.processes import is_alive
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job, JobState
from tests.support.project import corpus_file
from tests.support.waiting import until

LONG = 80_000
"""Rows of an import that has some seconds to go."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("STUDIO_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    # A worker is known by its command line, which one that was forked does not have.
    monkeypatch.delenv("STUDIO_TESTS_WARM", raising=False)
    made = Project.create(tmp_path / "project")
    yield made
    for job in queue.all_jobs(made):
        if job.state is JobState.RUNNING and job.pid not in (None, os.getpid()):
            os.kill(job.pid or 0, signal.SIGKILL)
    made.close()


def long_import(project: Project, rows: int = LONG) -> Job:
    """An import that is under way and has some seconds to go."""
    corpus = corpus_file(project.path.parent / "long.jsonl", rows)
    job = queue.submit(project, "import", {"corpus": str(corpus)})
    until(lambda: queue.get(project, job.id).done > 0)
    return queue.get(project, job.id)


def short_import(project: Project) -> dict[str, str]:
    return {"corpus": str(corpus_file(project.path.parent / "short.jsonl", 20))}


def test_a_job_runs_in_a_process_of_its_own_and_is_done(project: Project) -> None:
    job = queue.submit(project, "import", short_import(project))
    assert job.state in (JobState.WAITING, JobState.RUNNING)
    seen: list[Job] = []
    ended = queue.wait(project, job.id, seen.append)
    assert ended.state is JobState.DONE
    assert seen[-1] == ended
    assert (ended.done, ended.total, ended.message) == (20, 20, "")
    assert ended.finished > ended.started > ended.created
    assert queue.result(project, ended)["documents"] == 20
    assert "begins" in queue.log_path(project, job.id).read_text()


def test_a_job_outlives_the_program_that_submitted_it(project: Project) -> None:
    corpus = short_import(project)["corpus"]
    code = (
        "import sys; from pathlib import Path; from studio.jobs import queue;"
        "from studio.project import Project;"
        "print(queue.submit(Project.open(Path(sys.argv[1])), 'import', {'corpus': sys.argv[2]}).id)"
    )
    arguments = [sys.executable, "-c", code, str(project.path), corpus]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert queue.wait(project, int(ended.stdout)).state is JobState.DONE


def test_a_worker_imports_nothing_from_the_project_folder(project: Project) -> None:
    (project.path / "json.py").write_text("raise SystemExit('hijacked')")
    job = queue.submit(project, "import", short_import(project))
    assert queue.wait(project, job.id).state is JobState.DONE


def test_a_job_of_an_unknown_kind_fails_with_the_kinds_there_are(project: Project) -> None:
    job = queue.wait(project, queue.submit(project, "knit", {}).id)
    assert job.state is JobState.FAILED
    with pytest.raises(StudioError, match=r"Unknown kind of job 'knit'; this studio knows import,"):
        queue.result(project, job)


def test_a_job_that_fails_says_why_in_one_line(project: Project) -> None:
    missing = project.path / "nowhere.jsonl"
    job = queue.wait(project, queue.submit(project, "import", {"corpus": str(missing)}).id)
    assert job.state is JobState.FAILED
    assert str(missing) in job.message
    assert "does not exist" in job.message
    assert "\n" not in job.message


def test_a_fault_of_the_program_fails_the_job_and_leaves_a_traceback(project: Project) -> None:
    job = queue.wait(project, queue.submit(project, "import", {"corpus": 5}).id)
    assert job.state is JobState.FAILED
    assert "Unexpected TypeError" in job.message
    assert "Traceback" in queue.log_path(project, job.id).read_text()


def test_a_killed_worker_shows_at_once_and_its_job_resumes(project: Project) -> None:
    job = long_import(project, 40_000)
    assert job.pid is not None
    os.kill(job.pid, signal.SIGKILL)
    until(lambda: not is_alive(job.pid or 0))
    assert queue.get(project, job.id).state is JobState.INTERRUPTED
    assert [found.id for found in queue.interrupted(project)] == [job.id]
    assert project.store.documents.count() == 0
    with pytest.raises(StudioError, match=r"interrupted: its worker is gone.*studio jobs resume"):
        queue.result(project, queue.get(project, job.id))
    resumed = queue.resume(project, job.id)
    assert resumed.pid != job.pid
    ended = queue.wait(project, job.id)
    assert (ended.state, ended.result["documents"]) == (JobState.DONE, 40_000)


def test_a_cancel_ends_the_job_in_the_midst_of_its_work(project: Project) -> None:
    job = long_import(project)
    asked = queue.cancel(project, job.id)
    assert asked.cancel_requested
    until(lambda: queue.get(project, job.id).state is JobState.CANCELLED)
    assert queue.get(project, job.id).done < LONG
    assert project.store.documents.count() == 0
    with pytest.raises(StudioError, match="was cancelled"):
        queue.result(project, queue.get(project, job.id))
    with pytest.raises(StudioError, match="nothing to cancel"):
        queue.cancel(project, job.id)


def test_a_cancelled_job_resumes_and_is_waited_for(project: Project) -> None:
    job = long_import(project, 20_000)
    queue.cancel(project, job.id)
    until(lambda: queue.get(project, job.id).state is JobState.CANCELLED)
    assert queue.resume(project, job.id).state in (JobState.WAITING, JobState.RUNNING)
    assert queue.wait(project, job.id).state is JobState.DONE


def test_a_worker_that_is_told_to_end_leaves_its_job_to_be_resumed(project: Project) -> None:
    job = long_import(project)
    os.kill(job.pid or 0, signal.SIGTERM)
    until(lambda: queue.get(project, job.id).state is JobState.INTERRUPTED)
    assert not queue.get(project, job.id).cancel_requested


def test_a_hangup_of_the_terminal_does_not_end_the_job(project: Project) -> None:
    job = long_import(project, 20_000)
    os.kill(job.pid or 0, signal.SIGHUP)
    assert queue.wait(project, job.id).state is JobState.DONE


def test_a_running_or_done_job_is_not_resumed(project: Project) -> None:
    job = long_import(project, 20_000)
    with pytest.raises(StudioError, match="is running; there is nothing to resume"):
        queue.resume(project, job.id)
    queue.wait(project, job.id)
    with pytest.raises(StudioError, match="is done; there is nothing to resume"):
        queue.resume(project, job.id)


def test_a_second_worker_for_a_job_leaves_it_alone(project: Project) -> None:
    job = long_import(project, 20_000)
    assert work(project.path, job.id) == 1
    assert queue.get(project, job.id).pid == job.pid
    assert queue.wait(project, job.id).state is JobState.DONE


def test_a_stopped_worker_that_lost_its_job_ends_without_a_trace(project: Project) -> None:
    job = long_import(project, 60_000)
    pid = job.pid or 0
    os.kill(pid, signal.SIGSTOP)
    with project.store.write() as conn:
        conn.execute("UPDATE jobs SET heartbeat = 1 WHERE id = ?", (job.id,))
    stale = project.store.jobs.get(job.id)
    assert stale is not None
    assert project.store.jobs.requeue(stale)
    assert project.store.jobs.claim(job.id, os.getpid())
    before = project.store.jobs.get(job.id)
    os.kill(pid, signal.SIGCONT)
    until(lambda: not is_alive(pid))
    assert project.store.jobs.get(job.id) == before
    assert project.store.documents.count() == 0


def test_a_worker_that_cannot_write_during_a_long_step_is_still_running(project: Project) -> None:
    job = long_import(project)
    old = replace(job, state=JobState.INTERRUPTED)
    assert queue.with_true_state(project.store, old).state is JobState.RUNNING
    reused = replace(old, pid=os.getpid())
    assert queue.with_true_state(project.store, reused).state is JobState.INTERRUPTED


def test_a_job_that_ends_between_two_looks_is_not_interrupted(project: Project) -> None:
    ended = queue.wait(project, long_import(project, 10).id)
    until(lambda: not is_alive(ended.pid or 0))
    as_read_before = replace(ended, state=JobState.RUNNING)
    assert queue.with_true_state(project.store, as_read_before) == ended
    assert ended.state is JobState.DONE


def test_a_worker_that_does_not_start_shows_at_once_with_its_last_words(
    project: Project,
) -> None:
    (project.path / "studio.toml").write_text('encodr = "x"')
    job = queue.submit(project, "import", short_import(project))
    ended = queue.wait(project, job.id)
    assert ended.state is JobState.INTERRUPTED
    with pytest.raises(StudioError, match=r"did not start. It said: .*Did you mean encoder"):
        queue.result(project, ended)
    (project.path / "studio.toml").unlink()
    queue.resume(project, job.id)
    assert queue.wait(project, job.id).state is JobState.DONE


def test_a_system_that_starts_no_process_leaves_a_job_to_resume(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(StudioError, match=r"No worker could be started.*studio jobs resume 1"):
        queue.submit(project, "import", short_import(project))
    monkeypatch.undo()


def test_a_job_that_is_not_there_is_said_to_be(project: Project) -> None:
    with pytest.raises(StudioError, match="There is no job 7"):
        queue.get(project, 7)
