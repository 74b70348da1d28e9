"""Text from outside, made harmless for a terminal without touching what is stored.

Corpora and LLM answers may hold escape sequences, C1 controls, bidi overrides, lone surrogates and
markup. ``visible`` and its kin are for text that is shown, ``EditorCodec`` for text that is edited
(it can be turned back exactly). Screens and the command line have the same rules.
"""

from __future__ import annotations

import re

from rich.cells import cell_len

BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Marks, embeddings, overrides and isolates: they reorder what stands around them."""
RIGHT_TO_LEFT = frozenset({0x061C, 0x200F, 0x202B, 0x202E, 0x2067})
INVISIBLE = (
    0x00AD,
    0x034F,
    0x180E,
    0x200B,
    *range(0x2060, 0x2066),
    *range(0x206A, 0x2070),
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),
)
"""Characters without width that hide text or confuse a terminal's column count."""
LINE_BREAKS = (0x85, 0x2028, 0x2029)
"""Breaks that are no newline for a terminal but are one for Python's ``splitlines``."""
SURROGATES = range(0xD800, 0xE000)
FREE_BLOCKS: tuple[int, ...] = (
    *range(0xF0000, 0xFFF00, 0x1000),
    *range(0x100000, 0x10FF00, 0x1000),
)
"""Starts of private-use blocks that can stand for controls inside an editor."""


def _symbol(code: int) -> str:
    """The one visible cell that stands for a character no terminal should get."""
    if code in LINE_BREAKS:
        return "␤"
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if code < 0xA0:
        return "␦"
    if code in SURROGATES:
        return "�"
    if code in BIDI:
        return "⇠" if code in RIGHT_TO_LEFT else "⇢"
    return "·"


HARMFUL = tuple(
    sorted(
        {
            *range(0x20),
            0x7F,
            *range(0x80, 0xA0),
            *BIDI,
            *INVISIBLE,
            *LINE_BREAKS,
            *SURROGATES,
        }
        - {0x0A}
    )
)
"""Every code point that is never written to the terminal, the newline aside."""
SYMBOLS = {code: _symbol(code) for code in HARMFUL}
_SHOWN = {**SYMBOLS, 0x09: "    "}
UNSETTLED = (0x200D, *range(0xFE00, 0xFE10), *range(0x1F3FB, 0x1F400), *range(0xE0100, 0xE01F0))
"""Joiners, variation selectors and skin tones: terminals disagree on the width of their emoji."""
_EMOJI = "\u00a9\u00ae\u203c-\u3299\ufe0f\U0001f000-\U0001faff"
_EMOJI_JOINER = re.compile(f"(?<=[{_EMOJI}])\u200d(?=[{_EMOJI}])")
_VARIATIONS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\U0001f3fb-\U0001f3ff]")
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_STACKED_MARKS = re.compile(f"([{_MARKS}]{{3}})[{_MARKS}]+")

LONGEST_SHOWN = 20_000
"""Characters of one text that a screen lays out; the rest is announced, not drawn."""


def _settled(text: str) -> str:
    """Sequences whose width terminals disagree on, brought to one that all agree on."""
    if text.isascii():
        return text
    text = _VARIATIONS.sub("", _EMOJI_JOINER.sub("", text))
    return _STACKED_MARKS.sub(r"\1", text)


def visible(text: str, *, limit: int = LONGEST_SHOWN) -> str:
    """The text with controls as symbols; newlines stay, tabs become four spaces.

    Past ``limit`` characters it ends in a line that says how long the whole is.
    """
    shown = _settled(text[:limit].replace("\r\n", "\n")).translate(_SHOWN)
    if len(text) > limit:
        shown += f"\n… {len(text) - limit:,} more characters not shown"
    return shown


def one_line(text: str, width: int | None = None) -> str:
    """The text on one line, runs of white space as one space, cut to ``width`` cells with ``…``."""
    # Four characters a cell leave room for marks without width.
    head = text[: (width or 1000) * 4 + 16]
    line = " ".join(visible(head, limit=len(head)).split())
    return line if width is None else cut(line, width)


def cut(line: str, width: int) -> str:
    """``line`` in at most ``width`` cells; what is longer ends in ``…``."""
    if cell_len(line) <= width:
        return line
    if width <= 1:
        return "…"[: max(width, 0)]
    low: int = 0
    high: int = min(len(line), width)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if cell_len(line[:middle]) < width else (low, middle - 1)
    return line[:low].rstrip() + "…"


def padded(text: str, width: int) -> str:
    """``text`` on one line in exactly ``width`` cells."""
    line = one_line(text, width)
    return line + " " * (width - cell_len(line))


class EditorCodec:
    """Turns text into what an editor may hold, and back, character for character.

    Each harmful character is swapped for one of a private-use block that the text itself does not
    use, so that columns, wrapping and selection stay right; ``symbols`` says how to draw them.
    """

    def __init__(self, text: str = "") -> None:
        self._start = _free_block(text)
        self._to_editor = {code: self._start + n for n, code in enumerate(HARMFUL) if code != 9}
        self._unsettled = {code: self._start + 0xE00 + n for n, code in enumerate(UNSETTLED)}
        swapped = {**self._to_editor, **self._unsettled}
        self._to_text = {held: code for code, held in swapped.items()}
        self.symbols = {held: SYMBOLS.get(code, "·") for code, held in swapped.items()}
        """Editor character → the visible cell drawn for it."""

    def encode(self, text: str) -> str:
        """What the editor holds for ``text``; tabs and newlines stay."""
        held = text.translate(self._to_editor)
        if not held.isascii():
            held = _EMOJI_JOINER.sub(self._swapped, _VARIATIONS.sub(self._swapped, held))
        return held

    def _swapped(self, match: re.Match[str]) -> str:
        return match[0].translate(self._unsettled)

    def decode(self, held: str) -> str:
        """The text again, exactly."""
        return held.translate(self._to_text)

    def holds(self, text: str) -> bool:
        """Whether ``text`` can be encoded without meeting its own private-use block."""
        return not any(self._start <= ord(character) < self._start + 0x1000 for character in text)


def _free_block(text: str) -> int:
    """The first private-use block of 4,096 that ``text`` has no character of."""
    used = {ord(character) & ~0xFFF for character in text if ord(character) >= FREE_BLOCKS[0]}
    return next((start for start in FREE_BLOCKS if start not in used), FREE_BLOCKS[0])
