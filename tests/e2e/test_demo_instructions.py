"""``studio demo --task instructions``, here with a stand-in that writes and a tiny LLM to tune."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.jobs import queue
from studio.jobs.setup import labelled_sample_project
from studio.llm.limiter import START_LIMIT
from studio.project import Project
from tests.e2e.test_demo_labelled import worker_once
from tests.support import instructions
from tests.support.command import Command
from tests.support.openai_server import OpenAIServer
from tests.support.verbs import Verbs, assert_one_sentence
from tests.support.waiting import PATIENCE_S


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=instructions.answer) as running:
        yield running


def test_a_demo_that_was_killed_goes_on_and_tells_what_was_gained(
    tmp_path: Path, server: OpenAIServer, tiny_llm: Path
) -> None:
    studio, folder = Command(tmp_path), tmp_path / "demo"
    typed = (
        "demo", folder, "--task", "instructions", "--endpoint", server.url, "--model", "stand-in",
        "--base", tiny_llm, "--wanted", 8, "--steps", 2, "--headless",
    )  # fmt: skip
    server.latency_s = 0.2
    watching = studio.started(*typed, "--json")
    try:
        os.kill(worker_once(folder, calls=3, server=server), signal.SIGKILL)
        assert watching.wait(PATIENCE_S) == 1
    finally:
        watching.kill()
    server.latency_s = 0.0
    found = studio(*typed, "--json").json
    assert found["seeds"] == 40
    assert 8 <= found["kept"] <= found["generated"]
    assert found["steps"] == 2
    assert found["items"] == 60
    assert {*found["scores"]["base"]} == {"loss", "perplexity", "rouge_l"}
    assert found["scores"]["base"]["loss"] != found["scores"]["trained"]["loss"]
    assert (folder / found["model_path"] / "model.safetensors").is_file()
    assert list(found["seconds"]) == ["generate", "filter", "tune", "evaluate", "total"]
    twice = sum(count - 1 for count in server.paid.bodies.values())
    assert twice <= START_LIMIT, "what was in flight at the kill"
    assert len(queue.all_jobs(Project.open(folder))) == 1

    paid = server.paid.calls
    shown = studio(*typed)
    assert server.paid.calls == paid
    assert "Scores on 60 gold test instructions" in shown.out
    assert "With 60 items, less than about" in shown.out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--wanted", 9), ["wanted 8"]),
        (("--steps", 5), ["steps 2", "Name another folder"]),
        (("--base", "qwen2.5-coder-0.5b"), ["base smollm2-135m"]),
        (("--sample", "library_desk_zh"), ["The desk of a public library", "library_desk_zh"]),
    ],
)
def test_another_demo_needs_another_folder(
    tmp_path: Path, more: tuple[object, ...], words: list[str]
) -> None:
    project = labelled_sample_project(tmp_path / "demo", "library_desk_en")
    generate = {"wanted": 8, "endpoint": "embedded:x", "model": ""}
    tune = {"base": "smollm2-135m", "steps": 2}
    project.store.jobs.submit("path", {"generate": generate, "tune": tune})
    done = Verbs(tmp_path)("demo", tmp_path / "demo", "--task", "instructions", *more)
    assert_one_sentence(done, 1, *words)


def test_what_would_end_it_late_is_said_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, folder = Verbs(tmp_path), tmp_path / "demo"
    server = ("--endpoint", "http://127.0.0.1:1/v1", "--model", "x")
    demo = ("demo", folder, "--headless", "--task", "instructions", *server)
    assert_one_sentence(studio(*demo, "--kind", "head"), 2, "--kind", "S3")
    assert_one_sentence(studio(*demo[:3], "--wanted", 3), 2, "--wanted")
    assert_one_sentence(studio(*demo, "--base", "minilm-l6"), 1, "an encoder, not a language model")
    assert_one_sentence(studio(*demo, "--sample", "tax_en"), 1, "library_desk_en")
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "peft" else found(name)
    )
    assert_one_sentence(studio(*demo), 1, "peft", "studio[sft]")
    assert not folder.exists()
