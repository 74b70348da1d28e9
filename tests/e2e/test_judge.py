"""Judges: what an LLM says of records becomes verdicts; kills pay nothing twice, caps hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from studio.jobs import queue
from studio.project import Project
from tests.support import judge
from tests.support.command import Command
from tests.support.killing import CONCURRENCY, assert_paid_once, killed, most_usage, paid
from tests.support.openai_server import OpenAIServer
from tests.support.small_projects import make_project
from tests.support.verbs import Verbs

VERDICTS = (
    "SELECT record_id, filter, kept, score, reason FROM verdicts WHERE in_force = 1"
    " ORDER BY filter, record_id"
)


@pytest.fixture
def studio(tmp_path: Path) -> Verbs:
    return Verbs(tmp_path)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=judge.words) as running:
        running.keep_requests = True
        yield running


@pytest.fixture
def project(tmp_path: Path, server: OpenAIServer) -> Project:
    return trees(tmp_path / "trees", server.url)


def trees(folder: Path, url: str, times: int = 1) -> Project:
    found = make_project(folder, "instructions", url)
    judge.add_records(found, times)
    return found


def verdicts(project: Project) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(project.path / "studio.db")) as db, db:
        return db.execute(VERDICTS).fetchall()


def test_a_rubric_of_ones_own_is_what_the_judge_goes_by(
    studio: Verbs, project: Project, server: OpenAIServer, tmp_path: Path
) -> None:
    rubric = tmp_path / "rubric.txt"
    rubric.write_text("Five points for each tree\nthat stands in a park.", "utf-8")
    told = studio("judge", "-p", project.path, "--by", "rubric", "--rubric", rubric, "--json").json
    assert told["judged"] == 9
    asked = [request["messages"][-1]["content"] for request in server.requests]
    assert all("Five points for each tree\nthat stands in a park." in one for one in asked)
    assert any("Describe the oak" in one for one in asked)
    missing = studio("judge", "-p", project.path, "--by", "rubric")
    assert (missing.code, "--rubric" in missing.err) == (2, True)
    needless = studio("judge", "-p", project.path, "--rubric", rubric)
    assert (needless.code, "takes no rubric" in needless.err) == (2, True)


def test_a_template_of_ones_own_is_shown_copied_and_used(
    studio: Verbs, project: Project, server: OpenAIServer, tmp_path: Path
) -> None:
    own = tmp_path / "mine.md"
    shown = studio("judge", "-p", project.path, "--show", "--json").json["template"]
    own.write_text(shown.replace("You check", "You inspect"), "utf-8")
    assert studio("judge", "-p", project.path, "--template", own, "--json").code == 0
    assert server.requests[0]["messages"][0]["content"].startswith("You inspect")
    assert "You inspect" in project.store.runs.all()[0].params["template"]
    own.write_text(shown.replace("{{ record }}", ""), "utf-8")
    refused = studio("judge", "-p", project.path, "--template", own)
    assert refused.code == 1
    assert "this part must hold {{ record }}" in refused.err


def test_an_empty_project_and_a_wrong_threshold_are_refused(studio: Verbs, tmp_path: Path) -> None:
    project = make_project(tmp_path / "none", "instructions", "http://127.0.0.1:1/v1")
    empty = studio("judge", "-p", project.path)
    assert (empty.code, "no instructions to judge" in empty.err) == (1, True)
    assert studio("judge", "-p", project.path, "--keep-from", 6).code == 2
    assert studio("judge", "-p", project.path, "--by", "beauty").code == 2


def test_what_was_killed_ends_with_the_verdicts_of_an_undisturbed_job(tmp_path: Path) -> None:
    studio = Command(tmp_path)
    with OpenAIServer(words=judge.words) as server:
        whole = trees(tmp_path / "whole", server.url, times=6)
        assert studio("judge", "-p", whole.path, "--json").code == 0
        expected, calls = verdicts(whole), server.paid.calls
    with OpenAIServer(words=judge.words, latency_s=0.05) as slow:
        project = trees(tmp_path / "killed", slow.url, times=6)
        told = ["judge", "-p", project.path, "--concurrency", CONCURRENCY, "--detach", "--json"]
        job = int(studio(*told).json["job"])
        moments = [paid(slow, at) for at in (7, 29, calls - 6)]
        last = killed(studio, project, job, moments)
        assert last.state.value == "done", last.message
        assert_paid_once(slow, calls)
    assert verdicts(project) == expected


def test_a_cap_holds_and_what_was_judged_has_its_verdict(tmp_path: Path) -> None:
    studio, cap = Command(tmp_path), 12_000
    with OpenAIServer(words=judge.words, usage=most_usage) as server:
        server.keep_requests = True
        project = trees(tmp_path / "capped", server.url, times=3)
        ended = studio("judge", "-p", project.path, "--budget-tokens", cap, "--json")
        assert ended.code == 3
        assert "The cap was reached" in ended.err
        assert 0 < sum(sum(most_usage(body).values()) for body in server.requests) <= cap
        some = verdicts(project)
        assert 0 < len(some) < 27
        job = queue.all_jobs(project)[0]
        more = ("--budget-tokens", 400_000, "--json")
        told = studio("jobs", "resume", job.id, "-p", project.path, *more).json
        assert told["judged"] == 27
        assert set(server.paid.bodies.values()) == {1}
    assert len(verdicts(project)) == 27
