"""Which encoding a file is in: told by its marks, else guessed with confidence, else refused."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.records import StudioError

if TYPE_CHECKING:
    from charset_normalizer.models import CharsetMatch

SAMPLE_BYTES = 256 * 1024

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive (or a Word or Excel file): unpack it or save it as CSV first"),
    (b"%PDF", "a PDF: extract its text into .txt files first"),
    (b"PAR1", "a Parquet file: give its name the ending .parquet"),
    (b"\x1f\x8b", "gzipped twice: unpack it once first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ", "compressed with xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive: unpack it first"),
    (b"SQLite format 3", "an SQLite database: export the table as CSV first"),
    (b"\xd0\xcf\x11\xe0", "an old Word or Excel file: save it as text or CSV first"),
)
_OVER_ASCII = bytes(range(128, 256))
_CONTROLS = bytes(code for code in range(32) if chr(code) not in "\0\t\n\r\f\x1b") + b"\x7f"


def encoding_of(sample: bytes, path: Path, *, whole: bool) -> str:
    """The Python name of the encoding of a file that this is a telling sample of.

    ``whole``: the sample is all of it; else it may end inside a character.
    Raises :class:`StudioError` for a binary file and where no guess is safe.
    """
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    _refuse_known_kinds(sample, path)
    wide = _wide_by_zeros(sample)
    if wide:
        return wide
    if sample.isascii() or _mostly_utf8(sample, whole):
        _refuse_binary(sample, path)
        return "utf-8"
    return _guessed(sample, path)


def checked_encoding(name: str) -> str:
    """The encoding a person named, or a :class:`StudioError` when Python has no such text codec."""
    try:
        "".encode(name)
    except (LookupError, ValueError) as error:
        raise StudioError(
            f"There is no encoding {name!r}; try utf-8, utf-16, gb18030 or cp1252."
        ) from error
    return codecs.lookup(name).name


def _refuse_known_kinds(sample: bytes, path: Path) -> None:
    for magic, advice in _FOREIGN:
        if sample.startswith(magic):
            raise StudioError(f"{path} is {advice}.")


def _wide_by_zeros(sample: bytes) -> str:
    """UTF-16 without a mark shows where some of it is Latin: zeros lie at every other byte."""
    half = len(sample) // 2
    if half < 8:
        return ""
    even, odd = sample[0::2].count(0) / half, sample[1::2].count(0) / half
    if max(even, odd) < 0.3 or min(even, odd) > max(even, odd) / 5:
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _mostly_utf8(sample: bytes, whole: bool) -> bool:
    """Whether most lines that could tell are UTF-8: one broken line must not spoil the others."""
    lines = sample.split(b"\n")
    if len(lines) == 1:
        return _is_utf8(sample, final=whole)
    telling = [line for line in (lines if whole else lines[:-1]) if not line.isascii()]
    good = sum(_is_utf8(line, final=True) for line in telling)
    return good * 2 > len(telling) if telling else _is_utf8(lines[-1], final=whole)


def _is_utf8(data: bytes, *, final: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final)
    except UnicodeDecodeError:
        return False
    return True


def _refuse_binary(sample: bytes, path: Path) -> None:
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    if controls > 8 + len(sample) * 0.05:
        raise StudioError(f"{path} is not a text file: import JSONL, CSV, Parquet or .txt files.")


def _guessed(sample: bytes, path: Path) -> str:
    """charset-normalizer's guess where nothing else reads nearly as well."""
    from charset_normalizer import from_bytes

    found = [match for match in from_bytes(sample) if match.chaos <= 0.1]
    if not found:
        raise StudioError(
            f"{path} is not text in any known encoding: import JSONL, CSV, Parquet or .txt files."
        )
    if not _is_clear(found, sample):
        names = sorted({match.encoding for match in found}, key=lambda name: name != "cp1252")
        raise StudioError(
            f"{path} is not UTF-8, and its encoding cannot be told for sure (perhaps "
            f"{' or '.join(names[:2])}): name it with --encoding, or convert the file to UTF-8."
        )
    # Where Windows' Western code page reads the same, it is by far the likelier one.
    best = found[0]
    return "cp1252" if "cp1252" in best.could_be_from_charset else best.encoding


def _is_clear(found: Sequence[CharsetMatch], sample: bytes) -> bool:
    """Whether the first guess is one to rely on.

    Encodings of East Asia have a structure that other bytes break; one-byte encodings have none,
    and only a clear lead in how much it reads like a language tells them apart.
    """
    best, telling = found[0], len(sample) - len(sample.translate(None, _OVER_ASCII))
    if "中あ한".encode(best.encoding, "ignore"):
        return telling >= 24
    others = (match.coherence for match in found[1:] if not match.encoding.startswith("utf"))
    return best.coherence >= 0.2 and best.coherence - max(others, default=0.0) >= 0.1
