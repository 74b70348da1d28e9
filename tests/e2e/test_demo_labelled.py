"""``studio demo --task``: rounds on the bundled samples, here with a stand-in LLM and encoder."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from studio.jobs import queue
from studio.jobs.setup import labelled_sample_project, samples
from studio.methods.s3 import FORM
from studio.project import Project
from studio.prompting.words import normal, words
from studio.records import StudioError
from tests.support.command import Command
from tests.support.openai_server import OpenAIServer
from tests.support.tiny_encoder import bert_encoder
from tests.support.verbs import Verbs, assert_one_sentence
from tests.support.waiting import PATIENCE_S, until

TASKS: tuple[str, ...] = ("classification", "nli", "qa")
ROUND = {"round", "records", "errors", "validation", "test", "seconds"}
WORDS = "quiet room garden early train neighbour letter window supper lantern winter".split()  # noqa: SIM905
CHINESE = "今天大家都去河边看灯晚上风很小人也不多路口的店还开着"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert_encoder(tmp_path_factory.mktemp("tiny"))


def said(body: dict[str, Any]) -> str:
    """An answer of the right form, decided by the request alone."""
    asked = str(body["messages"][-1]["content"])
    drawn = random.Random(hashlib.sha256(f"{body.get('seed')} {asked}".encode()).hexdigest())
    if "List " in asked:
        return "\n".join(f"- {' '.join(drawn.sample(WORDS, 4))}" for _ in range(8))
    if re.search("[一-龥]", asked):
        return "".join(drawn.sample(CHINESE, 14)) + "。"
    text = " ".join(drawn.sample(WORDS, 9))
    return f"Where did the {text} go?" if "Passage:" in asked else f"It was {text}, in the end."


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=said) as running:
        yield running


def demo(
    studio: Command, folder: Path, task: str, server: OpenAIServer, tiny: Path, *more: object
) -> Any:
    return studio(
        "demo", folder, "--task", task, "--endpoint", server.url, "--model", "stand-in",
        "--base", tiny, "--seed-records", 8, "--headless", "--json", *more,
    )  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
def test_the_demo_prints_its_rounds(
    tmp_path: Path, server: OpenAIServer, tiny: Path, task: str
) -> None:
    studio = Command(tmp_path)
    found = demo(studio, tmp_path / "demo", task, server, tiny, "--rounds", 1).json
    assert [row["round"] for row in found["rounds"]] == [0, 1]
    metric = "f1" if task == "qa" else "accuracy"
    for row in found["rounds"]:
        assert set(row) == ROUND
        assert 0 <= row["validation"][metric] <= 1
        assert 0 <= row["test"][metric] <= 1
        assert sum(row["seconds"].values()) > 0
    first, last = found["rounds"]
    assert first["records"] == 8
    assert first["records"] < last["records"] <= 8 + first["errors"]
    assert found["kind"] == ("finetune" if task == "qa" else "head")
    assert (Path(found["project"]) / found["model_path"] / "small.json").exists()
    paid = server.paid.calls
    again = demo(studio, tmp_path / "demo", task, server, tiny, "--rounds", 1).json
    assert again == found
    assert server.paid.calls == paid


def test_a_demo_that_was_killed_goes_on_and_pays_nothing_twice(
    tmp_path: Path, server: OpenAIServer, tiny: Path
) -> None:
    studio = Command(tmp_path)
    server.latency_s = 0.2
    folder = tmp_path / "demo"
    typed = (
        "demo", folder, "--task", "classification", "--endpoint", server.url, "--model",
        "stand-in", "--base", tiny, "--seed-records", 9, "--rounds", 1, "--headless", "--json",
    )  # fmt: skip
    watching = studio.started(*typed)
    try:
        pid = worker_once(folder, calls=6, server=server)
        os.kill(pid, signal.SIGKILL)
        assert watching.wait(PATIENCE_S) == 1
    finally:
        watching.kill()
    found = studio(*typed).json
    assert len(found["rounds"]) == 2
    twice = sum(count - 1 for count in server.paid.bodies.values())
    assert twice <= 8, "what was in flight at the kill"
    assert len(queue.all_jobs(Project.open(folder))) == 1


def worker_once(folder: Path, calls: int, server: OpenAIServer) -> int:
    """The worker's process id, when so many calls were paid."""
    until(lambda: server.paid.calls >= calls)
    with closing(sqlite3.connect(folder / "studio.db")) as db, db:
        return int(db.execute("SELECT pid FROM jobs").fetchone()[0])


@pytest.mark.parametrize(
    ("more", "words_"),
    [
        (("--kind", "finetune"), ["kind head", "Name another folder"]),
        (("--rounds", 5), ["rounds 0"]),
        (("--seed-records", 9), ["seed-records 8"]),
        (("--endpoint", "http://127.0.0.1:1/v1"), ["endpoint"]),
    ],
)
def test_another_demo_needs_another_folder(
    tmp_path: Path, more: tuple[object, ...], words_: list[str]
) -> None:
    project = labelled_sample_project(tmp_path / "demo", "stay_reviews_en")
    params = {"kind": "head", "base": "minilm-l6", "rounds": 0, "seed_records": 8}
    project.store.jobs.submit("s3", {**params, "endpoint": "embedded:x", "model": ""})
    done = Verbs(tmp_path)("demo", tmp_path / "demo", "--task", "classification", *more)
    assert_one_sentence(done, 1, *words_)


def test_what_cannot_be_demonstrated_is_one_sentence(tmp_path: Path) -> None:
    studio, folder = Verbs(tmp_path), tmp_path / "demo"
    base = ("demo", folder, "--headless")
    assert_one_sentence(studio(*base, "--kind", "head"), 2, "--task")
    assert_one_sentence(studio(*base, "--task", "qa", "--sample", "tax_en"), 1, "museum_en")
    server = ("--endpoint", "http://127.0.0.1:1/v1", "--model", "x")
    mistyped = studio(*base, "--task", "nli", "--base", "minilm-16", *server)
    assert_one_sentence(mistyped, 1, "minilm-l6")
    head = studio(*base, "--task", "qa", "--kind", "head", *server)
    assert_one_sentence(head, 1, "kind finetune")
    assert not folder.exists()
    studio("new", folder)
    assert_one_sentence(studio(*base, "--task", "nli"), 1, "not a demo of nli")


def test_chinese_needs_an_llm_that_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "no-models"))
    done = Verbs(tmp_path)("demo", tmp_path / "demo", "--task", "nli", "--headless")
    assert_one_sentence(done, 1, "notices_zh", "studio models pull qwen2.5-coder-1.5b")
    assert not (tmp_path / "demo").exists()


# -- the samples themselves


def labelled() -> list[str]:
    return [name for task in TASKS for name in samples(task)]


def test_there_is_a_sample_of_each_task_and_one_is_chinese() -> None:
    assert [len(samples(task)) for task in TASKS] == [1, 1, 1]
    assert {one.language for task in TASKS for one in samples(task).values()} == {"en", "zh"}
    assert not set(labelled()) & set(samples())


@pytest.mark.parametrize("name", labelled())
def test_a_sample_is_balanced_and_leaks_nothing(tmp_path: Path, name: str) -> None:
    project = labelled_sample_project(tmp_path / name, name)
    gold, labels = project.store.gold, project.store.labels.all()
    rows = {split: gold.all(split) for split in ("validation", "test")}  # type: ignore[arg-type]
    for split, items in rows.items():
        file = samples_file(project, name, split)
        assert len(items) == len(file.read_text("utf-8").splitlines()) >= 60
        names = [label.name for label in labels] or [""]
        counts = Counter(one.label for one in items)
        assert counts == dict.fromkeys(names, len(items) // len(names))
        assert all(answer in one.context for one in items for answer in one.answers)
        assert len({normal(one.context + one.text) for one in items}) == len(items)
    contexts = {
        split: {normal(one.context) for one in items if one.context}
        for split, items in rows.items()
    }
    assert not contexts["validation"] & contexts["test"]
    texts = {split: {normal(one.text) for one in items} for split, items in rows.items()}
    if project.task.name == "classification":
        assert not texts["validation"] & texts["test"]


def samples_file(project: Project, name: str, split: str) -> Path:
    return samples(project.task.name)[name].path / f"{split}.jsonl"


@pytest.mark.parametrize("name", ["notices_zh", "museum_en"])
def test_there_are_passages_that_no_gold_is_about(tmp_path: Path, name: str) -> None:
    project = labelled_sample_project(tmp_path / name, name)
    gold = {normal(one.context) for one in project.store.gold.all()}
    documents = {normal(document.full_text) for document in project.store.documents.all()}
    assert len(documents) == project.store.documents.count() >= 60
    assert gold <= documents
    assert len(documents - gold) >= 40


@pytest.mark.parametrize("name", labelled())
def test_a_sample_says_what_is_written(tmp_path: Path, name: str) -> None:
    project = labelled_sample_project(tmp_path / name, name)
    prompt = project.store.prompts.latest()
    assert prompt is not None
    sample = samples(project.task.name)[name]
    template = FORM.parse(prompt.template)
    assert (template.texts, template.language) == (sample.about, sample.language)
    fewest, most = template.text_words
    lengths = [len(words(one.text)) for one in project.store.gold.all()]
    assert fewest // 2 <= min(lengths) <= max(lengths) <= 2 * most
    assert (sample.path / "README.md").exists()


def test_a_sample_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="stay_reviews_en, notices_zh, museum_en"):
        labelled_sample_project(tmp_path / "x", "tax_en")
    assert not (tmp_path / "x").exists()


def test_every_row_of_a_sample_has_its_own_id() -> None:
    for task in TASKS:
        for sample in samples(task).values():
            files = [sample.path / f"{split}.jsonl" for split in ("validation", "test")]
            rows = [json.loads(line) for file in files for line in file.open(encoding="utf-8")]
            assert len({row["_id"] for row in rows}) == len(rows)
