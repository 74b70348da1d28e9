"""`studio keys`: the keys in force, and a file to change them in."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from studio.tui import keymap
from studio.tui.actions import ACTIONS
from studio.tui.keymap import commented
from tests.support.verbs import Verbs, assert_one_sentence


@pytest.fixture
def studio(tmp_path: Path) -> Verbs:
    return Verbs(tmp_path)


def test_every_action_is_listed_with_its_keys(studio: Verbs) -> None:
    found = studio("keys", "--json").json
    assert [one["id"] for one in found] == [action.id for action in ACTIONS]
    assert next(one for one in found if one["id"] == "app.jump")["keys"] == ["ctrl+o", "f9"]
    assert "examples.new" in studio("keys").out


def test_the_written_file_changes_nothing_until_a_line_is_taken_in(
    studio: Verbs, tmp_path: Path
) -> None:
    path = Path(studio("keys", "--write", "--json").json["written"])
    assert keymap.load(path) == {}
    text = path.read_text("utf-8")
    path.write_text(text.replace('# examples.new = ["n"]', 'examples.new = ["a"]'), "utf-8")
    assert keymap.load(path) == {"examples.new": "a"}
    own = [one for one in studio("keys", "--json").json if one["own"]]
    assert [(one["id"], one["keys"]) for one in own] == [("examples.new", ["a"])]


def test_a_keymap_that_is_there_is_never_written_over(studio: Verbs) -> None:
    studio("keys", "--write")
    done = studio("keys", "--write")
    assert done.code == 1
    assert "is there already" in done.err


def test_all_lines_taken_in_at_once_are_the_keys_as_they_are(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") for line in commented().splitlines() if " = " in line]
    file = tmp_path / "keymap.toml"
    file.write_text("\n".join(lines), "utf-8")
    assert tomllib.loads(file.read_text("utf-8"))
    in_force = keymap.effective(keymap.load(file))
    assert in_force == {action.id: action.keys for action in ACTIONS}


def test_a_faulty_keymap_is_told_in_one_sentence(studio: Verbs) -> None:
    path = Path(studio("keys", "--write", "--json").json["written"])
    path.write_text('jobs.cansel = "x"', "utf-8")
    done = studio("keys")
    assert_one_sentence(done, 1, "Did you mean jobs.cancel?")
