"""``studio examples``: what the pane does, for programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.project import Project
from studio.records import INSTRUCTION, Gold
from tests.support.project import fill
from tests.support.verbs import Verbs, assert_one_sentence


@pytest.fixture
def studio(tmp_path: Path) -> Verbs:
    return Verbs(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = Project.create(tmp_path / "project")
    fill(made.store, ["a room at home", "meals with customers", "押金应当退还"])
    made.close()
    return made.path


def test_tags_are_given_changed_and_listed(studio: Verbs, path: Path) -> None:
    studio(
        "examples", "add", "home office?", "--document", "d1", "--tags", "#home, tax", "-p", path
    )
    (one,) = studio("examples", "list", "-p", path, "--json").json
    assert one["tags"] == "home tax"
    assert studio("examples", "tag", "1", "税务 home", "-p", path, "--json").json == {
        "id": 1,
        "tags": "税务 home",
    }
    assert "税务" in studio("examples", "list", "-p", path).out
    studio("examples", "tag", "1", "", "-p", path)
    (one,) = studio("examples", "list", "-p", path, "--json").json
    assert one["tags"] == ""
    assert_one_sentence(studio("examples", "tag", "9", "x", "-p", path), 1, "no example 9")


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv"])
def test_examples_go_out_and_come_back_with_tags_and_switch(
    studio: Verbs, path: Path, tmp_path: Path, ending: str
) -> None:
    studio("examples", "add", "home office?", "--document", "d1", "--tags", "home", "-p", path)
    studio("examples", "add", "lunch?", "--text", "own words", "-p", path)
    studio("examples", "off", "2", "-p", path)
    before = studio("examples", "list", "-p", path, "--json").json
    file = tmp_path / f"out.{ending}"
    assert studio("examples", "export", file, "-p", path, "--json").json["examples"] == 2
    for number in ("1", "2"):
        studio("examples", "remove", number, "-p", path)
    assert studio("examples", "import", file, "-p", path, "--json").json["examples"] == 2
    after = studio("examples", "list", "-p", path, "--json").json
    kept = ("query", "document_text", "document_id", "enabled", "tags")
    assert [[one[key] for key in kept] for one in after] == [
        [one[key] for key in kept] for one in before
    ]
    again = studio("examples", "import", file, "-p", path, "--json").json
    assert again["examples"] == 0
    assert [one["reason"] for one in again["skipped"]] == ["this example is there already"] * 2


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """A project of instructions with one of gold."""
    made = Project.create(tmp_path / "tasks", task="instructions")
    fields = {"instruction": "Name a sea.", "output": "The Baltic."}
    made.store.gold.add([Gold(INSTRUCTION, fields, "test", "g1")])
    made.close()
    return made.path


def test_a_seed_is_added_listed_switched_tagged_and_removed(studio: Verbs, tasks: Path) -> None:
    assert (
        "studio examples add INSTRUCTION --output TEXT"
        in studio("examples", "list", "-p", tasks).out
    )
    whole = ("--input", "early", "--output", "late", "--tags", "words")
    assert studio("examples", "add", "Give the opposite.", *whole, "-p", tasks).code == 0
    studio("examples", "add", "Name two rivers.", "--output", "长江和黄河", "-p", tasks)
    first, second = studio("examples", "list", "-p", tasks, "--json").json
    assert {name: first[name] for name in (*INSTRUCTION.fields, "tags", "enabled")} == {
        "instruction": "Give the opposite.",
        "input": "early",
        "output": "late",
        "tags": "words",
        "enabled": True,
    }
    assert (second["input"], second["output"]) == ("", "长江和黄河")
    for verb in (["off", 1], ["tag", 2, "rivers"]):
        assert studio("examples", *verb, "-p", tasks).code == 0
    listed = studio("examples", "list", "-p", tasks).out
    for shown in ("instruction", "input", "output", "Give the opposite.", "early", "late"):
        assert shown in listed
    for shown in ("off", "rivers", "长江和黄河"):
        assert shown in listed
    assert "query" not in listed
    studio("examples", "remove", 1, "-p", tasks)
    (left,) = studio("examples", "list", "-p", tasks, "--json").json
    assert left["id"] == second["id"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--document d1 --output x", ["takes --input and --output, not --document"]),
        ("--text words --output x", ["not --text"]),
        ("--input x", ["Give --output TEXT"]),
    ],
)
def test_a_seed_takes_no_document_and_needs_an_output(
    studio: Verbs, tasks: Path, line: str, words: list[str]
) -> None:
    done = studio("examples", "add", "Name a lake.", *line.split(), "-p", tasks)
    assert_one_sentence(done, 2, *words)
    assert studio("examples", "list", "-p", tasks, "--json").json == []


def test_a_query_takes_no_output(studio: Verbs, path: Path) -> None:
    done = studio("examples", "add", "lunch?", "--text", "x", "--output", "y", "-p", path)
    assert_one_sentence(done, 2, "takes --document and --text, not --output")


def test_a_seed_that_is_gold_is_refused(studio: Verbs, tasks: Path) -> None:
    done = studio("examples", "add", "name a SEA", "--output", "The Baltic.", "-p", tasks)
    assert_one_sentence(done, 1, "is a gold instruction", "test has it (g1)")


def test_seeds_of_a_new_project_name_its_documents_and_what_is_skipped_is_told(
    studio: Verbs, tmp_path: Path
) -> None:
    corpus, seeds = tmp_path / "corpus.jsonl", tmp_path / "seeds.jsonl"
    corpus.write_text('{"_id": "d1", "text": "Meals with customers."}\n', "utf-8")
    known = '{"query": "lunch?", "document_id": "d1"}\n'
    seeds.write_text(known + '{"query": "dinner?", "document_id": "d9"}\n', "utf-8")
    told = ("--corpus", corpus, "--seeds", seeds)
    made = studio("new", tmp_path / "meals", *told, "--json").json
    assert made["examples"] == 1
    assert [one["reason"] for one in made["skipped_samples"]] == ["unknown document d9"]
    (one,) = studio("examples", "list", "-p", tmp_path / "meals", "--json").json
    assert (one["query"], one["document_text"]) == ("lunch?", "Meals with customers.")
    assert "unknown document d9" in studio("new", tmp_path / "again", *told).out
    both = studio("new", tmp_path / "both", *told, "--examples", seeds)
    assert_one_sentence(both, 2, "--seeds and --examples are the same")
