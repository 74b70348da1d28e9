"""Gold knows whether it named a long document or one of its passages, in older files too."""

from __future__ import annotations

from pathlib import Path

from studio.store import Store
from studio.store import db as database
from studio.store.migrations import migrations
from tests.support.data import gold_query
from tests.support.project import cut_up, gold_of_documents

DOCUMENTS = """
INSERT INTO sources(id, outside_id, text, sha) VALUES (1, 'a', 'a', 'a'), (2, 'b', 'b', 'b');
INSERT INTO documents(id, outside_id, text, sha, source_id, position) VALUES
  (1, 'a#1', '1', '1', 1, 0), (2, 'a#2', '2', '2', 1, 1),
  (3, 'b#1', '3', '3', 2, 0), (4, 'b#2', '4', '4', 2, 1), (5, 'c', '5', '5', NULL, 0);
INSERT INTO document_names(outside_id, document_id, part) VALUES ('b', 2, 1);
INSERT INTO gold(id, outside_id, type, split, text) VALUES
  (1, 'of a', 'query', 'test', 'x'), (2, 'of b', 'query', 'test', 'y'),
  (3, 'of a passage', 'query', 'test', 'z'), (4, 'of c', 'query', 'test', 'w');
INSERT INTO gold_relevant(gold_id, document_id) VALUES
  (1, 1), (1, 2), (2, 2), (2, 3), (2, 4), (3, 3), (4, 5);
"""


def test_an_older_file_comes_forward_with_what_its_gold_named(tmp_path: Path) -> None:
    path = tmp_path / "studio.db"
    db = database.connect(path, create=True)
    with database.write(db) as conn:
        migrations().apply(database.for_migrations(db), stop_before="m010_gold_sources")
        conn.execute("PRAGMA user_version=9")
    db.conn.executescript(DOCUMENTS)
    db.conn.close()
    store = Store(path)
    named = {query.outside_id: query.named for query in store.gold.all()}
    assert named == {
        "of a": {1: 1, 2: 1},
        "of b": {2: 2, 3: 2, 4: 2},  # the second passage of a stands in b as well
        "of a passage": {},
        "of c": {},
    }
    store.close()


def test_gold_names_documents_or_passages(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "studio.db")
    assert not store.gold.names_documents()
    rows = cut_up(store, {"a": ["one", "two"], "b": ["three", "four"], "c": ["five"]})
    assert not store.gold.names_documents(), "no gold"
    store.gold.add([gold_query("q", "x", "test", {rows["c"][0]: 1})])
    assert store.gold.names_documents(), "a whole document beside others that were cut"
    store.gold.add([gold_query("p", "y", "test", {rows["a"][0]: 1})])
    assert not store.gold.names_documents(), "a passage"
    gold_of_documents(store, {"d": ("z", "a")})
    assert store.gold.names_documents(), "a document that was cut"
    store.close()


def test_a_passage_is_a_part_of_all_documents_that_it_stands_in(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "studio.db")
    rows = cut_up(store, {"a": ["one", "shared"], "b": ["two", "shared"], "c": ["three"]})
    names = store.sources.named("abc")
    a, b = names["a"][0], names["b"][0]
    assert names.keys() == {"a", "b"}
    shared = rows["a"][1]
    assert sorted(store.sources.parts([shared])) == sorted([(shared, a), (shared, b)])
    assert list(store.sources.parts([rows["c"][0]])) == []
    assert store.sources.passages_of(b) == rows["b"]
    assert [one.outside_id for one in store.sources.first_passages(9)] == ["a#1", "b#1", "c"]
    # The same content, whole: it is that document.
    cut_up(store, {"a": ["one\n\nshared"]})
    whole = store.documents.last_id()
    assert list(store.sources.parts([whole])) == [(whole, a)]
    assert {one.text for one in store.sources.whole()} == {
        "one\n\nshared", "two\n\nshared", "three",
    }  # fmt: skip
    store.close()
