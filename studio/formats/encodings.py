"""Which encoding a file is in: told by its marks, else guessed with confidence, else refused."""

from __future__ import annotations

import codecs
from pathlib import Path

from studio.records import StudioError

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
    """UTF-16 without a mark shows in Latin script: every other byte is zero."""
    half = max(1, len(sample) // 2)
    even, odd = sample[0::2].count(0) / half, sample[1::2].count(0) / half
    if odd > 0.3 and even < 0.02:
        return "utf-16-le"
    if even > 0.3 and odd < 0.02:
        return "utf-16-be"
    return ""


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
    if controls > len(sample) * 0.05:
        raise StudioError(f"{path} is not a text file: import JSONL, CSV, Parquet or .txt files.")


def _guessed(sample: bytes, path: Path) -> str:
    """charset-normalizer's guess, if the letters make sense and the script leaves no doubt."""
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    if best is None:
        raise StudioError(
            f"{path} is not text in any known encoding: import JSONL, CSV, Parquet or .txt files."
        )
    multibyte = len("中あ한".encode(best.encoding, "ignore")) > 0
    if best.chaos > 0.1 or (not multibyte and best.coherence < 0.2):
        raise StudioError(
            f"{path} is not UTF-8, and its encoding cannot be told for sure (perhaps "
            f"{best.encoding}): name it with --encoding, or convert the file to UTF-8."
        )
    # Where Windows' Western code page reads the same, it is by far the likelier one.
    return "cp1252" if "cp1252" in best.could_be_from_charset else best.encoding
