"""EPUB: each chapter, that is each file in the order of reading, is a document.

The id of a chapter is ``book.epub#chapter=3``, from 1. EPUB 3.3: META-INF/container.xml names the
package, whose spine lists the chapters.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from studio.formats.columns import BadRow
from studio.formats.paged import PagedFormat, Part
from studio.formats.text_source import MAX_TEXT
from studio.formats.zipped import opened_zip
from studio.records import StudioError

_PACKAGES = ".//{urn:oasis:names:tc:opendocument:xmlns:container}rootfile"
_OPF = "{http://www.idpf.org/2007/opf}"
_SILENT = frozenset(("script", "style", "svg", "math"))
_IN_LINE = frozenset(
    (
        "a", "abbr", "b", "bdi", "bdo", "cite", "code", "em", "i", "img", "kbd", "mark", "q", "rp",
        "rt", "ruby", "s", "samp", "small", "span", "strong", "sub", "sup", "u", "var", "wbr",
    )
)  # fmt: skip


def _chapters(path: Path) -> Iterator[Part]:
    """In the order of reading. One without text, as a cover is, is blank."""
    with opened_zip(path, "an EPUB") as book:
        for part in _spine(book, path):
            yield _chapter(book, part)


def _spine(book: zipfile.ZipFile, path: Path) -> list[str]:
    """The names of the chapters' files."""
    try:
        container = _xml(book, "META-INF/container.xml")
        package = next(container.iterfind(_PACKAGES)).attrib["full-path"]
        root = _xml(book, package)
        items = {one.get("id"): one.get("href", "") for one in root.iterfind(f".//{_OPF}item")}
        refs = [items.get(one.get("idref"), "") for one in root.iterfind(f".//{_OPF}itemref")]
    except (KeyError, StopIteration, ElementTree.ParseError) as error:
        raise StudioError(f"{path} is not an EPUB: its list of chapters cannot be read.") from error
    folder = posixpath.dirname(package)
    return [posixpath.normpath(posixpath.join(folder, unquote(ref))) for ref in refs if ref]


def _xml(book: zipfile.ZipFile, part: str) -> ElementTree.Element[Any]:
    data = book.read(part)
    if b"<!ENTITY" in data:
        raise KeyError(part)
    return ElementTree.fromstring(data)


def _chapter(book: zipfile.ZipFile, part: str) -> Part:
    """Heading and text of a chapter's file."""
    try:
        with book.open(part) as handle:
            data = handle.read(MAX_TEXT + 1)
    except (KeyError, zipfile.BadZipFile):
        return BadRow("file", f"the book has no readable {part[:200]!r}")
    if len(data) > MAX_TEXT:
        return BadRow("too-long", f"the chapter is longer than {MAX_TEXT // 2**20} MB: split it")
    page = _Page()
    page.feed(data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\0", ""))
    page.close()
    return page.heading(), page.text()


class _Page(HTMLParser):
    """What a page says, a line for each block."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[list[str]] = [[]]
        self._silent = 0
        self._headings = {"h1": "", "h2": "", "title": ""}
        """The first of each, the better ones in front."""
        self._inside = ""
        """The heading or page title that is open."""

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """The parser asserts that a section has a name: one without is a comment, as browsers
        read it."""
        try:
            return super().parse_marked_section(i, report)
        except AssertionError:
            return self.parse_bogus_comment(i)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif not self._headings.get(tag, "x").strip():
            self._inside = tag
        if tag not in _IN_LINE:
            self._lines.append([])

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag == self._inside:
            self._inside = ""
        if tag not in _IN_LINE:
            self._lines.append([])

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if self._inside:
            self._headings[self._inside] += data
        if self._inside != "title":
            self._lines[-1].append(data)

    def heading(self) -> str:
        """The best heading of the page."""
        return next((" ".join(one.split()) for one in self._headings.values() if one.strip()), "")

    def text(self) -> str:
        """The lines that are not blank."""
        lines = (" ".join("".join(pieces).split()) for pieces in self._lines)
        return "\n".join(line for line in lines if line)


EPUB = PagedFormat("epub", "EPUB: a document for each chapter", ".epub", "chapter", _chapters)
IMPORTER = EPUB.importer
