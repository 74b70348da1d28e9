"""Projects, corpora and calls for tests of the store and of jobs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from studio.calls import Answer, Message, Request
from studio.records import Document, Split
from studio.store import Store
from studio.store.documents import SourceDocument, Staged
from studio.store.generations import Finished
from tests.support.data import gold_query, queries_of, query_for


def fill(store: Store, documents: Iterable[Document | str]) -> Staged:
    """Bring documents in as an import does; a text alone is named ``d1``, ``d2`` …"""
    store.documents.begin_import()
    store.documents.stage(
        Document(f"d{number}", "", item) if isinstance(item, str) else item
        for number, item in enumerate(documents, 1)
    )
    staged = store.documents.commit_import()
    while store.documents.index_next():
        pass
    return staged


def call(
    text: str = "a query",
    *,
    content: str = "a document",
    document_id: int = 1,
    answer: Answer | None = None,
    reason: str = "",
    texts: tuple[str, ...] | None = None,
    prompt_id: int | None = None,
    shot_set_id: int | None = None,
    draw: int = 0,
) -> Finished:
    """One call with its answer, which made one record unless a reason says otherwise."""
    request = Request(
        (Message("user", content),),
        model="a-model",
        document_id=document_id,
        prompt_id=prompt_id,
        shot_set_id=shot_set_id,
        draw=draw,
        seed=draw,
    )
    made = texts if texts is not None else () if reason else (text,)
    return Finished(request, answer or Answer(text, cost=0.01), reason, queries_of(request, *made))


def queries(store: Store, count: int) -> list[int]:
    """That many records about the first document; returns their rows."""
    store.records.add(query_for(document_id=1, text=f"query {number}") for number in range(count))
    return [record.id for record in store.records.all()][-count:]


def corpus_file(path: Path, rows: int, words: str = "some words about the matter") -> Path:
    """A JSONL corpus of that many distinct documents."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            file.write(json.dumps({"_id": f"d{number}", "text": f"{number}: {words}"}) + "\n")
    return path


def cut_up(store: Store, sources: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
    """Bring long documents in, cut into these passages; returns the passages' rows by document.

    A document of one passage is whole, as in an import.
    """
    store.documents.begin_import()
    for name, passages in sources.items():
        whole = len(passages) == 1
        parts = [
            Document(name if whole else f"{name}#{n + 1}", "", text, position=n)
            for n, text in enumerate(passages)
        ]
        source = SourceDocument(name, "", "\n\n".join(passages))
        store.documents.stage(parts, None if whole else source)
    store.documents.commit_import()
    while store.documents.index_next():
        pass
    rows = store.documents.passages_of_sources(sources)
    return rows | {name: [row] for name, row in store.documents.ids_by_outside_id(sources).items()}


def gold_of_documents(
    store: Store, queries: Mapping[str, tuple[str, str]], split: Split = "test"
) -> None:
    """Gold as an import makes it of a file: query id → its text and the document it names."""
    names = {name for _, name in queries.values()}
    rows = store.documents.passages_of_sources(names)
    rows |= {name: [row] for name, row in store.documents.ids_by_outside_id(names).items()}
    sources = store.sources.named(names)
    gold = []
    for query, (text, name) in queries.items():
        named = dict.fromkeys(rows[name], sources[name][0]) if name in sources else {}
        relevant = dict.fromkeys(rows[name], 1)
        gold.append(gold_query(query, text, split, relevant, named=named))
    store.gold.add(gold)
