"""Words in any script, without a segmenter.

The rule: NFKC and lower case; each character of a script that is written without spaces (Han,
Kana, Hangul, Thai, Lao, Khmer, Myanmar, Tibetan) is one word with its marks; other letters and
digits with their marks form words. On ASCII text the result is that of ``rouge_score``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regex import Pattern

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_ASCII_WORD_OF_ANY_CASE = re.compile(r"[A-Za-z0-9]+")
_OF_NUMBERS = (
    r"(?<=\d)\s?[%‰$¢£¥\u20a0-\u20cf]|[$¢£¥\u20a0-\u20cf]\s?(?=\d)|[<>=≠≤≥]+\s?(?=[-+−]?\d)"
    r"|(?<![^\s(])[-−](?=\d)"
)
"""Signs that make another number: 5 % is not 5 $, x < 5 not x > 5, and -5 not 5."""
_OF_WORDS = "[+#]*"
"""Signs that make another word of the one before them: C++ is not C#."""
_ASCII_TERM = re.compile(rf"[a-z0-9]+{_OF_WORDS}|{_OF_NUMBERS}")
# U+30FC, the Japanese long vowel, belongs to no script of its own.
SPACELESS = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\u30FC\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
)
"""The scripts written without spaces, as the inside of a character class of ``regex``."""

JOINERS = "\u200c\u200d\u055b\u055c\u055e"
"""Stand within words that are the same without them: the joiners of Persian, Hindi and Sinhala,
which shape the letters beside them, and Armenian's marks of tone."""


# Without a repeated group: ``regex`` keeps each of its turns, gigabytes of a long enough word.
_SPACED = rf"[\p{{L}}\p{{N}}]--[{SPACELESS}]"
_WORD = rf"[[{SPACELESS}]&&[\p{{L}}\p{{N}}]]\p{{M}}*+|[{_SPACED}][[{_SPACED}]\p{{M}}{JOINERS}]*+"


@cache
def word_pattern() -> Pattern[str]:
    """Matches one word; compiled on first use because ``regex`` costs start-up time."""
    import regex

    return regex.compile(rf"(?V1){_WORD}")


@cache
def _term_pattern() -> Pattern[str]:
    import regex

    return regex.compile(rf"(?V1)(?:{_WORD}){_OF_WORDS}|{_OF_NUMBERS}")


@cache
def spaceless_pattern() -> Pattern[str]:
    """Matches one character of a script that is written without spaces."""
    import regex

    return regex.compile(rf"(?V1)[{SPACELESS}]")


def words(text: str) -> list[str]:
    """The text's words, lower case, in order; empty for text without letters and digits."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return list(
        word_pattern().findall(without_joiners(unicodedata.normalize("NFKC", text).lower()))
    )


def without_joiners(text: str) -> str:
    """The text without :data:`JOINERS`."""
    for joiner in JOINERS:
        text = text.replace(joiner, "")
    return text


def count_words(text: str) -> int:
    """How many words a text has; a Chinese character counts as one."""
    return len(words(text))


def one_line(text: str) -> str:
    """The text with each run of white space as one space and none at its ends."""
    return " ".join(text.split())


def cut_words(text: str, limit: int) -> str:
    """The first ``limit`` words of the text on one line, or all of it when it is no longer."""
    line = one_line(text)
    if line.isascii() and limit > 0:
        found = _first_ascii_words(limit).match(line)
        if found is None or not _ASCII_WORD_OF_ANY_CASE.search(line, found.end()):
            return line
        return found[0]
    ends = [match.end() for match in islice(word_pattern().finditer(line), limit + 1)]
    return line if len(ends) <= limit else line[: ends[limit - 1]] if limit > 0 else ""


@lru_cache(maxsize=32)
def _first_ascii_words(count: int) -> re.Pattern[str]:
    """So many words of an ASCII text, the same as those of the pattern for all scripts."""
    return re.compile(rf"(?:[^A-Za-z0-9]*+[A-Za-z0-9]++){{{count}}}+")


_UNSEEN = re.compile("[\u00ad\u0640\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
"""What no reader sees, or is drawn for looks alone, such as soft hyphens and Arabic's tatweel."""


def normal(text: str) -> str:
    """The words joined by spaces: equal for texts that are the same to a reader.

    They may differ in case, punctuation, white space and width, in any script, but not in a sign
    that makes another word or number. A text without a word is told by its signs.
    """
    if text.isascii():
        terms = _ASCII_TERM.findall(text.lower())
    else:
        folded = unicodedata.normalize("NFKC", text).casefold()
        plain = _UNSEEN.sub("", unicodedata.normalize("NFKC", folded))
        terms = _term_pattern().findall(without_joiners(plain.lower()))
    return " ".join(map(str.strip, terms)) or one_line(text)


def words_found(text: str, listed: Iterable[str]) -> list[str]:
    """Which of these words, or rows of words, stand in a text."""
    said = f" {normal(text)} "
    return [word for word in listed if f" {_normal(word)} " in said]


_normal = lru_cache(maxsize=1 << 12)(normal)
"""The same lists are looked for in text after text."""


def distinct_pairs(texts: Iterable[str]) -> float | None:
    """The share of different word pairs among all of some texts (distinct-2); None without any."""
    pairs = [pair for text in texts for pair in pairwise(words(text))]
    return len(set(pairs)) / len(pairs) if pairs else None
