"""Reads any corpus: finds its format, streams its documents, reports what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from studio import formats
from studio.formats.not_empty import not_empty
from studio.formats.rows import FieldMap, Importer, RawDocument, Row, SkippedRow
from studio.formats.seen import Seen
from studio.formats.text_source import bare_suffix, explained, head_of
from studio.records import StudioError


def read_corpus(path: Path, fields: FieldMap | None = None) -> Iterator[Row]:
    """The documents of a file or folder in its order, with a :class:`SkippedRow` for each bad row.

    Streams: memory does not grow with the corpus, but for 16 to 32 bytes a document that find ids
    used twice. Ids are unique in what comes out.
    Raises :class:`StudioError` at once for a path that is not there or of no known format, and on
    the way for a file that breaks off or that holds no document at all.
    """
    importer = importer_for(path)
    rows = _unique(importer.read(path, fields or FieldMap()))
    return not_empty(rows, f"{path} holds no document")


def importer_for(path: Path) -> Importer:
    """The format of a path: by its ending, else by what is in it."""
    with explained(path):
        mode_known = path.is_file() or path.is_dir()
        exists = path.exists()
    if not mode_known:
        problem = "is neither a file nor a folder" if exists else "does not exist: check the path"
        raise StudioError(f"{path} {problem}.")
    known = formats.importers().values()
    suffix = bare_suffix(path) if path.is_file() else None
    head = head_of(path) if path.is_file() else b""
    by_name = [importer for importer in known if suffix in importer.suffixes]
    by_content = [importer for importer in known if importer.claims(path, head)]
    if not by_name and not by_content:
        endings = ", ".join(ending for importer in known for ending in importer.suffixes)
        raise StudioError(
            f"The format of {path} is not known. Give it one of these endings: {endings}; "
            "or name a BEIR folder or a folder of texts."
        )
    return (by_name or by_content)[0]


def _unique(rows: Iterator[Row]) -> Iterator[Row]:
    seen = Seen()
    for row in rows:
        yield _unless_seen(row, seen) if isinstance(row, RawDocument) else row


def _unless_seen(row: RawDocument, seen: Seen) -> Row:
    state = seen.add(row.outside_id, row.title, row.text)
    if state == "new":
        return row
    if state == "same":
        reason = f"the id {row.outside_id!r} and its text were there before"
        return SkippedRow(row.where, reason, "repeated")
    reason = f"the id {row.outside_id!r} was there before with another text"
    return SkippedRow(row.where, reason, "duplicate-id")
