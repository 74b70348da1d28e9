"""Work that goes on by itself, and the demo, from the command line."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from studio.cli.demo_sample import LLMS, best_embedded
from studio.jobs.setup import samples
from studio.llm import catalogue
from studio.project import Project
from studio.records import StudioError
from tests.support.command import Command
from tests.support.openai_server import OpenAIServer
from tests.support.small_corpus import write_corpus
from tests.support.verbs import Verbs, assert_one_sentence


@pytest.fixture
def studio(tmp_path: Path) -> Verbs:
    return Verbs(tmp_path)


def test_files_named_from_here_are_found_by_the_worker(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in")
    studio = Command(tmp_path)
    made = studio(
        "new", "p", "--corpus", "in", "--gold", "in", "--examples", "in/examples.jsonl",
        "--fields", "id=_id,text=text", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert made.json["gold"] == {"validation": 10, "test": 24}
    params = studio("jobs", "show", 1, "-p", "p", "--json", cwd=tmp_path).json["params"]
    assert params["corpus"] == str(tmp_path / "in")
    assert params["examples"] == str(tmp_path / "in" / "examples.jsonl")
    (tmp_path / "my-encoder").mkdir()
    job = studio("filter", "-p", "p", "--encoder", "my-encoder", "--detach", "--json", cwd=tmp_path)
    shown = studio("jobs", "show", job.json["job"], "-p", "p", "--json", cwd=tmp_path).json
    assert shown["params"]["encoder"] == str(tmp_path / "my-encoder")


def test_a_detached_job_says_how_to_follow_it(studio: Verbs, tmp_path: Path) -> None:
    write_corpus(tmp_path / "in")
    project = tmp_path / "p"
    studio("new", project)
    said = studio("import", tmp_path / "in", "-p", project, "--detach").out
    commands = re.findall(r"studio (jobs .*)", said)
    assert commands == [f"jobs watch 1 -p {project}", f"jobs cancel 1 -p {project}"]
    assert studio(*commands[0].split()).out == "Job 1 is done.\n"
    assert_one_sentence(studio(*commands[1].split()), 1, "done; there is nothing to cancel")
    assert_one_sentence(studio("jobs", "resume", 1, "-p", project), 1, "nothing to resume")


def test_a_job_that_waits_for_its_worker_gets_no_second_one(studio: Verbs, tmp_path: Path) -> None:
    studio("new", tmp_path / "p")
    store = Project.open(tmp_path / "p").store
    job = store.jobs.submit("import", {})
    store.jobs.launched(job, os.getpid())
    for _ in range(2):
        studio("jobs", "-p", tmp_path / "p")
        found = studio("jobs", "resume", job, "-p", tmp_path / "p", "--detach", "--json").json
        assert found["state"] == "waiting"
    waiting = store.jobs.get(job)
    assert waiting is not None
    assert waiting.pid == os.getpid()
    assert list((tmp_path / "p").glob("logs/*")) == []


def test_a_run_is_paused_changed_and_gone_on_with_by_verbs(studio: Verbs, tmp_path: Path) -> None:
    where = ("-p", tmp_path / "p")
    studio("new", tmp_path / "p")
    jobs = Project.open(tmp_path / "p").store.jobs
    run = jobs.submit("generate", {})
    jobs.claim(run, os.getpid())
    said = studio("jobs", "pause", run, *where).out
    assert f"Job {run} is paused. Go on: studio jobs resume {run} -p " in said
    assert " paused " in studio("jobs", *where).out
    found = studio("jobs", "concurrency", run, 3, *where, "--json").json
    assert (found["state"], found["paused"], found["concurrency"]) == ("running", True, 3)
    went_on = studio("jobs", "resume", run, *where, "--detach", "--json").json
    assert went_on["state"] == "running"
    assert not studio("jobs", "show", run, *where, "--json").json["paused"]


def test_what_cannot_be_paused_or_changed_says_so(studio: Verbs, tmp_path: Path) -> None:
    where = ("-p", tmp_path / "p")
    studio("new", tmp_path / "p")
    train = Project.open(tmp_path / "p").store.jobs.submit("train", {})
    assert_one_sentence(studio("jobs", "pause", train, *where), 1, "Cancel it instead")
    assert_one_sentence(studio("jobs", "concurrency", train, 4, *where), 1, "asks no LLM")
    assert_one_sentence(studio("jobs", "pause", 99, *where), 1, "There is no job 99")
    assert studio("jobs", "concurrency", train, "many", *where).code == 2


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def put(models: Path, name: str) -> None:
    """A file of the model's size, with nothing in it."""
    file = catalogue.entry_of(name).files[0]
    (models / name).mkdir(parents=True)
    with (models / name / file.path).open("wb") as sparse:
        sparse.truncate(file.size)


def test_the_demo_takes_the_best_embedded_llm_that_is_here(models: Path) -> None:
    for name in reversed(LLMS):
        put(models, name)
        assert best_embedded(samples()["tax_en"]) == f"embedded:{name}"


def test_the_demo_wants_an_llm_that_writes_the_language(models: Path) -> None:
    put(models, "qwen2.5-coder-0.5b")
    with pytest.raises(StudioError, match=r"studio models pull qwen2.5-coder-1.5b"):
        best_embedded(samples()["consumer_zh"])
    put(models, "qwen2.5-coder-1.5b")
    assert best_embedded(samples()["consumer_zh"]) == "embedded:qwen2.5-coder-1.5b"


def test_the_demo_ends_in_one_object_and_goes_on_where_it_was(
    studio: Verbs, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('encoder = "wordllama-256"\n')
    with OpenAIServer() as server:
        named = ("demo", tmp_path / "d", "--endpoint", server.url, "--model", "stand-in")
        asked = (*named, "--documents", 20, "--queries", 2, "--json")
        found = studio(*asked).json
        assert studio(*asked).json["scores"] == found["scores"]
        assert server.paid.calls == 40
    assert found["documents"] >= 200
    assert found["generated"] + found["dropped"].get("error", 0) <= 40
    assert found["kept"] > 0
    for system in ("bm25", "base", "trained"):
        assert set(found["scores"][system]) == {"ndcg@10", "recall@100", "mrr@10"}
    assert set(found["p_value"]) == {"trained_vs_base", "trained_vs_bm25"}
    assert {"import", "generate", "filter", "train", "evaluate"} <= set(found["seconds"])
    assert found["project"] == str(tmp_path / "d")
    shown = studio(*named, "--headless")
    assert "trained − base encoder" in shown.out
    assert "stand-in" in shown.err
    other = studio("demo", tmp_path / "d", "--endpoint", "embedded:smollm2-135m")
    assert_one_sentence(other, 1, f"a demo with endpoint {server.url}", "another folder")
