"""``studio examples``: what the pane does, for programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.project import Project
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
