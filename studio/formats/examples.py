"""Few-shot examples in and out, as JSONL, CSV or TSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from studio.formats import data_files
from studio.formats.columns import BadRow, clean_id, clean_text, needed_text, value
from studio.formats.instructions import read_instructions
from studio.formats.not_empty import not_empty
from studio.formats.rows import RawExample, SkippedRow
from studio.formats.spreadsheet import safe_cell, table_row
from studio.formats.staging import staged
from studio.formats.tags import tag_text, tags_of
from studio.formats.text_source import explained
from studio.records import INSTRUCTION, QUERY, Example, RecordType, StudioError

QUERIES = ("query", "question", "anchor", "查询", "问题")
DOCUMENTS = (
    "document_text",
    "document",
    "passage",
    "text",
    "positive",
    "pos",
    "context",
    "正文",
    "文档",
)
DOCUMENT_IDS = ("document_id", "doc_id", "docid", "passage_id", "pid")
COMMON = ("tags", "enabled")
COLUMNS = ("query", "document_text", "document_id", *COMMON)

ExampleRow = RawExample | SkippedRow


def read_examples(path: Path, type: RecordType = QUERY) -> Iterator[ExampleRow]:
    """The examples of a JSONL, CSV or TSV file (plain or gzip) in its order.

    Each needs a query and a document: its text, or its id in the corpus. Instructions need an
    output, and come in any shape that :func:`read_instructions` knows.
    Raises :class:`StudioError` for a file that cannot be read or that holds no example.
    """
    with explained(path):
        if not path.is_file():
            raise StudioError(f"There is no file {path}: name a JSONL, CSV or TSV file.")
    rows = _instructions(path) if type == INSTRUCTION else _rows(path)
    return not_empty(rows, f"{path} holds no example")


def write_examples(
    examples: Iterable[Example],
    path: Path,
    document_ids: Mapping[int, str] | None = None,
    type: RecordType = QUERY,
) -> int:
    """Writes examples by the path's ending, whole or not at all; returns how many.

    ``document_ids``: document row → outside id. ``type``: what they demonstrate, which decides the
    columns. CSV cells are safe to open in a spreadsheet.
    """
    suffix = path.suffix.lower()
    if suffix not in (".jsonl", ".csv", ".tsv"):
        raise StudioError(f"Examples are written as .jsonl, .csv or .tsv; {path.name} is neither.")
    names = document_ids or {}
    columns = COLUMNS if type == QUERY else (*type.fields, *COMMON)
    rows = []
    for example in examples:
        document_id = names.get(example.document_id or 0, "")
        known = {**example.fields, **_cells(example, document_id), type.fields[0]: example.query}
        rows.append({name: known.get(name, "") for name in columns})
    with staged(path.parent) as staging, staging.open(path.name) as file:
        if suffix != ".jsonl":
            file.write(table_row(columns, "," if suffix == ".csv" else "\t"))
        for row in rows:
            file.write(_line(row, suffix))
    return len(rows)


def _cells(example: Example, document_id: str) -> dict[str, object]:
    cells = (example.query, example.document_text, document_id, example.tags, example.enabled)
    return dict(zip(COLUMNS, cells, strict=True))


def _instructions(path: Path) -> Iterator[ExampleRow]:
    text, *others = INSTRUCTION.fields
    for row in read_instructions(path):
        if isinstance(row, SkippedRow):
            yield row
        else:
            fields = {name: row.fields[name] for name in others}
            yield RawExample(
                row.fields[text], tags=row.tags, enabled=row.enabled, where=row.where, fields=fields
            )


def _line(row: dict[str, object], suffix: str) -> str:
    if suffix == ".jsonl":
        return json.dumps(row, ensure_ascii=False) + "\n"
    cells = [safe_cell(cell) if isinstance(cell, str) else int(bool(cell)) for cell in row.values()]
    return table_row(cells, "," if suffix == ".csv" else "\t")


def _rows(path: Path) -> Iterator[ExampleRow]:
    for item in data_files.rows(path):
        if isinstance(item, SkippedRow):
            yield item
            continue
        try:
            yield _example(item[1], item[0])
        except BadRow as bad:
            yield bad.skipped(item[0])


def _example(row: Mapping[str, object], where: str) -> RawExample:
    query = needed_text(value(row, "", QUERIES)[1], "query")
    document = value(row, "", DOCUMENTS)[1]
    # FlagEmbedding's rows have several: the first is the one that the query is for.
    document = document[0] if isinstance(document, list) and document else document
    text = clean_text(document, "document_text")
    document_id = clean_id(value(row, "", DOCUMENT_IDS)[1])
    if not text.strip() and not document_id:
        raise BadRow("no-text", "the example has neither a document's text nor its id")
    tags = _tags(row.get("tags"))
    enabled = str(row.get("enabled", True)).strip().lower() not in ("0", "false", "no", "off")
    return RawExample(query, text, document_id, tags, enabled, where)


def _tags(content: object) -> str:
    """Tags as one text, or as a list of them."""
    several = content if isinstance(content, list) else [content]
    return tag_text(tags_of(" ".join(clean_text(tag, "tags") for tag in several)))
