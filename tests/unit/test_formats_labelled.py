"""Labelled items come in from any table; what cannot be used is named with its line and why."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.formats.labelled import GoldFields, read_gold
from studio.formats.rows import SkippedRow
from studio.formats.text_source import MAX_TEXT
from studio.records import Gold, StudioError
from studio.tasks import TASKS
from tests.support.data import as_gold, datum

LABELS = ("positive", "negative")
PASSAGE = "The mill was built in 1901 by Anna Berg. It ground oats."
GOOD = {"text": "warm and clean", "label": "positive"}


def read(
    path: Path, task: str = "classification", fields: GoldFields = GoldFields()
) -> list[Gold | SkippedRow]:
    labels = () if task == "qa" else LABELS
    found = read_gold(path, TASKS[task], labels=labels, split="validation", fields=fields)
    return list(found)


def items(path: Path, task: str = "classification", **fields: str) -> list[Gold]:
    found = read(path, task, GoldFields(**fields))
    assert not [row for row in found if isinstance(row, SkippedRow)]
    return [as_gold(row, "validation") for row in found if isinstance(row, Gold)]


def reports(path: Path, task: str = "classification") -> list[tuple[str, str]]:
    return [(row.where, row.code) for row in read(path, task) if isinstance(row, SkippedRow)]


def write(path: Path, *rows: object) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(line + "\n" for line in lines), "utf-8", newline="")
    return path


# -- what each task's files give


def test_single_texts_have_a_label(tmp_path: Path) -> None:
    path = write(
        tmp_path / "gold.jsonl", {"_id": "a", **GOOD}, {"sentence": "冷", "label": "negative"}
    )
    assert read(path) == [
        as_gold(datum("warm and clean", "positive"), "validation", "gold:a", "gold.jsonl:1"),
        as_gold(datum("冷", "negative"), "validation", "gold:2", "gold.jsonl:2"),
    ]


@pytest.mark.parametrize(
    "names",
    [("premise", "hypothesis"), ("sentence1", "sentence2"), ("text_a", "text_b"), ("前提", "假设")],
)
def test_pairs_have_a_premise_and_a_hypothesis(tmp_path: Path, names: tuple[str, str]) -> None:
    row = {names[0]: "It rains.", names[1]: "It is wet.", "gold_label": "positive"}
    path = write(tmp_path / "gold.jsonl", row)
    assert items(path, "nli") == [datum("It is wet.", "positive", "It rains.")]


@pytest.mark.parametrize(
    ("answers", "read_as"),
    [
        ("1901", ("1901",)),
        (1901, ("1901",)),
        (["1901", "in 1901", "1901"], ("1901", "in 1901")),
        ({"text": ["1901"], "answer_start": [22]}, ("1901",)),
        ([{"text": "Anna Berg", "answer_start": 30}], ("Anna Berg",)),
    ],
)
def test_questions_have_answers_in_any_usual_form(
    tmp_path: Path, answers: object, read_as: tuple[str, ...]
) -> None:
    row = {"question": "When?", "context": PASSAGE, "answers": answers}
    path = write(tmp_path / "gold.jsonl", row)
    assert items(path, "qa") == [datum("When?", "", PASSAGE, read_as)]


def squad(passage: str = PASSAGE) -> dict[str, object]:
    questions = [
        {"id": "q1", "question": "Who?", "answers": [{"text": "Anna Berg", "answer_start": 30}]},
        {"id": "q2", "question": "Where?", "answers": [], "is_impossible": True},
    ]
    paragraph = {"context": passage, "qas": questions}
    return {"version": "1.1", "data": [{"title": "Mill", "paragraphs": [paragraph]}]}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_squad_files_are_read_however_they_are_laid_out(
    tmp_path: Path, indent: int | None, encoding: str
) -> None:
    path = tmp_path / "dev.json"
    path.write_bytes(json.dumps(squad(), indent=indent).encode(encoding))
    assert read(path, "qa") == [
        as_gold(datum("Who?", "", PASSAGE, ("Anna Berg",)), "validation", "dev:q1", "dev.json:q1"),
        SkippedRow("dev.json:q2", "the question has no answer", "answer"),
    ]


def test_a_squad_file_may_be_one_very_long_line(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text(json.dumps(squad(PASSAGE + " and oats" * (MAX_TEXT // 9 + 1))))
    assert path.stat().st_size > MAX_TEXT
    assert [row.code for row in read(path, "qa") if isinstance(row, SkippedRow)] == ["answer"]


def test_rows_with_a_field_named_data_are_no_squad(tmp_path: Path) -> None:
    row = {"data": "set 1", "question": "When?", "context": PASSAGE, "answer": "1901"}
    assert len(items(write(tmp_path / "a.jsonl", row, row), "qa")) == 2


@pytest.mark.parametrize("text", ['{"data": [1]}', '{"data": [{"paragraphs": 3}]}', '{"data": ['])
def test_a_broken_squad_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(StudioError, match="begins like a SQuAD file"):
        read(write(tmp_path / "dev.json", text), "qa")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "text,label\nwarm and clean,positive\n"),
        ("a.csv", 'label;text\r\npositive;"warm and clean"\r\n'),
        ("a.tsv", "Text\tLabel\nwarm and clean\tpositive\n"),
        ("a.csv", "text,label\nwarm and clean,positive,\n"),
        ("a.csv", "text,label\nwarm and clean,positive,more\n"),
    ],
)
def test_tables_are_read_whatever_their_delimiter(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, newline="")
    if text.endswith("more\n"):
        with pytest.raises(StudioError, match="3 cells"):
            read(tmp_path / name)
        return
    assert items(tmp_path / name) == [datum("warm and clean", "positive")]


def test_a_table_s_cell_may_hold_several_answers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["question", "context", "answers"])
        rows.writerow(["When?", PASSAGE, '["1901", "in 1901"]'])
        rows.writerow(["Which note?", "It says [1] in the margin.", "[1]"])
    assert [item.answers for item in items(path, "qa")] == [("1901", "in 1901"), ("[1]",)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "gb18030"])
@pytest.mark.parametrize("zipped", [False, True])
def test_encodings_and_gzip_are_found_out(tmp_path: Path, encoding: str, zipped: bool) -> None:
    rows = [{"text": f"房间很干净，房东也很热情，第{n}次来", "label": "positive"} for n in range(9)]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if encoding == "utf-16-be":
        text = "\ufeff" + text
    data = text.encode(encoding)
    path = tmp_path / "gold.jsonl"
    path.write_bytes(gzip.compress(data) if zipped else data)
    assert items(path)[0].text.startswith("房间很干净")
    assert len(items(path)) == 9


def test_the_encoding_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "gold.csv"
    path.write_bytes("text,label\ncafé,positive\n".encode("cp1252"))
    assert items(path, encoding="cp1252") == [datum("café", "positive")]


def test_columns_can_be_named(tmp_path: Path) -> None:
    row = {"text": "not this", "note": "warm", "stars": 1, "label": "x", "key": 7}
    path = write(tmp_path / "gold.jsonl", row)
    found = list(
        read_gold(
            path, TASKS["classification"], labels=("1", "2"), split="test",
            fields=GoldFields(text="note", label="stars", id="key"),
        )
    )  # fmt: skip
    assert found == [as_gold(datum("warm", "1"), "test", "gold:7", "gold.jsonl:1")]


@pytest.mark.parametrize(("value", "label"), [(1, "1"), (1.0, "1"), (True, "true"), (" a ", "a")])
def test_labels_may_be_numbers_and_truths(tmp_path: Path, value: object, label: str) -> None:
    path = write(tmp_path / "gold.jsonl", {"text": "warm", "label": value})
    (found,) = read_gold(path, TASKS["classification"], labels=(label,), split="test")
    assert isinstance(found, Gold)
    assert found.label == label


# -- what is left out, with line and reason


@pytest.mark.parametrize(
    ("row", "code", "words"),
    [
        ({"text": "x", "label": "postive"}, "label", "did you mean 'positive'?"),
        ({"text": "x", "label": "Positive"}, "label", "did you mean 'positive'?"),
        ({"text": "x", "label": "🙂"}, "label", "the labels are positive, negative"),
        ({"text": "x", "label": ""}, "label", "empty"),
        ({"text": "x", "label": None}, "label", "empty"),
        ({"text": "x", "label": ["positive"]}, "label", "list"),
        ({"text": "x"}, "no-field", "no field 'label'; there are 'text'"),
        ({"label": "positive"}, "no-field", "no field 'text'"),
        ({"text": " \n ", "label": "positive"}, "no-text", "empty"),
        ({"text": None, "label": "positive"}, "no-text", "empty"),
        ({"text": 3, "label": "positive"}, "no-text", "a number"),
        ({"text": "a\0b", "label": "positive"}, "nul", "NUL"),
        ('{"text": "a\\ud800b", "label": "positive"}', "surrogate", "surrogate"),
        ({"text": "x", "label": "positive", "_id": "a\tb"}, "bad-id", "tab"),
        ('{"text": "x", "label": ', "json", "not JSON"),
        ('"just a text"', "json", "not an object"),
        ("[" * 100_000, "json", "not JSON"),
        ('{"text": "' + "x" * MAX_TEXT + '"}', "too-long", "8 MB"),
    ],
    ids=lambda item: str(item)[:40],
)
def test_a_nasty_row_costs_itself(tmp_path: Path, row: object, code: str, words: str) -> None:
    found = read(write(tmp_path / "gold.jsonl", GOOD, row, GOOD))
    assert [isinstance(one, Gold) for one in found] == [True, False, True]
    bad = found[1]
    assert isinstance(bad, SkippedRow)
    assert (bad.where, bad.code) == ("gold.jsonl:2", code)
    assert words in bad.reason
    assert len(bad.reason) < 300


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"question": "When?", "context": PASSAGE, "answer": "1902"}, "answer"),
        ({"question": "When?", "context": PASSAGE, "answer": "anna berg"}, "answer"),
        ({"question": "When?", "context": PASSAGE, "answers": ["1901", "1902"]}, "answer"),
        ({"question": "When?", "context": PASSAGE, "answers": []}, "answer"),
        ({"question": "When?", "context": PASSAGE, "answer": " "}, "answer"),
        ({"question": "When?", "context": PASSAGE}, "no-field"),
        ({"question": "When?", "answer": "1901"}, "no-field"),
        ({"question": "", "context": PASSAGE, "answer": "1901"}, "no-text"),
        ({"question": "When?", "context": " ", "answer": "1901"}, "no-text"),
    ],
    ids=lambda item: str(item)[:60],
)
def test_a_question_needs_its_answer_word_for_word_in_its_passage(
    tmp_path: Path, row: object, code: str
) -> None:
    good = {"question": "When?", "context": PASSAGE, "answer": "1901"}
    assert reports(write(tmp_path / "q.jsonl", good, row), "qa") == [("q.jsonl:2", code)]


def test_a_pair_needs_both_sides(tmp_path: Path) -> None:
    good = {"premise": "It rains.", "hypothesis": "It is wet.", "label": "positive"}
    rows = [good, {**good, "premise": ""}, {**good, "hypothesis": " "}, {"hypothesis": "x"}]
    assert reports(write(tmp_path / "p.jsonl", *rows), "nli") == [
        ("p.jsonl:2", "no-text"),
        ("p.jsonl:3", "no-text"),
        ("p.jsonl:4", "no-field"),
    ]


def test_lines_of_a_table_are_those_of_the_file(tmp_path: Path) -> None:
    text = 'text,label\n"two\nlines",positive\nx,odd\n\ny,negative\nz,positive,extra\n'
    path = tmp_path / "gold.csv"
    path.write_text(text)
    assert reports(path) == [("gold.csv:4", "label"), ("gold.csv:7", "cells")]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("none.jsonl", None, "There is no file"),
        ("empty.jsonl", b"", "holds no item: it is empty"),
        ("blank.csv", b"text,label\n", "holds no item: it is empty"),
        ("bad.jsonl", b'{"text": "x", "label": "odd"}\n', "1 row was left out, the first at"),
        ("array.jsonl", b'[{"text": "x"}]', "array.jsonl:1: there is no field"),
        ("cut.jsonl", gzip.compress(b'{"text": "x"}\n' * 99, mtime=0)[:-9], "cut off"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "picture.csv"),
    ],
)
def test_a_file_without_items_is_one_sentence(
    tmp_path: Path, name: str, data: bytes | None, words: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    for task in ("classification", "qa"):
        with pytest.raises(StudioError) as said:
            read(tmp_path / name, task)  # type: ignore[arg-type]
        assert words in str(said.value) or (task == "qa" and "bad" in name)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="There is no file"):
        read(tmp_path)


# -- whatever a file holds


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda text: bool(text.strip())
)


@given(st.lists(st.tuples(TEXTS, st.sampled_from(LABELS)), min_size=1, max_size=8))
@settings(max_examples=40)
def test_what_is_written_as_jsonl_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "gold.jsonl"
    write(path, *({"text": text, "label": label} for text, label in rows))
    assert items(path) == [datum(text.strip(), label) for text, label in rows]


@given(st.lists(st.tuples(TEXTS, st.sampled_from(LABELS)), min_size=1, max_size=8))
@settings(max_examples=40)
def test_what_is_written_as_csv_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "gold.csv"
    made = io.StringIO()
    writer = csv.writer(made, quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "label"), *rows])
    path.write_text(made.getvalue(), "utf-8", newline="")
    found = [(row.text, row.label) for row in read(path) if isinstance(row, Gold)]
    assert found == [(text.strip(), label) for text, label in rows]


@given(st.binary(max_size=400))
@settings(max_examples=60)
def test_any_bytes_give_items_reports_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for name, task in (("a.jsonl", "classification"), ("a.csv", "nli"), ("a.json", "qa")):
        (folder / name).write_bytes(data)
        with contextlib.suppress(StudioError):
            found = read(folder / name, task)  # type: ignore[arg-type]
            assert all(isinstance(row, Gold | SkippedRow) for row in found)


@given(TEXTS, st.integers(0, 30), st.integers(1, 30))
@settings(max_examples=60)
def test_any_stretch_of_a_passage_may_answer(
    tmp_path_factory: pytest.TempPathFactory, passage: str, start: int, length: int
) -> None:
    answer = passage[start : start + length]
    path = tmp_path_factory.mktemp("span") / "q.jsonl"
    write(path, {"question": "?", "context": passage, "answers": {"text": [answer]}})
    if answer.strip():
        assert items(path, "qa") == [datum("?", "", passage, (answer,))]
    else:
        with pytest.raises(StudioError, match="no answer"):
            read(path, "qa")
