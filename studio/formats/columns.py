"""Which columns hold what, and whether their values can be used."""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path

from studio.formats.rows import FieldMap, RawDocument, SkippedRow
from studio.records import StudioError

IDS = (
    "_id", "id", "doc_id", "docid", "document_id", "passage_id", "pid", "docno", "uid", "编号",
)  # fmt: skip
TITLES = ("title", "heading", "headline", "subject", "标题")
TEXTS = (
    "text", "contents", "content", "body", "passage", "document", "document_text", "abstract",
    "article", "paragraph", "正文", "内容", "文本",
)  # fmt: skip


class BadRow(Exception):
    """A row that cannot be used; caught where its place in the file is known."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code

    def skipped(self, where: str) -> SkippedRow:
        """The row as it is reported."""
        return SkippedRow(where, str(self), self.code)


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The columns of a table that are read; an empty name means there is none."""

    id: str
    title: str
    text: str

    @property
    def names(self) -> list[str]:
        """The ones that there are."""
        return [name for name in (self.id, self.title, self.text) if name]


def table_columns(fields: FieldMap, columns: Sequence[str], path: Path) -> TableColumns:
    """The columns to read of a table; a missing one is a :class:`StudioError` that lists them."""
    id = column(fields.id, IDS, columns, path)
    title = column(fields.title, TITLES, columns, path)
    is_all = title and {id, title}.issuperset(columns)
    text = column(fields.text, TEXTS, columns, path, must="" if is_all else "text")
    return TableColumns(id, title, text)


def column(
    wanted: str, usual: Sequence[str], columns: Sequence[str], path: Path, *, must: str = ""
) -> str:
    """The wanted column, else the first usual one, else nothing or, if it must be, an error."""
    if wanted and wanted not in columns:
        near = difflib.get_close_matches(wanted, columns, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" It has: {_listed(columns)}."
        raise StudioError(f"{path} has no column {wanted!r}.{hint}")
    found = wanted or _first_of(usual, columns)
    if must and not found:
        raise StudioError(
            f"{path} has no column for the {must}; it has: {_listed(columns)}. "
            "Name the one that holds it."
        )
    return found


def value(row: Mapping[str, object], wanted: str, usual: Sequence[str]) -> tuple[str, object]:
    """The key and value of a row for a field; ``("", None)`` when it has none."""
    if wanted:
        return (wanted, row[wanted]) if wanted in row else ("", None)
    for name in usual:
        if name in row:
            return name, row[name]
    name = _first_of(usual, list(row))
    return name, row.get(name)


def document(
    row: Mapping[str, object], fields: FieldMap, where: str, fallback_id: str
) -> RawDocument:
    """The document in a row; one that has a title and no text has the title as its text.

    Raises :class:`BadRow` when it has neither.
    """
    key, content = value(row, fields.text, TEXTS)
    text = clean_text(content, key)
    title_key, found = value(row, fields.title, TITLES)
    title = title_text(found)
    if not key and (fields.text or not title or _has_prose(row, title_key)):
        raise BadRow("no-text", f"there is no field {fields.text or 'text'!r}")
    if not text.strip() and not title:
        raise BadRow("no-text", f"the field {key!r} is empty")
    outside_id = clean_id(value(row, fields.id, IDS)[1]) or fallback_id
    if not text.strip():
        title, text = "", title
    return RawDocument(outside_id, title, text, where)


def _has_prose(row: Mapping[str, object], title_key: str) -> bool:
    """Whether a field beside the title may well be the text, under a name of its own."""
    others = (content for key, content in row.items() if key != title_key)
    return any(isinstance(content, str) and len(content.split()) > 1 for content in others)


def title_text(content: object) -> str:
    """A title of any type as a text: none loses its document.

    Years, dates and lists are titles too; the NaN that pandas writes for none is not.
    """
    if content is None or content != content:
        return ""
    if isinstance(content, bytes):
        content = content.decode("utf-8", "replace")
    elif isinstance(content, list | tuple):
        content = ", ".join(filter(None, map(title_text, content)))
    elif isinstance(content, datetime) and content.time() == time():
        content = content.date()
    elif isinstance(content, bool | dict):
        content = json.dumps(content, ensure_ascii=False, default=str)
    text = str(content).replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-8", "replace").decode("utf-8").strip() if text else ""


def needed_text(content: object, name: str) -> str:
    """A text that may not be blank."""
    text = clean_text(content, name)
    if not text.strip():
        raise BadRow("no-text", f"the field {name!r} is empty")
    return text


def clean_text(content: object, name: str) -> str:
    """A text that the store can hold, unchanged; None is empty."""
    if content is None:
        return ""
    if isinstance(content, bytes):
        content = _decoded(content, name)
    if not isinstance(content, str):
        raise BadRow("no-text", f"the field {name!r} is {_kind(content)}, not a text")
    if "\0" in content:
        raise BadRow("nul", f"the field {name!r} holds a NUL character")
    if not content.isascii() and _has_lone_surrogate(content):
        raise BadRow("surrogate", f"the field {name!r} holds half of a surrogate pair")
    return content


def clean_id(content: object) -> str:
    """An id as one printable word or phrase; None and blanks are empty.

    Composed (NFC): a Mac's files name an é otherwise than the judgements that speak of them.
    """
    if isinstance(content, bool) or not isinstance(content, str | bytes | int | float | None):
        raise BadRow("bad-id", f"the id is {_kind(content)}, not a text or a number")
    # pandas turns whole numbers into floats where a value is missing.
    if isinstance(content, float):
        content = "" if content != content else f"{content:.0f}" if content % 1 == 0 else content
    text = str(content) if isinstance(content, int | float) else clean_text(content, "id").strip()
    if any(character < " " or character == "\x7f" for character in text):
        raise BadRow("bad-id", f"the id {text[:40]!r} holds a tab, line end or other control")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRow("encoding", f"the field {name!r} is not valid UTF-8") from error


def _has_lone_surrogate(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _kind(content: object) -> str:
    kinds = {dict: "an object", list: "a list", bool: "true or false", int: "a number"}
    return {**kinds, float: "a number"}.get(type(content), f"a {type(content).__name__}")


def _first_of(usual: Sequence[str], columns: Sequence[str]) -> str:
    by_lower = {name.strip().lower(): name for name in reversed(columns)}
    return next((by_lower[name] for name in usual if name in by_lower), "")


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in columns[:12])
    return shown + (f" and {len(columns) - 12} more" if len(columns) > 12 else "")
