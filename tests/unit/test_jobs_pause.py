"""A run of LLM calls that is paused, changed under way, killed and gone on with: real workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.jobs import queue
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.records import Example, StudioError
from studio.runs import Job, JobState
from tests.support.openai_server import OpenAIServer
from tests.support.project import fill
from tests.support.waiting import until

DOCUMENTS = 60
LOOKS_S = 1.0
"""In this time a worker has looked at its orders often; a slow one more seldom."""


@pytest.fixture
def llm() -> Iterator[OpenAIServer]:
    with OpenAIServer(latency_s=0.1) as server:
        yield server


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, llm: OpenAIServer
) -> Iterator[Project]:
    monkeypatch.setenv("STUDIO_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    made = Project.create(tmp_path / "project")
    texts = [f"Permit number {n} allows building sheds of size {n}." for n in range(DOCUMENTS)]
    fill(made.store, texts)
    examples = [("A permit for a fence.", "may i fence"), ("A permit for a roof.", "may i roof")]
    made.store.examples.add([Example(document, query) for document, query in examples])
    made.store.prompts.save("question-answering", builtin("question-answering"), "first")
    yield made
    for job in queue.all_jobs(made):
        if job.state is JobState.RUNNING:
            os.kill(job.pid or 0, signal.SIGKILL)
    made.close()


def started(project: Project, llm: OpenAIServer, *, draws: int = 20, concurrency: int = 2) -> Job:
    """A run that has sent its first calls and has long to go."""
    params = {
        "base_url": llm.url,
        "model": "stand-in",
        "queries_per_document": draws,
        "max_concurrency": concurrency,
    }
    job = queue.submit(project, "generate", params)
    until(lambda: llm.calls > 2)
    return job


def held(llm: OpenAIServer, concurrency: int = 2) -> int:
    """Let all calls that may be under way wait at the server; the calls so far."""
    llm.hold()
    until(lambda: llm.held == concurrency)
    return llm.calls


def heeds_a_pause(project: Project, job_id: int) -> bool:
    """Whether the worker sends nothing new; calls may still be in flight."""
    job = queue.get(project, job_id)
    return job.is_paused and job.live.get("resting", False)


def rests(project: Project, job_id: int) -> bool:
    live = queue.get(project, job_id).live
    return heeds_a_pause(project, job_id) and live.get("in_flight") == 0


def test_a_paused_run_sends_nothing_and_goes_on_when_resumed(
    project: Project, llm: OpenAIServer
) -> None:
    job = started(project, llm)
    calls = held(llm)
    assert queue.pause(project, job.id).state_word == "paused"
    until(lambda: heeds_a_pause(project, job.id))
    llm.release()
    until(lambda: rests(project, job.id))
    answered = queue.get(project, job.id).done
    time.sleep(LOOKS_S)
    assert llm.calls == calls
    assert answered == calls
    resting = queue.get(project, job.id)
    assert resting.state is JobState.RUNNING
    assert resting.message.startswith("paused · ")
    went_on = queue.resume(project, job.id)
    assert (went_on.pid, went_on.state_word) == (resting.pid, "running")
    until(lambda: llm.calls > calls + 3)
    queue.cancel(project, job.id)
    assert queue.wait(project, job.id).state is JobState.CANCELLED


def test_another_concurrency_is_seen_by_the_server(project: Project, llm: OpenAIServer) -> None:
    job = started(project, llm, concurrency=2)
    held(llm, concurrency=2)
    assert llm.most_in_flight == 2
    queue.set_concurrency(project, job.id, 6)
    calls = held(llm, concurrency=6)
    queue.set_concurrency(project, job.id, 1)
    until(lambda: queue.get(project, job.id).live["most"] == 1)
    llm.release()
    until(lambda: llm.calls > calls)
    llm.most_in_flight = 0
    until(lambda: llm.calls > calls + 5)
    assert llm.most_in_flight == 1
    shown = queue.get(project, job.id)
    assert (shown.concurrency, shown.live["most"]) == (1, 1)
    queue.cancel(project, job.id)
    assert queue.wait(project, job.id).state is JobState.CANCELLED


def test_a_run_killed_while_paused_pays_nothing_twice(project: Project, llm: OpenAIServer) -> None:
    job = started(project, llm, draws=1)
    queue.pause(project, job.id)
    until(lambda: rests(project, job.id))
    os.kill(queue.get(project, job.id).pid or 0, signal.SIGKILL)
    until(lambda: queue.get(project, job.id).state is JobState.INTERRUPTED)
    assert queue.get(project, job.id).state_word == "interrupted"
    assert not queue.resume(project, job.id).is_paused
    ended = queue.wait(project, job.id)
    assert ended.state is JobState.DONE
    assert llm.paid.calls == DOCUMENTS
    assert max(llm.paid.bodies.values()) == 1


def test_a_paused_run_is_cancelled_at_once(project: Project, llm: OpenAIServer) -> None:
    job = started(project, llm)
    queue.pause(project, job.id)
    until(lambda: rests(project, job.id))
    calls = llm.calls
    queue.cancel(project, job.id)
    until(lambda: queue.get(project, job.id).state is JobState.CANCELLED)
    assert llm.calls == calls


def test_a_run_shows_its_figures_while_it_goes(project: Project, llm: OpenAIServer) -> None:
    llm.latency_s = 0.03
    job = started(project, llm, draws=2_000, concurrency=4)

    def has_figures() -> bool:
        live = queue.get(project, job.id).live
        return bool(live.get("answers_s")) and len(live["queries_s"]) > 1

    until(has_figures)
    live = queue.get(project, job.id).live
    assert live["asked"] == DOCUMENTS * 2_000
    assert live["tokens_in"] > live["tokens_out"] > 0
    assert live["cost"] is None
    assert live["answers_s"] > 0
    assert 0 <= live["in_flight"] <= live["limit"] <= live["most"] == 4
    queue.cancel(project, job.id)
    queue.wait(project, job.id)
    assert queue.get(project, job.id).live.get("in_flight") == 0


def test_a_run_that_is_paused_before_it_begins_sends_nothing(
    project: Project, llm: OpenAIServer
) -> None:
    params = {"base_url": llm.url, "model": "stand-in", "queries_per_document": 1}
    job = queue.submit(project, "generate", params)
    queue.pause(project, job.id)
    until(lambda: rests(project, job.id))
    time.sleep(LOOKS_S)
    assert llm.calls == 0
    queue.resume(project, job.id)
    assert queue.wait(project, job.id).state is JobState.DONE


def test_only_what_asks_an_llm_can_be_paused_or_changed(project: Project) -> None:
    jobs = project.store.jobs
    train, done = jobs.submit("train", {}), jobs.submit("generate", {})
    with project.store.write() as conn:
        conn.execute("UPDATE jobs SET state = 'done' WHERE id = ?", (done,))
    with pytest.raises(StudioError, match=r"does not ask an LLM now.*Cancel it instead"):
        queue.pause(project, train)
    with pytest.raises(StudioError, match="asks no LLM"):
        queue.set_concurrency(project, train, 3)
    with pytest.raises(StudioError, match="is done; there is nothing to pause"):
        queue.pause(project, done)
    with pytest.raises(StudioError, match="no call of it is left"):
        queue.set_concurrency(project, done, 3)
    with pytest.raises(StudioError, match="Choose 1 or more, or pause it"):
        queue.set_concurrency(project, done, 0)


def test_a_path_can_be_paused_in_its_generation_only(project: Project) -> None:
    jobs = project.store.jobs
    path = jobs.submit("path", {})
    with project.store.write() as conn:
        conn.execute("UPDATE jobs SET message = 'train: step 3' WHERE id = ?", (path,))
    with pytest.raises(StudioError, match="does not ask an LLM now"):
        queue.pause(project, path)
    with project.store.write() as conn:
        conn.execute("UPDATE jobs SET message = 'generate: 3 queries' WHERE id = ?", (path,))
    assert queue.pause(project, path).is_paused
