"""Spans of a passage that may be asked for: names, numbers with what they count, quoted words.

ZeroGen takes named entities for its answers. A tagger would be one more model to fetch, so here the
surface decides: it finds fewer kinds, in any language, at once.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from studio.prompting.words import SPACELESS

if TYPE_CHECKING:
    from regex import Pattern

LONGEST = 60
"""Characters of an answer."""
SPELT = """
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand
"""
"""English numbers in words; one is more often a pronoun."""
SMALL = "The|A|An|In|On|At|It|Its|For|When|While|If|By|Until|Among|Under|Of|To|From|With|As|After"
"""Words that begin sentences and no names."""


@cache
def _patterns() -> tuple[Pattern[str], ...]:
    import regex

    letters = rf"[\p{{L}}--[{SPACELESS}]]"
    number = r"\p{N}+(?:[.,:/–-]\p{N}+)*"
    # Nothing is counted by a year: in 1962 came …
    year = r"(?<!\p{N})(?:1\d|20)\d\d(?![\p{N}%‰°年]|[.,:/–-]\p{N}|\s[%‰°年])"
    spelt = "|".join(SPELT.split())
    counted = "[零〇一二两三四五六七八九十百千万]{1,6}"
    unit = r"[年月日天周号岁元块角里米克斤吨人个名次种倍点时分秒层间家座条项%％]"
    return (
        # Quoted words and titles.
        regex.compile(r"(?V1)[“\"《「『]([^“”\"《》「」『』\n]{2,40})[”\"》」』]"),
        # Numbers with the word that they count: 12 March 1890, 40 percent, 七日, 3.5米.
        regex.compile(
            rf"(?V1){year}|\p{{Sc}}\s?{number}|{number}(?:\s?[%‰°]|{unit}+|\s(?:{letters}{{3,}}))?"
            rf"|{counted}{unit}+"
        ),
        # Numbers in words: twenty years, a hundred and six boats.
        regex.compile(
            rf"(?V1)\b(?:a\s)?(?:(?:{spelt})(?:-one)?(?:\s(?:and\s)?|-))+"
            rf"(?!(?:every|each|other|others|that|who|of)\b){letters}{{3,}}"
        ),
        # Two capitals in a row are a name at a sentence's start too.
        regex.compile(
            rf"(?V1)(?<!\p{{L}}\s)\b(?!(?:{SMALL})\b)\p{{Lu}}\p{{Ll}}{letters}*"
            rf"(?:\s\p{{Lu}}\p{{Ll}}{letters}*)+"
        ),
        # Names: capitals in a row, with small words between them, not at a sentence's start.
        regex.compile(
            rf"(?V1)(?<=[\p{{Ll}},;:’'\")]\s)\p{{Lu}}{letters}+"
            rf"(?:\s(?:(?:of|the|de|van|von|and)\s)?\p{{Lu}}{letters}+)*"
        ),
    )


def candidate_answers(passage: str) -> list[str]:
    """Answers that stand word for word in the passage, in its order; the longest word if none."""
    found: dict[str, int] = {}
    for pattern in _patterns():
        for match in pattern.finditer(passage):
            group = 1 if match.lastindex else 0
            span = match[group].strip()
            if 1 < len(span) <= LONGEST or span.isdigit():
                found.setdefault(span, match.start(group))
    if not found and passage.split():
        longest = max(passage.split(), key=len).strip(".,;:!?\"'()，。；：！？“”（）")[:LONGEST]
        found = {longest: 0} if longest else {}
    return [span for span in sorted(found, key=lambda one: found[one]) if not _inside(span, found)]


def _inside(span: str, found: dict[str, int]) -> bool:
    """Whether it is a part of a longer answer: the surname of a name."""
    start, end = found[span], found[span] + len(span)
    return any(
        len(other) > len(span) and place <= start and place + len(other) >= end
        for other, place in found.items()
    )
