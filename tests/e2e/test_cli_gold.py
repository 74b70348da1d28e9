"""``studio gold``: the marks of Search, for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.project import Project
from studio.records import Example
from tests.support.data import gold_query, query_for
from tests.support.project import cut_up, fill, gold_of_documents
from tests.support.verbs import Verbs, assert_one_sentence


@pytest.fixture
def studio(tmp_path: Path) -> Verbs:
    return Verbs(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = Project.create(tmp_path / "project")
    fill(made.store, ["a room at home", "meals with customers", "押金应当退还"])
    made.store.examples.add([Example("d", "Home office?")])
    made.store.gold.add([gold_query("q1", "押金", "test", {3: 2})])
    made.close()
    return made.path


def test_documents_are_marked_and_listed(studio: Verbs, path: Path) -> None:
    done = studio(
        "gold", "add", "home office", "--split", "validation", "--right", "d1", "--wrong", "d2",
        "-p", path, "--json",
    )  # fmt: skip
    assert done.code == 0
    assert done.json["right"] == {"d1": 1}
    assert done.json["wrong"] == ["d2"]
    assert done.json["examples_that_ask_it"] == [1]
    listed = studio("gold", "list", "-p", path, "--json").json
    assert [(one["query"], one["split"], one["origin"]) for one in listed] == [
        ("home office", "validation", "search"),
        ("押金", "test", "import"),
    ]
    only = studio("gold", "list", "-p", path, "--origin", "import", "--split", "test", "--json")
    assert [one["right"] for one in only.json] == [{"d3": 2}]


def test_a_known_query_needs_no_split_and_a_cleared_one_is_gone(studio: Verbs, path: Path) -> None:
    studio("gold", "add", "lunch", "--split", "test", "--right", "d2", "-p", path)
    done = studio("gold", "add", "Lunch!", "--wrong", "d1", "-p", path)
    assert "test gold: 1 right, 1 wrong" in done.out
    done = studio("gold", "add", "lunch", "--clear", "d1", "--clear", "d2", "-p", path, "--json")
    assert done.json["id"] is None
    assert len(studio("gold", "list", "-p", path, "--json").json) == 1


def test_what_is_wrong_is_said_in_one_sentence(studio: Verbs, path: Path) -> None:
    add = ("gold", "add", "lunch", "-p", path)
    assert_one_sentence(studio(*add, "--right", "d1"), 2, "--split")
    assert_one_sentence(studio(*add, "--split", "test"), 2, "--right")
    assert_one_sentence(studio(*add, "--split", "test", "--right", "d1", "--wrong", "d1"), 2, "d1")
    assert_one_sentence(
        studio(*add, "--split", "test", "--right", "no"), 1, "'no'", "studio search"
    )
    moved = ("gold", "add", "押金", "--split", "validation", "--right", "d1", "-p", path)
    assert_one_sentence(studio(*moved), 1, "q1", "test gold")
    assert len(studio("gold", "list", "-p", path, "--json").json) == 1


def test_people_read_a_table(studio: Verbs, path: Path) -> None:
    assert "押金" in studio("gold", "list", "-p", path).out
    assert "studio gold add" in studio("gold", "list", "--origin", "none", "-p", path).out
    done = studio("gold", "add", "home office", "--split", "test", "--right", "d1", "-p", path)
    assert "Example 1 asks the same" in done.out


def test_gold_of_long_documents_is_listed_marked_and_exported_by_their_names(
    studio: Verbs, tmp_path: Path
) -> None:
    made = Project.create(tmp_path / "long")
    rows = cut_up(made.store, {"a": ["red fox", "blue fox"], "b": ["green hen", "tea"], "c": ["x"]})
    gold_of_documents(made.store, {"q": ("red", "a")})
    made.store.records.add([query_for(rows["b"][1], "what is drunk")])
    made.close()
    studio("gold", "add", "red", "--right", "b", "-p", made.path)
    [listed] = studio("gold", "list", "-p", made.path, "--json").json
    assert listed["right"] == {"a": 1, "b": 1}
    folder = tmp_path / "beir"
    studio("export", "beir", folder, "-p", made.path)
    corpus = [json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()]
    assert {row["_id"]: row["text"] for row in corpus} == {
        "a": "red fox\n\nblue fox", "b": "green hen\n\ntea", "c": "x",
    }  # fmt: skip
    assert (folder / "qrels" / "test.tsv").read_text().splitlines()[1:] == ["q\ta\t1", "q\tb\t1"]
    assert (folder / "qrels" / "train.tsv").read_text().splitlines()[1:] == ["synthetic-1\tb\t1"]
