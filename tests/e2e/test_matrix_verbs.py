"""Every verb × every task × a project as it was made, with records, with a model.

It works, or says in one sentence what to use instead; no word of another task is read by anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from studio.cli.app import app
from tests.support.command import Command
from tests.support.tasks import STATES, TASKS, Builder, jobs_in_this_process
from tests.support.verbs import Verbs, assert_one_sentence

OF_NO_PROJECT = {
    "new", "demo", "doctor", "serve", "keys",
    "models list", "models path", "models pull", "prompt templates",
}  # fmt: skip
"""Verbs that open no project: their own tests have them."""


@dataclass(frozen=True)
class Row:
    """A command line, and how it ends with each task."""

    line: str
    """With names of files between braces."""
    ends: str
    """Exit codes as made, with records, with a model; one triple for each task of TASKS in order,
    or one for all."""

    @property
    def words(self) -> list[str]:
        """The command line's words."""
        return self.line.split()

    def triple(self, task: str) -> str:
        """How it must end: as made, with records, with a model."""
        triples = self.ends.split()
        return triples[[*TASKS].index(task) % len(triples)]


FORMS = (("empty", False), ("empty", True), ("records", False), ("model", True))
"""In which states it prints for people, and in which JSON."""
TEMPLATES = {"retrieval": "generic", "instructions": "self-instruct", "embedding": "e5"}
FEW: dict[str, tuple[object, ...]] = {
    "retrieval": ("--documents", 2),
    "instructions": ("--wanted", 3),
    "embedding": ("--wanted", 3),
}
FEW_TEXTS = ("--method", "zerogen", "--seed-records", 6)
SAME = "000"
NOTHING_YET = "100"
NO_MODEL_YET = "110"
ROWS = [
    # What comes in.
    Row("import {corpus}", "000 222 000 000 000 222"),
    Row("examples list", "000 222 222 222 000 222"),
    Row("examples add {question} --document d4", "100 222 222 222 222 222"),
    Row("examples remove 1", "100 222 222 222 100 222"),
    Row("examples on 1", "100 222 222 222 100 222"),
    Row("examples off 1", "100 222 222 222 100 222"),
    Row("examples tag 1 short", "100 222 222 222 100 222"),
    Row("examples import {examples}", "000 222 222 222 000 222"),
    Row("examples export {out}.jsonl", "000 222 222 222 000 222"),
    Row("gold list", SAME),
    Row("gold add {question} --split test --right d9", "100 222 222 222 222 222"),
    Row("gold import {gold} --split auto", "222 011 011 011 011 011"),
    Row("labels list", "222 000 000 222 222 222"),
    Row("labels set near=good far=bad", "222 000 000 222 222 222"),
    Row("prompt list", SAME),
    Row("prompt show", SAME),
    Row("prompt set {template}", SAME),
    Row("prompt diff 1 1", SAME),
    Row("prompt render d9", "100 222 222 222 222 222"),
    Row("prompt improve --estimate", "100 222 222 222 222 222"),
    # What is made of it.
    Row("generate {few}", "100 000 100 100 000 000"),
    Row("filter", NOTHING_YET),
    Row("filter --round-trip bm25", "100 222 222 222 222 222"),
    Row("filter --move -k 2", "111 222 222 222 222 222"),
    Row("judge --show", SAME),
    Row("judge --estimate", NOTHING_YET),
    Row("categories --all", NOTHING_YET),
    Row("train --steps 1", "100 222 222 222 222 100"),
    Row("rerank --steps 1 --negatives 1 --batch-size 2", "100 222 222 222 222 222"),
    Row("tune --steps 1 {quick}", "222 222 222 222 100 222"),
    Row("evaluate", "100 222 222 222 110 100"),
    Row("evaluate --answer-tokens 4 --judge-endpoint rule", "222 222 222 222 110 222"),
    Row("passkey --longest 256 --queries 3 --candidates 4", "000 222 222 222 222 000"),
    Row("search river --system bm25", "100 222 222 222 222 222"),
    Row("search river", "110 110 111 111 110 222"),
    Row("s3 --rounds 0 {quickly}", "100 100 100 100 222 222"),
    Row("s3 show", SAME),
    Row("s3 show 1", NOTHING_YET),
    Row("s3 approve 1", "111"),
    Row(
        "s3 compare --methods zerogen,goldgen --seeds 1 --rounds 0 {quickly}",
        "222 100 100 100 222 222",
    ),
    # What comes out.
    Row("export jsonl", NOTHING_YET),
    Row("export csv", NOTHING_YET),
    Row("export parquet", NOTHING_YET),
    Row("export beir", "100 222 222 222 222 222"),
    Row("export pairs", "100 222 222 222 222 100"),
    Row("export triplets", "100 222 222 222 222 100"),
    Row("lineage record 1", NOTHING_YET),
    Row("lineage model 1", NO_MODEL_YET),
    Row("models trained", SAME),
    Row("models copy 1 {out}", NO_MODEL_YET),
    Row("models compare 1 1", "110 222 222 222 110 110"),
    # What ran.
    Row("jobs", SAME),
    Row("jobs list", SAME),
    Row("jobs show 1", NOTHING_YET),
    Row("jobs watch 1", NOTHING_YET),
    Row("jobs pause 1", "111"),
    Row("jobs concurrency 1 4", "111"),
    Row("jobs cancel 1", "111"),
    Row("jobs resume 1", "111"),
]


def arguments(row: Row, task: str, builder: Builder, out: Path) -> list[object]:
    files = builder.files(task)
    named: dict[str, tuple[object, ...]] = {
        "{corpus}": (files.corpus,),
        "{gold}": (files.gold,),
        "{examples}": (files.examples,),
        "{question}": ("who sees a willow",),
        "{out}": (out,),
        "{out}.jsonl": (out.with_suffix(".jsonl"),),
        "{template}": (TEMPLATES.get(task, task),),
        "{quick}": ("--base", builder.llm, "--evaluations", 1),
        "{few}": FEW.get(task, FEW_TEXTS),
        "{quickly}": (*TASKS[task].quickly, "--base", builder.encoder),
    }
    return [one for word in row.words for one in named.get(word, (word,))]


def texts(found: Any) -> Iterator[str]:
    """Every text in what JSON holds; its keys are for programs."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict | list):
        for one in found.values() if isinstance(found, dict) else found:
            yield from texts(one)


def assert_own_words(task: str, row: Row, said: str) -> None:
    """Nobody reads of what another task is about."""
    found = re.search(TASKS[task].others_words, said)
    if found:
        text = said
        around = text[max(0, found.start() - 80) : found.end() + 80]
        raise AssertionError(f"studio {row.line}, {task}: {found[0]!r} in …{around}…")


def test_every_verb_has_its_row() -> None:
    commands = set(_commands(typer.main.get_command(app)))
    rows = {command for row in ROWS for command in commands if _is_of(row, command, commands)}
    assert commands - rows == OF_NO_PROJECT
    assert {len(row.ends.split()) for row in ROWS} == {1, len(TASKS)}


def _commands(group: Any, path: str = "") -> Iterator[str]:
    """Such as ``train`` and ``prompt show``; a group that does something alone is one too."""
    for name, command in group.commands.items():
        full = f"{path} {name}".strip()
        inner = hasattr(command, "commands")
        if not inner or command.invoke_without_command:
            yield full
        if inner:
            yield from _commands(command, full)


def _is_of(row: Row, command: str, commands: set[str]) -> bool:
    longer = " ".join(row.words[:2])
    return (longer if longer in commands else row.words[0]) == command


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.line)
@pytest.mark.parametrize("task", TASKS)
def test_a_verb_works_or_says_what_to_use_instead(
    builder: Builder, tmp_path: Path, task: str, row: Row
) -> None:
    for state, as_json in FORMS if "0" in row.triple(task) else (FORMS[0], FORMS[-1]):
        project = builder.copy(task, state, tmp_path / f"{state}-{int(as_json)}")
        told = arguments(row, task, builder, tmp_path / f"written-{state}")
        with jobs_in_this_process():
            done = Verbs(tmp_path)(*told, "-p", project, *(["--json"] if as_json else []))
        code = int(row.triple(task)[STATES.index(state)])
        said = done.out + done.err
        told_of = f"studio {row.line} on {task}, {state}: exit {done.code}\n{said}"
        assert done.code == code, told_of
        assert "Traceback" not in done.err, told_of
        assert "Unexpected" not in done.err, told_of
        if code:
            assert_one_sentence(done, code)
        elif as_json:
            said = " ".join(texts(done.json))
        else:
            assert done.out.strip(), told_of
        # A refusal names what was asked for.
        if code != 2:
            assert_own_words(task, row, said)


@pytest.mark.parametrize("line", ["train", "export jsonl"])
def test_it_is_the_same_in_a_process_of_its_own(
    builder: Builder, tmp_path: Path, line: str
) -> None:
    project = builder.copy("classification", "model", tmp_path / "project")
    done = Command(tmp_path)(*line.split(), "-p", project, "--json")
    if line == "train":
        assert_one_sentence(done, 2, "studio s3")
    else:
        assert done.json["rows"] > 0
