"""Judges: what an LLM says of records becomes verdicts; kills pay nothing twice, caps hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.jobs import queue
from studio.project import Project
from tests.e2e.test_kill_any_method import KILLS, ended, kill_at, most_usage
from tests.support import judge
from tests.support.command import Command
from tests.support.openai_server import OpenAIServer
from tests.support.small_projects import make_project
from tests.support.verbs import Verbs

CONCURRENCY = 3
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
    with sqlite3.connect(project.path / "studio.db") as db:
        return db.execute(VERDICTS).fetchall()


def test_every_shape_of_answer_becomes_a_verdict(
    studio: Verbs, project: Project, server: OpenAIServer
) -> None:
    told = studio("judge", "-p", project.path, "--by", "accuracy", "--json").json
    assert (told["judged"], told["kept"], told["dropped"], told["unscored"]) == (9, 3, 3, 3)
    assert told["scores"] == {"5": 1, "4.5": 2, "4": 1, "3.5": 1, "2": 1}
    assert told["unscored_why"] == {"range": 1, "refusal": 1, "no-answer": 1}
    records = list(project.store.records.all())
    found = {row[0]: row[1:] for row in verdicts(project)}
    for record in records:
        tree = record.text.split()[2]
        score = judge.ANSWERS[tree][1]
        kept = score is None or score >= 4.5
        reason = "unscored" if score is None else "" if kept else "low-score"
        assert found[record.id] == ("accuracy", int(kept), score, reason), tree
        assert record.kept == kept
    # One more try for what could not be read, none for what could.
    assert server.paid.calls == 9 + 3
    assert {body["temperature"] for body in server.requests} == {0}
    assert {body["max_tokens"] for body in server.requests} == {256}


def test_score_and_explanation_stay_with_the_call_that_gave_them(
    studio: Verbs, project: Project
) -> None:
    assert studio("judge", "-p", project.path, "--json").code == 0
    [oak] = [one for one in project.store.records.all() if " oak " in one.text]
    [said] = [one for one in project.store.records.all(type="judgement") if one.parent_id == oak.id]
    assert (said["score"], said["explanation"]) == ("4.5", "The tree is the right one")
    call = project.store.generations.get(said.generation_id or 0)
    assert call is not None
    assert call.answer.text == "4.5\n\nThe tree is the right one."
    shown = call.request.messages[-1].content
    assert "Instruction: Describe the oak in spring 0." in shown
    assert "Input: (none)" in shown
    assert "Output: \nIt stands at the mill.\nIt is 0 years old." in shown
    assert studio("lineage", "-p", project.path, "--record", oak.id, "--json").json["verdicts"]


def test_what_needs_to_be_told_twice_is_scored_at_the_second_try(
    studio: Verbs, tmp_path: Path
) -> None:
    with OpenAIServer(words=judge.words_at_second_try) as server:
        project = trees(tmp_path / "twice", server.url)
        told = studio("judge", "-p", project.path, "--json").json
        assert (told["kept"], told["unscored"], server.paid.calls) == (9, 0, 18)


def test_a_threshold_moves_on_the_stored_scores_without_a_call(
    studio: Verbs, project: Project, server: OpenAIServer
) -> None:
    assert studio("judge", "-p", project.path, "--json").code == 0
    paid = server.paid.calls
    review = project.store.review
    [info] = review.scores()
    assert (info.filter, info.count, info.better, info.threshold) == ("accuracy", 6, "high", 4.5)
    assert sum(one.kept + one.dropped for one in review.histogram("accuracy", 8)) == 6
    review.move_threshold("accuracy", 3.5, "me")
    kept = [one.text.split()[2] for one in project.store.records.all(kept=True)]
    # Unscored ones stay as they were, wherever the threshold is.
    assert kept == ["oak", "elm", "fir", "yew", "box", "bay", "fig", "may"]
    assert server.paid.calls == paid


def test_judging_again_pays_nothing_and_another_judge_asks_anew(
    studio: Verbs, project: Project, server: OpenAIServer
) -> None:
    first = studio("judge", "-p", project.path, "--json").json
    before, paid = verdicts(project), server.paid.calls
    again = studio("judge", "-p", project.path, "--json").json
    assert again["scores"] == first["scores"]
    assert (verdicts(project), server.paid.calls) == (before, paid)
    lower = studio("judge", "-p", project.path, "--keep-from", 2, "--json").json
    assert (lower["kept"], server.paid.calls) == (6, paid)
    other = studio("judge", "-p", project.path, "--by", "helpfulness", "--json").json
    assert other["judged"] == 9
    assert server.paid.calls > paid
    assert {row[1] for row in verdicts(project)} == {"accuracy", "helpfulness"}


def test_a_rubric_of_ones_own_is_what_the_judge_goes_by(
    studio: Verbs, project: Project, server: OpenAIServer, tmp_path: Path
) -> None:
    rubric = tmp_path / "rubric.txt"
    rubric.write_text("Five points for each tree\nthat stands in a park.", "utf-8")
    told = studio("judge", "-p", project.path, "--by", "rubric", "--rubric", rubric, "--json").json
    assert told["judged"] == 9
    asked = server.requests[0]["messages"][-1]["content"]
    assert "Five points for each tree\nthat stands in a park." in asked
    assert "Describe the oak" in asked
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


def test_an_estimate_asks_nothing_and_takes_out_what_is_stored(
    studio: Verbs, project: Project, server: OpenAIServer
) -> None:
    found = studio("judge", "-p", project.path, "--estimate", "--json").json
    assert (found["requests"], found["stored"], server.calls) == (9, 0, 0)
    assert studio("judge", "-p", project.path, "--json").code == 0
    assert studio("judge", "-p", project.path, "--estimate", "--json").json["requests"] <= 9


def test_where_nothing_can_be_scored_the_job_fails_and_drops_nothing(
    studio: Verbs, tmp_path: Path
) -> None:
    with OpenAIServer(words=lambda body: "It is hard to say.") as server:
        project = trees(tmp_path / "mute", server.url)
        ended = studio("judge", "-p", project.path)
    assert ended.code == 1
    assert "None of the 9 records got a score (most often: no-score)" in ended.err
    assert project.store.records.counts().kept == 9


def test_an_empty_project_and_a_wrong_threshold_are_refused(studio: Verbs, tmp_path: Path) -> None:
    project = make_project(tmp_path / "none", "instructions", "http://127.0.0.1:1/v1")
    empty = studio("judge", "-p", project.path)
    assert (empty.code, "no instructions to judge" in empty.err) == (1, True)
    assert studio("judge", "-p", project.path, "--keep-from", 6).code == 2
    assert studio("judge", "-p", project.path, "--by", "beauty").code == 2


@pytest.mark.parametrize(
    ("task", "shown"),
    [
        ("retrieval", "Document: The mill was built by Anna Berg"),
        ("classification", "Label: a satisfied customer"),
    ],
)
def test_records_of_other_tasks_are_judged_by_the_names_of_their_fields(
    studio: Verbs, tmp_path: Path, server: OpenAIServer, task: str, shown: str
) -> None:
    from studio.records import LABELLED_TEXT, Record
    from tests.support.small_projects import add_queries

    project = make_project(tmp_path / task, task, server.url)
    if task == "retrieval":
        add_queries(project)
    else:
        project.store.records.add(
            Record(LABELLED_TEXT, {"text": f"a fine place, number {n}", "label": label})
            for n, label in enumerate(["near", "near", "far"])
        )
    told = studio("judge", "-p", project.path, "--keep-from", 0, "--json").json
    assert told["kept"] == told["judged"] > 0
    assert any(shown in body["messages"][-1]["content"] for body in server.requests)
    if task == "classification":
        assert told["retention"]["near"] == {"scored": 2, "kept": 2, "share": 1.0}


def test_what_was_killed_ends_with_the_verdicts_of_an_undisturbed_job(tmp_path: Path) -> None:
    studio = Command(tmp_path)
    with OpenAIServer(words=judge.words) as server:
        whole = trees(tmp_path / "whole", server.url, times=6)
        assert studio("judge", "-p", whole.path, "--json").code == 0
        expected, calls = verdicts(whole), server.paid.calls
    with OpenAIServer(words=judge.words, latency_s=0.05) as slow:
        killed = trees(tmp_path / "killed", slow.url, times=6)
        told = ["judge", "-p", killed.path, "--concurrency", CONCURRENCY, "--detach", "--json"]
        job = int(studio(*told).json["job"])
        for at in (7, 29, calls - 6):
            if not kill_at(killed, job, lambda at=at: slow.paid.calls >= at):
                break
            assert studio("jobs", "resume", job, "-p", killed.path, "--detach").code == 0
        last = ended(studio, killed, job)
        assert last.state.value == "done", last.message
        twice = sum(count - 1 for count in slow.paid.bodies.values())
        # What was in flight at a kill, and what came in within the window that is written at once.
        assert twice <= KILLS * 3 * CONCURRENCY
        assert slow.paid.calls - twice == calls
    assert verdicts(killed) == expected


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
