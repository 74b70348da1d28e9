"""Every task's records go out as MEDI has them, each text with its instruction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio.formats import exporters
from studio.formats.rows import ExportContext, ExportRow
from studio.jobs.exporting import fitting
from studio.records import StudioError
from studio.tasks import TASKS


def written(folder: Path, task: str, *rows: ExportRow) -> list[dict[str, Any]]:
    exporters()["medi"].write(rows, folder, ExportContext(task=TASKS[task]))
    found: list[dict[str, Any]] = json.loads((folder / "medi.json").read_text("utf-8"))
    return found


def row(document: str = "", **fields: str) -> ExportRow:
    return ExportRow(fields, "d" if document else "", "", document, 1)


def texts(found: dict[str, Any]) -> list[str]:
    return [found[name][1] for name in ("query", "pos", "neg")]


@pytest.mark.parametrize(
    ("task", "given", "found"),
    [
        ("retrieval", row("Gifts lower it.", query="gift?"), ["gift?", "Gifts lower it.", ""]),
        (
            "qa",
            row(question="Who?", answer="Ann", context="Ann came."),
            ["Who?", "Ann came.", ""],
        ),
        (
            "instructions",
            row(instruction="Count.", input="a b", output="2"),
            ["Count.\n\na b", "2", ""],
        ),
    ],
)
def test_a_text_belongs_to_what_answers_it(
    tmp_path: Path, task: str, given: ExportRow, found: list[str]
) -> None:
    [one] = written(tmp_path / "out", task, given)
    assert texts(one) == found
    assert all(one[name][0].startswith("Represent the ") for name in ("query", "pos", "neg"))


def test_texts_of_a_class_belong_together(tmp_path: Path) -> None:
    rows = [row(text=text, label=text[0]) for text in ("a1", "b1", "a2", "c1", "a3", "b2")]
    found = written(tmp_path / "out", "classification", *rows)
    assert [texts(one)[:2] for one in found] == [
        ["a2", "a1"], ["a3", "a2"], ["b2", "b1"], ["a1", "a3"], ["b1", "b2"],
    ]  # fmt: skip
    # The newest text of another class.
    assert [texts(one)[2] for one in found] == ["b1", "c1", "a3", "b2", "a3"]
    assert {one["task_id"] for one in found} == {0}


def test_a_text_does_not_belong_to_itself(tmp_path: Path) -> None:
    rows = [row(text=text, label="a") for text in ("one", "one", "two")]
    found = written(tmp_path / "out", "classification", *rows)
    assert [texts(one)[:2] for one in found] == [["two", "one"], ["one", "two"]]


def test_what_belongs_to_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="belongs to another text"):
        written(tmp_path / "out", "classification", row(text="alone", label="a"))


@pytest.mark.parametrize("task", TASKS.values(), ids=str)
def test_every_task_has_it(task: Any) -> None:
    assert "medi" in fitting(task)
