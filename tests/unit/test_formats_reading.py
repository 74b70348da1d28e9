"""Any corpus comes in as a stream of documents; what cannot be used is reported, never hidden."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import formats
from studio.formats.reading import read_corpus
from studio.formats.rows import FieldMap, RawDocument, SkippedRow
from studio.formats.seen import Seen
from studio.records import StudioError


def documents(path: Path, fields: FieldMap | None = None) -> list[RawDocument]:
    return [row for row in read_corpus(path, fields) if isinstance(row, RawDocument)]


def skipped(path: Path) -> list[SkippedRow]:
    return [row for row in read_corpus(path) if isinstance(row, SkippedRow)]


def jsonl(*rows: object) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


GOOD = {"_id": "1", "title": "Tea", "text": "Tea is a drink."}


# --- what each format gives


def test_jsonl_gives_documents_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "docs.jsonl"
    path.write_text(jsonl(GOOD, {"id": 2, "text": "喝茶"}), encoding="utf-8")
    assert documents(path) == [
        RawDocument("1", "Tea", "Tea is a drink.", "docs.jsonl:1"),
        RawDocument("2", "", "喝茶", "docs.jsonl:2"),
    ]


def test_a_row_without_an_id_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "docs.jsonl.gz"
    path.write_bytes(gzip.compress(jsonl({"text": "one"}, {"text": "two"}).encode()))
    assert [row.outside_id for row in documents(path)] == ["docs:1", "docs:2"]


def test_gzip_is_known_by_its_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "docs.jsonl"
    path.write_bytes(gzip.compress(jsonl(GOOD).encode()))
    assert len(documents(path)) == 1


def test_a_beir_folder_gives_its_corpus(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text(jsonl(GOOD))
    (tmp_path / "queries.jsonl").write_text(jsonl({"_id": "q", "text": "what is tea"}))
    assert [row.text for row in documents(tmp_path)] == ["Tea is a drink."]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "id,title,text\n1,T,hello\n"),
        ("a.csv", "id;title;text\r\n1;T;hello\r\n"),
        ("a.tsv", "id\ttitle\ttext\n1\tT\thello\n"),
        ("a.csv", "﻿ID,Title,Text\n1,T,hello\n"),
        ("a.csv", "id,title,text,id2\n\n1,T,hello\n"),
    ],
)
def test_tables_are_read_whatever_their_delimiter(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    (row,) = documents(tmp_path / name)
    assert (row.outside_id, row.title, row.text) == ("1", "T", "hello")


def test_csv_cells_hold_quotes_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,"two\nlines, ""quoted"""\n2,next\n')
    assert [(row.text, row.where) for row in documents(path)] == [
        ('two\nlines, "quoted"', "a.csv:2"),
        ("next", "a.csv:4"),
    ]


def test_tsv_with_loose_quotes_takes_them_for_letters(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('id\ttext\n1\t"Tea" is a drink\n2\t"unfinished\n3\tlast\n')
    assert [row.text for row in documents(path)] == ['"Tea" is a drink', '"unfinished', "last"]


def test_a_loose_quote_far_into_a_table_swallows_nothing(tmp_path: Path) -> None:
    for name, mark in (("a.tsv", "\t"), ("a.csv", ",")):
        rows = [f"x{n}{mark}text {n} of many" for n in range(900)]
        rows[700], rows[760] = f'x700{mark}"Stop there', f'x760{mark}said "no"'
        (tmp_path / name).write_text("\n".join([f"id{mark}text", *rows]))
        found = documents(tmp_path / name)
        assert [row.outside_id for row in found] == [f"x{n}" for n in range(900)]
        assert (found[700].text, found[760].text) == ('"Stop there', 'said "no"')


CELL = st.text(st.sampled_from("ab \"'1,"), min_size=1, max_size=12).filter(str.strip)


@given(st.lists(CELL, min_size=2, max_size=60))
def test_every_line_of_a_tsv_with_plain_quotes_is_a_row(cells: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tsv"
        rows = [f"x{n}\t{cell}x" for n, cell in enumerate(cells)]
        path.write_text("\n".join(["id\ttext", *rows]) + "\n")
        assert [row.outside_id for row in documents(path)] == [f"x{n}" for n in range(len(cells))]


HEADERLESS = {
    "numbers": "0\tTea is a drink.\n1\tSo is milk.\n",
    "ids of one form": "d0\tTea is a drink.\nd1\tSo is milk.\n",
    "two titles": "0\thttp://a.example\tTea\tTea is a drink, hot or cold.\n"
    "1\thttp://b.example\tMilk\tSo is milk, from a cow or a goat.\n",
}


@pytest.mark.parametrize("kind", HEADERLESS)
def test_a_table_without_a_header_keeps_its_first_row(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.tsv").write_text(HEADERLESS[kind])
    found = documents(tmp_path / "a.tsv")
    assert [row.outside_id.lstrip("d") for row in found] == ["0", "1"]
    assert found[0].text.startswith("Tea is a drink")
    assert [row.title for row in found] == (["Tea", "Milk"] if kind == "two titles" else ["", ""])


def test_a_first_row_that_is_short_hides_no_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,title,text\n1,Tea\n2,Milk,It is white.\n")
    assert [row.text for row in documents(tmp_path / "a.csv")] == ["Tea", "It is white."]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "id,text\r1,one text\r2,two texts\r"),
        ("a.jsonl", '{"id": 1, "text": "one text"}\r{"id": 2, "text": "two texts"}\r'),
    ],
)
def test_lines_may_end_as_on_old_macs(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    (tmp_path / name).write_bytes(text.encode(encoding))
    assert [row.text for row in documents(tmp_path / name)] == ["one text", "two texts"]


ONE, TWO = {"id": "1", "text": "one text"}, {"id": "2", "text": "two texts"}
LAYOUTS = {
    "an array": json.dumps([ONE, TWO]),
    "a printed array": json.dumps([ONE, TWO], indent=2),
    "rows in an object": json.dumps({"version": 1, "data": [ONE, TWO]}),
    "rows in a printed object": json.dumps({"version": 1, "data": [ONE, TWO]}, indent=2),
    "a hub's rows": json.dumps({"rows": [{"row": ONE}, {"row": TWO}]}),
    "columns": '{"id": ["1", "2"], "text": ["one text", "two texts"]}',
    "pandas' columns": '{"id": {"0": "1", "1": "2"}, "text": {"0": "one text", "1": "two texts"}}',
    "pandas' split": '{"columns": ["id", "text"], "data": [["1", "one text"], ["2", "two texts"]]}',
    "ids with texts": '{"queries": {"q": "what"}, "corpus": {"1": "one text", "2": "two texts"}}',
    "ids with documents": json.dumps({"corpus": {"1": ONE, "2": TWO}}),
    "printed objects": json.dumps(ONE, indent=1) + "\n" + json.dumps(TWO, indent=1),
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_json_is_read_however_it_is_laid_out(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.json").write_text(LAYOUTS[kind])
    assert [(row.outside_id, row.text) for row in documents(tmp_path / "a.json")] == [
        ("1", "one text"),
        ("2", "two texts"),
    ]


def test_a_large_array_is_read_in_pieces(tmp_path: Path) -> None:
    rows = [{"id": f"é{n}", "text": f"text {n} [" + "x" * 900} for n in range(4000)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(rows), encoding="utf-16")
    assert [row.outside_id for row in documents(path)] == [f"é{n}" for n in range(4000)]


def test_a_folder_of_shards_is_one_corpus(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("# About these data")
    (tmp_path / "dataset_infos.json").write_text("{}")
    for part in range(2):
        name = f"train-0000{part}-of-00002"
        pq.write_table(pa.table({"text": [f"text {part}"]}), tmp_path / f"data/{name}.parquet")
    (tmp_path / "data/more.csv").write_text("id,text\nx,third text\n")
    found = [(row.outside_id, row.text) for row in documents(tmp_path)]
    assert found == [
        ("x", "third text"),
        ("train-00000-of-00002:1", "text 0"),
        ("train-00001-of-00002:1", "text 1"),
    ]


def test_a_folder_of_texts_stays_one_though_a_table_lies_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("a text")
    (tmp_path / "b.csv").write_text("id,text\n1,x\n")
    assert [row.text for row in documents(tmp_path)] == ["a text"]


def test_a_field_map_names_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("key,head,say\n7,T,hello\n")
    (row,) = documents(path, FieldMap(id="key", title="head", text="say"))
    assert (row.outside_id, row.title, row.text) == ("7", "T", "hello")


def test_a_text_folder_gives_one_document_a_file(tmp_path: Path) -> None:
    (tmp_path / "sub/deep").mkdir(parents=True)
    (tmp_path / "b.txt").write_text("plain")
    (tmp_path / "sub/deep/a.md").write_text("# A heading #\n\nThe text.\n")
    (tmp_path / ".hidden.txt").write_text("no")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config.txt").write_text("no")
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"zipped"))
    assert documents(tmp_path) == [
        RawDocument("b.txt", "", "plain", "b.txt"),
        RawDocument("c.txt.gz", "", "zipped", "c.txt.gz"),
        RawDocument("sub/deep/a.md", "A heading", "The text.\n", "sub/deep/a.md"),
    ]


def test_links_in_a_text_folder_are_reported_and_not_followed(tmp_path: Path) -> None:
    corpus, outside = tmp_path / "corpus", tmp_path / "outside"
    corpus.mkdir()
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (corpus / "a.txt").write_text("mine")
    (corpus / "b.txt").symlink_to(outside / "secret.txt")
    (corpus / "loop").symlink_to(corpus)
    (corpus / "gone.txt").symlink_to(outside / "nowhere.txt")
    assert [row.text for row in documents(corpus)] == ["mine"]
    assert {(row.where, row.code) for row in skipped(corpus)} == {
        ("b.txt", "link"),
        ("loop", "link"),
        ("gone.txt", "link"),
    }


def test_a_pipe_in_a_text_folder_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine")
    os.mkfifo(tmp_path / "b.txt")
    assert [row.where for row in skipped(tmp_path)] == ["b.txt"]


def test_a_file_name_that_is_no_text_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text("odd")
    rows = list(read_corpus(tmp_path))
    assert len(rows) == 2
    for row in rows:
        row.where.encode("utf-8")


def test_parquet_columns_may_have_odd_types(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    table = pa.table(
        {
            "id": pa.array([1.0, 2.0, None, 4.0]),
            "title": pa.array(["x", "x", None, ""]).dictionary_encode(),
            "text": pa.array([b"one", b"zwei", b"\xff", None], pa.large_binary()),
            "vector": pa.array([[1.0]] * 4),
        }
    )
    pq.write_table(table, path)
    assert [(row.outside_id, row.title, row.text) for row in documents(path)] == [
        ("1", "x", "one"),
        ("2", "x", "zwei"),
    ]
    assert [(row.where, row.code) for row in skipped(path)] == [
        ("a.parquet:3", "encoding"),
        ("a.parquet:4", "no-text"),
    ]


@pytest.mark.parametrize("kind", ["list", "struct", "null", "int", "view"])
def test_a_parquet_text_that_is_no_text_is_reported(tmp_path: Path, kind: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = {
        "list": pa.array([["a"], ["b"]]),
        "struct": pa.array([{"a": 1}, {"a": 2}]),
        "null": pa.nulls(2),
        "int": pa.array([1, 2]),
        "view": pa.array(["good", None], pa.string_view()),
    }
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": values[kind]}), path)
    if kind == "view":
        assert [row.text for row in documents(path)] == ["good"]
        return
    with pytest.raises(StudioError, match="2 rows were left out, the first at"):
        list(read_corpus(path))


TITLES = {
    "a year": (1984, "1984"),
    "a price": (1.5, "1.5"),
    "yes": (True, "true"),
    "nothing": (None, ""),
    "no number": (float("nan"), ""),
    "a list": (["Tea", None, "Cake"], "Tea, Cake"),
    "an object": ({"de": "Tee"}, '{"de": "Tee"}'),
    "a NUL": ("T\0a", "T\N{REPLACEMENT CHARACTER}a"),
    "half a pair": ("T\ud83d", "T?"),
}


@pytest.mark.parametrize("kind", TITLES)
def test_no_title_loses_its_document(tmp_path: Path, kind: str) -> None:
    title, shown = TITLES[kind]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"title": title, "text": "Tea is a drink."}) + "\n")
    assert [(row.title, row.text) for row in documents(path)] == [(shown, "Tea is a drink.")]


def test_dates_are_titles_in_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    days = [datetime(2021, 3, 4), datetime(2021, 3, 4, 5, 6), None]
    columns = {"title": pa.array(days), "text": ["a b", "c d", "e f"]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    titles = [row.title for row in documents(tmp_path / "a.parquet")]
    assert titles == ["2021-03-04", "2021-03-04 05:06:00", ""]


@pytest.mark.parametrize("text", ['"text": ""', '"text": null', '"text": " \\n"', '"url": "x.org"'])
def test_a_document_with_a_title_alone_has_it_as_its_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"_id": "1", "title": "How tea is made", {text}}}\n')
    assert documents(path) == [RawDocument("1", "", "How tea is made", "a.jsonl:1")]


def test_a_table_of_titles_is_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,title\n1,How tea is made\n")
    assert documents(tmp_path / "a.csv") == [RawDocument("1", "", "How tea is made", "a.csv:2")]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_title_is_not_taken_for_a_text_of_another_name(tmp_path: Path, name: str) -> None:
    table = "title,story\nTea,It is a drink.\n"
    row = '{"title": "Tea", "story": "It is a drink."}\n'
    (tmp_path / name).write_text(table if name == "a.csv" else row)
    with pytest.raises(StudioError):
        documents(tmp_path / name)


# --- encodings


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "gb18030", "shift_jis"],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_encodings_are_found_out(tmp_path: Path, encoding: str, name: str) -> None:
    texts = {
        "shift_jis": "消費者は七日以内に返品することができます。",
        "gb18030": "七日内无理由退货",
    }
    text = texts.get(encoding, "déjà vu, 七日内退货")
    rows = [{"id": str(number), "text": f"{text} {number}"} for number in range(50)]
    lines = jsonl(*rows)
    if name == "a.csv":
        lines = "id,text\n" + "".join(f'{row["id"]},"{row["text"]}"\n' for row in rows)
    (tmp_path / name).write_bytes(lines.encode(encoding))
    assert [row.text for row in documents(tmp_path / name)] == [row["text"] for row in rows]


def test_one_byte_encodings_are_read_when_no_other_reads_as_well(tmp_path: Path) -> None:
    text = "Налоговая декларация подаётся до тридцатого апреля каждого года."
    (tmp_path / "a.jsonl").write_bytes(jsonl({"text": text}).encode("koi8-r"))
    assert documents(tmp_path / "a.jsonl")[0].text == text


def test_an_encoding_that_cannot_be_told_is_refused_and_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl({"text": "The café is naïve"}).encode("cp1252"))
    with pytest.raises(StudioError, match="its encoding cannot be told for sure"):
        list(read_corpus(path))
    assert documents(path, FieldMap(encoding="cp1252"))[0].text == "The café is naïve"
    with pytest.raises(StudioError, match="There is no encoding 'utf-99'"):
        documents(path, FieldMap(encoding="utf-99"))


def test_letters_far_into_an_ascii_file_decide_its_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    ascii_part = jsonl(*({"id": n, "text": "plain " * 20} for n in range(5000)))
    chinese = jsonl(*({"id": f"z{n}", "text": f"消费者可以在七日内退货{n}"} for n in range(20)))
    path.write_bytes((ascii_part + chinese).encode("gb18030"))
    assert documents(path)[-1].text == "消费者可以在七日内退货19"


def test_one_line_in_another_encoding_spoils_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = [jsonl({"id": n, "text": f"déjà vu {n}"}).encode() for n in range(10)]
    good.insert(4, jsonl({"id": "x", "text": "déjà"}).encode("latin-1"))
    path.write_bytes(b"".join(good))
    assert len(documents(path)) == 10
    assert [(row.where, row.code) for row in skipped(path)] == [("a.jsonl:5", "encoding")]


# --- nasty inputs: one table


@dataclass(frozen=True)
class Nasty:
    name: str
    data: bytes
    documents: int
    """How many come out; 0: the whole file is refused."""
    says: str
    """A part of the sentence or, for a skipped row, of its place and reason."""


def _lines(*lines: bytes) -> bytes:
    return b"".join(line + b"\n" for line in lines)


ROW = b'{"_id": "1", "text": "fine"}'
NASTY = {
    "empty": Nasty("a.jsonl", b"", 0, "a.jsonl holds no document: it is empty"),
    "empty gzip": Nasty("a.jsonl.gz", gzip.compress(b""), 0, "holds no document: it is empty"),
    "blank lines": Nasty("a.jsonl", b"\n\n \n", 0, "holds no document: it is empty"),
    "one document": Nasty("a.jsonl", ROW, 1, ""),
    "csv header only": Nasty("a.csv", b"id,text\n", 0, "holds no document: it is empty"),
    "csv empty": Nasty("a.csv", b"", 0, "holds no document: it is empty"),
    "same id, other text": Nasty(
        "a.jsonl",
        _lines(ROW, b'{"_id": "1", "text": "other"}'),
        1,
        "a.jsonl:2 the id '1' was there before with another text",
    ),
    "same row twice": Nasty("a.jsonl", _lines(ROW, ROW), 1, "and its text were there before"),
    "no text": Nasty("a.jsonl", _lines(ROW, b'{"_id": "2"}'), 1, "a.jsonl:2 there is no field"),
    "null text": Nasty("a.jsonl", _lines(ROW, b'{"text": null}'), 1, "the field 'text' is empty"),
    "blank text": Nasty("a.jsonl", _lines(ROW, b'{"text": " \\n"}'), 1, "field 'text' is empty"),
    "number text": Nasty("a.jsonl", _lines(ROW, b'{"text": 4}'), 1, "is a number, not a text"),
    "list text": Nasty("a.jsonl", _lines(ROW, b'{"text": ["x"]}'), 1, "is a list, not a text"),
    "object id": Nasty("a.jsonl", _lines(ROW, b'{"id": {}, "text": "x"}'), 1, "id is an object"),
    "tab in id": Nasty("a.jsonl", _lines(ROW, b'{"id": "a\\tb", "text": "x"}'), 1, "holds a tab"),
    "broken json": Nasty("a.jsonl", _lines(ROW, b'{"text": "x'), 1, "a.jsonl:2 not JSON"),
    "not an object": Nasty("a.jsonl", _lines(ROW, b"4"), 1, "JSON but not an object"),
    "deep json": Nasty("a.jsonl", _lines(ROW, b'{"a":' + b"[" * 100_000), 1, "nested too deep"),
    "huge number": Nasty("a.jsonl", _lines(ROW, b'{"a":' + b"9" * 5000 + b"}"), 1, "too long"),
    "json array": Nasty("a.json", b'[\n{"text": "x"}]', 1, ""),
    "broken json array": Nasty(
        "a.json", b'[{"text": "x"}, {"text": "y", z}, {"text": "z"}]', 1, "so the rest is lost"
    ),
    "raw NUL": Nasty("a.jsonl", _lines(ROW, b'{"text": "a\0b"}'), 1, "a.jsonl:2 not JSON"),
    "escaped NUL": Nasty("a.jsonl", _lines(ROW, b'{"text": "a\\u0000b"}'), 1, "a NUL character"),
    "NUL in csv": Nasty("a.csv", b"id,text\n1,fine\n2,a\0b\n", 1, "a.csv:3 the field 'text' holds"),
    "NUL in txt": Nasty("a.txt", b"a\0b", 0, "holds a NUL character"),
    "lone surrogate": Nasty("a.jsonl", _lines(ROW, b'{"text": "\\ud83d"}'), 1, "surrogate pair"),
    "lone surrogate in UTF-16": Nasty(
        "a.jsonl",
        codecs.BOM_UTF16_LE
        + '{"text": "fine"}\n{"text": "\ud800"}\n'.encode("utf-16-le", "surrogatepass"),
        1,
        "a.jsonl:2 the field 'text' holds half of a surrogate pair",
    ),
    "UTF-16 that ends in a character": Nasty(
        "a.jsonl", '{"text": "fine"}\n{"text": '.encode("utf-16") + b"x", 1, "a.jsonl:2"
    ),
    "a 10 MB line": Nasty(
        "a.jsonl",
        _lines(b'{"text": "' + b"x" * 10 * 2**20 + b'"}', ROW),
        1,
        "a.jsonl:1 the line is 10 MB long, more than 8 MB",
    ),
    "a 10 MB line in UTF-16": Nasty(
        "a.jsonl",
        ('{"text": "' + "x" * 10 * 2**20 + '"}\n{"text": "fine"}\n').encode("utf-16"),
        1,
        "a.jsonl:1 the line is 10 MB long",
    ),
    "a 10 MB cell": Nasty(
        "a.csv", b"id,text\n1," + b"x" * 10 * 2**20 + b"\n2,fine\n", 1, "a.csv:2 the line is 10 MB"
    ),
    "a 10 MB txt": Nasty("a.txt", b"x" * 10 * 2**20, 0, "is longer than 8 MB: split it"),
    "open quote to the end": Nasty("a.csv", b'id,text\n1,fine\n2,"open\n3,kept\n', 3, ""),
    "open quote for 9 MB": Nasty(
        "a.csv",
        b'id,text\n1,fine\n2,"open\n'
        + b"".join(f"x{n},{'x' * 1000}\n".encode() for n in range(9000))
        + b'4,"end"\n',
        9003,
        "",
    ),
    "open quote before other text": Nasty(
        "a.csv", b'id,text\n1,"open\n2,kept\nno cells\n3,kept\n', 3, "the field 'text' is empty"
    ),
    "too many cells": Nasty("a.csv", b"id,text\n1,fine\n2,a,b\n", 1, "a.csv:3 3 cells, but the h"),
    "too few cells": Nasty(
        "a.csv", b"id,text\n1,fine\n2\n", 1, "a.csv:3 the field 'text' is empty"
    ),
    "empty cells behind": Nasty("a.csv", b"id,text\n1,fine,,\n", 1, ""),
    "two equal columns": Nasty("a.csv", b"text,text\nx,y\n", 0, "two columns named 'text'"),
    "no text column": Nasty("a.csv", b"a,b\nx,y\n", 0, "no column for the text; it has: 'a', 'b'"),
    "carriage return alone": Nasty("a.csv", b"id,text\n1,fine\n2,a\rb\n", 2, ""),
    "cut-off gzip": Nasty(
        "a.jsonl.gz", gzip.compress(ROW * 9999)[:-20], 0, "the gzip file ends too early"
    ),
    "damaged gzip": Nasty(
        "a.jsonl.gz", gzip.compress(os.urandom(9999)).replace(b"\0", b"\1"), 0, "a.jsonl.gz is"
    ),
    "random bytes": Nasty("a.jsonl", bytes(range(256)) * 40, 0, "a.jsonl is not"),
    "control bytes": Nasty("a.csv", b"\x01\x02\x03\x04" * 99, 0, "is not a text file"),
    "zip": Nasty("a.csv", b"PK\x03\x04xxxx", 0, "is a ZIP archive"),
    "pdf": Nasty("a.txt", b"%PDF-1.7", 0, "is a PDF"),
    "not parquet": Nasty("a.parquet", b"PAR1 no", 0, "is not a Parquet file that can be read"),
    "empty parquet": Nasty("a.parquet", b"", 0, "is not a Parquet file that can be read"),
    "gzipped parquet": Nasty("a.parquet.gz", gzip.compress(b"PAR1"), 0, "unpack it first"),
    "unknown ending": Nasty("a.xyz", b"hello", 0, "The format of"),
}


@pytest.mark.parametrize("case", NASTY.values(), ids=NASTY.keys())
def test_nasty_input_is_reported_in_one_sentence(tmp_path: Path, case: Nasty) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.data)
    if not case.documents:
        with pytest.raises(StudioError) as refused:
            list(read_corpus(path))
        assert case.says in str(refused.value)
        assert "\n" not in str(refused.value)
        return
    assert len(documents(path)) == case.documents
    reports = [f"{row.where} {row.reason}" for row in skipped(path)]
    assert bool(reports) == bool(case.says)
    assert not case.says or case.says in reports[0]


def test_json_broken_on_line_70000_costs_one_row(tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    with path.open("w") as file:
        for number in range(1, 70_101):
            file.write('{"text": oops}\n' if number == 70_000 else f'{{"text": "t{number}"}}\n')
    rows = list(read_corpus(path))
    assert len(rows) == 70_100
    assert rows[69_999] == SkippedRow(
        "big.jsonl:70000", "not JSON: Expecting value at column 10", "json"
    )


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "holds no document: it is empty"),
        (lambda path: os.mkfifo(path), "neither a file nor a folder"),
        (lambda path: path.symlink_to(path), "does not exist"),
        (lambda path: path.symlink_to(path.parent / "gone"), "does not exist"),
    ],
    ids=["missing", "empty folder", "pipe", "link to itself", "dead link"],
)
def test_a_path_that_is_no_corpus_is_refused(
    tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "corpus"
    make(path)
    with pytest.raises(StudioError, match=says):
        list(read_corpus(path))


def test_a_missing_path_is_refused_before_the_first_row(tmp_path: Path) -> None:
    with pytest.raises(StudioError):
        read_corpus(tmp_path / "nowhere.jsonl")


def test_a_wrong_column_name_gets_the_nearest_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,content\n1,x\n")
    with pytest.raises(StudioError, match=r"'contents'\. Did you mean 'content'"):
        documents(path, FieldMap(text="contents"))


# --- properties

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=60)
IDS = st.text("abcdefgh0123456789-_.", min_size=1, max_size=8)
CORPUS = st.dictionaries(
    IDS, st.tuples(TEXT, TEXT.filter(lambda text: bool(text.strip()))), min_size=1, max_size=8
)


@given(corpus=CORPUS, ascii_only=st.booleans(), zipped=st.booleans())
def test_jsonl_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    corpus: dict[str, tuple[str, str]],
    ascii_only: bool,
    zipped: bool,
) -> None:
    path = tmp_path_factory.mktemp("round") / "a.jsonl"
    data = "".join(
        json.dumps({"_id": name, "title": title, "text": text}, ensure_ascii=ascii_only) + "\r\n"
        for name, (title, text) in corpus.items()
    ).encode()
    path.write_bytes(gzip.compress(data) if zipped else data)
    assert {row.outside_id: (row.title, row.text) for row in documents(path)} == {
        name: (title.strip(), text) for name, (title, text) in corpus.items()
    }


@given(corpus=CORPUS, delimiter=st.sampled_from(",;|"))
def test_csv_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    corpus: dict[str, tuple[str, str]],
    delimiter: str,
) -> None:
    path = tmp_path_factory.mktemp("round") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerow(["id", "title", "text"])
        writer.writerows((name, *texts) for name, texts in corpus.items())
    assert {row.outside_id: (row.title, row.text) for row in documents(path)} == {
        name: (title.strip(), text) for name, (title, text) in corpus.items()
    }


@given(data=st.binary(max_size=400), name=st.sampled_from(["a.jsonl", "a.csv", "a.tsv", "a.txt"]))
def test_any_bytes_give_rows_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(data)
    with contextlib.suppress(StudioError):
        for row in documents(path):
            f"{row.outside_id}{row.title}{row.text}".encode()
            assert row.text.strip()
            assert "\0" not in row.text


@given(rows=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2)), max_size=200))
def test_seen_agrees_with_a_dict(rows: list[tuple[int, int]]) -> None:
    seen, known = Seen(), {}
    for name, text in rows:
        expected = "new" if name not in known else "same" if known[name] == text else "other"
        assert seen.add(str(name), str(text)) == expected
        known.setdefault(name, text)


def test_seen_grows() -> None:
    seen = Seen()
    assert all(seen.add(str(number), "x") == "new" for number in range(20_000))
    assert all(seen.add(str(number), "x") == "same" for number in range(20_000))


# --- the registry


def test_formats_are_found_by_looking_at_the_modules() -> None:
    known = ["beir", "csv", "docx", "epub", "files", "jsonl", "parquet", "pdf", "text"]
    assert sorted(formats.importers()) == known
    of_any = {"beir", "csv", "jsonl", "pairs", "parquet", "triplets"}
    assert {name for name, one in formats.exporters().items() if not one.of} == of_any


def test_looking_for_formats_loads_nothing_heavy() -> None:
    code = (
        "import sys; from studio import formats; formats.importers(); formats.exporters();"
        "import studio.formats.gold, studio.formats.examples, studio.formats.passages;"
        "heavy = {'torch', 'numpy', 'pandas', 'pyarrow', 'datasets', 'tokenizers', 'transformers',"
        " 'charset_normalizer'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert found.stdout.strip() == "[]"
