"""Cuts long texts into passages by the encoder's own tokens, at sentence ends where it can."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from studio.records import StudioError

Offsets = Callable[[str], list[tuple[int, int]]]
"""A tokenizer: text → (start, end) of each token in characters, without special tokens."""

FIRST_LOOK = 8
"""Characters looked at per token of the limit: texts have two to six, so one look mostly does."""
LAST_LOOK = 32
"""Characters per token past which a passage is cut anyway: blobs and rules are few tokens long."""

_ENDS = (
    re.compile(r"[.!?…؟۔।॥։።፧။៕།][\"'”’)\]»]*(?=\s+[^a-z\s])|[。！？；．][”’」』）)]*|\n[ \t]*\n"),
    re.compile(r"\n"),
    re.compile(r"(?=\s)|(?<=[^\x00-\u2e7f])"),
)
"""Where to cut, best first: sentences and paragraphs, lines, words (of scripts that write without
white space: any character)."""
_SEE_PAST = 8
"""Characters around a span that a pattern may look at to know that a sentence ends in it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a text: ``text == whole[start:end]``."""

    text: str
    start: int
    """In characters, from 0."""
    end: int
    """One past the last character."""


def cut(text: str, tokens: Offsets, max_tokens: int, overlap: int = 0) -> list[Passage]:
    """The passages of a text, in order: none for a blank one, the text itself if it fits.

    Every character but white space lies in a passage, and no passage has more than ``max_tokens``
    tokens when it is tokenised by itself (a single character is never cut, whatever it costs).
    Neighbours share up to ``overlap`` tokens. ``tokens`` counts no special tokens: take those off
    the encoder's limit first. Looks at one window at a time, so that a book needs no more memory.
    """
    if not 0 <= overlap < max_tokens:
        raise StudioError(
            f"An overlap of {overlap} tokens does not go with passages of {max_tokens}: "
            "it must be 0 or more and less than the passage."
        )
    if len(text) <= max_tokens * LAST_LOOK and _fits(text, tokens, max_tokens):
        return [Passage(text, 0, len(text))] if text.strip() else []
    passages: list[Passage] = []
    start = _skip_blank(text, 0)
    while start < len(text):
        end, spans = _passage_end(text, start, tokens, max_tokens)
        passages.append(_trimmed(text, start, end))
        after = _skip_blank(text, end)
        # At most half, so that the next passage ends past this one's end.
        back = spans[len(spans) - min(overlap, len(spans) // 2) :]
        shared = [span for span in back if span[0] > start]
        start = _next_start(text, start, end, shared) if after < len(text) else after
    return passages


def cut_document(
    title: str, text: str, tokens: Offsets, max_tokens: int, overlap: int = 0
) -> list[Passage]:
    """As :func:`cut`, leaving room for the title, which stands before every passage.

    A title takes at most half of the room: encoders cut the rest of the passage off otherwise.
    """
    room = max(max_tokens - len(tokens(title)), (max_tokens + 1) // 2) if title else max_tokens
    return cut(text, tokens, room, min(overlap, room - 1))


def encoder_tokenizer(path: Path) -> Offsets:
    """The tokenizer of an encoder's folder (its ``tokenizer.json``) or of such a file itself."""
    from tokenizers import Tokenizer

    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise StudioError(f"{path} has no tokenizer.json: name the folder of an encoder.")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception
        raise StudioError(f"{file} is not a tokenizer that can be read: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def offsets(text: str) -> list[tuple[int, int]]:
        return list(tokenizer.encode(text, add_special_tokens=False).offsets)

    return offsets


def _passage_end(
    text: str, start: int, tokens: Offsets, max_tokens: int
) -> tuple[int, list[tuple[int, int]]]:
    """Where the passage from ``start`` ends, and its tokens' places in the text."""
    spans = _window(text, start, tokens, max_tokens)
    hard = min(len(text), start + max_tokens * LAST_LOOK)
    if len(spans) <= max_tokens and hard == len(text):
        return hard, spans
    if len(spans) > max_tokens:
        # The next token's start, so that white space and dropped characters stay with this one.
        hard = max(spans[max_tokens][0], start + 1)
    middle = spans[len(spans[:max_tokens]) // 2][1] if spans else hard
    end = _good_end(text, start, min(middle, hard), hard)
    while end > start + 1 and not _fits(text[start:end].strip(), tokens, max_tokens):
        end = _earlier(text, start, end)
    return end, [span for span in spans if span[1] <= end]


def _window(text: str, start: int, tokens: Offsets, max_tokens: int) -> list[tuple[int, int]]:
    """Tokens from ``start`` on: more than the limit, or all of the last look."""
    size = max_tokens * FIRST_LOOK
    while True:
        spans = [(start + a, start + b) for a, b in tokens(text[start : start + size])]
        # The window's last token may be cut in two: one more than the limit tells nothing yet.
        enough = len(spans) > max_tokens + 1 or start + size >= len(text)
        if enough or size >= max_tokens * LAST_LOOK:
            return spans
        size *= 2


def _good_end(text: str, start: int, earliest: int, hard: int) -> int:
    """The last sentence end in the passage's second half, else line, word or token end."""
    for pattern in _ENDS:
        found = (one.end() for one in pattern.finditer(text, earliest, hard + _SEE_PAST))
        usable = [end for end in found if start < end <= hard]
        if usable:
            return usable[-1]
    return hard


def _earlier(text: str, start: int, end: int) -> int:
    """A shorter end: text cut inside a word can have more tokens than it had as a part."""
    space = max(text.rfind(" ", start + 1, end - 1), text.rfind("\n", start + 1, end - 1))
    shorter = end - max(1, (end - start) // 16)
    return space if space >= shorter else shorter


def _next_start(text: str, start: int, end: int, shared: list[tuple[int, int]]) -> int:
    """Where the next passage starts: at the first sentence or word of the shared tokens."""
    if not shared:
        return _skip_blank(text, end)
    back = shared[0][0]
    for pattern in _ENDS:
        before = max(start, back - _SEE_PAST)
        found = (one.end() for one in pattern.finditer(text, before, end + _SEE_PAST))
        starts = (at for at in (_skip_blank(text, one) for one in found) if back <= at < end)
        chosen = next(starts, None)
        if chosen is not None:
            return chosen
    return _skip_blank(text, back)


def _fits(text: str, tokens: Offsets, max_tokens: int) -> bool:
    return len(tokens(text)) <= max_tokens


def _skip_blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _trimmed(text: str, start: int, end: int) -> Passage:
    piece = text[start:end].rstrip()
    return Passage(piece, start, start + len(piece))
