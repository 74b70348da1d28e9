"""What an LLM said, taken down to the one line that was asked for.

Answers are text from outside: thinking aloud, Markdown fences, preambles, lists, labels, quotes,
the prompt said over again. Each is peeled off here; what cannot be read gets a reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from studio.prompting.words import one_line
from studio.records import Reason

SHORTEST_PROMPT = 16
"""A shorter prompt, in letters, is not looked for in the answer: a query may hold it by chance."""

_THOUGHT = re.compile(r"<(think|thinking|thought|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_THOUGHT_END = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_THOUGHT_OPEN = re.compile(r"<(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_TURN_TOKEN = re.compile(
    r"(?:<\|[^|<>\s]{1,40}\|>|</?s>|<(?:start|end)_of_turn>|\[/?INST\])(?:assistant\s*\n)?"
)
_FENCE = re.compile(r"^\s*(```|~~~).*$", re.MULTILINE)
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]"
)
_BLANK_LINE = re.compile(r"\n\s*\n")
_SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’)」』]*(?=\s|$)|[。！？]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LIST_MARK = re.compile(
    r"^(?:#{1,6}\s+|>\s+|[-*•–]\s+|\(?\d{1,2}[.)．]\s+|\(?\d{1,2}[.)．](?=[^\d\s\x00-\x7f])"
    r"|\d{1,2}、\s*|[（(][一二三四五六七八九十\d]{1,2}[)）]\s*|[一二三四五六七八九十]{1,2}、\s*)"
)
_COMMON_LABEL = re.compile(
    r"^(?:[*_`]{0,2})(?:(?:search |user |generated |possible |the )?(?:quer(?:y|ies)|questions?|q)"
    r"(?:\s*\d{1,2})?|answer|output|查询|问题|提问|查询语句|搜索|问|答案?)(?:[*_`]{0,2})\s*[:：]"
    r"(?:[*_`]{0,2})\s*",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(
    r"^(?:(?:sure|certainly|of course|okay|ok|absolutely)\b[^:：\n]{0,120}[:：]"
    r"|here(?:'s| is| are|’s)\b[^:：\n]{0,120}[:：]"
    r"|(?:sure|certainly|of course|okay|absolutely)\s*[!.,]\s*(?=\n|$)"
    r"|(?:好的|当然|以下|下面)[^:：\n]{0,60}[:：])\s*",
    re.IGNORECASE,
)
_PAIRS = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "「": "」", "『": "』", "《": "》",
          "`": "`", "**": "**", "*": "*", "__": "__", "_": "_", "(": ")", "[": "]"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Extracted:
    """The line that was asked for, or why there is none."""

    text: str
    """One line, trimmed; empty when there is a reason."""
    reason: str = ""
    """``empty``, ``no-label`` or ``copied`` (the prompt said over again); else empty."""
    complete: bool = True
    """Whether more of the answer followed it, or the answer ended of itself after it."""


def first_line(
    answer: str,
    *,
    label: str = "",
    must_have_label: bool = False,
    document_label: str = "",
    prompt_end: str = "",
) -> Extracted:
    """The first line of an answer that says something, without what stands around it.

    Args:
        answer: the raw answer.
        label: the query label of the template, such as ``Question:``.
        must_have_label: an answer without the label is a failure (the paper's rule).
        document_label: where a next example begins, if the LLM runs on.
        prompt_end: the last thing the prompt said, cut off when the answer repeats it.
    """
    text = _UNSEEN.sub(" ", _without_thoughts(answer))
    text = _FENCE.sub("", _first_turn(_utf8(text)))
    text, repeated = _without_prompt(text, prompt_end)
    if not text.strip():
        return Extracted("", Reason.COPIED if repeated else Reason.EMPTY)
    if must_have_label:
        text, found = _after_label(text, label)
        if not found:
            return Extracted("", Reason.NO_LABEL)
    return _first_said(text, label, document_label)


def paragraph(
    answer: str, *, label: str = "", prompt_end: str = "", cut_off: bool = False
) -> Extracted:
    """The first paragraph of an answer on one line, without what stands around it.

    Args:
        answer: the raw answer.
        label: what may stand before the text, such as ``Review:``.
        prompt_end: the last thing the prompt said, cut off when the answer repeats it.
        cut_off: the answer ended at its token limit: it is taken up to its last whole sentence, and
            is ``truncated`` when there is none.
    """
    text = _FENCE.sub("", _first_turn(_utf8(_UNSEEN.sub(" ", _without_thoughts(answer)))))
    text, repeated = _without_prompt(text, prompt_end)
    if not text.strip():
        return Extracted("", Reason.COPIED if repeated else Reason.EMPTY)
    blocks = [block for block in _BLANK_LINE.split(text) if block.strip()]
    place, said = next(
        ((place, said) for place, block in enumerate(blocks) if (said := _bare(block, label))),
        (0, ""),
    )
    if not said:
        return Extracted("", Reason.EMPTY)
    if cut_off and place == len(blocks) - 1:
        ends = list(_SENTENCE_END.finditer(said))
        if not ends:
            return Extracted("", Reason.TRUNCATED)
        said = said[: ends[-1].end()].strip()
    return Extracted(said)


def said_lines(answer: str) -> list[str]:
    """Every line of an answer that says something, without list marks, preambles and quotes."""
    text = _FENCE.sub("", _first_turn(_utf8(_UNSEEN.sub(" ", _without_thoughts(answer)))))
    return [said for line in text.split("\n") if (said := _bare(line, ""))]


def _without_thoughts(text: str) -> str:
    text = _THOUGHT.sub("", text)
    # Some chat formats open the thought themselves, and some answers end within one.
    text = _THOUGHT_END.split(text)[-1]
    return _THOUGHT_OPEN.split(text, maxsplit=1)[0]


def _first_turn(text: str) -> str:
    """The first stretch between a chat format's control tokens that is not blank."""
    return next((turn for turn in _TURN_TOKEN.split(text) if turn.strip()), "")


def _utf8(text: str) -> str:
    """Lone surrogates, which JSON can carry, as U+FFFD."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def _without_prompt(text: str, prompt_end: str) -> tuple[str, bool]:
    said = prompt_end.split()
    if sum(map(len, said)) < SHORTEST_PROMPT:
        return text, False
    found = re.match(r"\s*" + r"\s+".join(map(re.escape, said)), text)
    return (text[found.end() :], True) if found else (text, False)


def _label_pattern(label: str) -> re.Pattern[str]:
    """The label in any case, with either colon, perhaps in bold, at the start of a line."""
    plain = label.replace("：", ":").strip()
    name = r"\s+".join(re.escape(word) for word in plain.rstrip(": ").split())
    colon = r"\s*[*_`]{0,2}\s*[:：]" if plain.endswith(":") else r"\b"
    return re.compile(rf"^[\s>#*_`-]*{name}{colon}[*_`]{{0,2}}\s*", re.IGNORECASE | re.MULTILINE)


def _after_label(text: str, label: str) -> tuple[str, bool]:
    found = _label_pattern(label).search(text)
    return (text[found.end() :], True) if found else (text, False)


def _first_said(text: str, label: str, document_label: str) -> Extracted:
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if document_label and number and _label_pattern(document_label).match(line):
            break
        if said := _bare(line, label):
            return Extracted(said, complete=any(rest.strip() for rest in lines[number + 1 :]))
    return Extracted("", Reason.EMPTY)


def _bare(line: str, label: str) -> str:
    """One line without list marks, labels, preambles and quotes, whatever their order."""
    text = one_line(line)
    for _ in range(6):
        before = text
        text = _PREAMBLE.sub("", _LIST_MARK.sub("", text, count=1), count=1)
        text = _COMMON_LABEL.sub("", text, count=1)
        if label:
            text = _label_pattern(label).sub("", text, count=1)
        text = _unquoted(text.strip())
        if text == before:
            break
    return text if any(character.isalnum() for character in text) else ""


def _unquoted(text: str) -> str:
    for opening, closing in _PAIRS.items():
        inside = text[len(opening) : len(text) - len(closing)]
        whole = text.startswith(opening) and text.endswith(closing)
        if whole and inside.strip() and opening not in inside and closing not in inside:
            return inside.strip()
    # A stop at the closing quote leaves the opening one alone.
    for opening in ('"', "“", "「", "«"):
        if text.startswith(opening) and _PAIRS[opening] not in text[1:]:
            return text[1:].strip()
    return text
