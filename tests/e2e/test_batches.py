"""``--engine batch`` as typed: nothing is paid twice, what was cancelled or killed goes on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from studio.jobs import queue
from studio.project import Project
from tests.e2e.test_kill_any_method import made, rows, start
from tests.support.batches import StandInBatches
from tests.support.command import Command
from tests.support.killing import ended
from tests.support.openai_server import OpenAIServer
from tests.support.small_projects import make_project, texts, words
from tests.support.tiny_encoder import bert_encoder
from tests.support.waiting import until

REQUESTS = 48


def told(project: Project, *more: object) -> list[object]:
    return ["generate", "-p", project.path, "--queries", 8, "--engine", "batch", *more, "--json"]


def begun(studio: Command, project: Project) -> int:
    return int(studio(*told(project, "--detach")).json["job"])


def test_a_batch_brings_what_calls_bring(
    studio: Command, project: Project, server: OpenAIServer, batches: StandInBatches, tmp_path: Path
) -> None:
    batches.fail_next(None, "broken", None, "missing", "broken")
    batches.expires_after = 30
    done = studio(*told(project))
    assert done.json["requests"] == REQUESTS
    assert [batch.status for batch in batches.made.values()] == ["expired", "completed"]
    assert set(server.paid.bodies.values()) == {1}
    live = make_project(tmp_path / "live", "retrieval", server.url)
    studio("generate", "-p", live.path, "--queries", 8, "--json")
    assert texts(project) == texts(live)


@pytest.mark.parametrize("when", ["made", "under way"])
def test_a_kill_pays_nothing_twice(
    studio: Command, project: Project, server: OpenAIServer, batches: StandInBatches, when: str
) -> None:
    batches.each_look, batches.drops_next = 0, when == "made"
    job = begun(studio, project)
    until(lambda: batches.made if when == "made" else batches.looks)
    os.kill(queue.get(project, job).pid or 0, signal.SIGKILL)
    until(lambda: queue.get(project, job).state.value == "interrupted")
    assert project.store.generations.spent(job).untold_calls == REQUESTS
    batches.each_look = None
    resumed = studio("jobs", "resume", job, "-p", project.path, "--json")
    assert resumed.json["requests"] == REQUESTS
    assert len(batches.made) == 1
    assert set(server.paid.bodies.values()) == {1}
    spent = project.store.generations.spent(job)
    assert (spent.untold_calls, spent.calls) == (0, REQUESTS)


def test_a_cancelled_job_cancels_its_batch_and_keeps_what_was_answered(
    studio: Command, project: Project, server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.each_look = 20
    job = begun(studio, project)
    until(lambda: "in the batch: 20 of 48 done" in queue.get(project, job).message)
    batches.each_look = 0
    studio("jobs", "cancel", job, "-p", project.path)
    assert queue.wait(project, job).state_word == "cancelled"
    [batch] = batches.made.values()
    assert batch.status == "cancelling"
    batches.each_look = None
    assert studio("jobs", "resume", job, "-p", project.path, "--json").json["requests"] == REQUESTS
    assert set(server.paid.bodies.values()) == {1}
    assert len(batches.made) == 2


def test_a_resume_begins_with_as_many_requests_as_the_server_took(
    studio: Command, project: Project, batches: StandInBatches
) -> None:
    batches.takes = 30
    job = begun(studio, project)
    until(lambda: "takes no 48 requests at once" in queue.get(project, job).message)
    studio("jobs", "cancel", job, "-p", project.path)
    assert queue.wait(project, job).state_word == "cancelled"
    assert studio("jobs", "resume", job, "-p", project.path, "--json").json["requests"] == REQUESTS
    assert [batch.total for batch in batches.made.values()] == [48, 24, 24]


def test_a_batch_that_is_made_after_a_cancel_is_paid_once(
    studio: Command, project: Project, server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.holds = "making"
    job = begun(studio, project)
    until(lambda: batches.is_holding)
    studio("jobs", "cancel", job, "-p", project.path)
    assert queue.wait(project, job).state_word == "cancelled"
    assert project.store.generations.spent(job).untold_calls == REQUESTS
    batches.holds = ""
    until(lambda: batches.made)
    assert studio("jobs", "resume", job, "-p", project.path, "--json").json["requests"] == REQUESTS
    assert (len(batches.made), set(server.paid.bodies.values())) == (1, {1})
    assert project.store.generations.spent(job).untold_calls == 0


def test_a_worker_that_is_told_to_end_leaves_the_batch_alone(
    studio: Command, project: Project, batches: StandInBatches
) -> None:
    batches.each_look = 0
    job = begun(studio, project)
    until(lambda: batches.looks)
    os.kill(queue.get(project, job).pid or 0, signal.SIGTERM)
    until(lambda: queue.get(project, job).state.value == "interrupted")
    [batch] = batches.made.values()
    assert batch.status == "in_progress"


def test_a_server_without_batches_is_said_so(
    studio: Command, project: Project, tmp_path: Path
) -> None:
    plain = OpenAIServer()
    plain.batches = None
    with plain:
        there = make_project(tmp_path / "plain", "retrieval", plain.url)
        ended = studio(*told(there))
        assert ended.code == 1
        assert "has no Batch API. Take the engine live." in ended.err
        left = there.store.db.conn.execute("SELECT count(*) FROM reservations").fetchone()
        assert left[0] == 0
        assert studio("generate", "-p", there.path, "--queries", 8, "--json").code == 0


@pytest.mark.parametrize(
    ("name", "task"), [("self-instruct", "instructions"), ("s3", "classification")]
)
def test_a_method_of_many_steps_ends_with_the_rows_of_a_live_run(
    studio: Command, name: str, task: str, tmp_path: Path
) -> None:
    tiny = bert_encoder(tmp_path / "tiny")
    with OpenAIServer(words=words) as server:
        live = made(tmp_path / "live", name, task, server.url)
        assert ended(studio, live, start(studio, live, name, tiny)).state_word == "done"
        project = made(tmp_path / "batch", name, task, server.url)
        job = start(studio, project, name, tiny, "--engine", "batch")
        assert ended(studio, project, job).state_word == "done"
        assert server.batches
        assert len(server.batches.made) > 1
    assert rows(project) == rows(live)
