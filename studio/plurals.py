"""Numbers with their nouns."""

from __future__ import annotations

import re
from typing import Final

_PLURAL: Final = re.compile(r"\b(\w+?)(theses|ies|s)\b")
_ONE: Final = {"theses": "thesis", "ies": "y", "s": ""}


def so_many(number: int, nouns: str) -> str:
    """Such as ``3,120 queries`` or ``1 query``.

    nouns: the plural, in which the first word with an s is what is counted: ``evolved
    instructions``, ``texts after helpful ones``.
    """
    if number != 1:
        return f"{number:,} {nouns}"
    return "1 " + _PLURAL.sub(lambda found: found[1] + _ONE[found[2]], nouns, count=1)
