"""A BEIR folder: ``corpus.jsonl`` beside ``queries.jsonl`` and ``qrels/*.tsv``, plain or gzip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from studio.formats import data_files
from studio.formats.rows import FieldMap, Importer, Row
from studio.records import StudioError


def read(path: Path, fields: FieldMap) -> Iterator[Row]:
    """The documents of the folder's corpus file; the labels are :mod:`studio.formats.gold`'s."""
    corpus = part(path, "corpus")
    assert corpus is not None, "asked only of folders that it claims"
    return data_files.read(corpus, fields)


def part(folder: Path, name: str) -> Path | None:
    """The folder's ``corpus`` or ``queries`` file, or folder of shards, if it has one."""
    for suffix in data_files.READERS:
        for file in (folder / f"{name}{suffix}", folder / f"{name}{suffix}.gz"):
            if file.is_file():
                return unlinked(file)
    shards = folder / name
    return unlinked(shards) if shards.is_dir() and data_files.files(shards) else None


def unlinked(file: Path) -> Path:
    """A file of a folder. Raises StudioError for a link: it may lead to anything on this machine.

    What a person names is followed; what lies in a folder, which may be a stranger's, is not.
    """
    if file.is_symlink():
        raise StudioError(
            f"{file} is a link, and links in a folder are not followed: they may lead anywhere. "
            "Put the file itself there, or name it instead of the folder."
        )
    return file


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
