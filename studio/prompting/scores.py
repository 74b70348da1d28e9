"""The score in what an LLM answers when it is asked to rate: one number on a scale, or none.

Models write it on the first line or at the end, bold, out of five, with a decimal comma, in
Chinese, as JSON, in words. A number counts where it is said to be the score; what could be two
scores, lies off the scale or is given as a range is *unscored*, with the reason, and never guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from studio.prompting.answer_words import is_refusal
from studio.prompting.answers import without_thoughts
from studio.prompting.words import one_line

LONGEST: Final = 20_000
"""Characters of an answer that are looked at."""
SHORTEST: Final = 24
"""Characters of an answer that may be a score alone."""
SCALES: Final = (5.0, 10.0, 20.0, 100.0)
"""Scales that models choose on their own: 8/10 is 4 of 5."""
NO_NUMBER, SEVERAL, A_RANGE, OFF_SCALE = "no-score", "several", "range", "off-scale"
REFUSED, SILENT, THOUGHT = "refusal", "empty", "thinking"


@dataclass(frozen=True, slots=True)
class Score:
    """What an answer says of what it rates."""

    value: float | None
    """On the scale that was asked for; None when it is unscored."""
    explanation: str = ""
    """What it says besides the number."""
    why: str = ""
    """Why it is unscored, in a word; empty when it is scored."""


def read_score(answer: str, lowest: float = 0, highest: float = 5) -> Score:
    """The score of an answer and its explanation.

    A score that names another scale (``8/10``, ``90%``) is put on the one that was asked for, when
    that begins at 0.
    """
    said = without_thoughts(answer[:LONGEST]).strip()
    if not said:
        return Score(None, why=THOUGHT if answer.strip() else SILENT)
    text = _without_scale(said.translate(_PLAIN), lowest, highest)
    if (given := _object(said)) is not None:
        value, explanation = given
        found = _read(str(value).translate(_PLAIN), lowest, highest)
        return Score(found.value, explanation or said, found.why)
    found = _read(text, lowest, highest)
    explanation = _rest(said, found.end) if found.value is not None else said
    return Score(found.value, explanation, found.why)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One number that may be the score; ``end`` is where what is said of it ends."""

    value: float | None
    why: str = ""
    end: int = 0


def _read(text: str, lowest: float, highest: float) -> _Candidate:
    """The score in a text: the surest place that has a number decides."""
    refused = is_refusal(one_line(text)) or bool(_NO_RATING.search(text))
    for find in (_stars, _overall, _opening, _named_first, _named, _said):
        if find is _said and refused:
            break
        found = [_judged(text, match, lowest, highest) for match in find(text)]
        values = {one.value for one in found if one.value is not None}
        if len(values) > 1:
            return _Candidate(None, SEVERAL)
        if values:
            return next(one for one in found if one.value is not None)
        if found:
            return found[0]
    return _Candidate(None, REFUSED if refused else NO_NUMBER)


# -- places --


def _stars(text: str) -> Iterator[re.Match[str]]:
    """A line of stars, full and empty."""
    yield from _STAR_LINE.finditer(text)


def _overall(text: str) -> Iterator[re.Match[str]]:
    """A number that is called the overall or final score."""
    yield from _OVERALL.finditer(text)


def _opening(text: str) -> Iterator[re.Match[str]]:
    """The number that the answer begins with."""
    match = _OPENING.match(text)
    if match is None or not _FOLLOWS.match(text, match.end()):
        return
    is_list = len(_LIST_LINE.findall(text)) > 1 and _LIST_LINE.match(text)
    if not is_list:
        yield match


def _named_first(text: str) -> Iterator[re.Match[str]]:
    """A number that is called a score in the first line, or right below its heading."""
    if (match := _NAMED.search(text)) and "\n" not in text[: match.start()].strip():
        yield match


def _named(text: str) -> Iterator[re.Match[str]]:
    """Numbers that are called a score, anywhere."""
    yield from _NAMED.finditer(text)


def _said(text: str) -> Iterator[re.Match[str]]:
    """Numbers that are given, stand alone on their line, or are so many points."""
    yield from chain(_GIVEN.finditer(text), _ALONE.finditer(text), _UNITS.finditer(text))


# -- numbers --


def _judged(text: str, match: re.Match[str], lowest: float, highest: float) -> _Candidate:
    """A number with what stands behind it: its scale, the other end of a range."""
    end = match.end()
    if "stars" in match.re.groupindex:
        value, scale = _count_of_stars(match["stars"], highest)
    else:
        value, scale = _number(match["number"]) + (0.5 if match["half"] else 0.0), highest
    if (of := _OUT_OF.match(text, end)) is not None:
        scale, end = _number(of["scale"]) if of["scale"] else 100.0, of.end()
        if scale != highest and scale not in SCALES:
            return _Candidate(None, OFF_SCALE)
    elif (unit := _UNIT.match(text, end)) is not None:
        end = unit.end()
        value += 0.5 if unit["half"] else 0.0
    elif (to := _RANGE.match(text, end)) and value < _number(to["other"]) <= highest:
        return _Candidate(None, A_RANGE)
    elif _MORE.match(text, end):
        return _Candidate(None, SEVERAL)
    if _BETWEEN.search(text, max(0, match.start() - 20), match.end()):
        return _Candidate(None, A_RANGE)
    if scale != highest:
        if lowest != 0 or value > scale:
            return _Candidate(None, OFF_SCALE)
        value = round(value * highest / scale, 4)
    if not lowest <= value <= highest:
        return _Candidate(None, OFF_SCALE)
    return _Candidate(value, end=end)


def _number(text: str) -> float:
    text = text.casefold()
    if text in _WORDS:
        return float(_WORDS[text])
    if match := re.fullmatch(r"([^\W\d])点([^\W\d])", text):
        return _WORDS[match[1]] + _WORDS[match[2]] / 10
    return float(text.replace(",", ".").replace("٫", ".").replace("−", "-"))


def _count_of_stars(stars: str, highest: float) -> tuple[float, float]:
    full, empty = sum(map(stars.count, "★⭐🌟")), stars.count("☆")
    return full + (0.5 if "½" in stars else 0.0), float(full + empty) if empty else highest


def _without_scale(text: str, lowest: float, highest: float) -> str:
    """The text with blanks where it only says what the scale is."""
    ends = rf"{lowest:g}(?:\.0)?\s*(?:-|–|—|~|to|and|至|到)\s*{highest:g}(?:\.0)?"
    scale = rf"(?:\bscale (?:of|from) |\bfrom |\bbetween |[(\[]|\brange:? )\s*{ends}(?![\d.])[)\]]?"
    full = rf"(?<!分[(])满分(?:为|是)?\s*{highest:g}\s*分"
    return re.sub(f"{scale}|{full}", lambda match: " " * len(match[0]), text, flags=re.IGNORECASE)


# -- JSON and the explanation --


def _object(said: str) -> tuple[Any, str] | None:
    """The score and the explanation of the first JSON object that has a score."""
    start = said.find("{")
    if start < 0:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(said, start)
    except (ValueError, RecursionError):
        return None
    plain = {str(key).casefold(): value for key, value in found.items()}
    for key in _KEYS:
        if isinstance(plain.get(key), (int, float, str)) and not isinstance(plain[key], bool):
            told: Sequence[Any] = [plain[k] for k in _TOLD if isinstance(plain.get(k), str)]
            return plain[key], str(told[0]) if told else ""
    return None


def _rest(said: str, end: int) -> str:
    """What follows the score; all of it, when the score stands behind what explains it."""
    rest = _LABEL.sub("", said[end:].strip(_EDGES)).strip(_EDGES)
    return rest or (said if len(said) > SHORTEST else "")


_NO_RATING: Final = re.compile(
    r"\b(?:i|we)\s?(?:can\s?not|can['’]?t|won['’]?t|will not|am unable to|['’]m unable to)\s+"
    r"(?:\w+\s)?(?:rate|score|judge|evaluate|assess|grade)\b|(?:无法|不能)(?:\w{0,4})?(?:评分|打分|评价)",
    re.IGNORECASE,
)
_PLAIN: Final = str.maketrans(
    "０１２３４５６７８９．，：／（）＝～％　", "0123456789.,:/()=~% "
)  # fmt: skip
_EDGES: Final = " \t\r\n*_`|.,:;：，。、；-–—()[]（）【】\"'”"
_WORDS: Final = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "零": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4,
    "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10,
}  # fmt: skip
_KEYS: Final = ("score", "rating", "overall", "overall_score", "final_score", "accuracy",
                "helpfulness", "grade", "评分", "得分", "分数")  # fmt: skip
_TOLD: Final = ("explanation", "reason", "rationale", "reasoning", "justification", "comment",
                "解释", "理由", "说明", "原因")  # fmt: skip
_NUMBER: Final = (
    r"(?P<number>(?<![a-zA-Z\d.])[-−]?\d{1,4}(?:[.,٫]\d{1,3})?(?![\d])(?!\.\d)"
    r"|\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten)\b"
    r"|[零一二两三四五六七八九十](?:点[零一二两三四五六七八九])?(?![一-鿿])"
    r"|[零一二两三四五六七八九十](?:点[零一二两三四五六七八九])?(?=分))"
    r"(?P<half>\s?½|\s1/2|\s(?:and\s)?a\shalf)?"
)
_DECOR: Final = r"[\s*_`#>\"'“「\[(（【<~≈]{0,12}"
_NAME: Final = (
    r"(?:\b(?:scores?|ratings?|grade|accuracy|helpfulness|punktzahl|bewertung|puntuaci[oó]n"
    r"|calificaci[oó]n|punteggio|pontuação|оценка|балл)\b|评分|得分|分数|打分|評分|總分|总分|评级"
    r"|准确性|有用性|スコア|評価|点数|점수|평점|النتيجة)"
)
_WORDS_BETWEEN: Final = (
    r"(?:\s{1,4}(?:for|of|on|in|to|this|the|that|my|answer|response|output|triplet|example|entry"
    r"|accuracy|helpfulness|dimension|given|assigned|is|be|would|will|should|i|give|a|an|about"
    r"|around|approximately|roughly|it|at|as|solid|perfect|full|score|rating)\b){0,10}"
)
_IS: Final = r"[\s*_`\"'”\])）】]{0,8}(?::|=|→|->|[-–—]+(?=\s|(?<=\w-)\d)|为|是|は|\|)?"
_NAMED: Final = re.compile(
    rf"{_NAME}[\"'*_`]{{0,4}}(?:\s{{0,4}}[(\[][^()\[\]\n]{{0,30}}[)\]])?{_WORDS_BETWEEN}{_IS}{_DECOR}{_NUMBER}",
    re.IGNORECASE,
)
_OVERALL: Final = re.compile(
    rf"(?:\b(?:overall|final|total)\b|综合|总体|最终)\s{{0,4}}{_NAMED.pattern}", re.IGNORECASE
)
_OPENING: Final = re.compile(rf"{_DECOR}(?:about\s|approximately\s)?{_NUMBER}", re.IGNORECASE)
_FOLLOWS: Final = re.compile(
    r"\+?[*_`\"'”」)\]】]*(?:\s*(?:\Z|\n|/|[:;,.!|(（，。；！、]|[–—]|-\s|分|点|점)"
    r"|\s+(?:[-–—]|out\b|of\b|to\b|or\b|points?\b|stars?\b|because\b|since\b|as\b|for\b|due\b)"
    r"|[-~]\d|\s*[%★⭐])",
    re.IGNORECASE,
)
_LIST_LINE: Final = re.compile(r"^\s*\d{1,2}[.)]\s+\S", re.MULTILINE)
_GIVEN: Final = re.compile(
    r"(?:\b(?:giv(?:e|es|ing|en)|gave|assign(?:ed)?|award(?:ed)?|rated?|rate|deserves?|earns?|gets?"
    r"|receives?|merits?)\b|(?:给|打|评为)[^\W\d]{0,8}?)"
    rf"{_WORDS_BETWEEN}[\s*_`\"'“:]*{_NUMBER}(?!\s+[a-z]+s\b(?<!points)(?<!stars))",
    re.IGNORECASE,
)
_ALONE: Final = re.compile(
    rf"^{_DECOR}{_NUMBER}(?=[*_`\"'”)\].。]*(?:\s*/\s*\d+)?[*_`\"'”)\].。]*[ \t]*$)",
    re.IGNORECASE | re.MULTILINE,
)
_UNITS: Final = re.compile(
    rf"{_NUMBER}(?=[*_]*\s?(?:/\s?(?:5|10|100)\b|out of\s\d|of\s\d+\s(?:points|stars)|points?\b"
    r"|stars?\b|分|점))",
    re.IGNORECASE,
)
_OUT_OF: Final = re.compile(
    r"[*_`\"'”)\]]*\s*(?:points?|stars?|marks?|分|점)?[\s(（,，*_]*(?:%|(?:/|out\s+of|of\s+a\s+possible"
    r"|of|von|sur|из|满分(?:为)?|满点)\s*[*_]*(?P<scale>\d{1,3}(?:[.,]\d)?(?!\d)|five|ten))"
    r"(?:\s*(?:points?|stars?|分)\b)?[)）*_]*",
    re.IGNORECASE,
)
_UNIT: Final = re.compile(r"\s*(?:points?\b|stars?\b|分|点|점)(?P<half>半)?", re.IGNORECASE)
_RANGE: Final = re.compile(
    r"[*_]*\s*(?:-|–|—|~|～|to|or|至|到|或)\s*(?P<other>\d{1,3}(?:[.,]\d{1,2})?)(?![\w])"
    r"(?!\s+(?!out\b|points?\b|stars?\b|on\b|for\b)[a-z])",
    re.IGNORECASE,
)
_MORE: Final = re.compile(r"\s*[,;、]\s*\d{1,3}(?:\.\d{1,2})?\s*(?:$|[,;、])", re.MULTILINE)
_BETWEEN: Final = re.compile(r"\b(?:between|somewhere from)\s+\W*\d[\d.]*\Z", re.IGNORECASE)
_STAR_LINE: Final = re.compile(
    r"^[^\w\n★⭐]{0,9}(?P<stars>[★⭐🌟][★⭐🌟☆½️]{0,9})(?=[^\w\n]*$)", re.MULTILINE
)
_LABEL: Final = re.compile(
    r"^[*_#\s]*(?:explanation|reason(?:ing)?|rationale|justification|comment|解释|理由|说明|原因)"
    r"[*_]*\s*[:：][*_\s]*",
    re.IGNORECASE,
)
