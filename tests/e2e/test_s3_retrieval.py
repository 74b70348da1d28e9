"""S3 for retrievers: missed queries are extrapolated, their hard negatives are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.project import Project
from tests.support.command import Command
from tests.support.openai_server import OpenAIServer, query_words
from tests.support.small_corpus import write_corpus


def words(body: dict[str, Any]) -> str:
    """A query made of the document that the prompt shows, whatever else it says."""
    asked = str(body["messages"][-1]["content"])
    if asked.startswith("Document: "):
        document = asked.removeprefix("Document: ").split("\n\n")[0]
        body = {**body, "messages": [{"content": document}]}
    return query_words(body)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=words) as running:
        yield running


@pytest.fixture
def project(studio: Command, tmp_path: Path, server: OpenAIServer) -> Path:
    corpus = write_corpus(tmp_path / "corpus")
    path = tmp_path / "garden"
    studio(
        "new", path, "--corpus", corpus, "--gold", corpus, "--examples", corpus / "examples.jsonl",
        "--json",
    )  # fmt: skip
    (path / "studio.toml").write_text(
        f'endpoint = "x"\n[endpoints.x]\nbase_url = "{server.url}"\nmodel = "stand-in"\n'
    )
    # What one document says, asked of another: no model finds that.
    store = Project.open(path).store
    documents = store.documents.page(limit=4)
    for one, other in ((0, 1), (2, 3)):
        marked = studio(
            "gold", "add", documents[one].text[:60], "--right", documents[other].outside_id,
            "--split", "validation", "-p", path, "--json",
        )  # fmt: skip
        assert marked.code == 0, marked.err
    assert studio("generate", "-p", path, "--queries", 1, "--json").json["generated"] > 0
    return path


def s3(studio: Command, path: Path, *more: object) -> Any:
    return studio(
        "s3", "-p", path, "--base", "wordllama-256", "--epochs", 1, "--patience", 0, "--top-k", 1,
        "--json", *more,
    )  # fmt: skip


def test_missed_queries_become_records_and_negatives(studio: Command, project: Path) -> None:
    found = s3(studio, project, "--rounds", 1).json
    assert len(found["rounds"]) == 2, found
    first, last = found["rounds"]
    assert first["errors"] > 0
    assert last["records"] > first["records"]
    assert "ndcg@10" in last["test"]
    store = Project.open(project).store
    run = found["run_id"]
    added = list(store.records.of_stage(run, "extrapolation", kept=None))
    errors = {error.id: error for error in store.runs.errors(store.runs.rounds(run)[0].id)}
    for item in added:
        error = errors[item.error_id or 0]
        query = store.gold.many([error.gold_id])[error.gold_id]
        assert item.document_id in {*query.relevant, *error.hard_negatives}
    assert any(item.document_id in errors[item.error_id or 0].hard_negatives for item in added)
    model = store.models.latest()
    assert model is not None
    assert model.settings["negatives"] > 0


def test_the_table_names_what_it_measures(studio: Command, project: Path) -> None:
    shown = studio("s3", "-p", project, "--base", "wordllama-256", "--epochs", 1, "--rounds", 0)
    assert shown.code == 0
    assert "ndcg@10" in shown.out
    assert "no round was asked for" in shown.out


def test_a_run_rests_for_a_person(studio: Command, project: Path) -> None:
    rests = s3(studio, project, "--rounds", 1, "--approve", "person").json
    assert rests["waiting_for"] == "approval"
    done = studio("s3", "approve", rests["run_id"], "-p", project, "--json").json
    assert [row["round"] for row in done["rounds"]] == [0, 1]


def test_without_gold_or_records_it_says_what_to_do(studio: Command, tmp_path: Path) -> None:
    studio("new", tmp_path / "empty", "--json")
    refused = studio(
        "s3", "-p", tmp_path / "empty", "--endpoint", "http://127.0.0.1:9/v1", "--model", "x"
    )
    assert refused.code == 1
    assert "no gold validation query" in refused.err
