"""How many tokens a text costs: a quick estimate for any script, or a model's own count."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from studio.prompting.words import SPACELESS
from studio.records import StudioError

if TYPE_CHECKING:
    from regex import Pattern

LETTERS_PER_TOKEN = 7
"""Byte-pair vocabularies keep common Latin words whole and split long ones about here."""
OTHER_LETTERS_PER_TOKEN = 3
"""Cyrillic, Greek, Arabic, Devanagari …: shorter pieces."""

_ASCII_PIECE = re.compile(
    rf"[A-Za-z]{{1,{LETTERS_PER_TOKEN}}}|[0-9]|[\r\n]+|[^\sA-Za-z0-9]{{1,2}}", re.ASCII
)
"""A match for each token: what the pattern for all scripts comes to, ten times as fast."""


@cache
def _piece_pattern() -> Pattern[str]:
    import regex

    return regex.compile(
        rf"(?V1)(?P<solo>[{SPACELESS}])|(?P<latin>\p{{Latin}}+)|(?P<letters>\p{{L}}+)"
        r"|(?P<digit>\p{N})|(?P<lines>[\r\n]+)|(?P<mark>[^\s\p{L}\p{N}]{1,2})"
    )


@lru_cache(maxsize=512)
def count_tokens(text: str) -> int:
    """An estimate of the tokens of a text, meant to be a little high.

    One for each CJK character, digit and pair of punctuation marks, one for each seven letters of a
    Latin word, one for each three letters of other scripts.
    """
    if text.isascii():
        return len(_ASCII_PIECE.findall(text))
    total = 0
    for match in _piece_pattern().finditer(text):
        length = match.end() - match.start()
        if match.lastgroup == "latin":
            total += -(-length // LETTERS_PER_TOKEN)
        elif match.lastgroup == "letters":
            total += -(-length // OTHER_LETTERS_PER_TOKEN)
        else:
            total += 1
    return total


def exact_counter(tokenizer_json: Path) -> Callable[[str], int]:
    """A function that counts with a model's own tokenizer, special tokens left out.

    Raises:
        StudioError: the file is absent or is no tokenizer.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(tokenizer_json))
    # The tokenizers library raises bare Exception for any fault of the file.
    except Exception as fault:
        raise StudioError(
            f"{tokenizer_json} cannot be read as a tokenizer ({fault}); give the model's "
            "tokenizer.json, or leave it out to count by estimate."
        ) from fault
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    return count
