"""A BEIR folder: the corpus, the kept queries as ``train``, the gold as ``dev`` and ``test``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from studio.formats.data_card import DataFile, ExportCounts, card
from studio.formats.rows import (
    ExportContext,
    Exported,
    Exporter,
    ExportRow,
    RawDocument,
    RawGold,
)
from studio.formats.seen import Seen
from studio.formats.staging import Staging, staged
from studio.records import StudioError

QRELS_HEAD = "query-id\tcorpus-id\tscore\n"
SPLIT_FILES = {"validation": "dev", "test": "test"}
"""BEIR's own names of the splits."""
WHAT = (
    "A retrieval set in BEIR's layout. The queries judged in `qrels/train.tsv` were written by a "
    "model for the passage that they name, which is the only one known to answer them; those of "
    "`dev` and `test`, if there are any, are labelled data."
)


def write(rows: Iterable[ExportRow], target: Path, context: ExportContext) -> Exported:
    """Writes ``corpus.jsonl``, ``queries.jsonl``, ``qrels/*.tsv`` and the card.

    Only kept records become queries; their ids are ``synthetic-`` and the record's number. The
    corpus is the context's documents, then those of rows that are not among them. Gold is small
    and held in memory, rows and documents are streamed.
    """
    counts = ExportCounts()
    gold = list(context.gold)
    with staged(target) as staging:
        _write_train(counts.counted(rows, kept_only=True), gold, staging, context)
        splits = {"train": "qrels/train.tsv", **_write_gold_qrels(gold, staging)}
        files = _data_files(splits)
        with staging.open("README.md") as file:
            file.write(card(context.card, counts, files, WHAT))
    names = ("corpus.jsonl", "queries.jsonl", *splits.values(), "README.md")
    return Exported(tuple(target / name for name in names), counts.kept)


def _write_train(
    rows: Iterator[ExportRow], gold: list[RawGold], staging: Staging, context: ExportContext
) -> None:
    """One pass over the rows fills the corpus, the queries and the train judgements."""
    prefix = _free_prefix(gold)
    seen = Seen()
    with ExitStack() as stack:
        corpus = stack.enter_context(staging.open("corpus.jsonl"))
        queries = stack.enter_context(staging.open("queries.jsonl"))
        qrels = stack.enter_context(staging.open("qrels/train.tsv"))
        qrels.write(QRELS_HEAD)
        for document in context.documents:
            _write_document(document, corpus, seen)
        for one in gold:
            _write_json({"_id": one.outside_id, "text": one.text}, queries)
        for row in rows:
            _write_document(RawDocument(row.document_id, row.title, row.passage), corpus, seen)
            _write_json({"_id": f"{prefix}{row.record_id}", "text": row.text}, queries)
            qrels.write(_judgement(f"{prefix}{row.record_id}", row.document_id, 1))


def _free_prefix(gold: list[RawGold]) -> str:
    """A beginning of ids that no gold query has."""
    prefix = "synthetic-"
    while any(one.outside_id.startswith(prefix) for one in gold):
        prefix = f"x{prefix}"
    return prefix


def _write_document(document: RawDocument, corpus: TextIO, seen: Seen) -> None:
    state = seen.add(document.outside_id, document.title, document.text)
    if state == "other":
        raise StudioError(f"Two documents have the id {document.outside_id!r}: rename one of them.")
    if state == "new":
        row = {"_id": document.outside_id, "title": document.title, "text": document.text}
        _write_json(row, corpus)


def _write_json(row: dict[str, str], file: TextIO) -> None:
    file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _write_gold_qrels(gold: list[RawGold], staging: Staging) -> dict[str, str]:
    """One judgement file for each split that there is; split → path."""
    written = {}
    for split, name in SPLIT_FILES.items():
        judged = [one for one in gold if one.split == split]
        if judged:
            written[name] = f"qrels/{name}.tsv"
            with staging.open(written[name]) as file:
                file.write(QRELS_HEAD)
                file.writelines(
                    _judgement(one.outside_id, document, grade)
                    for one in judged
                    for document, grade in one.relevant.items()
                )
    return written


def _judgement(query: str, document: str, grade: int) -> str:
    return f"{query}\t{document}\t{grade}\n"


def _data_files(splits: dict[str, str]) -> list[DataFile]:
    """The names by which BEIR's sets are loaded on the hub."""
    text = {"_id": "string", "title": "string", "text": "string"}
    judged = {"query-id": "string", "corpus-id": "string", "score": "int64"}
    return [
        DataFile("corpus", {"corpus": "corpus.jsonl"}, {**text}),
        DataFile("queries", {"queries": "queries.jsonl"}, {"_id": "string", "text": "string"}),
        DataFile("qrels", splits, {**judged}, tabs=True),
    ]


EXPORTERS = (
    Exporter(
        "beir",
        "BEIR folder: corpus, kept queries as train, gold as dev and test",
        write,
        holds_corpus=True,
        pairs_documents=True,
    ),
)
