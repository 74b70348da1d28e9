"""The command line itself: verbs, help, typos, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from studio import servers
from studio.cli import VERBS
from studio.cli.app import app, run
from tests.support.command import Command
from tests.support.verbs import Verbs, assert_one_sentence

GROUPS = {"gold", "examples", "prompt", "jobs", "models", "labels"}


@pytest.fixture
def studio(tmp_path: Path) -> Verbs:
    return Verbs(tmp_path)


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands() -> Iterator[tuple[list[str], dict[str, object]]]:
    """Every verb and verb of a group, with its parameters by their option."""
    root = typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", {})
        for path, found in [([name], command), *(([name, sub], c) for sub, c in inner.items())]:
            options = {option: p for p in found.params for option in p.opts}
            yield path, options


def test_the_list_of_verbs_is_that_of_the_command() -> None:
    names = {path[0] for path, _ in commands()}
    assert names == set(VERBS)


@pytest.mark.parametrize(("path", "options"), commands(), ids=lambda item: "-".join(item))
def test_every_verb_has_help_and_json(path: list[str], options: dict[str, object]) -> None:
    if path[-1] in GROUPS and path != ["jobs"]:
        return
    assert "--json" in options
    for name, option in options.items():
        assert getattr(option, "help", None), name


def test_help_lists_every_verb(studio: Verbs) -> None:
    done = studio("--help")
    assert done.code == 0
    assert all(verb in done.out for verb in VERBS)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["genrate"], ["Did you mean `studio generate`?"]),
        (["nwe", "x"], ["Did you mean `studio new`?"]),
        (["frobnicate"], ["neither a verb nor a project's folder"]),
        (["jobs", "shw", "3"], ["Did you mean 'show'?", "studio jobs --help"]),
        (["generate", "--docs", "3"], ["--documents"]),
        (["train", "--epochs", "x"], ["--epochs", "number"]),
        (["filter", "--round-trip", "x"], ["'trained'", "'bm25'"]),
        (["new"], ["path"]),
        (["search"], ["query"]),
        (["new", "x", "--gold", "y"], ["need the --corpus"]),
        (["new", "x", "--corpus", ".", "--fields", "body=z"], ["id=COLUMN"]),
        (["import"], ["--examples or --records"]),
        (["export", "bier"], ["beir"]),
        (["worker", "a", "b"], ["neither a verb"]),
        (["a\x1b[31mb"], [r"a\x1b[31mb"]),
    ],
    ids=lambda item: " ".join(item).replace("\x1b", "ESC"),
)
def test_wrong_use_is_one_sentence_and_exit_2(
    studio: Verbs, in_tmp: Path, typed: list[str], words: list[str]
) -> None:
    assert_one_sentence(studio(*typed), 2, *words)
    assert not (in_tmp / "x").exists()


@pytest.mark.parametrize("verb", ["generate", "filter", "train", "evaluate", "jobs", "import ."])
def test_a_folder_that_is_no_project_is_said_with_what_to_do(
    studio: Verbs, tmp_path: Path, verb: str
) -> None:
    done = studio(*verb.split(), "-p", tmp_path / "nothing", "--json")
    assert_one_sentence(done, 1, "nothing is not a studio project", "studio new")


def test_a_group_alone_shows_its_verbs(studio: Verbs) -> None:
    done = studio("examples")
    assert done.code == 2
    assert "export" in done.out + done.err


def test_options_before_a_verb_of_jobs_count_for_it(studio: Verbs, tmp_path: Path) -> None:
    studio("new", tmp_path / "p")
    assert studio("jobs", "-p", tmp_path / "p", "--json").json == []
    listed = studio("jobs", "-p", tmp_path / "p", "--json", "list")
    assert listed.json == []
    assert_one_sentence(studio("jobs", "-p", tmp_path / "p", "show", 3), 1, "no job 3")


def test_the_project_can_be_named_by_the_environment(tmp_path: Path) -> None:
    command = Command(tmp_path)
    command("new", tmp_path / "p")
    environment = command.environment | {"STUDIO_PROJECT": str(tmp_path / "p")}
    found = subprocess.run(
        [sys.executable, "-m", "studio", "prompt", "list", "--json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert json.loads(found.stdout)[0]["name"] == "generic"


def test_a_fault_of_the_studio_is_a_sentence_with_the_details_in_a_file(
    studio: Verbs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.project.Project.open", lambda path: 1 / 0)
    assert_one_sentence(studio("jobs"), 1, "Unexpected ZeroDivisionError", "crash.log")
    assert "Traceback" in (tmp_path / "data" / "crash.log").read_text()


def shell(home: Path, line: str) -> subprocess.CompletedProcess[str]:
    """A line of shell with ``studio`` in it, without a terminal."""
    return subprocess.run(
        ["bash", "-c", f'studio() {{ "{sys.executable}" -m studio "$@"; }}; {line}'],
        env=Command(home).environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_opens_the_screens_and_a_verb_of_that_name_stays_a_verb(tmp_path: Path) -> None:
    said = shell(tmp_path, "studio new jobs >&2; studio ./jobs; echo $?; studio jobs; echo $?")
    assert said.stdout.split() == ["2", "1"]
    assert "screens need a terminal" in said.stderr
    assert f"{tmp_path} is not a studio project" in said.stderr


def test_a_path_that_is_no_project_is_said_before_a_terminal_is_asked_for(tmp_path: Path) -> None:
    said = shell(tmp_path, "studio ./nothing")
    assert said.returncode == 1
    assert "nothing is not a studio project" in said.stderr


def test_a_reader_that_leaves_early_is_no_error_message(tmp_path: Path) -> None:
    said = shell(tmp_path, "studio prompt templates | head -1")
    assert "Templates" in said.stdout
    assert said.stderr == ""


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&-"])
def test_a_closed_output_is_no_fault_of_the_studio(tmp_path: Path, closed: str) -> None:
    said = shell(tmp_path, f"studio prompt templates {closed}")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_output_in_an_old_encoding_does_not_fail(tmp_path: Path) -> None:
    said = shell(tmp_path, "PYTHONIOENCODING=latin-1 studio models list --json")
    assert said.returncode == 0
    assert json.loads(said.stdout)[0]["name"] == "smollm2-135m"


def test_doctor_looks_at_the_project_too(studio: Verbs, tmp_path: Path) -> None:
    studio("new", tmp_path / "p")
    done = studio("doctor", "-p", tmp_path / "p", "--json")
    said = {check["name"]: check for check in json.loads(done.out)}
    assert said["project"]["said"].startswith("0 passages")
    assert set(said) >= {"python", "embedded", "encoder", "endpoint", "terminal", "disk", "gpu"}
    bad = studio("doctor", "-p", tmp_path / "nothing")
    assert bad.code == 1
    assert "is not a studio project" in bad.out


def test_an_address_on_the_command_line_is_the_persons_word() -> None:
    run(["jobs", "--project", "http://typed.example/v1"])
    run(["jobs", "--nothing", "localhost:8123/v1"])
    assert servers.are_named(["http://typed.example/v1", "http://localhost:8123/v1"])
    assert not servers.are_named(["http://localhost:8124/v1"])
