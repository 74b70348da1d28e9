"""A file of rows of any format, or a folder of them: the shards that data sets come in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from studio.formats import delimited, jsonl, parquet
from studio.formats.rows import FieldMap, Importer, Row, SkippedRow
from studio.formats.spreadsheet import unsafe_cell
from studio.formats.text_folder import ENDINGS
from studio.formats.text_source import bare_suffix
from studio.records import StudioError

READERS: dict[str, Callable[[Path, FieldMap], Iterator[Row]]] = {
    suffix: importer.read
    for importer in (jsonl.IMPORTER, delimited.IMPORTER, parquet.IMPORTER)
    for suffix in importer.suffixes
}
ABOUT = ("readme", "license", "licence", "citation", "dataset_info", "state", "changelog")
"""Names of files that speak of a data set."""

FoundRow = tuple[str, Mapping[str, object]] | SkippedRow
"""Where a row stands and what it holds."""


def read(path: Path, fields: FieldMap) -> Iterator[Row]:
    """The documents of all data files below a folder, in the order of their names."""
    for file in files(path):
        yield from READERS[bare_suffix(file)](file, fields)


def rows(path: Path, encoding: str = "") -> Iterator[FoundRow]:
    """The rows of a file, or of all data files below a folder."""
    for file in files(path):
        suffix = bare_suffix(file)
        if suffix in parquet.IMPORTER.suffixes:
            found: Iterator[tuple[int, dict[str, object]] | SkippedRow] = parquet.rows(file)
        else:
            is_table = suffix in delimited.SUFFIXES
            found = (delimited.table if is_table else jsonl.objects)(file, encoding)
        for item in found:
            if isinstance(item, SkippedRow):
                yield item
            else:
                cells = {key: unsafe_cell(cell) for key, cell in item[1].items()}
                yield f"{file.name}:{item[0]}", cells if suffix in delimited.SUFFIXES else item[1]


def files(path: Path) -> list[Path]:
    """A file itself; of a folder the data files below it, in order. Raises StudioError for links:
    what lies in a folder, which may be a stranger's, may lead anywhere."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in _below(path) if _is_data(file))
    for file in found:
        if file.is_symlink():
            raise StudioError(
                f"{file} is a link, and links in a folder are not followed: they may lead "
                "anywhere. Put the file itself there, or name it instead of the folder."
            )
    return found


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _is_data(file: Path) -> bool:
    return bare_suffix(file) in READERS and not file.name.lower().startswith(ABOUT)


def _claims(path: Path, head: bytes) -> bool:
    """Data files and no texts, but for what speaks of the data."""
    if not path.is_dir():
        return False
    any_data = False
    for file in _below(path):
        if bare_suffix(file) in ENDINGS and not file.name.lower().startswith(ABOUT):
            return False
        any_data = any_data or _is_data(file)
    return any_data


IMPORTER = Importer(
    name="files",
    label="Folder of JSONL, CSV, TSV or Parquet files: the shards of one data set",
    suffixes=(),
    read=read,
    claims=_claims,
)
