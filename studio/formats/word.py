"""Word documents (DOCX): each part under a first-level heading is a document (extra ``documents``,
the library python-docx).

A file has pages only where it is printed; the id of a part is ``report.docx#section=2``, from 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from studio.formats.columns import BadRow, clean_id, needed_text
from studio.formats.pdf import INSTALL
from studio.formats.rows import FieldMap, Importer, RawDocument, SkippedRow
from studio.formats.zipped import opened_zip
from studio.records import StudioError

SUFFIXES = (".docx",)


def read(path: Path, fields: FieldMap) -> Iterator[RawDocument | SkippedRow]:
    """The parts of a file, in order."""
    yield from documents(path, path.name)


def documents(path: Path, name: str) -> Iterator[RawDocument | SkippedRow]:
    """The parts; ``name`` is the file's in ids. A heading without text below it brings none."""
    for number, (title, lines) in enumerate(_sections(path), 1):
        where = f"{name}#section={number}"
        text = "\n".join(lines)
        if not text.strip():
            continue
        try:
            yield RawDocument(clean_id(where), title, needed_text(text, "text"), where)
        except BadRow as bad:
            yield bad.skipped(where)


def _sections(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Heading and lines of each part; what stands before the first heading has the file's title."""
    try:
        import docx
        from docx.table import Table
    except ImportError as error:
        raise StudioError(f"To read {path.name}, install what reads DOCX: {INSTALL}") from error
    with opened_zip(path, "a Word document"):
        try:
            document = docx.Document(str(path))
            title = document.core_properties.title.strip()
            lines: list[str] = []
            for block in document.iter_inner_content():
                if isinstance(block, Table):
                    lines += ("\t".join(cell.text for cell in row.cells) for row in block.rows)
                elif block.style is not None and block.style.name == "Heading 1":
                    yield title, lines
                    title, lines = block.text.strip(), []
                elif block.style is not None and block.style.name == "Title" and not title:
                    title = block.text.strip()
                else:
                    lines.append(block.text)
        except Exception as error:  # damaged files raise whatever they meet
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise StudioError(f"{path} is not a Word document that can be read: {said}") from error
    yield title, lines


def _claims(path: Path, head: bytes) -> bool:
    return False


IMPORTER = Importer(
    name="docx",
    label="Word (.docx): a document for each part under a first-level heading",
    suffixes=SUFFIXES,
    read=read,
    claims=_claims,
)
