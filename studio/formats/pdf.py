"""PDF: each page with text is a document (extra ``documents``, the library pypdf).

The id of a page is ``report.pdf#page=3``, as RFC 8118 has it, counted from 1.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from studio.formats.columns import BadRow, clean_id, needed_text
from studio.formats.rows import FieldMap, Importer, RawDocument, SkippedRow
from studio.formats.text_source import explained
from studio.records import StudioError

if TYPE_CHECKING:
    from pypdf import PdfReader

INSTALL = "pip install 'studio[documents]'"
SUFFIXES = (".pdf",)
_BROKEN_WORD = re.compile(r"(?<=[^\W\d_])[-\u00ad]\n(?=[a-zß-öø-ÿ])")
"""A hyphen at the end of a line behind which the word goes on."""


def read(path: Path, fields: FieldMap) -> Iterator[RawDocument | SkippedRow]:
    """The pages of a file, in order."""
    yield from documents(path, path.name)


def documents(path: Path, name: str) -> Iterator[RawDocument | SkippedRow]:
    """The pages; ``name`` is the file's in ids. A page without text, as a scan is, is skipped."""
    with explained(path), path.open("rb") as handle:
        reader = _opened(handle, path)
        title = _title(reader)
        for number in range(1, len(reader.pages) + 1):
            where = f"{name}#page={number}"
            try:
                text = needed_text(_text(reader, number), "text")
                yield RawDocument(clean_id(where), title, text, where)
            except BadRow as bad:
                yield _scan(where) if bad.code == "no-text" else bad.skipped(where)


def _scan(where: str) -> SkippedRow:
    reason = "the page has no text; if it is a scan, run text recognition (OCR) over it first"
    return SkippedRow(where, reason, "no-text")


def _opened(handle: BinaryIO, path: Path) -> PdfReader:
    try:
        from pypdf import PdfReader
    except ImportError as error:
        raise StudioError(f"To read {path.name}, install what reads PDF: {INSTALL}") from error
    # What it thinks of a file goes to standard error otherwise; what matters is told by us.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(handle)
        is_open = not reader.is_encrypted or reader.decrypt("")
        if is_open and len(reader.pages):
            return reader
    except Exception as error:  # damaged files raise whatever they meet
        raise StudioError(f"{path} is not a PDF that can be read: {_said(error)}") from error
    if is_open:
        raise StudioError(f"{path} has no page.")
    raise StudioError(f"{path} is locked with a password: save it without one first.")


def _text(reader: PdfReader, number: int) -> str:
    try:
        found = reader.pages[number - 1].extract_text()
    except Exception as error:  # as above
        raise BadRow("page", f"the page cannot be read: {_said(error)}") from error
    return _BROKEN_WORD.sub("", _storable(found))


def _storable(text: str) -> str:
    """Fonts without a table of characters give NUL and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _title(reader: PdfReader) -> str:
    try:
        return _storable((reader.metadata and reader.metadata.title) or "").strip()
    except Exception:  # as above; a document needs no title
        return ""


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _claims(path: Path, head: bytes) -> bool:
    return head.startswith(b"%PDF-")


IMPORTER = Importer(
    name="pdf",
    label="PDF: a document for each page",
    suffixes=SUFFIXES,
    read=read,
    claims=_claims,
)
