"""A folder of texts: a .txt or .md file is a document, a PDF, DOCX or EPUB one a page, part or
chapter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from studio.formats.columns import BadRow, clean_id, clean_text, needed_text
from studio.formats.epub import EPUB
from studio.formats.pdf import PDF
from studio.formats.rows import FieldMap, Importer, RawDocument, SkippedRow
from studio.formats.text_source import bare_suffix, whole_text
from studio.formats.word import WORD
from studio.records import StudioError

PLAIN = (".txt", ".text")
MARKDOWN = (".md", ".markdown")
PAGED = {one.suffix: one for one in (PDF, WORD, EPUB)}
"""Files that are several documents."""
ENDINGS = PLAIN + MARKDOWN + tuple(PAGED)


def read(path: Path, fields: FieldMap) -> Iterator[RawDocument | SkippedRow]:
    """The documents below a folder in the order of their paths; the id is the path within it.

    Hidden files and folders are passed over. Links are not followed: they may lead out of the
    folder, or round in circles. A Markdown file's first heading becomes the title.
    """
    if path.is_file():
        yield _document(path, path.name, fields)
        return
    for file in _files(path):
        # Names need not be valid text: what is shown must be.
        name = os.fsencode(file.relative_to(path).as_posix()).decode("utf-8", "replace")
        if problem := _unfit(file, name):
            yield problem
        elif file.suffix.lower() in PAGED:
            yield from _pages(file, name)
        else:
            yield _document(file, name, fields)


def _files(folder: Path) -> Iterator[Path]:
    def complain(error: OSError) -> None:
        raise StudioError(f"{error.filename} cannot be read: {error.strerror}.") from error

    for parent, folders, files in os.walk(folder, onerror=complain):
        linked = [name for name in folders if Path(parent, name).is_symlink()]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files + linked):
            if not name.startswith("."):
                yield Path(parent, name)


def _unfit(file: Path, name: str) -> SkippedRow | None:
    if file.is_symlink():
        return SkippedRow(name, "a link, and links are not followed", "link")
    if not file.is_file():
        return SkippedRow(name, "not a regular file", "file-kind")
    if bare_suffix(file) not in PLAIN + MARKDOWN and file.suffix.lower() not in PAGED:
        return SkippedRow(name, f"not one of {', '.join(ENDINGS)}", "file-kind")
    return None


def _pages(file: Path, name: str) -> Iterator[RawDocument | SkippedRow]:
    try:
        yield from PAGED[file.suffix.lower()].documents(file, name)
    except StudioError as error:
        yield SkippedRow(name, str(error).removesuffix("."), "file")


def _document(file: Path, name: str, fields: FieldMap) -> RawDocument | SkippedRow:
    try:
        text = clean_text(whole_text(file, fields.encoding), "text")
        title, text = _split_heading(text) if bare_suffix(file) in MARKDOWN else ("", text)
        return RawDocument(clean_id(name), title, needed_text(text, "text"), name)
    except BadRow as bad:
        return bad.skipped(name)
    except StudioError as error:
        return SkippedRow(name, str(error).removesuffix("."), "file")


def _split_heading(text: str) -> tuple[str, str]:
    """The first heading of a Markdown text and what follows; no heading, no title."""
    first, _, rest = text.lstrip().partition("\n")
    if not first.startswith("# ") or not rest.strip():
        return "", text
    return first.removeprefix("# ").strip().rstrip("#").rstrip(), rest.lstrip("\r\n")


def _claims(path: Path, head: bytes) -> bool:
    return path.is_dir()


IMPORTER = Importer(
    name="text",
    label="Folder of text, Markdown, PDF, Word and EPUB files",
    suffixes=PLAIN + MARKDOWN,
    read=read,
    claims=_claims,
    priority=-10,
)
