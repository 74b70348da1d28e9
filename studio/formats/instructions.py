"""Instruction data in, whatever shape it was published in: the keys of a row tell which.

Rows with an instruction, an input and an output under the names that Alpaca, Self-Instruct's
samples, P3, COIG-PC, COIG-CQIA, Dolly and others give them; Self-Instruct's tasks with their
``instances``; conversations as ShareGPT (``from``, ``value``) and ChatML (``role``, ``content``).

Of a conversation each turn of a user with the answer after it is one instruction; those after the
first are tagged ``follow-up`` and have what was said before as their input, since they speak of it.
What a system turn says stands before each instruction of its conversation, since the answers follow
it; it is among the details too, so that exports make a turn of it again. A turn of a tool ends what
is read: the answer after it was not written from the instruction alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from studio.formats import data_files
from studio.formats.columns import BadRow, clean_id, clean_text, needed_text, value
from studio.formats.details import details_of, is_false, reason_of
from studio.formats.json_values import unpacked
from studio.formats.not_empty import not_empty
from studio.formats.rows import RawInstruction, SkippedRow
from studio.formats.tags import tag_text, tags_of
from studio.formats.text_source import explained
from studio.prompting.blocks import without_input
from studio.records import StudioError

IDS = ("_id", "id", "idx", "编号")
# P3 has token numbers under the plain names where it has the texts under the long ones.
INSTRUCTIONS = (
    "instruction", "inputs_pretokenized", "prompt", "question", "query", "inputs", "task",
    "指令", "问题",
)  # fmt: skip
INPUTS = ("input", "context", "输入")
OUTPUTS = (
    "output", "targets_pretokenized", "response", "completion", "answer", "targets", "target",
    "输出", "回答", "答案",
)  # fmt: skip
USUAL = {"instruction": INSTRUCTIONS, "input": INPUTS, "output": OUTPUTS}
"""Field → what files call it."""
JOINED = ("inputs_pretokenized", "inputs")
"""Where the input, if there is any, stands in one text with the instruction."""
TURNS = ("conversations", "conversation", "messages")
TAGS = ("tags", "task_type", "domain", "category")
ROLES = {
    "human": "user", "prompter": "user", "gpt": "assistant", "chatgpt": "assistant",
    "bot": "assistant", "model": "assistant", "developer": "system",
}  # fmt: skip
"""What the speakers are called elsewhere."""
BETWEEN: Final = "\n\n"
"""What stands between instruction and input where both are one text."""
FOLLOW_UP = "follow-up"
ASKED, ANSWERED = "User", "Assistant"
"""Who said what before a follow-up."""

InstructionRow = RawInstruction | SkippedRow


@dataclass(frozen=True, slots=True)
class _Found:
    """One instruction of a row; a row may hold several."""

    instruction: str
    input: str = ""
    output: str = ""
    is_follow_up: bool = False
    system: str = ""
    """What the instruction begins with where a system turn is before it."""

    def details(self) -> dict[str, Any]:
        """What is to be kept with it."""
        system = {"system": self.system.strip()} if self.system.strip() else {}
        return system | ({"is_follow_up": True} if self.is_follow_up else {})


def read_instructions(
    path: Path,
    *,
    fields: Mapping[str, str] | None = None,
    encoding: str = "",
    unanswered: bool = False,
) -> Iterator[InstructionRow]:
    """The instructions of a JSONL, JSON, CSV, TSV or Parquet file, or of a folder of them.

    Args:
        path: plain or gzip; its rows may be of any of the shapes above.
        fields: ``instruction``, ``input``, ``output`` → column, where it is not a usual one.
        encoding: of the file, such as ``gb18030``; empty: found out.
        unanswered: give instructions without an output too; they are reported as skipped else.

    Raises:
        StudioError: the file cannot be read, or it holds no instruction at all.
    """
    with explained(path):
        if not path.exists():
            raise StudioError(
                f"There is no {path}: name a JSONL, JSON, CSV, TSV or Parquet file of instructions."
            )
    named = {name: column for name, column in (fields or {}).items() if column}
    found = _rows(data_files.rows(path, encoding), named, unanswered)
    return not_empty(found, f"{path} holds no instruction")


def _rows(
    rows: Iterator[data_files.FoundRow], named: Mapping[str, str], unanswered: bool
) -> Iterator[InstructionRow]:
    for item in rows:
        if isinstance(item, SkippedRow):
            yield item
            continue
        try:
            yield from _of_row(item[1], item[0], named, unanswered)
        except BadRow as bad:
            yield bad.skipped(item[0])


def _of_row(
    row: Mapping[str, object], where: str, named: Mapping[str, str], unanswered: bool
) -> Iterator[InstructionRow]:
    if is_false(value(row, "", ("is_correct",))[1]):
        raise BadRow("wrong", "it is an answer that its file calls wrong (is_correct)")
    details = {"origin": where, **details_of(row)}
    id = clean_id(value({**row, **details}, "", IDS)[1])
    details |= {"id": id} if id else {}
    system = str(details.pop("system", ""))
    name = id or where.rpartition(":")[2]
    for number, one in enumerate(_found_in(row, named, system), 1):
        if isinstance(one, BadRow):
            yield one.skipped(where)
        elif not one.output.strip() and not unanswered:
            yield SkippedRow(where, "the instruction has no output", "no-output")
        else:
            known = details | one.details()
            yield RawInstruction(
                fields={
                    "instruction": one.instruction,
                    "input": without_input(one.input),
                    "output": one.output,
                },
                outside_id=name if number == 1 else f"{name}#{number}",
                where=where,
                tags=tag_text(tags_of(_tags(known))),
                enabled=_is_enabled(row),
                details=known,
                reason=reason_of(row),
            )


def _found_in(
    row: Mapping[str, object], named: Mapping[str, str], system: str
) -> Iterator[_Found | BadRow]:
    turns, instances = _listed(row, TURNS), _listed(row, ("instances",))
    if not turns and isinstance(row.get("prompt"), list):
        # TRL's rows of a prompt and a completion, each a list of turns.
        turns = [*_listed(row, ("prompt",)), *_listed(row, ("completion",))]
    if named or not (turns or instances):
        yield _flat(row, named, system)
    elif turns:
        given = row.get("input")
        yield from _of_turns(turns, system, given if isinstance(given, str) else "")
    else:
        yield from _of_instances(row, instances, system)


def _listed(row: Mapping[str, object], names: Sequence[str]) -> Sequence[object]:
    """The list of objects that a row holds, in a table as JSON; empty where it holds none."""
    content = value(row, "", names)[1]
    content = unpacked(content) if isinstance(content, str) else content
    is_list = isinstance(content, list) and any(isinstance(one, dict) for one in content)
    return content if is_list and isinstance(content, list) else []


def _flat(row: Mapping[str, object], named: Mapping[str, str], system: str) -> _Found:
    """One row, one instruction.

    Seedless sets have rows of an input and an output alone: the input is the instruction then.
    """
    found = {name: value(row, named.get(name, ""), usual) for name, usual in USUAL.items()}
    wanting = next((name for name in named if not found[name][0]), "")
    key, content = found["instruction"]
    given = _said(found["input"][1], "input")
    if not key and not wanting:
        (key, content), given = found["input"], ""
    if not key or wanting:
        there = ", ".join(repr(one) for one in list(row)[:8])
        absent = named.get(wanting, wanting) or "instruction"
        raise BadRow("no-field", f"there is no field {absent!r}; there are {there}")
    text = needed_text(_words(content), key)
    if key.strip().lower() in JOINED:
        text, given = _apart(text, given)
    before = [*_told_before(row.get("history"))]
    given = BETWEEN.join([*before, given] if given else before)
    output = _output(found["output"][1])
    return _Found(_after(system, text), given, output, bool(before), system)


def _told_before(history: object) -> Iterator[str]:
    """Of pairs of a question and its answer, as LLaMA-Factory writes them; what is none is left."""
    pairs = unpacked(history) if isinstance(history, str) else history
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list | tuple) and len(pair) == 2:
            for who, said in zip((ASKED, ANSWERED), pair, strict=True):
                yield f"{who}: {_said(said)}"


def _of_instances(
    row: Mapping[str, object], instances: Sequence[object], system: str
) -> Iterator[_Found | BadRow]:
    """Self-Instruct: an instruction with several inputs, each with its output."""
    key, content = value(row, "", INSTRUCTIONS)
    text = _after(system, needed_text(content, key or "instruction"))
    for number, one in enumerate(instances, 1):
        try:
            if not isinstance(one, dict):
                raise BadRow("instance", "it is no object with an input and an output")
            given, said = (value(one, "", names)[1] for names in (INPUTS, OUTPUTS))
            yield _Found(text, _said(given, "input"), _output(said), system=system)
        except BadRow as bad:
            yield BadRow(bad.code, f"instance {number}: {bad}")


def _of_turns(turns: Sequence[object], system: str, given: str) -> Iterator[_Found | BadRow]:
    """Each turn of a user with the answer after it.

    given: what of the first turn is the input, in files that tell.
    """
    asked: _Found | None = None
    before: list[str] = []
    for number, turn in enumerate(turns, 1):
        role, text = _turn(turn, number)
        if role == "system":
            system = text
        elif role == "user":
            if asked:
                yield asked
            first, second = (text, BETWEEN.join(before)) if before else _apart(text, given)
            asked = _Found(_after(system, first), second, "", bool(before), system)
            before.append(f"{ASKED}: {text}")
        elif asked:
            yield replace(asked, output=text)
            before.append(f"{ANSWERED}: {text}")
            asked = None
        else:
            yield BadRow("turn", f"turn {number} answers nothing that was asked")
    if asked:
        yield asked


def _turn(turn: object, number: int) -> tuple[str, str]:
    """Who says what. Raises :class:`BadRow` for turns that end what can be read."""
    if not isinstance(turn, dict):
        raise BadRow("turn", f"turn {number} is no object with a role and a text")
    said = str(value(turn, "", ("from", "role"))[1] or "").strip().lower()
    role = ROLES.get(said, said)
    if role not in ("system", "user", "assistant"):
        raise BadRow("turn", f"turn {number} is by {said[:20]!r}; it and what follows is left out")
    try:
        text = _parts(value(turn, "", ("value", "content"))[1])
        return role, needed_text(text, "text") if role == "user" else clean_text(text, "text")
    except BadRow as bad:
        reason = f"turn {number}: {bad}; it and what follows is left out"
        raise BadRow(bad.code, reason) from bad


def _parts(content: object) -> object:
    """A text, or one that comes in parts; pictures and sounds are none."""
    if not isinstance(content, list):
        return content
    texts = [one.get("text") if isinstance(one, dict) else one for one in content]
    if not all(isinstance(text, str) for text in texts):
        raise BadRow("no-text", "a part of it is no text")
    return "\n".join(str(text) for text in texts)


def prompt_text(instruction: str, input: str) -> str:
    """Instruction and input as one text, as a user says them: in exports, and where a model is
    trained, scored and asked. :func:`read_instructions` takes them apart where the row has the
    input by itself too."""
    return f"{instruction}{BETWEEN}{input}" if input else instruction


def _apart(text: str, input: str) -> tuple[str, str]:
    end = f"{BETWEEN}{input}"
    is_inside = input and text.endswith(end) and text.removesuffix(end).strip()
    return (text.removesuffix(end), input) if is_inside else (text, "")


def _after(system: str, text: str) -> str:
    """The text behind what the system turn says, once."""
    begin = f"{system.strip()}{BETWEEN}"
    return begin + text if system.strip() and not text.startswith(begin) else text


def without_system(instruction: str, system: object) -> tuple[str, str]:
    """What the system turn said, and the instruction without it; the first is empty where the
    instruction does not begin with it (any more)."""
    rest = instruction.removeprefix(f"{system}{BETWEEN}")
    is_before = isinstance(system, str) and rest != instruction and rest.strip()
    return (system, rest) if is_before and isinstance(system, str) else ("", instruction)


def _output(content: object) -> str:
    """Of several right answers the first."""
    several = isinstance(content, list) and content and isinstance(content[0], str)
    return _said(content[0] if several and isinstance(content, list) else content, "output")


def _said(content: object, name: str = "text") -> str:
    return clean_text(_words(content), name)


def _words(content: object) -> object:
    """Numbers and yes or no are answers too; the NaN that pandas writes for none is not."""
    if isinstance(content, bool | int | float):
        return "" if content != content else str(content)
    return content


def _tags(details: Mapping[str, object]) -> str:
    """What a row says of the kind of its task, words of one name joined."""
    names = [word for key in TAGS for word in _named(details.get(key), key == "tags")]
    names += ["classification"] * (details.get("is_classification") is True)
    return " ".join([*names, *([FOLLOW_UP] if details.get("is_follow_up") is True else [])])


def _named(content: object, several: bool = False) -> Iterator[str]:
    """The names in a text, a list, or an object of lists. several: a text holds several."""
    content = unpacked(content) if isinstance(content, str) else content
    if isinstance(content, str):
        yield content if several else "-".join(content.split())
    elif isinstance(content, dict | list):
        for one in content.values() if isinstance(content, dict) else content:
            yield from _named(one) if isinstance(one, str | dict | list) else ()


def _is_enabled(row: Mapping[str, object]) -> bool:
    return not is_false(row.get("enabled", True))
