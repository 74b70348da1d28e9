"""Labelled queries come in with their split; what labels nothing is reported."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from studio.formats.gold import GoldFiles, has_gold, read_gold
from studio.formats.rows import RawGold, ReadingNote, SkippedRow
from studio.records import StudioError

HEAD = "query-id\tcorpus-id\tscore\n"


def beir(folder: Path, queries: dict[str, str], qrels: dict[str, str]) -> Path:
    """A BEIR folder with these queries and these qrels files."""
    (folder / "qrels").mkdir()
    lines = [json.dumps({"_id": name, "text": text}) for name, text in queries.items()]
    (folder / "queries.jsonl").write_text("\n".join(lines))
    for name, text in qrels.items():
        (folder / "qrels" / name).write_text(text)
    return folder


def gold(source: Path | GoldFiles, **options: bool) -> list[RawGold]:
    return [row for row in read_gold(source, **options) if isinstance(row, RawGold)]


def reports(source: Path | GoldFiles) -> list[tuple[str, str]]:
    return [(row.where, row.code) for row in read_gold(source) if type(row) is SkippedRow]


def notes(source: Path | GoldFiles) -> list[tuple[str, str]]:
    return [(row.where, row.reason) for row in read_gold(source) if isinstance(row, ReadingNote)]


def test_a_beir_folder_gives_queries_with_split_and_grades(tmp_path: Path) -> None:
    folder = beir(
        tmp_path,
        {"a": "what is tea", "b": "what is milk", "c": "never judged"},
        {"test.tsv": HEAD + "a\td1\t2\na\td2\t0\n", "dev.tsv": HEAD + "b\td3\t1\n"},
    )
    assert has_gold(folder)
    assert gold(folder) == [
        RawGold("a", "what is tea", "test", {"d1": 2}, "queries.jsonl:1"),
        RawGold("b", "what is milk", "validation", {"d3": 1}, "queries.jsonl:2"),
    ]


@pytest.mark.parametrize("name", ["dev", "validation", "valid", "val"])
def test_validation_has_many_names(tmp_path: Path, name: str) -> None:
    folder = beir(tmp_path, {"a": "x"}, {f"{name}.tsv": HEAD + "a\td\t1\n"})
    assert [row.split for row in gold(folder)] == ["validation"]


def test_train_is_validation_only_where_asked(tmp_path: Path) -> None:
    qrels = {"train.tsv": HEAD + "a\td\t1\n", "test.tsv": HEAD + "b\td\t1\n"}
    folder = beir(tmp_path, {"a": "x", "b": "y"}, qrels)
    assert [row.split for row in gold(folder)] == ["test"]
    assert ("train.tsv", "split") in reports(folder)
    found = {row.outside_id: row.split for row in gold(folder, train_as_validation=True)}
    assert found == {"a": "validation", "b": "test"}


def test_a_query_of_test_never_is_validation_too(tmp_path: Path) -> None:
    qrels = {"dev.tsv": HEAD + "a\td1\t1\n", "test.tsv": HEAD + "a\td2\t1\n"}
    folder = beir(tmp_path, {"a": "x"}, qrels)
    assert [(row.split, row.relevant) for row in gold(folder)] == [("test", {"d2": 1})]
    assert reports(folder) == [("queries.jsonl:1", "two-splits")]


def test_trec_qrels_and_zipped_ones_are_read(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"qid": 1, "query": "tea?"}')
    (tmp_path / "test.qrels.gz").write_bytes(gzip.compress(b"1 0 d1 1\n1 0 d2 -1\n"))
    files = GoldFiles(tmp_path / "q.jsonl", {"test": tmp_path / "test.qrels.gz"})
    assert [(row.text, row.relevant) for row in gold(files)] == [("tea?", {"d1": 1})]


def test_one_file_may_hold_queries_and_answers(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(
        '{"query": "a", "relevant": ["d1", 2]}\n'
        '{"query": "b", "relevant": {"d1": 2, "d2": 0}, "split": "dev"}\n'
        '{"query": "c", "document_id": "d3", "split": "validation"}\n'
    )
    assert [(row.outside_id, row.split, row.relevant) for row in gold(path)] == [
        ("gold:1", "test", {"d1": 1, "2": 1}),
        ("gold:2", "validation", {"d1": 2}),
        ("gold:3", "validation", {"d3": 1}),
    ]


@pytest.mark.parametrize(
    ("qrels", "report"),
    [
        ("a\td1\n", ("test.tsv:3", "cells")),
        ("a\td1\tmuch\n", ("test.tsv:3", "grade")),
        ("a\td1\tinf\n", ("test.tsv:3", "grade")),
        ("zz\td1\t1\n", ("queries.jsonl", "unknown-query")),
        ("b\td1\t0\n", ("queries.jsonl:2", "no-document")),
        ("a\td\x001\t1\n", ("test.tsv:3", "nul")),
        ("\td1\t1\n", ("test.tsv:3", "bad-id")),
    ],
)
def test_a_nasty_judgement_costs_one_row(
    tmp_path: Path, qrels: str, report: tuple[str, str]
) -> None:
    folder = beir(tmp_path, {"a": "x", "b": "y"}, {"test.tsv": HEAD + "a\td9\t1\n" + qrels})
    assert [row.outside_id for row in gold(folder)] == ["a"]
    assert reports(folder) == [report]


@pytest.mark.parametrize(
    "line",
    ['{"_id": "a", "text": " "}', '{"text": "no id"}', '{"_id": "b", "text": "again"}', "{oops"],
)
def test_a_nasty_query_costs_one_row(tmp_path: Path, line: str) -> None:
    folder = beir(tmp_path, {"b": "y"}, {"test.tsv": HEAD + "b\td9\t1\n"})
    with (folder / "queries.jsonl").open("a") as file:
        file.write("\n" + line)
    assert [row.outside_id for row in gold(folder)] == ["b"]
    assert [where for where, _ in reports(folder)] == ["queries.jsonl:2"]


def test_gold_without_a_labelled_query_is_refused(tmp_path: Path) -> None:
    folder = beir(tmp_path, {"a": "x"}, {"train.tsv": HEAD + "a\td\t1\n"})
    with pytest.raises(
        StudioError, match=r"holds no labelled .* the first at train\.tsv: the split"
    ):
        list(read_gold(folder))
    with pytest.raises(StudioError, match="There is no"):
        read_gold(tmp_path / "nowhere")
    with pytest.raises(StudioError, match=r"has no queries\.jsonl"):
        read_gold(tmp_path / "qrels")


JUDGED = {
    "test.tsv": "a\td1\t1\nb\td2\t2\n",
    "test.csv": 'query-id,corpus-id,score\n"a","d1",1\nb,d2,2\n',
    "test.txt": "a 0 d1 1\nb Q0 d2 2\n",
    "qrels.test.tsv": "corpus-id\tquery-id\tscore\nd1\ta\t1\nd2\tb\t2\n",
    "test.jsonl": '{"query-id": "a", "corpus-id": "d1", "score": 1}\n'
    '{"query-id": "b", "corpus-id": "d2", "score": 2}\n',
    "test-00000-of-00001.json": '[{"qid": "a", "docid": "d1", "relevance": "1"},'
    ' {"qid": "b", "docid": "d2", "relevance": 2.0}]',
}


@pytest.mark.parametrize("name", JUDGED)
def test_judgements_come_in_many_shapes(tmp_path: Path, name: str) -> None:
    folder = beir(tmp_path, {"a": "x", "b": "y"}, {name: JUDGED[name]})
    assert [row.relevant for row in gold(folder)] == [{"d1": 1}, {"d2": 2}]
    assert reports(folder) == []


def test_pairs_without_a_grade_are_relevant(tmp_path: Path) -> None:
    folder = beir(tmp_path, {"a": "x"}, {"test.tsv": "a\td1\na\td2\n"})
    assert [row.relevant for row in gold(folder)] == [{"d1": 1, "d2": 1}]


def test_the_higher_of_two_judgements_counts_and_the_other_is_told(tmp_path: Path) -> None:
    folder = beir(tmp_path, {"a": "x"}, {"test.tsv": HEAD + "a\td1\t2\na\td1\t0\na\td1\t3\n"})
    assert [row.relevant for row in gold(folder)] == [{"d1": 3}]
    assert reports(folder) == [("test.tsv:3", "repeated"), ("test.tsv:4", "repeated")]


@pytest.mark.parametrize(("grade", "counts"), [(".5", 1), ("1.0", 1), ("1.5", 2), ("-1", 0)])
def test_parts_of_a_grade_count_up(tmp_path: Path, grade: str, counts: int) -> None:
    folder = beir(tmp_path, {"a": "x"}, {"test.tsv": f"{HEAD}a\td1\t{grade}\na\td2\t1\n"})
    wanted = {"d1": counts, "d2": 1} if counts else {"d2": 1}
    assert [row.relevant for row in gold(folder)] == [wanted]


def test_what_was_rounded_is_told_once_a_file(tmp_path: Path) -> None:
    folder = beir(
        tmp_path,
        {"a": "x"},
        {"test.tsv": HEAD + "a\td1\t.5\na\td2\t1.5\n", "dev.csv": "qid,docid\na,d3\n"},
    )
    assert notes(folder) == [
        ("test.tsv", "2 grades are no whole number and counted up, such as 0.5 as 1")
    ]
    one = tmp_path / "one.jsonl"
    one.write_text(json.dumps({"id": "q", "query": "x", "relevant": {"d": 0.25, "e": 2}}) + "\n")
    assert notes(one) == [
        ("one.jsonl", "1 grade is no whole number and counted up, such as 0.25 as 1")
    ]


def test_columns_that_were_guessed_are_told(tmp_path: Path) -> None:
    folder = beir(tmp_path, {}, {"test.tsv": "1\td1\t1\n", "dev.txt": "2 0 d1 1\n"})
    (folder / "queries.jsonl").unlink()
    (folder / "queries.tsv").write_text("1\twhat is tea\n2\twhat is milk\n")
    said = "it has no header line: its columns were taken as"
    assert notes(folder) == [
        ("test.tsv", f"{said} query, document, grade"),
        ("queries.tsv", f"{said} id, text"),
    ]


def test_a_first_line_that_is_no_header_is_told(tmp_path: Path) -> None:
    folder = beir(tmp_path, {"a": "x", "b": "y"}, {"test.tsv": "a\td1\thigh\nb\td2\t1\n"})
    assert reports(folder)[0] == ("test.tsv:1", "grade")


def test_queries_may_be_a_table_without_a_header(tmp_path: Path) -> None:
    folder = beir(tmp_path, {}, {"test.tsv": "1\td1\t1\n"})
    (folder / "queries.jsonl").unlink()
    (folder / "queries.tsv").write_text("1\twhat is tea\n2\twhat is milk\n")
    assert [(row.outside_id, row.text) for row in gold(folder)] == [("1", "what is tea")]


def test_a_hub_s_data_set_of_three_configurations(tmp_path: Path) -> None:
    rows = {
        "corpus/corpus-00000-of-00001.jsonl": {"_id": "d1", "text": "Tea is a drink."},
        "queries/queries-00000-of-00001.jsonl": {"_id": "a", "text": "what is tea"},
        "data/test-00000-of-00002.jsonl": {"query-id": "a", "corpus-id": "d1", "score": 1},
        "data/test-00001-of-00002.jsonl": {"query-id": "a", "corpus-id": "d2", "score": 2},
    }
    for name, row in rows.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(row) + "\n")
    assert has_gold(tmp_path)
    assert [row.relevant for row in gold(tmp_path)] == [{"d1": 1, "d2": 2}]


def test_queries_and_their_documents_in_one_object(tmp_path: Path) -> None:
    held = {"queries": {"a": "what is tea"}, "corpus": {}, "relevant_docs": {"a": ["d1", "d2"]}}
    (tmp_path / "a.json").write_text(json.dumps(held))
    assert [row.relevant for row in gold(tmp_path / "a.json")] == [{"d1": 1, "d2": 1}]
