"""What an LLM said, taken down to the one line that was asked for.

Answers are text from outside: thinking aloud, Markdown fences, preambles, lists, labels, quotes,
the prompt said over again. Each is peeled off here; what cannot be read gets a reason.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from functools import lru_cache

from studio.prompting.answer_words import (
    answer_behind,
    heading,
    is_refusal,
    note_behind,
    preamble,
    query_label,
)
from studio.prompting.answer_words import label as common_label
from studio.prompting.words import one_line
from studio.records import Reason

SHORTEST_PROMPT = 16
"""A shorter prompt, in letters, is not looked for in the answer: a query may hold it by chance."""

_THOUGHTS = "think|thinking|thoughts?|reasoning|analysis|scratchpad|reflection|planning"
_THOUGHT = re.compile(rf"[<\[◁]({_THOUGHTS})[>\]▷].*?[<\[◁]/\1[>\]▷]", re.DOTALL | re.IGNORECASE)
_THOUGHT_END = re.compile(rf"[<\[◁]/(?:{_THOUGHTS})[>\]▷]", re.IGNORECASE)
_THOUGHT_OPEN = re.compile(rf"<(?:{_THOUGHTS})>|\[THINK\]|◁think▷", re.IGNORECASE)
# The channels of gpt-oss; some servers leave out the tokens between them.
_CHANNELS = re.compile(
    r"^.*<\|channel\|>final<\|message\|>|<\|channel\|>(?:analysis|commentary)\b.*?(?:<\|end\|>|\Z)"
    r"|^analysis.*assistantfinal",
    re.DOTALL,
)
_TURN_TOKEN = re.compile(
    r"(?:<\|(?:start_header_id|header_start|start_of_role)\|>\s*\w{1,20}\s*(?=<\|)"
    r"|<\|[^|<>\s]{1,40}\|>"
    r"|<｜[^｜<>\n]{1,40}｜>|</?s>|<(?:start|end)_of_turn>|\[/?INST\])"
    r"(?:(?:assistant|model)[ \t]*\n)?"
)
_MARK = re.compile(r"[<\[◁]")
"""Stands in every tag of a thought and in every control token."""
_ROLE = re.compile(r"^\s*(?:assistant[ \t]*[:：\n]|model[ \t]*\n)\s*", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});", re.IGNORECASE)
_JSON_START = re.compile(r"^[ \t]*(?=[\[{])", re.MULTILINE)
_JSON_FIELD = re.compile(
    r"""["']([^"'\n]{1,30})["']\s*:\s*(?:"((?:[^"\\]|\\.)*)"?|'((?:[^'\\]|\\.)*)'?)"""
)
_ASKED_TAGS = "query|search_query|user_query|generated_query|search|question|q"
_TAGS = rf"{_ASKED_TAGS}|final_answer|answer|output|response|result|text|review|hypothesis|sentence"
_TAGGED = re.compile(rf"<({_TAGS})\b[^<>\n]*>(.*?)(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_STRAY_TAG = re.compile(rf"</?(?:{_TAGS})\b[^<>\n]*>|^\s*<(?:p|b|i|em|strong|br)\s*/?>|"
                        r"</(?:p|b|i|em|strong)>\s*$|<br\s*/?>", re.IGNORECASE)  # fmt: skip
_TALK = re.compile(
    r"^(?:let me|let['’]s|okay,|ok,|alright,|hmm|sure|certainly|of course|thinking"
    r"|i(?:['’]ll| will| need to| should| have to) (?:now )?(?:write|create|generate|think|start)"
    r"|we (?:need|have) to|to (?:write|create|generate|formulate)|the user (?:wants|asks|needs|is)"
    r"|here(?:['’]s| is| are)|based on (?:the|this)|looking at (?:the|this)"
    r"|(?:the|this) (?:passage|document|text) (?:is about|discusses|describes|talks|explains"
    r"|mentions|provides|covers|states))\b",
    re.IGNORECASE,
)
_TALK_END = (".", "!", ":", "。", "！", "：", "…")
_FENCE = re.compile(r"^\s*(```|~~~).*$", re.MULTILINE)
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]"
)
_BLANKS = re.compile(r"\s*")
_BLANK_LINE = re.compile(r"\n\s*\n")
_SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’)」』]*(?=\s|$)|[。！？]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LIST_MARK = re.compile(
    r"^(?:#{1,6}\s+|>\s+|[-*•–]\s+|\(?\d{1,2}[.)．]\s+|\(?\d{1,2}[.)．](?=[^\d\s\x00-\x7f])"
    r"|\d{1,2}、\s*|[（(][一二三四五六七八九十\d]{1,2}[)）]\s*|[一二三四五六七八九十]{1,2}、\s*)"
)
_KEYS = (
    "query", "searchquery", "userquery", "generatedquery", "question", "queries", "questions",
    "hypothesis", "review", "sentence", "text", "statement", "texts", "content", "output", "result",
    "response", "answer",
)  # fmt: skip
"""Names of what was asked for in an answer that is JSON, the likelier first."""
_PAIRS = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "「": "」", "『": "』", "《": "》",
          "`": "`", "**": "**", "*": "*", "__": "__", "_": "_", "(": ")", "[": "]"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Extracted:
    """The line that was asked for, or why there is none."""

    text: str
    """One line, trimmed; empty when there is a reason."""
    reason: str = ""
    """``empty``, ``no-label``, ``refusal``, ``truncated`` or ``copied`` (the prompt over again)."""
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
    text, repeated = _without_prompt(_cleaned(answer), prompt_end)
    if not text.strip():
        return Extracted("", Reason.COPIED if repeated else Reason.EMPTY)
    if must_have_label:
        text, found = _after_label(text, label)
        if not found:
            return Extracted("", Reason.REFUSAL if is_refusal(one_line(text)) else Reason.NO_LABEL)
    text = _from_label(heading().sub("", f"{text}\n"), label, document_label)
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
    text, repeated = _without_prompt(_cleaned(answer), prompt_end)
    if not text.strip():
        return Extracted("", Reason.COPIED if repeated else Reason.EMPTY)
    blocks = [block for block in _BLANK_LINE.split(heading().sub("", f"{text}\n")) if block.strip()]
    while len(blocks) > 1 and _is_talk(blocks[0]):
        del blocks[0]
    place, said = next(
        ((place, said) for place, block in enumerate(blocks) if (said := _bare(block, label))),
        (0, ""),
    )
    if not said:
        return Extracted("", Reason.EMPTY)
    if is_refusal(said):
        return Extracted("", Reason.REFUSAL)
    said = note_behind().sub("", said) or said
    if cut_off and place == len(blocks) - 1:
        ends = list(_SENTENCE_END.finditer(said))
        if not ends:
            return Extracted("", Reason.TRUNCATED)
        said = said[: ends[-1].end()].strip()
    return Extracted(said)


def said_lines(answer: str) -> list[str]:
    """Every line of an answer that says something, without list marks, preambles and quotes."""
    lines = heading().sub("", f"{_cleaned(answer)}\n").split("\n")
    return [said for line in lines if (said := _bare(line, "")) and not is_refusal(said)]


def _cleaned(answer: str) -> str:
    """The answer as text: without thoughts, control tokens, fences, JSON, tags and entities."""
    text = _said(answer)
    if "```" in text or "~~~" in text:
        text = _FENCE.sub("", text)
    text = _out_of_json(text)
    if "&" in text:
        text = _utf8(_ENTITY.sub(lambda match: html.unescape(match[0]), text))
    return _UNSEEN.sub(" ", _untagged(text))


def spoken(answer: str) -> str:
    """The answer as it was written, in all its lines: without thoughts and control tokens alone."""
    return _UNSEEN.sub(" ", _said(answer))


def _said(answer: str) -> str:
    return _ROLE.sub("", _first_turn(without_thoughts(_CHANNELS.sub("", _utf8(answer)))))


def _untagged(text: str) -> str:
    """What stands in the tag that was asked for, the question before its answer."""
    if "<" not in text:
        return text
    found = list(_TAGGED.finditer(text))
    asked = [match for match in found if re.fullmatch(_ASKED_TAGS, match[1], re.IGNORECASE)]
    inside = (asked or found)[0][2] if found else text
    return _STRAY_TAG.sub("\n", inside)


def _out_of_json(text: str) -> str:
    """The texts in an answer that is JSON, one a line; any other answer unchanged."""
    start = _JSON_START.search(text) if "{" in text or "[" in text else None
    if start is None:
        return text
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text, start.end())
    except (ValueError, RecursionError):
        # Cut off, or with the quotes of Python.
        fields = {_key(m[1]): m[2] or m[3] or "" for m in _JSON_FIELD.finditer(text)}
        named = next((fields[key] for key in _KEYS if fields.get(key)), "")
        return named.replace("\\n", " ").replace('\\"', '"').replace("\\'", "'") or text
    if isinstance(value, list) and not any(isinstance(one, str | dict) for one in value):
        return text if value else ""
    return "\n".join(_texts_in(value))


def _texts_in(value: object) -> list[str]:
    if isinstance(value, str):
        return [one_line(value)]
    if isinstance(value, list):
        return [text for one in value for text in _texts_in(one)]
    if not isinstance(value, dict):
        return []
    fields = {_key(name): content for name, content in value.items()}
    named = next((fields[key] for key in _KEYS if fields.get(key)), None)
    if named is None:
        texts = [content for content in value.values() if isinstance(content, str)]
        named = texts[0] if len(value) == len(texts) == 1 else None
    return _texts_in(named)


def _key(name: str) -> str:
    return re.sub(r"[\W\d_]", "", name).lower()


def without_thoughts(text: str) -> str:
    """An answer without what was thought aloud before it; empty when it ends within a thought."""
    if not _MARK.search(text):
        return text
    if _THOUGHT_END.search(text):
        text = _THOUGHT.sub("", text)
    # Some chat formats open the thought themselves, and some answers end within one.
    text = _THOUGHT_END.split(text)[-1]
    return _THOUGHT_OPEN.split(text, maxsplit=1)[0]


def _first_turn(text: str) -> str:
    """The first stretch between a chat format's control tokens that is not blank."""
    if not _MARK.search(text):
        return _ROLE.sub("", text, count=1)
    first = next((turn for turn in _TURN_TOKEN.split(text) if turn.strip()), "")
    return _ROLE.sub("", first, count=1) if _ROLE.match(first) else first


def _utf8(text: str) -> str:
    """Lone surrogates, which JSON can carry, as U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def _without_prompt(text: str, prompt_end: str) -> tuple[str, bool]:
    said = prompt_end.split()
    if sum(map(len, said)) < SHORTEST_PROMPT:
        return text, False
    # Word by word: a pattern of the whole prompt would be compiled anew for every answer.
    place = 0
    for number, word in enumerate(said):
        begins = _BLANKS.match(text, place)
        assert begins is not None
        if (number and begins.end() == place) or not text.startswith(word, begins.end()):
            return text, False
        place = begins.end() + len(word)
    return text[place:], True


@lru_cache(maxsize=256)
def _label_pattern(label: str) -> re.Pattern[str]:
    """The label in any case, with either colon, perhaps in bold, at the start of a line."""
    plain = label.replace("：", ":").strip()
    name = r"\s+".join(re.escape(word) for word in plain.rstrip(": ").split())
    colon = r"\s*[*_`]{0,2}\s*[:：]" if plain.endswith(":") else r"\b"
    return re.compile(rf"^[\s>#*_`-]*{name}{colon}[*_`]{{0,2}}\s*", re.IGNORECASE | re.MULTILINE)


def _after_label(text: str, label: str) -> tuple[str, bool]:
    found = _label_pattern(label).search(text)
    return (text[found.end() :], True) if found else (text, False)


def _from_label(text: str, label: str, document_label: str) -> str:
    """The text from the line with the label on, where only talk stands before it."""
    patterns = [query_label(), *([_label_pattern(label)] if label.endswith((":", "：")) else [])]
    for found in filter(None, (pattern.search(text) for pattern in patterns)):
        before = text[: found.start()]
        if document_label and _label_pattern(document_label).search(before):
            continue
        said = [line for line in before.split("\n") if line.strip()]
        if said and all(line.rstrip(" *_").endswith(_TALK_END) for line in said):
            return text[found.start() :]
    return text


def _is_talk(line: str) -> bool:
    """Whether a line speaks of the answer instead of being it."""
    return bool(_TALK.match(line.lstrip(" *_#"))) and line.rstrip(" *_\n").endswith(_TALK_END)


def _first_said(text: str, label: str, document_label: str) -> Extracted:
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if document_label and number and _label_pattern(document_label).match(line):
            break
        follows = any(rest.strip() for rest in lines[number + 1 :])
        said = "" if follows and _is_talk(line) and not is_refusal(one_line(line)) else line
        if said := _bare(said, label):
            if is_refusal(said):
                return Extracted("", Reason.REFUSAL)
            said = answer_behind().sub("", said).strip() or said
            said = _unquoted(note_behind().sub("", said)) or said
            return Extracted(said, complete=follows)
    return Extracted("", Reason.EMPTY)


def _bare(line: str, label: str) -> str:
    """One line without list marks, labels, preambles and quotes, whatever their order."""
    text = one_line(line)
    for _ in range(6):
        before = text
        text = preamble().sub("", _LIST_MARK.sub("", text, count=1), count=1)
        text = common_label().sub("", text, count=1)
        if label:
            text = _label_pattern(label).sub("", text, count=1)
        text = _unquoted(text.strip())
        if text == before:
            break
    if heading().fullmatch(f"{text}\n"):
        return ""
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
