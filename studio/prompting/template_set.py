"""The text of a prompt that is a set of templates: kinds of queries with shares.

A set is its members' texts one after another, each below a line ``=== share 2``. Claims, keywords,
titles and questions together train a retriever better than any one kind (CADET, arXiv:2505.19274).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEAD = re.compile(r"^=== *share +(\d{1,6}(?:\.\d{1,6})?)[ \t]*\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class MemberText:
    """One member of a set, or a template that is none."""

    share: float
    """In what proportion to the others it is asked with."""
    text: str
    """Its whole template."""
    line: int = 1
    """The line of the set's text in which it begins, from 1."""


def member_texts(text: str) -> tuple[MemberText, ...]:
    """The members in order; what stands before the first line with a share has the share 1."""
    heads = list(_HEAD.finditer(text))
    if not heads:
        return (MemberText(1.0, text),)
    first = text[: heads[0].start()]
    found = [MemberText(1.0, first)] if first.strip() else []
    ends = [head.start() for head in heads[1:]] + [len(text)]
    for head, end in zip(heads, ends, strict=True):
        start = min(head.end() + 1, end)
        line = text.count("\n", 0, start) + 1
        found.append(MemberText(float(head[1]), text[start:end].rstrip() + "\n", line))
    return tuple(found)


def is_head(line: str) -> bool:
    """Whether a line of a text is one that a member begins with."""
    return _HEAD.fullmatch(line) is not None


def is_set(text: str) -> bool:
    """Whether a text is a set."""
    return _HEAD.search(text) is not None
