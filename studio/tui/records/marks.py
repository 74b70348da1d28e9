"""Which words of a document a query is made of, in any script, for the eye only."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from regex import Pattern

_COMMON: Final = """
    a about after all also am an and any are as at be been before but by can could did do does
    for from get had has have he her him his how i if in into is it its just me more most my no not
    of on one only or other our out over own she should so some such than that the their them then
    there these they this those to too under up us was we were what when where which while who whom
    whose why will with would you your
"""
COMMON: Final = frozenset(_COMMON.split())
"""English words that say nothing of what a text is about."""
STEM = 6
"""Letters by which longer words are compared: deduct, deducted, deductible."""

Place = tuple[int, int]


def marks(text: str, query: str) -> list[Place]:
    """Start and end of each word of ``text`` that ``query`` has too, in order.

    Scripts without spaces are compared by pairs of characters; single ones say too little.
    """
    stems, pairs = _wanted(query)
    if not stems and not pairs:
        return []
    return list(_joined(_matching(text, stems, pairs)))


def _wanted(query: str) -> tuple[set[str], set[tuple[str, str]]]:
    found = [*_words(query)]
    stems = {_stem(word) for _start, _end, word in found if word not in COMMON}
    pairs = {
        (first, second)
        for (_, end, first), (start, _, second) in pairwise(found)
        if end == start and _is_spaceless(first) and _is_spaceless(second)
    }
    return {stem for stem in stems if not _is_spaceless(stem)}, pairs


def _matching(text: str, stems: set[str], pairs: set[tuple[str, str]]) -> Iterator[Place]:
    before: tuple[int, int, str] = (0, -1, "")
    for start, end, word in _words(text):
        if _is_spaceless(word):
            if before[1] == start and (before[2], word) in pairs:
                yield before[0], end
        elif word not in COMMON and _stem(word) in stems:
            yield start, end
        before = (start, end, word)


def _joined(places: Iterator[Place]) -> Iterator[Place]:
    """Places that overlap become one."""
    last: Place | None = None
    for start, end in places:
        if last is not None and start < last[1]:
            last = (last[0], end)
            continue
        if last is not None:
            yield last
        last = (start, end)
    if last is not None:
        yield last


def _words(text: str) -> Iterator[tuple[int, int, str]]:
    from studio.prompting.words import word_pattern

    for match in word_pattern().finditer(text):
        yield match.start(), match.end(), unicodedata.normalize("NFKC", match[0]).lower()


def _stem(word: str) -> str:
    return word[:STEM] if len(word) > STEM else word.rstrip("s") or word


def _is_spaceless(word: str) -> bool:
    from studio.prompting.words import spaceless_pattern

    return not word.isascii() and _spaceless(spaceless_pattern(), word)


@cache
def _spaceless(pattern: Pattern[str], word: str) -> bool:
    return pattern.match(word) is not None
