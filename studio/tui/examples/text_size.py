"""How long a text is, for screens: exact for what a person writes, bounded for what is huge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

LONGEST_COUNTED: Final = 20_000
"""Characters that are counted: all of a longer text would hold the keys up for seconds."""


@dataclass(frozen=True, slots=True)
class TextSize:
    """Words and tokens of a text, or of its beginning."""

    words: int
    tokens: int
    """As estimated for any model."""
    more: str
    """``+`` when there is more than was counted, else empty."""


@lru_cache(maxsize=2048)
def text_size(text: str) -> TextSize:
    """Count the text up to ``LONGEST_COUNTED`` characters."""
    from studio.prompting.tokens import count_tokens
    from studio.prompting.words import count_words

    head = text[:LONGEST_COUNTED]
    return TextSize(count_words(head), count_tokens(head), "+" if len(text) > len(head) else "")
