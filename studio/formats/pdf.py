"""PDF: each page with text is a document (extra ``documents``, the library pypdf).

The id of a page is ``report.pdf#page=3``, as RFC 8118 has it, counted from 1.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from studio.formats.columns import BadRow
from studio.formats.paged import PagedFormat, Part, missing, said
from studio.formats.text_source import explained
from studio.records import StudioError

if TYPE_CHECKING:
    from pypdf import PdfReader

SCAN = "the page has no text; if it is a scan, run text recognition (OCR) over it first"
_BROKEN_WORD = re.compile(r"(?<=[^\W\d_])[-\u00ad]\n(?=[a-zß-öø-ÿ])")
"""A hyphen at the end of a line behind which the word goes on."""


def _pages(path: Path) -> Iterator[Part]:
    with explained(path), path.open("rb") as handle:
        reader = _opened(handle, path)
        title = _title(reader)
        for number in range(len(reader.pages)):
            yield _page(reader, number, title)


def _page(reader: PdfReader, number: int, title: str) -> Part:
    """number: from 0."""
    try:
        found = reader.pages[number].extract_text()
    except Exception as error:  # damaged files raise whatever they meet
        return BadRow("page", f"the page cannot be read: {said(error)}")
    text = _BROKEN_WORD.sub("", _storable(found))
    return (title, text) if text.strip() else BadRow("no-text", SCAN)


def _opened(handle: BinaryIO, path: Path) -> PdfReader:
    try:
        from pypdf import PdfReader
    except ImportError as error:
        raise missing(path, "PDF") from error
    # What it thinks of a file goes to standard error otherwise; what matters is told by us.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(handle)
        is_open = not reader.is_encrypted or reader.decrypt("")
        if is_open and len(reader.pages):
            return reader
    except Exception as error:  # as above
        raise StudioError(f"{path} is not a PDF that can be read: {said(error)}") from error
    if is_open:
        raise StudioError(f"{path} has no page.")
    raise StudioError(f"{path} is locked with a password: save it without one first.")


def _storable(text: str) -> str:
    """Fonts without a table of characters give NUL and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _title(reader: PdfReader) -> str:
    try:
        return _storable((reader.metadata and reader.metadata.title) or "").strip()
    except Exception:  # as above; a document needs no title
        return ""


PDF = PagedFormat("pdf", "PDF: a document for each page", ".pdf", "page", _pages, (b"%PDF-",))
IMPORTER = PDF.importer
