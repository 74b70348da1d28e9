"""Judges of searches: whether a document answers its query, and which of the nearest ones do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.jobs.judging import checked
from studio.jobs.params import JudgeParams
from studio.jobs.training_data import relabelled
from studio.methods.relabelling import NEAREST, read_numbers
from studio.project import Project
from studio.records import TRIPLET, Record, StudioError
from tests.support import judge
from tests.support.openai_server import OpenAIServer
from tests.support.small_projects import add_queries, make_project


def words(body: dict[str, Any]) -> str:
    """Of the mill two documents answer, of the barn another one, of the pond none."""
    asked = str(body["messages"][-1]["content"])
    query = re.search(r"Query: (.*)", asked)
    if query is None:
        return "none"
    if "Document 1:" not in asked:
        return "3\nIt says so." if "mill" in query[1] else "Score: 1, it is about the same thing"

    def place(name: str) -> str:
        found = re.search(rf"Document (\d+): The {name}", asked)
        return found[1] if found else "0"

    if "mill" in query[1]:
        return f"The best are [{place('mill')}, {place('bridge')}]."
    if "barn" in query[1]:
        return f"[{place('tower')}]"
    return "[]" if "pond" in query[1] else f"[{place(query[1].split()[3])}]"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=words) as running:
        running.keep_requests = True
        yield running


@pytest.fixture
def project(tmp_path: Path, server: OpenAIServer) -> Project:
    found = make_project(tmp_path / "queries", "retrieval", server.url)
    add_queries(found)
    return found


def test_answerable_keeps_from_two_of_three(project: Project) -> None:
    found = judge.judged(project, by="answerable")
    assert (found["by_score"], found["keep_from"]) == ({"3": 1, "1": 5}, 2.0)
    assert project.store.records.counts().kept == 1


def test_a_triplet_is_shown_as_query_and_document(tmp_path: Path, server: OpenAIServer) -> None:
    project = make_project(tmp_path / "triplets", "embedding", server.url)
    fields = {"query": "who built the mill", "positive": "Anna Berg did.", "negative": "It burnt."}
    project.store.records.add([Record(TRIPLET, fields)])
    assert judge.judged(project, by="answerable")["kept"] == 1
    shown = server.requests[0]["messages"][-1]["content"]
    assert "Query: who built the mill\nDocument: Anna Berg did." in shown
    assert "It burnt" not in shown


def test_relabelling_moves_adds_and_drops_positives(project: Project, server: OpenAIServer) -> None:
    found = judge.judged(project, by="relabel")
    assert (found["kept"], found["dropped"]) == (5, 1)
    shown = server.requests[0]["messages"][-1]["content"]
    assert shown.count("\nDocument ") == NEAREST
    records = project.store.records.all(kept=True)
    right: dict[str, list[str]] = {}
    for record in relabelled(project.store, list(records)):
        document = project.store.documents.get(record.needed_document())
        assert document is not None
        right.setdefault(record.text.split()[3], []).append(document.text.split()[1])
    assert right["mill"] == ["mill", "bridge"]
    assert right["barn"] == ["tower"]
    assert right["bridge"] == ["bridge"]
    assert "pond" not in right


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("[2, 1]", [2, 1]),
        ("The answer is ［3］。", [3]),
        ("[]", []),
        ("[1, 1]", [1]),
        ("Document 2", None),
        ("[9]", None),
    ],
)
def test_the_first_list_of_an_answer_counts(answer: str, numbers: list[int] | None) -> None:
    assert read_numbers(answer, 6) == numbers


def test_relabelling_is_for_queries_with_documents(tmp_path: Path, server: OpenAIServer) -> None:
    project = make_project(tmp_path / "triplets", "embedding", server.url)
    with pytest.raises(StudioError, match="these are triplets"):
        checked(project, JudgeParams(by="relabel"))
