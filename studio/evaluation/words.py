"""Cutting text of any script into the words that BM25 counts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from studio.prompting.words import without_joiners

if TYPE_CHECKING:
    import jieba

_HAN = "\u2e80-\u2fdf\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_KANA = "\u3040-\u30ff\u31f0-\u31ff"
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f\u1780-\u17ff\u1100-\u11ff\uac00-\ud7af"
)
"""Thai, Lao, Burmese, Khmer and Hangul: no spaces between words, or endings glued to them."""

_HAS_KANA = re.compile(rf"[{_KANA}]")

_STOPWORD_LISTS = {
    "en": "STOPWORDS_EN",
    "de": "STOPWORDS_GERMAN",
    "nl": "STOPWORDS_DUTCH",
    "fr": "STOPWORDS_FRENCH",
    "es": "STOPWORDS_SPANISH",
    "pt": "STOPWORDS_PORTUGUESE",
    "it": "STOPWORDS_ITALIAN",
    "ru": "STOPWORDS_RUSSIAN",
    "sv": "STOPWORDS_SWEDISH",
    "no": "STOPWORDS_NORWEGIAN",
    "da": "STOPWORDS_DANISH",
    "tr": "STOPWORDS_TURKISH",
}


def stopwords(language: str) -> frozenset[str]:
    """The words that BM25 leaves out in a language (``en``, ``de`` …); none for the others."""
    import bm25s.stopwords as lists

    name = _STOPWORD_LISTS.get(language.split("-")[0].lower())
    return frozenset(getattr(lists, name)) if name else frozenset()


@cache
def _runs() -> re.Pattern[str]:
    # Accents and vowel signs belong to the letter before them though they are no letters.
    marks = "".join(
        chr(code)
        for code in range(0x300, 0x10000)
        if unicodedata.category(chr(code)) in ("Mn", "Mc", "Me")
    )
    return re.compile(
        rf"(?P<han>[{_HAN}]+)|(?P<unspaced>[{_KANA}{_UNSPACED}]+)"
        rf"|(?P<word>(?:[^\W{_HAN}{_KANA}{_UNSPACED}]|[{marks}])+)"
    )


def words(text: str) -> list[str]:
    """The words of a text, in order, NFKC-folded and lower-cased.

    Han runs are segmented by jieba as Chinese, with its search mode (long words and the words in
    them). In a text with kana they are Japanese, which jieba would cut wrongly, so they become
    character bigrams, as do Thai, Lao, Burmese, Khmer and Korean.
    """
    folded = without_joiners(unicodedata.normalize("NFKC", text).lower())
    return list(_cut(folded, japanese=bool(_HAS_KANA.search(folded))))


def _cut(text: str, japanese: bool) -> Iterator[str]:
    for run in _runs().finditer(text):
        if run.lastgroup == "word":
            yield run.group()
        elif run.lastgroup == "han" and not japanese:
            yield from _segmenter().cut_for_search(run.group())
        else:
            yield from _bigrams(run.group())


def _bigrams(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
    for start in range(len(run) - 1):
        yield run[start : start + 2]


@cache
def _segmenter() -> jieba.Tokenizer:
    import logging

    import jieba

    jieba.setLogLevel(logging.WARNING)
    return jieba.Tokenizer()
