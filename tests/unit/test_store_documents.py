"""The corpus: in at one stroke, without repeats, found in any script and by any of its names."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.records import Document
from studio.store import Store
from studio.store.documents import SourceDocument, Staged
from tests.support.project import fill


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "studio.db")


def ids(found: list[Document]) -> list[str]:
    return [document.outside_id for document in found]


# Import


def test_nothing_of_an_import_is_seen_before_it_is_committed(store: Store) -> None:
    other = Store(store.path)
    store.documents.begin_import()
    assert store.documents.stage([Document("a", "", "one"), Document("b", "", "two")]) == 2
    assert store.documents.count() == other.documents.count() == 0
    assert store.documents.commit_import() == Staged(documents=2, duplicates=0, renamed=0)
    assert other.documents.count() == 2


def test_staging_does_not_keep_others_from_writing(store: Store) -> None:
    other = Store(store.path)
    store.documents.begin_import()
    store.documents.stage([Document("a", "", "one")])
    other.values.set("written", True)
    store.documents.stage([Document("b", "", "two")])
    assert store.documents.commit_import().documents == 2


def test_an_import_that_is_given_up_leaves_nothing(store: Store) -> None:
    store.documents.begin_import()
    store.documents.stage([Document("a", "", "one")])
    store.documents.begin_import()
    store.documents.stage([Document("b", "", "two")])
    store.documents.commit_import()
    assert ids(store.documents.page()) == ["b"]


def test_equal_content_comes_in_once(store: Store) -> None:
    repeated = [Document("a", "T", "one"), Document("b", "T", "one"), Document("c", "", "T one")]
    assert fill(store, repeated) == Staged(documents=2, duplicates=1, renamed=0)
    assert fill(store, [*repeated, Document("d", "", "new")]) == Staged(1, 3, 0)
    assert ids(store.documents.page()) == ["a", "c", "d"]


def test_an_id_that_other_content_has_gets_a_suffix(store: Store) -> None:
    fill(store, [Document("a", "", "the first a")])
    second = Document("a", "", "the second a")
    assert fill(store, [second]) == Staged(documents=1, duplicates=0, renamed=1)
    assert ids(store.documents.page()) == ["a", f"a~{second.sha[:8]}"]


def test_an_id_made_to_look_like_a_renamed_one_gets_a_longer_suffix(store: Store) -> None:
    wanted = Document("a", "", "the second a")
    trap = Document(f"a~{wanted.sha[:8]}", "", "a trap")
    fill(store, [Document("a", "", "the first a"), trap])
    assert fill(store, [wanted]).renamed == 1
    assert store.documents.count() == 3


def test_gold_finds_repeated_content_by_each_of_its_names(store: Store) -> None:
    fill(store, [Document("a", "", "one"), Document("b", "", "one"), Document("c", "", "two")])
    assert store.documents.ids_by_outside_id(["a", "b", "c", "d"]) == {"a": 1, "b": 1, "c": 2}


def test_an_id_means_what_the_latest_import_meant(store: Store) -> None:
    first, second = [Document("a", "", "one")], [Document("a", "", "two")]
    fill(store, first)
    fill(store, second)
    assert store.documents.ids_by_outside_id(["a"]) == {"a": 2}
    fill(store, first)
    assert store.documents.ids_by_outside_id(["a"]) == {"a": 1}
    found = store.documents.by_outside_id("a")
    assert found is not None
    assert found.text == "one"


def cut_up(store: Store, source: SourceDocument, *texts: str) -> None:
    store.documents.begin_import()
    passages = [
        Document(f"{source.outside_id}#{n + 1}", "", text, position=n)
        for n, text in enumerate(texts)
    ]
    store.documents.stage(passages, source)
    store.documents.commit_import()


def test_passages_keep_the_link_to_the_long_document(store: Store) -> None:
    cut_up(store, SourceDocument("long", "T", "one two three"), "one", "two", "three")
    assert store.documents.passages_of_sources(["long", "other"]) == {"long": [1, 2, 3]}
    found = store.documents.by_outside_id("long#2")
    assert found is not None
    assert (found.source_id, found.position) == (1, 1)


def test_a_long_document_that_shares_a_passage_is_found_whole(store: Store) -> None:
    cut_up(store, SourceDocument("one", "", "shared own"), "shared", "own")
    cut_up(store, SourceDocument("two", "", "shared other"), "shared", "other")
    assert store.documents.passages_of_sources(["two"]) == {"two": [1, 3]}


def test_a_long_document_under_two_names_is_found_by_both(store: Store) -> None:
    cut_up(store, SourceDocument("one", "", "same text"), "same", "text")
    cut_up(store, SourceDocument("two", "", "same text"), "same", "text")
    found = store.documents.passages_of_sources(["one", "two"])
    assert found == {"one": [1, 2], "two": [1, 2]}


def test_passages_of_another_text_under_a_taken_name_keep_their_own_source(store: Store) -> None:
    cut_up(store, SourceDocument("long", "", "first text"), "first", "text")
    cut_up(store, SourceDocument("long", "", "other words"), "other", "words")
    with closing(sqlite3.connect(store.path)) as conn, conn:
        sql = (
            "SELECT d.text, s.text FROM documents d JOIN sources s ON s.id = d.source_id"
            " ORDER BY d.id"
        )
        assert conn.execute(sql).fetchall() == [
            ("first", "first text"),
            ("text", "first text"),
            ("other", "other words"),
            ("words", "other words"),
        ]


# Reading


def test_many_reads_more_rows_than_sqlite_takes_parameters(store: Store) -> None:
    fill(store, (f"text {number}" for number in range(2_500)))
    assert len(store.documents.many(range(1, 2_600))) == 2_500


def test_all_goes_through_every_page_in_order(store: Store) -> None:
    fill(store, (f"text {number}" for number in range(2_500)))
    assert [document.id for document in store.documents.all()] == list(range(1, 2_501))


def test_a_sample_is_the_same_for_a_seed_and_has_no_repeats(store: Store) -> None:
    fill(store, (f"text {number}" for number in range(100)))
    drawn = store.documents.sample_ids(10, seed=3)
    assert drawn == store.documents.sample_ids(10, seed=3) != store.documents.sample_ids(10, seed=4)
    assert len(set(drawn)) == 10
    assert sorted(store.documents.sample_ids(1_000, seed=3)) == list(range(1, 101))


# Search


@pytest.fixture
def library(store: Store) -> Store:
    fill(
        store,
        [
            Document("tax", "Income tax", "A refund of 100% is not_possible; ask the tax office."),
            Document("law", "消费者权益保护法", "网购商品七日内可以退货,定金不退。"),
            Document("zh", "", "租房押金怎么退"),
            Document("ja", "", "東京都の消費税について"),
            Document("odd", 'The "quoted" title', "c:\\path AND OR NOT NEAR(x) col:val * ^ -"),
        ],
    )
    return store


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("refund", ["tax"]),
        ("REFUND income", ["tax"]),
        ("refun", ["tax"]),
        ("refund 退货", []),
        ("退", ["law", "zh"]),
        ("退货", ["law"]),
        ("押金 退", ["zh"]),
        ("消费者", ["law"]),
        ("网购商品七日内", ["law"]),
        ("消費税", ["ja"]),
        ("100%", ["tax"]),
        ("0%", ["tax"]),
        ("%", ["tax"]),
        ("_", ["tax"]),
        ("not_possible", ["tax"]),
        ('"quoted"', ["odd"]),
        ("NEAR(x)", ["odd"]),
        ("AND OR", ["odd"]),
        ("col:val", ["odd"]),
        ("\\path", ["odd"]),
        ("\\", ["odd"]),
        ("nowhere", []),
    ],
)
def test_search_takes_words_as_they_are(library: Store, query: str, expected: list[str]) -> None:
    assert sorted(ids(library.documents.search(query))) == sorted(expected)


def test_an_empty_search_gives_the_first_documents(library: Store) -> None:
    assert ids(library.documents.search(" \0 ", limit=2)) == ["tax", "law"]


def test_a_search_that_is_very_long_is_cut(library: Store) -> None:
    assert ids(library.documents.search("refund " * 50_000)) == ["tax"]
    assert library.documents.search("x" * 1_000_000) == []
    assert library.documents.search(" ".join(f"word{n}" for n in range(5_000))) == []


@given(query=st.text(max_size=40))
@settings(max_examples=150)
def test_no_query_breaks_the_search(library: Store, query: str) -> None:
    found = [document.id for document in library.documents.search(query)]
    assert len(set(found)) == len(found)
    assert set(found) <= {document.id for document in library.documents.all()}


def test_what_is_not_indexed_yet_is_found_by_scanning(store: Store) -> None:
    store.documents.begin_import()
    store.documents.stage(Document(f"d{n}", "", f"refund number {n}") for n in range(10))
    store.documents.commit_import()
    assert len(store.documents.search("refund")) == 10
    assert store.documents.index_next(4) == 6
    assert sorted(ids(store.documents.search("refund"))) == [f"d{n}" for n in range(10)]
    assert len(store.documents.search("refund", limit=5)) == 5
    assert store.documents.index_next(100) == 0
    assert len(store.documents.search("refund")) == 10
