"""Few-shot examples go out and come back as they were."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.formats.examples import read_examples, write_examples
from studio.formats.rows import RawExample, SkippedRow
from studio.formats.spreadsheet import safe_cell, unsafe_cell
from studio.records import Example, StudioError


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv"])
def test_examples_go_out_and_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"examples{suffix}"
    examples = [
        Example("Tea is\na drink.", "=what is tea?", document_id=7, tags="drink hot"),
        Example("喝茶", '"why"', enabled=False),
    ]
    assert write_examples(examples, path, {7: "d7"}) == 2
    found = [row for row in read_examples(path) if isinstance(row, RawExample)]
    assert [replace(row, where="") for row in found] == [
        RawExample("=what is tea?", "Tea is\na drink.", "d7", "drink hot", True),
        RawExample('"why"', "喝茶", enabled=False),
    ]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_an_example_may_name_its_document_by_id_alone(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"question": "tea?", "doc_id": 3}')
    assert list(read_examples(tmp_path / "a.jsonl")) == [
        RawExample("tea?", document_id="3", where="a.jsonl:1")
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"query": "x"}', "neither a document's text nor its id"),
        ('{"document": "x"}', "the field 'query' is empty"),
        ('{"query": 3, "document": "x"}', "is a number, not a text"),
        ("{oops", "not JSON"),
    ],
)
def test_a_nasty_example_costs_one_row(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "a.jsonl").write_text('{"query": "a", "document": "b"}\n' + line)
    good, bad = read_examples(tmp_path / "a.jsonl")
    assert isinstance(good, RawExample)
    assert isinstance(bad, SkippedRow)
    assert reason in bad.reason


def test_files_that_are_no_examples_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("query,document\n")
    with pytest.raises(StudioError, match="holds no example: it is empty"):
        list(read_examples(tmp_path / "a.csv"))
    with pytest.raises(StudioError, match="There is no file"):
        read_examples(tmp_path / "b.csv")
    with pytest.raises(StudioError, match=r"written as \.jsonl, \.csv or \.tsv"):
        write_examples([], tmp_path / "a.xlsx")


CELLS = st.text(
    st.sampled_from("'=+-@\t\r\n＝ax,\" ") | st.characters(exclude_categories=["Cs", "Cc"])
)


@given(CELLS)
def test_a_safe_cell_starts_no_formula_and_can_be_undone(text: str) -> None:
    safe = safe_cell(text)
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
    assert unsafe_cell(safe) == text


@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_csv_examples_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("round") / "a.csv"
    usable = [
        Example(text, query)
        for text, query in rows
        if text.strip() and query.strip() and "\0" not in text + query
    ] or [Example("d", "q")]
    write_examples(usable, path)
    found = [
        (row.document_text, row.query) for row in read_examples(path) if isinstance(row, RawExample)
    ]
    assert found == [(one.document_text, one.query) for one in usable]
    with path.open(newline="", encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == len(usable) + 1


def test_several_positives_and_arrays_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"query": "what is tea", "pos": ["Tea is a drink."], "neg": ["Milk."]}]')
    (row,) = read_examples(path)
    assert isinstance(row, RawExample)
    assert (row.query, row.document_text) == ("what is tea", "Tea is a drink.")
