"""A BEIR folder: ``corpus.jsonl`` beside ``queries.jsonl`` and ``qrels/*.tsv``, plain or gzip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from studio.formats import jsonl
from studio.formats.rows import FieldMap, Importer, RawDocument, SkippedRow


def read(path: Path, fields: FieldMap) -> Iterator[RawDocument | SkippedRow]:
    """The documents of the folder's corpus file; the labels are :mod:`studio.formats.gold`'s."""
    corpus = part(path, "corpus")
    assert corpus is not None, "asked only of folders that it claims"
    return jsonl.read(corpus, fields)


def part(folder: Path, name: str) -> Path | None:
    """The folder's ``corpus`` or ``queries`` file, if it has one."""
    files = (folder / f"{name}.jsonl", folder / f"{name}.jsonl.gz")
    return next((file for file in files if file.is_file()), None)


def _claims(path: Path, head: bytes) -> bool:
    return path.is_dir() and part(path, "corpus") is not None


IMPORTER = Importer(
    name="beir",
    label="BEIR folder: corpus.jsonl, queries.jsonl, qrels/*.tsv (plain or gzip)",
    suffixes=(),
    read=read,
    claims=_claims,
    priority=10,
)
