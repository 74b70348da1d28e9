"""What changed from one text to another, word by word: ``[-old-]{+new+}`` within its line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from textual.content import Content

from studio.tui.safe_content import content

AROUND = 2
"""Unchanged lines shown before and after each change."""
ALIKE = 0.35
"""Lines less alike than this are shown as one gone and one new: word marks would only confuse."""
LONGEST_LINE = 4_000
"""Longer lines are not compared word by word: that takes the square of the words."""
GONE, NEW = "$error", "$success"

# A Chinese, Japanese or Korean character is a word of its own; so is each run of spaces.
_WORDS = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af]|[^\W\u2e80-\u9fff\uac00-\ud7af]+|\s+|.")


def difference(old: str, new: str) -> Content:
    """The lines that differ, with their neighbours; what is gone and new is marked word by word."""
    if old == new:
        return content("The same text.", "$success")
    return Content("\n").join(_lines(old.splitlines(), new.splitlines()))


def _lines(old: list[str], new: list[str]) -> Iterator[Content]:
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for group in matcher.get_grouped_opcodes(AROUND):
        yield content(f"line {group[0][3] + 1}", "$secondary")
        for tag, a_from, a_to, b_from, b_to in group:
            if tag == "equal":
                yield from (content(f"  {line}") for line in old[a_from:a_to])
            else:
                yield from _changed(old[a_from:a_to], new[b_from:b_to])


def _changed(old: Sequence[str], new: Sequence[str]) -> Iterator[Content]:
    for before, after in zip(old, new, strict=False):
        yield from _one_line(before, after)
    yield from (_whole("- [-", line, "-]", GONE) for line in old[len(new) :])
    yield from (_whole("+ {+", line, "+}", NEW) for line in new[len(old) :])


def _one_line(before: str, after: str) -> Iterator[Content]:
    words, others = _WORDS.findall(before), _WORDS.findall(after)
    matcher = difflib.SequenceMatcher(a=words, b=others, autojunk=False)
    if len(before) + len(after) > LONGEST_LINE or matcher.ratio() < ALIKE:
        yield _whole("- [-", before, "-]", GONE)
        yield _whole("+ {+", after, "+}", NEW)
        return
    parts: list[Content | tuple[str, str]] = [("~ ", "$accent")]
    for tag, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        gone, new = "".join(words[a_from:a_to]), "".join(others[b_from:b_to])
        if tag == "equal":
            parts.append(content(gone))
            continue
        parts += [_whole("[-", gone, "-]", GONE)] if gone else []
        parts += [_whole("{+", new, "+}", NEW)] if new else []
    yield Content.assemble(*parts)


def _whole(opening: str, text: str, closing: str, tone: str) -> Content:
    return Content.assemble((opening, tone), content(text, f"{tone} bold"), (closing, tone))
