"""Two texts side by side, with the words that only one of them has standing out."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from textual.content import Content

from studio.tui.safe_content import content

LONGEST = 6_000
"""Characters that are compared word by word: the comparison takes the square of the words."""
_WORDS = re.compile(
    r"[\u2e80-\u9fff\uac00-\ud7af]|[^\W\u2e80-\u9fff\uac00-\ud7af]+|\s+|.", re.DOTALL
)


def both_sides(left: str, right: str) -> tuple[Content, Content]:
    """Each text with what the other one lacks in reverse: a mark that needs no colour."""
    ours, others = _compared(left, right)
    return _marked(ours), _marked(others)


def signed_sides(left: str, right: str) -> tuple[Content, Content]:
    """As ``wdiff`` writes it: what only the left one has as ``[-…-]``, the right one ``{+…+}``."""
    ours, others = _compared(left, right)
    return _signed(ours, "[-", "-]", "$error"), _signed(others, "{+", "+}", "$success")


Parts = list[tuple[str, bool]]
"""Stretches of a text, and whether only this text has them."""


def _compared(left: str, right: str) -> tuple[Parts, Parts]:
    if left == right or len(left) + len(right) > 2 * LONGEST:
        return [(left, False)], [(right, False)]
    ours, others = _WORDS.findall(left), _WORDS.findall(right)
    changes = SequenceMatcher(a=ours, b=others, autojunk=False).get_opcodes()
    return (
        [("".join(ours[a:b]), tag != "equal") for tag, a, b, _, _ in changes],
        [("".join(others[a:b]), tag != "equal") for tag, _, _, a, b in changes],
    )


def _marked(parts: Parts) -> Content:
    return Content("").join(
        content(text, "reverse" if only else "") for text, only in parts if text
    )


def _signed(parts: Parts, before: str, after: str, tone: str) -> Content:
    return Content("").join(
        content(f"{before}{text}{after}" if only else text, tone if only else "")
        for text, only in parts
        if text
    )
