"""Word documents (DOCX): each part under a first-level heading is a document (extra ``documents``,
the library python-docx).

A file has pages only where it is printed; the id of a part is ``report.docx#section=2``, from 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from studio.formats.paged import PagedFormat, Part, missing, said
from studio.formats.zipped import opened_zip
from studio.records import StudioError


def _sections(path: Path) -> Iterator[Part]:
    """Heading and text of each part; what stands before the first heading has the file's title.
    A heading without text below it is blank."""
    try:
        import docx
        from docx.table import Table
    except ImportError as error:
        raise missing(path, "DOCX") from error
    with opened_zip(path, "a Word document"):
        try:
            document = docx.Document(str(path))
            title = document.core_properties.title.strip()
            lines: list[str] = []
            for block in document.iter_inner_content():
                if isinstance(block, Table):
                    lines += ("\t".join(cell.text for cell in row.cells) for row in block.rows)
                elif block.style is not None and block.style.name == "Heading 1":
                    yield title, "\n".join(lines)
                    title, lines = block.text.strip(), []
                elif block.style is not None and block.style.name == "Title" and not title:
                    title = block.text.strip()
                else:
                    lines.append(block.text)
        except Exception as error:  # damaged files raise whatever they meet
            raise StudioError(
                f"{path} is not a Word document that can be read: {said(error)}"
            ) from error
    yield title, "\n".join(lines)


WORD = PagedFormat(
    "docx",
    "Word (.docx): a document for each part under a first-level heading",
    ".docx",
    "section",
    _sections,
)
IMPORTER = WORD.importer
