"""Tasks in an answer: instruction, input and output, as headed blocks or as JSON.

LLMs number them or not, begin anew at 1, write the headings in bold, in Chinese, with full-width
colons, or answer in JSON with and without fences. So headings are told by their names alone, and
each block that cannot be used has a reason; an answer that was cut off loses only its last block.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, Final

from studio.prompting.answer_words import is_refusal, preamble
from studio.prompting.answers import spoken
from studio.prompting.words import normal, one_line
from studio.records import Reason

INSTRUCTION: Final = "instruction"
INPUT: Final = "input"
OUTPUT: Final = "output"
NAMES: Final = {
    INSTRUCTION: """
        instruction instructions task prompt instruct task_instruction task_description
        given_prompt new_instruction new_prompt rewritten_prompt question query user human
        anweisung aufgabe instrucción tarea consigne tâche istruzione compito instrução instructie
        opdracht инструкция задание задача инструкція завдання talimat görev polecenie zadanie
        指令 任务 任務 指示 命令 提示 问题 問題 指令内容 任务描述 タスク 지시 명령 과제 지시문""",
    INPUT: """
        input context example_input input_text eingabe entrada entrée ingresso invoer ввод вход
        входные_данные girdi wejście 输入 輸入 上下文 输入内容 文本 入力 입력""",
    OUTPUT: """
        output response answer completion result expected_output sample_output example_output
        class_label label class assistant gpt ausgabe antwort salida respuesta sortie réponse
        uscita risposta saída resposta uitvoer antwoord вывод ответ відповідь çıktı yanıt wyjście
        odpowiedź 输出 輸出 回答 答案 回复 回覆 响应 类别 类别标签 标签 结果 输出内容 出力 回答例
        출력 응답 답변""",
}
"""Field → what LLMs call it; ``_`` is a space within a name."""
NO_INPUT: Final = frozenset(
    """noinput na notapplicable notneeded noinputneeded noinputrequired noinputnecessary 无输入
    無輸入 无需输入 不需要输入 入力なし""".split()  # noqa: SIM905
)
"""What stands where a task has no input, without spaces and signs, and is the input of none."""
NONE: Final = frozenset(
    """none null nil empty 无 無 没有 空 なし 없음 keine kein aucune ninguna nessuno
    нет""".split()  # noqa: SIM905
)
"""What LLMs write there too; in data by people these are words that a task may be about."""
MOST_TRIES: Final = 2_000
"""Openings of objects that are tried in one answer."""
_RULER: Final = re.compile(
    r"^[ \t]*(?:[#*=_~-]{2,}|[#*]"
    r"|[#*_ ]{0,6}(?:(?:example|task|instance|item|示例|例子?|任务)[ \t]*#?)?"
    r"\(?\d{1,3}[.)、:：]?[*_]{0,3})[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_CODE: Final = re.compile(r"^[ \t]*```[^\n]*\n(.*?)^[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE)
_BETWEEN: Final = re.compile(r"(?<=\})[\s,]+(?=\{)")
_INPUT_BESIDE: Final = re.compile(
    r"(?P<instruction>[^\n]*[.?!:。？！：][\"'”’)]?)[ \t]*(?:Input|输入)[ \t]*[:：][ \t]*"
    r"(?P<input>\S.*)",
    re.DOTALL,
)
_NUMBER: Final = re.compile(r"^\s*[(#]?\d{1,3}[.)、．:：]?\s+")


@dataclass(frozen=True, slots=True)
class Block:
    """One task of an answer, or why it cannot be used."""

    fields: Mapping[str, str] = field(default_factory=dict)
    """``instruction``, ``input`` and ``output``, as far as they are there."""
    reason: str = ""
    """Empty when it is whole."""


def read_tasks(answer: str, *, opening: str = "", cut_off: bool = False) -> list[Block]:
    """The tasks of an answer, each with an instruction and an output; at least one block.

    Args:
        answer: the raw answer.
        opening: what the prompt ended with and the answer goes on from, such as ``Instruction:``.
        cut_off: the answer ended at its token limit, so that the last block is not whole.
    """
    said = spoken(answer)
    found = _in_json(said)
    if found is None:
        found = _headed(f"{opening} {said}" if opening and not _begins(said) else said)
    return _judged(found, said, cut_off, needed=(INSTRUCTION, OUTPUT))


def read_instances(answer: str, *, labelled: bool, cut_off: bool = False) -> list[Block]:
    """The inputs and outputs that an LLM wrote for one task; at least one block.

    labelled: each begins with its class. Otherwise an answer without any heading is an output.
    """
    said = spoken(answer)
    found = _in_json(said)
    if found is None:
        found = _headed(said)
    if not labelled and not any(one.keys() & {INPUT, OUTPUT} for one in found):
        return [read_one(answer, OUTPUT, cut_off=cut_off)]
    needed = (INPUT, OUTPUT) if labelled else (OUTPUT,)
    return _judged(found, said, cut_off, needed=needed)


def read_one(answer: str, kind: str, *, cut_off: bool = False) -> Block:
    """All of an answer as one field, without what stands before it: talk, the question again.

    kind: :data:`OUTPUT` or :data:`INSTRUCTION`, whose names may stand in front.
    """
    said = spoken(answer).strip()
    start = _heading(kind).search(said)
    if start is not None and (not said[: start.start()].strip() or _begins(said)):
        said = said[start.end() :]
    text = _ended(preamble().sub("", said, count=1))
    if not text:
        return Block(reason=Reason.EMPTY)
    if is_refusal(one_line(text)):
        return Block(reason=Reason.REFUSAL)
    return Block({kind: text}, Reason.TRUNCATED if cut_off else "")


def without_heading(line: str) -> str:
    """A line that is one instruction, without number and name."""
    return _heading(INSTRUCTION).sub("", _NUMBER.sub("", line), count=1).strip()


def without_input(text: str, says_none: frozenset[str] = NO_INPUT) -> str:
    """An input, empty where it only says that there is none."""
    return "" if normal(text).replace(" ", "") in says_none else text


def _judged(
    found: Sequence[Mapping[str, str]], said: str, cut_off: bool, needed: Sequence[str]
) -> list[Block]:
    blocks = []
    for number, fields in enumerate(found):
        is_last = number == len(found) - 1
        clean = {name: text for name, text in fields.items() if text}
        if INPUT in clean and not without_input(clean[INPUT], NO_INPUT | NONE):
            del clean[INPUT]
        reason: str = ""
        if is_last and cut_off:
            reason = Reason.TRUNCATED
        elif not all(clean.get(name) for name in needed):
            reason = Reason.EMPTY
        elif is_refusal(one_line(clean.get(OUTPUT, ""))):
            reason = Reason.REFUSAL
        blocks.append(Block(clean, reason))
    if blocks:
        return blocks
    if not said.strip():
        return [Block(reason=Reason.EMPTY)]
    if is_refusal(one_line(said)):
        return [Block(reason=Reason.REFUSAL)]
    return [Block(reason=Reason.TRUNCATED if cut_off else Reason.NO_LABEL)]


# -- headings --


def _headed(text: str) -> list[dict[str, str]]:
    """Blocks by the headings that this text uses: the first name of each kind is its heading."""
    marks = sorted(
        (match.start(), match.end(), kind)
        for kind, name in _used(text).items()
        for match in _named(name).finditer(text)
    )
    groups: list[dict[str, str]] = []
    for (_, end, kind), (until, *_) in pairwise([*marks, (len(text), 0, "")]):
        if not groups or kind == INSTRUCTION or kind in groups[-1]:
            groups.append({})
        # Small models say a heading twice: “1. Instructions: 1. Instruction: …”.
        found = _ended(text[end:until])
        twice = _heading(kind).match(found)
        groups[-1][kind] = found[twice.end() :] if twice else found
    return [_parted(_beside(group)) for group in groups]


def _beside(group: dict[str, str]) -> dict[str, str]:
    """A block whose input stands in the line of its instruction, behind the end of a sentence."""
    said = group.get(INSTRUCTION, "")
    found = _INPUT_BESIDE.fullmatch(said) if INPUT not in group else None
    if found is None:
        return group
    rest = {name: text for name, text in group.items() if name != INSTRUCTION}
    return {INSTRUCTION: found["instruction"], INPUT: found["input"], **rest}


def _parted(group: dict[str, str]) -> dict[str, str]:
    """A block whose output goes by another name than the first one's."""
    last = next(reversed(group))
    if OUTPUT in group or not (match := _heading(OUTPUT).search(group[last])):
        return group
    text = group[last]
    return {**group, last: _ended(text[: match.start()]), OUTPUT: _ended(text[match.end() :])}


def _used(text: str) -> dict[str, str]:
    """Kind → the name that stands first; others of its kind belong to what is written."""
    found: dict[str, str] = {}
    for kind in NAMES:
        if match := _heading(kind).search(text):
            found[kind] = match["name"] or match["alone"]
    return found


def _begins(text: str) -> bool:
    """Whether the first thing said is a heading, so that nothing goes on from the prompt."""
    return any(_heading(kind).match(text.lstrip()) for kind in NAMES)


@cache
def _heading(kind: str) -> re.Pattern[str]:
    names = sorted(NAMES[kind].split(), key=len, reverse=True)
    return _pattern("|".join(re.escape(name).replace("_", r"[ _]") for name in names))


@cache
def _named(name: str) -> re.Pattern[str]:
    return _pattern(re.escape(name))


def _pattern(names: str) -> re.Pattern[str]:
    """A name with its colon at a line's start, or alone on a line that is marked as a heading."""
    before = r"^[ \t>#*_`•-]*(?:[(#]?\d{1,3}[.)、．:：]?[ \t]*[*_`]{0,3})?"
    number = r"(?:[ \t]*#?\d{1,3})?"
    return re.compile(
        rf"{before}[\[【<]?(?P<name>{names}){number}[\]】>]?[*_`]{{0,3}}[ \t]*[:：]"
        r"[*_`]{0,3}[ \t]*"
        rf"|^[ \t]*(?:#{{1,6}}[ \t]*[*_]{{0,3}}|[*_]{{2,3}}|[\[【])(?P<alone>{names}){number}"
        rf"[*_\]】]{{0,3}}[ \t]*$\n?",
        re.IGNORECASE | re.MULTILINE,
    )


def _ended(text: str) -> str:
    """A field's text without rulers and numbers at its ends, and out of one fence around all."""
    text = text.strip()
    while True:
        lines = text.split("\n")
        if len(lines) > 1 and _RULER.fullmatch(lines[-1]):
            text = "\n".join(lines[:-1]).strip()
        elif _RULER.fullmatch(text) and not any(map(str.isalnum, text)):
            text = ""
        else:
            return text


# -- JSON --


def _in_json(text: str) -> list[dict[str, str]] | None:
    """The tasks of an answer that is JSON: a list, one object, or objects in a row; else None."""
    inside = next((m[1] for m in _CODE.finditer(text) if m[1].lstrip()[:1] in ("[", "{")), text)
    start = re.search(r"^[ \t]*(?:```\w*[ \t]*\n)?[ \t]*(?=[\[{])", inside, re.MULTILINE)
    if start is None or _headed(inside[: start.end()]):
        return None
    found = [
        (_fields(one) if isinstance(one, dict) else {}, one)
        for one in _objects(inside[start.end() :])
    ]
    if not any(fields for fields, _ in found):
        return None
    # What cannot be read stands as it was written where a person looks first.
    return [fields or {INSTRUCTION: _text(one)} for fields, one in found]


def _objects(text: str) -> Iterator[dict[str, Any] | str]:
    """Every outermost object, also where the list around it is not whole; broken ones as text."""
    decoder, at, broken = json.JSONDecoder(strict=False), 0, -1
    for _ in range(MOST_TRIES):
        if (at := text.find("{", at)) < 0:
            break
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            broken, at = (at if broken < 0 else broken), at + 1
            continue
        if broken >= 0:
            yield from _BETWEEN.split(text[broken:at].rstrip(" \t\n,"))
        broken = -1
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        rows = [one for inner in lists for one in inner if isinstance(one, dict)]
        yield from rows if rows and not _fields(value) else [value]
        at = end
    if broken >= 0:
        yield from _BETWEEN.split(text[broken:].strip())


def _fields(row: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, content in row.items():
        kind = _kinds().get(re.sub(r"[\W_\d]", "", key).lower())
        if kind is not None and kind not in found:
            found[kind] = _text(content)
    return found


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content.strip()
    return "" if content is None else json.dumps(content, ensure_ascii=False)


@cache
def _kinds() -> dict[str, str]:
    return {
        name.replace("_", "").lower(): kind
        for kind, names in NAMES.items()
        for name in names.split()
    }
