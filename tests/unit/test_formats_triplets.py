"""Triplets out of the shapes that they are published in, and MEDI's out again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.formats import exporters
from studio.formats.rows import ExportContext, ExportRow, RawTriplet, SkippedRow
from studio.formats.triplets import read_triplets
from studio.records import StudioError
from studio.tasks import TASKS

MEDI = {
    "query": ["Represent the question;", "who keeps the lock"],
    "pos": ["Represent the notice;", "Anna Berg keeps it"],
    "neg": ["Represent the notice;", "it was built of oak"],
    "task_id": 7,
}


def written(folder: Path, *rows: object) -> Path:
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            MEDI,
            {
                "query": "who keeps the lock",
                "positive": "Anna Berg keeps it",
                "negative": "it was built of oak",
                "instruction": "Represent the question;",
                "positive_instruction": "Represent the notice;",
                "group": "task 7",
            },
        ),
        ({"anchor": "a", "positive": "b"}, {"query": "a", "positive": "b"}),
        (
            {"sentence1": "a", "sentence2": "b", "score": 4.2},
            {"query": "a", "positive": "b", "score": "4.2"},
        ),
        (
            {
                "inputs_pretokenized": "Is it wet?",
                "targets_pretokenized": "\nyes",
                "answer_choices": ["yes", "no"],
                "is_correct": True,
                "idx": [0, 3],
            },
            {"query": "Is it wet?", "positive": "yes", "negative": "no"},
        ),
        (
            {
                "instruction": "判断情感。",
                "input": "很好",
                "output": "正面",
                "task_type": {"major": ["分类"]},
                "task_name_in_eng": "senti",
            },
            {"query": "很好", "positive": "正面", "instruction": "判断情感。", "group": "senti"},
        ),
        (
            {"user_query": "a", "positive_document": "b", "hard_negative_document": "c"},
            {"query": "a", "positive": "b", "negative": "c"},
        ),
    ],
)
def test_a_row_is_read_by_its_keys(row: object, expected: dict[str, str], tmp_path: Path) -> None:
    [found] = read_triplets(written(tmp_path, row))
    assert isinstance(found, RawTriplet)
    assert {name: text for name, text in found.fields.items() if text} == expected


def test_several_positives_are_a_triplet_each(tmp_path: Path) -> None:
    row = {"query": "a", "pos": ["b", "c"], "neg": ["d", "e", "f"], "prompt": "Find it."}
    found = [one for one in read_triplets(written(tmp_path, row)) if isinstance(one, RawTriplet)]
    assert [(one.fields["positive"], one.fields["negative"]) for one in found] == [
        ("b", "d"),
        ("c", "e"),
    ]
    assert [one.outside_id for one in found] == ["1", "1#2"]
    assert found[0].fields["instruction"] == "Find it."


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"query": "a"}, "no-field"),
        (
            {
                "inputs_pretokenized": "Is it?",
                "targets_pretokenized": "no",
                "is_correct": False,
            },
            "wrong",
        ),
        ({"query": "a", "positive": " "}, "no-text"),
        ({"query": ["a"], "pos": ["i", "b"]}, "medi"),
        ({"query": "a", "positive": "b", "score": "high"}, "score"),
    ],
)
def test_what_cannot_be_used_is_told(row: object, code: str, tmp_path: Path) -> None:
    found = list(read_triplets(written(tmp_path, {"query": "a", "pos": "b"}, row)))
    assert [one.code for one in found if isinstance(one, SkippedRow)] == [code]


def test_what_an_export_of_ours_has_as_dropped_comes_in_so(tmp_path: Path) -> None:
    row = {"query": "a", "positive": "b", "kept": False, "reason": "copied"}
    found = read_triplets(written(tmp_path, row, {**row, "kept": True}, {**row, "reason": "mood"}))
    reasons = [one.reason for one in found if isinstance(one, RawTriplet)]
    assert reasons == ["copied", "", ""]


def test_a_file_without_any_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="no query with a positive"):
        list(read_triplets(written(tmp_path, {"query": "a"})))


def test_medi_goes_out_as_it_came_in(tmp_path: Path) -> None:
    plain = {"query": "a", "positive": "b", "instruction": "Find it."}
    found = read_triplets(written(tmp_path, MEDI, plain))
    rows = [
        ExportRow(one.fields, "", "", "", number)
        for number, one in enumerate(found)
        if isinstance(one, RawTriplet)
    ]
    exporters()["medi"].write(rows, tmp_path / "out", ExportContext(task=TASKS["embedding"]))
    first, second = json.loads((tmp_path / "out" / "medi.json").read_text("utf-8"))
    assert first == MEDI
    assert second == {"query": ["Find it.", "a"], "pos": ["", "b"], "neg": ["", ""], "task_id": 0}
