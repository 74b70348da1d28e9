"""Tags as a person types them and as files hold them: words, separated by spaces or commas."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

LONGEST = 40
"""Characters of one tag."""
MOST = 20
"""Tags of one example."""
_SEPARATORS = str.maketrans(dict.fromkeys(",;，；、", " "))


def tags_of(text: str) -> tuple[str, ...]:
    """The tags in a text, each once, in order; controls and a leading ``#`` are left out.

    Tags that differ in case only are one tag, as it was written first.
    """
    found: dict[str, str] = {}
    for word in text.translate(_SEPARATORS).split():
        tag = _clean(word)
        if tag:
            found.setdefault(tag.casefold(), tag)
    return tuple(list(found.values())[:MOST])


def tag_text(tags: Sequence[str]) -> str:
    """Tags as the store and files hold them."""
    return " ".join(tags)


def _clean(word: str) -> str:
    shown = (c for c in word if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    tag = unicodedata.normalize("NFC", "".join(shown)).lstrip("#")
    return unicodedata.normalize("NFC", tag[:LONGEST])
