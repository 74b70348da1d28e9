"""Files that are zip archives inside (DOCX, EPUB), opened with a bound on what they unpack to."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from studio.formats.text_source import explained
from studio.records import StudioError

MOST_BYTES = 256 * 2**20
"""Unpacked, of all parts together."""


@contextmanager
def opened_zip(path: Path, kind: str) -> Iterator[zipfile.ZipFile]:
    """The archive. Raises :class:`StudioError` for one that is damaged, locked or too large.

    kind: what it should be, such as ``a Word document``.
    """
    try:
        with explained(path), zipfile.ZipFile(path) as archive:
            # A part never unpacks to more than its entry says: zipfile stops there.
            size = sum(part.file_size for part in archive.infolist())
            if size > MOST_BYTES:
                raise StudioError(
                    f"{path} unpacks to {size / 2**20:,.0f} MB, more than "
                    f"{MOST_BYTES // 2**20} MB: split it."
                )
            if any(part.flag_bits & 1 for part in archive.infolist()):
                raise StudioError(f"{path} is locked with a password: unlock it first.")
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise StudioError(f"{path} is not {kind}, or is damaged: copy it again.") from error
