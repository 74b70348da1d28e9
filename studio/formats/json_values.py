"""JSON that is not one object a line: arrays, tables by column, ids with texts, one object."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from studio.formats.columns import TEXTS, BadRow
from studio.formats.encodings import checked_encoding
from studio.formats.text_source import detect_encoding, explained, head_of, open_binary

CHUNK = 1 << 20
MOST = 200 * 2**20
"""Characters of one value: a file that is one object is held in memory."""
HOLDERS = (
    "corpus", "documents", "docs", "passages", "data", "rows", "items", "records", "examples",
    "train",
)  # fmt: skip
"""Where a file that is one object has its rows."""
_HOLDER = rf'"(?:{"|".join((*HOLDERS, "queries"))})"\s*:\s*[\[{{]'


def _encoding(path: Path, named: str) -> str:
    return checked_encoding(named) if named else detect_encoding(path)


def is_of_lines(path: Path, encoding: str) -> bool:
    """Whether each line is an object by itself, as far as the first one tells."""
    head = head_of(path).decode(_encoding(path, encoding), "ignore")
    first, _, rest = head.lstrip("\ufeff \t\r\n").partition("\n")
    if first.startswith("[") or re.match(rf"\{{\s*{_HOLDER}", first):
        return False
    if rest.strip():
        # The first line of a printed object ends in the middle of it.
        return not first.rstrip().endswith(("{", "[", ",")) or _is_object(first)
    if not _is_object(first):
        return re.search(_HOLDER, first[:400]) is None
    held = json.loads(first)
    texts = any(isinstance(held.get(name), str) for name in TEXTS)
    holds = any(isinstance(held.get(name), list | dict) for name in HOLDERS)
    return texts or not (holds or _by_column(held))


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def values(path: Path, encoding: str = "") -> Iterator[object]:
    """The values of a file or, of an array, its elements; one after the other, in bounded memory.

    Raises :class:`BadRow` where it stops being JSON: what comes after cannot be told apart.
    """
    decoder = json.JSONDecoder(strict=False)
    name = _encoding(path, encoding)
    with explained(path), open_binary(path) as handle:
        text = io.TextIOWrapper(handle, name, errors="replace", newline="")
        buffer, at, ended = text.read(CHUNK).removeprefix("\ufeff"), 0, False
        at = _past(buffer, at, " \t\r\n[") if buffer.lstrip().startswith("[") else at
        while True:
            at = _past(buffer, at, " \t\r\n,")
            try:
                value, end = decoder.raw_decode(buffer, at)
            except (ValueError, RecursionError):
                end = -1
            # What ends where the buffer ends may go on, such as a number.
            if end < 0 or (end == len(buffer) and not ended):
                if not ended and len(buffer) - at <= MOST:
                    more = text.read(max(CHUNK, len(buffer)))
                    buffer, at, ended = buffer[at:] + more, 0, not more
                    continue
                if buffer[at:].strip(" \t\r\n]"):
                    raise BadRow("json", "not JSON from here on, so the rest is lost")
                return
            yield value
            at = end


def _past(text: str, at: int, passed: str) -> int:
    while at < len(text) and text[at] in passed:
        at += 1
    return at


def rows_in(value: object) -> Iterator[dict[str, object]]:
    """The rows that a value holds: itself, a list, a table by column, ids with their texts.

    Raises :class:`BadRow` for what is no row.
    """
    if isinstance(value, str):
        yield {"text": value}
        return
    if not isinstance(value, dict):
        raise BadRow("json", "JSON but not an object with fields")
    held = next((value[name] for name in HOLDERS if isinstance(value.get(name), list | dict)), None)
    columns = value.get("columns")
    inside = value.get("row")
    if isinstance(inside, dict):
        yield inside
    elif any(isinstance(value.get(name), str) for name in TEXTS):
        yield value
    elif isinstance(columns, list) and isinstance(held, list):
        yield from (dict(zip(map(str, columns), row, strict=False)) for row in held)
    elif isinstance(held, list):
        for one in held:
            yield from rows_in(one)
    elif isinstance(held, dict):
        yield from _by_column(held) or _by_id(held)
    else:
        yield from _by_column(value) or iter((value,))


def _by_column(value: dict[str, object]) -> Iterator[dict[str, object]] | None:
    """The rows of ``{"id": ["1", …], "text": […]}`` or of pandas' ``{"id": {"0": "1"}, …}``."""
    columns = [list(one.values()) if isinstance(one, dict) else one for one in value.values()]
    names = {name.lower() for name in value}
    lists = [one for one in columns if isinstance(one, list)]
    if len(lists) < len(columns) or not names.intersection(TEXTS) or len({*map(len, lists)}) != 1:
        return None
    return (dict(zip(value, row, strict=True)) for row in zip(*lists, strict=True))


def _by_id(value: dict[str, object]) -> Iterator[dict[str, object]]:
    for name, content in value.items():
        yield {"_id": name, **(content if isinstance(content, dict) else {"text": content})}


def unpacked(cell: str) -> object:
    """A table's cell that holds lists as JSON; a text that only begins like one is itself."""
    if cell.lstrip().startswith(("[", "{")):
        with suppress(ValueError, RecursionError):
            found = json.loads(cell)
            inside = found if isinstance(found, list) else [found]
            if all(isinstance(one, str | dict) for one in inside):
                return found
    return cell
