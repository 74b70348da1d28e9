"""Text files as lines, plain or gzipped, in bounded memory whatever they hold."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, AnyStr, BinaryIO, Literal, cast

from studio.formats.encodings import SAMPLE_BYTES, checked_encoding, encoding_of
from studio.records import StudioError

MAX_TEXT = 8 * 2**20
"""The longest line or file taken as one text, in bytes (in characters for UTF-16 and UTF-32)."""

_HEAD = 64 * 1024
"""Bytes that tell how lines end."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a text file."""

    number: int
    """From 1."""
    text: str
    """With its line end; of a line with a problem, what could be read, possibly nothing."""
    problem: str = ""
    """Why it cannot be used, as part of a sentence; empty when it can."""
    code: str = ""
    """The problem as one word: ``encoding`` or ``too-long``."""


def bare_suffix(path: Path) -> str:
    """The ending that tells the format, lower case: ``.jsonl`` of ``Corpus.JSONL.gz``."""
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def bare_stem(path: Path) -> str:
    """The name without the endings: ``corpus`` of ``corpus.jsonl.gz``."""
    return Path(path.name).stem if path.suffix.lower() != ".gz" else Path(path.stem).stem


@contextmanager
def explained(path: Path, place: Callable[[], str] = str) -> Iterator[None]:
    """Turns what reading may raise into one clear sentence; ``place`` says how far it came."""
    try:
        yield
    except FileNotFoundError as error:
        raise StudioError(f"There is no {path}: check the path.") from error
    except PermissionError as error:
        raise StudioError(f"{path} may not be read: check its permissions.") from error
    except EOFError as error:
        raise StudioError(
            f"{path} is cut off: the gzip file ends too early{place()}. Download or copy it again."
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise StudioError(
            f"{path} is damaged: its gzip data is broken{place()}. Download or copy it again."
        ) from error
    except OSError as error:
        raise StudioError(f"{path} cannot be read: {error.strerror or error}.") from error


def open_binary(path: Path) -> BinaryIO:
    """The file's bytes, unzipped when they are gzip whatever the name says."""
    # Of a pipe or a device, the end may never come.
    if path.exists() and not path.is_file():
        raise StudioError(f"{path} cannot be read: it is no file. Check the path.")
    raw = path.open("rb")
    if raw.peek(2)[:2] != b"\x1f\x8b":
        return raw
    raw.close()
    return cast(BinaryIO, gzip.open(path, "rb"))


def head_of(path: Path, size: int = 4096) -> bytes:
    """The first unzipped bytes of a file."""
    with explained(path), open_binary(path) as handle:
        return handle.read(size)


def detect_encoding(path: Path) -> str:
    """The encoding of a text file: from its start or, where that is ASCII, what comes after."""
    with explained(path), open_binary(path) as handle:
        head = handle.read(SAMPLE_BYTES)
        whole = len(head) < SAMPLE_BYTES
        if not whole and head.isascii() and 0 not in head:
            encoding_of(head, path, whole=False)
            return _past_ascii(handle, path)
    return encoding_of(head, path, whole=whole)


def _past_ascii(handle: BinaryIO, path: Path) -> str:
    while chunk := handle.read(4 * SAMPLE_BYTES):
        if not chunk.isascii():
            chunk += handle.readline(SAMPLE_BYTES)
            start = next(at for at, byte in enumerate(chunk) if byte > 127)
            start = max(0, chunk.rfind(b"\n", 0, start))
            return encoding_of(chunk[start : start + SAMPLE_BYTES], path, whole=False)
    return "utf-8"


def lines(path: Path, encoding: str = "") -> Iterator[Line]:
    """Every line of a text file with its number; broken ones say why.

    Raises :class:`StudioError` for a file that cannot be read, is binary, or is cut-off gzip.
    """
    encoding = checked_encoding(encoding) if encoding else detect_encoding(path)
    number, head = 0, head_of(path, _HEAD)
    old_mac = b"\r" in head and b"\n" not in head
    with explained(path, lambda: f" after line {number}"), open_binary(path) as handle:
        if _is_wide(encoding):
            found = _wide(handle, encoding, "\r" if old_mac else "\n")
        else:
            found = _narrow(_unmacced(handle) if old_mac else handle, encoding)
        for line in found:
            number = line.number
            yield line


def whole_text(path: Path, encoding: str = "") -> str:
    """All of a file as one text. Raises :class:`StudioError` when it is not a text or too long."""
    with explained(path), open_binary(path) as handle:
        data = handle.read(MAX_TEXT + 1)
    if len(data) > MAX_TEXT:
        raise StudioError(f"{path} is longer than {_megabytes(MAX_TEXT)}: split it.")
    name = checked_encoding(encoding) if encoding else encoding_of(data, path, whole=True)
    try:
        return data.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise StudioError(
            f"{path} is not valid {name} (byte {error.start}): convert it to UTF-8."
        ) from error


def _is_wide(encoding: str) -> bool:
    """Whether a line end is more than one byte, so that bytes cannot be cut into lines."""
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


class _CarriageReturns(io.RawIOBase):
    """Bytes in which ``\\r`` alone ends the lines, as old Macs wrote them, with ``\\n`` instead."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._source.read(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(data)] = data
        return len(data)


def _unmacced(handle: BinaryIO) -> BinaryIO:
    return io.BufferedReader(_CarriageReturns(handle), 1 << 16)


def _narrow(handle: BinaryIO, encoding: str) -> Iterator[Line]:
    for number, (data, length) in enumerate(_bounded(handle.readline, b"\n"), 1):
        if length > MAX_TEXT:
            yield _too_long(number, length)
            continue
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            text = data.decode(encoding, "replace")
            problem = f"not valid {encoding} (byte {error.start + 1} of the line)"
            yield Line(number, text, problem, "encoding")
            continue
        yield Line(number, text.removeprefix("\ufeff") if number == 1 else text)


def _wide(handle: BinaryIO, encoding: str, end: Literal["\r", "\n"]) -> Iterator[Line]:
    # Lone surrogates pass here: the row that holds one is reported by what reads the rows.
    wrapped = io.TextIOWrapper(handle, encoding, errors="surrogatepass", newline=end)
    number = 0
    try:
        for number, (text, length) in enumerate(_bounded(wrapped.readline, end), 1):
            yield _too_long(number, length) if length > MAX_TEXT else Line(number, text)
    except UnicodeError:
        yield Line(
            number + 1, "", f"not valid {encoding}: the file ends or breaks here", "encoding"
        )


def _bounded(readline: Callable[[int], AnyStr], end: AnyStr) -> Iterator[tuple[AnyStr, int]]:
    """Lines with their lengths; of a line past the limit only the first piece is kept."""
    while line := readline(MAX_TEXT + 1):
        length = len(line)
        piece = line
        while length > MAX_TEXT and not piece.endswith(end):
            piece = readline(MAX_TEXT)
            if not piece:
                break
            length += len(piece)
        yield line, length


def _too_long(number: int, length: int) -> Line:
    problem = f"the line is {_megabytes(length)} long, more than {_megabytes(MAX_TEXT)}: split it"
    return Line(number, "", problem, "too-long")


def _megabytes(count: int) -> str:
    return f"{count / 2**20:.3g} MB"
