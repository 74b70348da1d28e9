"""Money in real runs: what a cap ends, what two ask at once, a project that goes away."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from studio.jobs import queue
from studio.project import Project
from studio.runs import Job
from tests.support.command import Command
from tests.support.openai_server import OpenAIServer
from tests.support.small_projects import texts
from tests.support.waiting import until

CAP = 4_000


def begun(studio: Command, project: Project, *more: object) -> int:
    told = ["generate", "-p", project.path, "--queries", 8, "--concurrency", 4, *more]
    return int(studio(*told, "--detach", "--json").json["job"])


def test_a_run_that_its_cap_ended_says_so_and_goes_on_with_a_higher_one(
    studio: Command, project: Project, server: OpenAIServer
) -> None:
    told = ["generate", "-p", project.path, "--queries", 8, "--budget-tokens", CAP, "--json"]
    ended = studio(*told)
    assert ended.code == 3
    assert "of at most 4,000 tokens" in ended.err
    assert '"stopped_by": "budget"' in ended.out
    job = queue.all_jobs(project)[0]
    assert (job.state_word, job.is_capped) == ("capped", True)
    [listed] = studio("jobs", "list", "-p", project.path, "--json").json
    assert (listed["state"], listed["state_word"]) == ("failed", "capped")
    asked = server.paid.calls
    assert 0 < asked < 48
    again = studio("jobs", "resume", job.id, "-p", project.path, "--json")
    assert again.code == 3
    higher = studio(
        "jobs", "resume", job.id, "-p", project.path, "--budget-tokens", 400_000, "--json"
    )
    assert higher.json["requests"] == 48
    assert server.paid.calls == 48
    assert set(server.paid.bodies.values()) == {1}
    assert not queue.get(project, job.id).is_capped


def test_two_equal_runs_at_once_pay_once(
    studio: Command, project: Project, server: OpenAIServer
) -> None:
    server.hold()
    jobs = [begun(studio, project), begun(studio, project)]
    for job in jobs:
        until(lambda job=job: queue.get(project, job).live.get("limit"))
    server.release()
    ended: list[Job] = [queue.wait(project, job) for job in jobs]
    assert [job.state_word for job in ended] == ["done", "done"], [j.message for j in ended]
    assert server.paid.calls == 48
    assert set(server.paid.bodies.values()) == {1}
    assert len(texts(project)) == len(set(texts(project)))


@pytest.mark.parametrize("moved", [True, False], ids=["moved", "deleted"])
def test_a_project_that_is_gone_is_asked_nothing_more_for(
    studio: Command, project: Project, server: OpenAIServer, tmp_path: Path, moved: bool
) -> None:
    server.hold()
    job = begun(studio, project)
    until(lambda: server.held == 4)
    pid = queue.get(project, job).pid or 0
    project.close()
    if moved:
        project.path.rename(tmp_path / "elsewhere")
    else:
        shutil.rmtree(project.path)
    server.release()
    until(lambda: not queue.is_alive(pid))
    assert server.calls == 4
    assert not project.path.exists()
    if moved:
        there = Project.open(tmp_path / "elsewhere")
        found = queue.get(there, job)
        assert "was deleted, moved or replaced" in found.message
        assert studio("jobs", "resume", job, "-p", there.path, "--json").json["requests"] == 48
        assert server.paid.calls == 48


def test_a_run_waits_for_a_held_file_and_goes_on_by_itself(
    studio: Command, project: Project, server: OpenAIServer
) -> None:
    server.hold()
    job = begun(studio, project)
    until(lambda: server.held == 4)
    log = queue.log_path(project, job)
    with project.store.write():
        server.release()
        until(
            lambda: "locked by another program" in (said := log.read_text()) and "by itself" in said
        )
        # What was in flight has ended, and half as many were written down ahead; nothing else goes.
        assert server.calls == 4 + 2
    assert queue.wait(project, job).state_word == "done"
    assert server.paid.calls == 48
    assert set(server.paid.bodies.values()) == {1}
    assert len(texts(project)) == len(set(texts(project)))
