"""Files that are several documents: pages, parts or chapters, each named by its number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studio.formats.columns import BadRow, clean_id, needed_text
from studio.formats.rows import FieldMap, Importer, RawDocument, Row
from studio.records import StudioError

INSTALL: Final = "pip install 'studio[documents]'"
MOST_SAID: Final = 200
"""Characters of what a library says of a damaged file."""

Part = tuple[str, str] | BadRow
"""Title and text of a page, or why it has none. One whose text is blank brings no document."""


@dataclass(frozen=True, slots=True)
class PagedFormat:
    """How such files are read, alone and in a folder of texts."""

    name: str
    label: str
    suffix: str
    unit: str
    """What its documents are called in ids, such as ``page``."""
    parts: Callable[[Path], Iterator[Part]]
    """All of them in order, the blank ones too. Raises :class:`StudioError` for the whole file."""
    begins: tuple[bytes, ...] = ()
    """What tells such a file that has another ending."""

    def documents(self, path: Path, name: str) -> Iterator[Row]:
        """The documents; their ids are ``NAME#page=3`` and so on, from 1."""
        for number, part in enumerate(self.parts(path), 1):
            where = f"{name}#{self.unit}={number}"
            if isinstance(part, BadRow):
                yield part.skipped(where)
                continue
            title, text = part
            if not text.strip():
                continue
            try:
                yield RawDocument(clean_id(where), title, needed_text(text, "text"), where)
            except BadRow as bad:
                yield bad.skipped(where)

    @property
    def importer(self) -> Importer:
        """As the registry of formats has it."""

        def read(path: Path, fields: FieldMap) -> Iterator[Row]:
            return self.documents(path, path.name)

        def claims(path: Path, head: bytes) -> bool:
            return head.startswith(self.begins)

        return Importer(self.name, self.label, (self.suffix,), read, claims)


def missing(path: Path, kind: str) -> StudioError:
    """What to tell where the library is not installed that reads the file."""
    return StudioError(f"To read {path.name}, install what reads {kind}: {INSTALL}")


def said(error: Exception) -> str:
    """What a library says of a file, on one line."""
    return " ".join(str(error).split())[:MOST_SAID] or type(error).__name__
