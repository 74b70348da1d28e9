"""Which stretches of a template's line are what, for the editor. A line at a time, no Textual.

A template mixes TOML, Markdown headings and Jinja2, for which there is no one grammar; a few
patterns on the line in view cost microseconds at a key and cannot fail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from studio.prompting.forms import TemplateNames
from studio.prompting.rendering import FILTERS
from studio.prompting.template_set import is_head
from studio.prompting.template_source import FENCE

Kind = Literal["fence", "key", "text", "number", "comment", "heading", "brace", "name", "unknown"]
Zone = Literal["front", "body"]

LONGEST_LINE = 4_000
"""A longer line is shown plain: nobody reads colours there, and patterns would cost a key."""
KEYWORDS = frozenset(
    {"if", "elif", "else", "endif", "not", "and", "or", "in", "is", "true", "false"}
)

_TABLE = re.compile(r"\s*(\[[^\]]*\])")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\-]+)\s*=")
_VALUE = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"?|'[^']*'?)|(?P<comment>\#.*)"""
    r"""|(?P<number>\b(?:true|false)\b|[-+]?\b\d[\d_.]*)"""
)
_HEADING = re.compile(r"#\s+(\w+)\s*$")
_JINJA = re.compile(
    r"(?P<comment>\{#.*?(?:#\}|$))|(?P<open>\{\{-?|\{%-?)(?P<inside>.*?)(?P<close>-?\}\}|-?%\}|$)"
)
_WORD = re.compile(r"""(?P<text>"[^"]*"?|'[^']*'?)|(?P<filter>\|\s*)?(?P<word>[A-Za-z_]\w*)""")


class HighlightSpan(NamedTuple):
    """One stretch of a line."""

    start: int
    end: int
    kind: Kind


def zone_of(lines: Sequence[str], number: int) -> Zone:
    """Whether a line, from 0, belongs to the settings or to the body; fences are settings."""
    last = 0
    for place in reversed(range(min(number, len(lines)))):
        if is_head(lines[place]):
            return "body" if last > place + 1 else "front"
        if lines[place].strip() == FENCE:
            last = last or place
    return "body" if last else "front"


def spans(line: str, zone: Zone, known: TemplateNames) -> Iterator[HighlightSpan]:
    """What stands where in a line, from left to right; the rest is plain.

    known: the names of the method's form; another one is unknown.
    """
    if len(line) > LONGEST_LINE:
        return
    if is_head(line):
        yield HighlightSpan(0, len(line), "heading")
    elif zone == "front":
        yield from _front(line, known)
    else:
        yield from _body(line, known)


def _front(line: str, known: TemplateNames) -> Iterator[HighlightSpan]:
    if line.strip() == FENCE:
        yield HighlightSpan(0, len(line), "fence")
        return
    place = 0
    if table := _TABLE.match(line):
        yield HighlightSpan(*table.span(1), "heading")
        place = table.end()
    elif key := _KEY.match(line):
        yield HighlightSpan(*key.span(1), "key" if key[1] in known.keys else "unknown")
        place = key.end()
    for found in _VALUE.finditer(line, place):
        yield HighlightSpan(*found.span(), _kind_of(found))


def _kind_of(found: re.Match[str]) -> Kind:
    if found["comment"] is not None:
        return "comment"
    return "number" if found["text"] is None else "text"


def _body(line: str, known: TemplateNames) -> Iterator[HighlightSpan]:
    heading = _HEADING.match(line)
    if heading and heading[1].lower() in known.parts:
        yield HighlightSpan(0, len(line), "heading")
        return
    for found in _JINJA.finditer(line):
        if found["comment"] is not None:
            yield HighlightSpan(*found.span(), "comment")
            continue
        yield HighlightSpan(*found.span("open"), "brace")
        yield from _inside(found["inside"], found.start("inside"), known)
        yield HighlightSpan(*found.span("close"), "brace")


def _inside(text: str, start: int, names: TemplateNames) -> Iterator[HighlightSpan]:
    for found in _WORD.finditer(text):
        if found["text"] is not None:
            yield HighlightSpan(start + found.start(), start + found.end(), "text")
            continue
        word = found["word"]
        known = FILTERS if found["filter"] else names.placeholders | KEYWORDS
        kind: Kind = "unknown" if word not in known else "brace" if word in KEYWORDS else "name"
        yield HighlightSpan(start + found.start("word"), start + found.end("word"), kind)
