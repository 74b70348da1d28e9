"""Kill -9, for every method there is: what was killed ends with the rows of an undisturbed run,
and passes no cap.

A method that is new in the registry is killed here without a word in this file.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from studio import methods
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.tasks import TASKS
from tests.support import two_step
from tests.support.command import Command
from tests.support.killing import (
    CONCURRENCY,
    KILLS,
    assert_paid_once,
    ended,
    killed,
    most_usage,
    paid,
)
from tests.support.openai_server import OpenAIServer
from tests.support.small_projects import add_gold, add_queries, make_project, words
from tests.support.tiny_encoder import bert_encoder

SEEDED = 9
ROWS = (
    "SELECT r.type, r.text, r.fields, coalesce(d.outside_id, ''), r.stage, r.batch, r.place,"
    " r.part, r.kept, r.reason"
    " FROM records r LEFT JOIN documents d ON d.id = r.document_id"
    " ORDER BY r.stage, r.batch, r.place, r.part, r.id"
)
EVERY = [
    (method.name, task) for method in methods.available() for task in method.tasks if task in TASKS
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert_encoder(tmp_path_factory.mktemp("tiny"))


SET = "query-types"
"""Not a method: Promptagator asking with a set of templates."""


@pytest.mark.parametrize(
    ("name", "task"), [*EVERY, ("two-step", "classification"), (SET, "retrieval")]
)
def test_what_was_killed_ends_with_the_rows_of_an_undisturbed_run(
    name: str, task: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = two_step.words if name == "two-step" else words
    if name == "two-step":
        two_step.install(tmp_path / "site")
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
    studio = Command(tmp_path)
    with OpenAIServer(words=said) as server:
        whole = made(tmp_path / "whole", name, task, server.url)
        asked = ended(studio, whole, start(studio, whole, name, tiny))
        expected, calls = rows(whole), server.paid.calls
        assert expected, asked.message
    drawn = random.Random(f"{name} {task}")
    with OpenAIServer(words=said, latency_s=0.05) as slow:
        project = made(tmp_path / "killed", name, task, slow.url)
        job = start(studio, project, name, tiny)
        moments = sorted(drawn.sample(range(1, calls), min(KILLS, calls - 1)))
        last = killed(studio, project, job, [paid(slow, at) for at in moments])
        assert last.state.value == "done", last.message
        assert_paid_once(slow, calls)
    assert rows(project) == expected


CAP = 4_500
"""Tokens: a few calls, so that three kills with what is in flight matter."""
HONEST, PARTIAL, MISSING = 0, 2, 1
"""One answer in so many does not say what it took."""
CAPPED = [
    *((*each, silent) for each, silent in zip(EVERY, cycle((HONEST, PARTIAL, MISSING)))),
    *(("promptagator", "retrieval", silent) for silent in (HONEST, PARTIAL, MISSING)),
]


@pytest.mark.parametrize(("name", "task", "silent"), dict.fromkeys(CAPPED))
def test_no_kill_makes_a_run_pass_its_cap(
    name: str, task: str, silent: int, tiny: Path, tmp_path: Path
) -> None:
    studio = Command(tmp_path)
    with OpenAIServer(words=words, usage=most_usage, silent_every=silent, latency_s=0.05) as server:
        server.keep_requests = True
        project = made(tmp_path / "capped", name, task, server.url)
        job = start(studio, project, name, tiny, "--budget-tokens", CAP)
        asked = [
            lambda kill=kill: server.calls >= kill * CONCURRENCY for kill in range(1, KILLS + 1)
        ]
        last = killed(studio, project, job, asked)
        if last.state.value != "done":
            assert last.is_capped, last.message
            assert "The cap was reached" in last.message
        assert sum(sum(most_usage(body).values()) for body in server.requests) <= CAP


def made(folder: Path, name: str, task: str, url: str) -> Project:
    project = make_project(folder, task, url, language="zh" if name == "belle" else "en")
    add_gold(project)
    if task == "retrieval" and methods_train(name, task):
        add_queries(project)
    if name == SET:
        project.store.prompts.save(SET, builtin(SET))
    return project


def start(studio: Command, project: Project, name: str, tiny: Path, *more: object) -> int:
    """The run under way in its worker."""
    trains = methods_train(name, project.task.name)
    verb = ["s3", "--base", tiny, "--patience", 0, "--rounds", 1] if trains else ["generate"]
    if trains and project.task.gold == "documents":
        # Of so few documents each is among the first ten.
        verb += ["--top-k", 1]
    elif trains:
        kind = "finetune" if project.task.gold == "answers" else "head"
        verb += ["--seed-records", SEEDED, "--kind", kind, "--epochs", 1]
    known = methods.of_task(project.task.name)
    settings = known[name].settings.options() if name in known else {}
    few = {"wanted": 8, "evolutions": 2}
    verb += [one for key in few if key in settings for one in (f"--{key}", few[key])]
    method = "promptagator" if name == SET else name
    told = [*verb, "--method", method, "-p", project.path, "--concurrency", CONCURRENCY]
    return int(studio(*told, *more, "--detach", "--json").json["job"])


def methods_train(name: str, task: str) -> bool:
    known = methods.of_task(task)
    return name in known and known[name].has_feedback


def rows(project: Project) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(project.path / "studio.db")) as db, db:
        return db.execute(ROWS).fetchall()
