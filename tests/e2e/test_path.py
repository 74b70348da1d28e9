"""The main job from the command line, against a server that speaks the OpenAI protocol."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import tiny_encoder
from tests.support.command import Command
from tests.support.openai_server import OpenAIServer
from tests.support.small_corpus import write_corpus
from tests.support.waiting import until

ENCODER = "wordllama-256"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(latency_s=0.02) as running:
        yield running


@pytest.fixture
def project(studio: Command, tmp_path: Path) -> Path:
    corpus = write_corpus(tmp_path / "corpus")
    made = studio(
        "new", tmp_path / "garden", "--corpus", corpus, "--gold", corpus,
        "--examples", corpus / "examples.jsonl", "--template", "generic", "--json",
    )  # fmt: skip
    assert made.json["documents"] == 64
    assert made.json["gold"] == {"validation": 10, "test": 24}
    assert made.json["examples"] == 8
    return tmp_path / "garden"


def generate(studio: Command, project: Path, server: OpenAIServer, *more: object) -> Any:
    return studio(
        "generate", "-p", project, "--endpoint", server.url, "--model", "stand-in",
        "--queries", 3, "--json", *more,
    )  # fmt: skip


def worker_of(project: Path, job: int) -> int:
    with closing(sqlite3.connect(project / "studio.db")) as db, db:
        return int(db.execute("SELECT pid FROM jobs WHERE id = ?", (job,)).fetchone()[0])


def count(project: Path, sql: str) -> int:
    with closing(sqlite3.connect(project / "studio.db")) as db, db:
        return int(db.execute(sql).fetchone()[0])


def test_from_corpus_to_scores(studio: Command, project: Path, server: OpenAIServer) -> None:
    made = generate(studio, project, server).json
    assert made["requests"] == 56 * 3  # without the documents of the eight examples
    assert made["generated"] + sum(made["generation_drops"].values()) == made["requests"]

    judged = studio("filter", "-p", project, "--encoder", ENCODER, "--json").json
    first, last = judged["chain"][0], judged["chain"][-1]
    assert first["judged"] == made["generated"]
    assert last["filter"] == "round-trip"
    assert last["kept"] == judged["kept"] > 0
    assert sum(judged["dropped"].values()) == made["generated"] - judged["kept"]
    assert judged["dropped"]["round-trip"] == last["judged"] - last["kept"]

    moved = studio("filter", "-p", project, "--move", "-k", 10, "--json").json
    assert moved["kept"] >= judged["kept"] == moved["would_keep"]["1"]
    assert (
        studio("filter", "-p", project, "--move", "-k", 1, "--json").json["kept"] == judged["kept"]
    )

    trained = studio("train", "-p", project, "--encoder", ENCODER, "--json").json
    assert (project / trained["model_path"] / "modules.json").exists()
    assert "Lineage" in (project / trained["model_path"] / "README.md").read_text()

    scored = studio("evaluate", "-p", project, "--json").json
    assert set(scored["scores"]) == {"bm25", "base", "trained"}
    assert 0 < scored["p_value"]["trained_vs_base"] <= 1
    assert scored["queries"] == 24

    chain = studio("lineage", "model", trained["model_id"], "-p", project, "--json").json
    assert chain["made_by"][0]["model"] == "stand-in"
    assert len(chain["examples"]) == 8
    assert chain["parent"]["name"].startswith("round-trip")

    hits = studio("search", "thirsty fern in the desert", "-p", project, "-k", 3, "--json").json
    assert hits[0]["document"] == "fern-desert"

    logs = "".join(file.read_text() for file in (project / "logs").glob("job-*.log"))
    assert "begins" in logs
    # BM25's library tells each step, and raises its own level when it is imported.
    assert "DEBUG" not in logs


def test_an_equal_request_is_never_paid_twice(
    studio: Command, project: Path, server: OpenAIServer
) -> None:
    first = generate(studio, project, server).json
    again = generate(studio, project, server).json
    assert server.paid.calls == first["requests"]
    assert again["reused"] == first["requests"]


def test_kill_while_generating_loses_and_repeats_nothing(
    studio: Command, project: Path, server: OpenAIServer
) -> None:
    server.latency_s = 0.2
    job = generate(studio, project, server, "--detach", "--concurrency", 4).json["job"]
    until(lambda: count(project, "SELECT count(*) FROM generations") >= 12)
    os.kill(worker_of(project, job), signal.SIGKILL)
    stored = count(project, "SELECT count(*) FROM generations")
    paid = server.paid.calls

    listed = studio("jobs", "-p", project, "--json").json
    assert next(row for row in listed if row["id"] == job)["state"] == "interrupted"

    server.latency_s = 0.0
    ended = studio("jobs", "resume", job, "-p", project, "--json").json
    assert ended["generated"] + sum(ended["generation_drops"].values()) == 56 * 3
    # Lost is what was on its way at the kill, and what came in within the last 50 ms.
    assert server.paid.calls <= 56 * 3 + 8
    assert paid - stored <= 8


@pytest.mark.parametrize("stage", ["filter", "train", "rerank"])
def test_kill_while_training_goes_on_from_the_checkpoint(
    studio: Command, project: Path, server: OpenAIServer, stage: str
) -> None:
    generate(studio, project, server)
    settings = ("-p", project, "--encoder", ENCODER, "--json", "--detach")
    if stage != "filter":
        studio("filter", "-p", project, "--round-trip", "bm25", "--json")
        settings = (*settings, "--steps", 400, "--batch-size", 16)
    if stage == "rerank":
        (project / "studio.toml").write_text(f'encoder = "{ENCODER}"\n')
        base = tiny_encoder.bert_encoder(project / "models" / "tiny")
        settings = ("-p", project, "--base", base, "--json", "--detach", "--steps", 60)
    job = studio(stage, *settings).json["job"]
    until(lambda: count(project, "SELECT count(*) FROM job_points") >= 1)
    os.kill(worker_of(project, job), signal.SIGKILL)
    ended = studio("jobs", "resume", job, "-p", project, "--json")
    assert ended.code == 0, ended.err
    assert studio("jobs", "show", job, "-p", project, "--json").json["state"] == "done"


def test_kill_while_importing_leaves_nothing_and_resumes(studio: Command, tmp_path: Path) -> None:
    corpus = tmp_path / "big.jsonl"
    with corpus.open("w") as file:
        for number in range(60_000):
            file.write(json.dumps({"_id": str(number), "text": f"passage {number} of many"}) + "\n")
    studio("new", tmp_path / "p", "--json")
    project = tmp_path / "p"
    job = studio("import", corpus, "-p", project, "--detach", "--json").json["job"]
    until(lambda: count(project, f"SELECT done FROM jobs WHERE id = {job}") > 1000)
    os.kill(worker_of(project, job), signal.SIGKILL)
    assert count(project, "SELECT count(*) FROM documents") == 0
    ended = studio("jobs", "resume", job, "-p", project, "--json").json
    assert ended["documents"] == 60_000


FAULTS = {
    "wrong-key": "key",
    "missing-model": "model",
    "nonsense": "answer",
    "quota": "quota",
}


@pytest.mark.parametrize(("fault", "word"), FAULTS.items())
def test_a_bad_endpoint_is_one_clear_sentence(
    studio: Command, project: Path, server: OpenAIServer, fault: Any, word: str
) -> None:
    server.always = fault
    ended = generate(studio, project, server)
    assert ended.code == 1
    assert word in ended.err.lower()
    assert "Traceback" not in ended.err
    assert count(project, "SELECT count(*) FROM reservations WHERE pid IS NOT NULL") == 0


def test_an_endpoint_that_is_down_is_one_clear_sentence(studio: Command, project: Path) -> None:
    ended = studio(
        "generate", "-p", project, "--endpoint", "http://127.0.0.1:9/v1", "--model", "x", "--json"
    )
    assert ended.code == 1
    assert "127.0.0.1:9" in ended.err
    assert "Traceback" not in ended.err
    assert count(project, "SELECT count(*) FROM reservations") == 0


def test_a_budget_is_never_passed(studio: Command, project: Path, server: OpenAIServer) -> None:
    ended = generate(studio, project, server, "--budget-tokens", 6000, "--concurrency", 8)
    assert (ended.code, json.loads(ended.out)["stopped_by"]) == (3, "budget")
    assert server.paid.prompt_tokens + server.paid.completion_tokens <= 6000
