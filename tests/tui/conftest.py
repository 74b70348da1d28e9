"""A project with Latin, Chinese and emoji text, and folders of its own for each test."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.jobs import queue
from studio.llm.catalogue import models_home
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.records import INSTRUCTION, Document, Example, Record, Verdict
from studio.runs import Job, JobState
from studio.tui.pane import base
from tests.support.openai_server import OpenAIServer

DOCUMENTS = (
    Document("t-1", "Home office", "A room used only for paid work at home is deductible by area."),
    Document("t-2", "Meals", "Half of the cost of meals with customers 🍜 is deductible."),
    Document("t-3", "Commuting", "Trips between home and the usual place of work are private."),
    Document("t-4", "Gifts", "A gift to a customer is deductible up to 50 a year and person."),
    Document("t-5", "Donations", "Donations to registered bodies lower the tax by a third."),
    Document("z-1", "消费者权益", "网购商品七日内可以无理由退货，但定制商品除外。"),
    Document("z-2", "押金", "租客搬走后，房东应当在十日内退还押金。"),
    Document("e-1", "Café ☕ opening", "Opening a café needs a licence from the town 🏛️."),
)
EXAMPLES = (
    ("t-1", "can i write off the spare room i work in"),
    ("t-4", "is there a limit on presents for clients"),
    ("z-1", "网上买的衣服不合适能退吗"),
)
ASKED = {
    "Write a program that counts the sheep in barn {}.": 2.0,
    "Write a letter to the owner of mill {}.": 4.5,
    "Name a river that is longer than road {}.": 5.0,
    "请写一首关于第{}座水车的诗": 5.0,
}
"""What is asked three times, and the score that a judge has given it."""


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings, data and home of this test alone; clocks in UTC."""
    monkeypatch.setenv("STUDIO_MODELS", str(models_home()))
    for name in ("STUDIO_CONFIG", "STUDIO_DATA", "STUDIO_CACHE", "STUDIO_STATE"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    for name in ("TMUX", "NO_COLOR", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests press their keys at once: each counts as if the person had looked before."""
    monkeypatch.setattr(base, "LOOK_S", 0.0)


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Started workers, counted instead of run: what they do is tested elsewhere."""
    started: list[int] = []

    def start(project: Project, job_id: int) -> Job:
        started.append(job_id)
        return queue.get(project, job_id)

    monkeypatch.setattr(queue, "_start_worker", start)
    return started


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Eight documents, three examples, one prompt version."""
    made = Project.create(tmp_path / "tax", title="Tax 税务 🧾")
    fill(made)
    yield made
    made.close()


def fill(made: Project) -> None:
    """Documents, examples and a prompt."""
    store = made.store
    store.documents.begin_import()
    store.documents.stage(DOCUMENTS)
    store.documents.commit_import()
    for outside_id, query in EXAMPLES:
        document = store.documents.by_outside_id(outside_id)
        assert document is not None
        store.examples.add([Example(document.full_text, query, document_id=document.id)])
    store.prompts.save("question-answering", builtin("question-answering"), "first try")


@pytest.fixture
def llm() -> Iterator[OpenAIServer]:
    """A server that speaks the OpenAI protocol."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def wired(project: Project, llm: OpenAIServer) -> Iterator[Project]:
    """The project with that server as its endpoint."""
    use_endpoint(project, llm.url)
    opened = Project.open(project.path)
    yield opened
    opened.close()


def use_endpoint(project: Project, url: str) -> None:
    """Name the server in the project's settings."""
    (project.path / "studio.toml").write_text(
        f'endpoint = "stand-in"\n[endpoints.stand-in]\nbase_url = "{url}"\nmodel = "stand-in"\n',
        "utf-8",
    )


@pytest.fixture
def job(project: Project) -> Callable[..., int]:
    """Writes a job's row as a worker would have left it."""

    def add(kind: str, state: JobState, **values: Any) -> int:
        import json

        job_id = project.store.jobs.submit(kind, values.pop("params", {}))
        values = {
            "state": state.value,
            "created": "2026-03-01T08:59:00.000+00:00",
            "started": "2026-03-01T09:00:00.000+00:00",
            "finished": "" if state is JobState.RUNNING else "2026-03-01T09:07:05.000+00:00",
            **values,
        }
        if "result" in values:
            values["result"] = json.dumps(values["result"])
        with project.store.write() as conn:
            columns = ", ".join(f"{name} = ?" for name in values)
            conn.execute(f"UPDATE jobs SET {columns} WHERE id = ?", (*values.values(), job_id))
        return job_id

    return add


def settle(folder: Path, days: int = 3) -> None:
    """Make the project's files look as if they were last changed some days ago."""
    moment = time.time() - days * 86_400 - 3_600
    for file in folder.glob("studio.db*"):
        os.utime(file, (moment, moment))


@pytest.fixture
def mill(tmp_path: Path) -> Iterator[Project]:
    """Twelve instructions, rated by a judge."""
    made = Project.create(tmp_path / "mill", task="instructions")
    for text, score in ASKED.items():
        rows = made.store.records.add(
            Record(INSTRUCTION, {"instruction": text.format(n), "output": "…"}) for n in range(3)
        )
        reason = "low-score" if score < 4.5 else ""
        made.store.verdicts.add(
            Verdict(row or 0, "accuracy", score >= 4.5, score, reason) for row in rows
        )
    yield made
    made.close()
