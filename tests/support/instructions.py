"""Seeds of instruction data, and an LLM that writes more by a rule."""

from __future__ import annotations

import hashlib
import random
from typing import Any

from studio.records import INSTRUCTION, Example
from tests.support.tiny_encoder import TOPICS

VERBS = ("Describe", "Compare", "Count", "Explain", "Praise", "Rank", "Sketch in words", "Question")
PLACES = ("by the river", "in the barn", "near the mill", "under the bridge", "in the old tower")
THINGS = ("柳树", "水车", "小桥", "谷仓", "池塘", "高塔", "果园", "石墙", "牧场", "磨坊")
SEEDS = (
    ("Name the parts of a plough and say what each is for.", "", "Share, beam and handles."),
    ("Turn the sentence into a question.", "The pond is deep.", "Is the pond deep?"),
    ("Say in which season one sows rye, and why then.", "", "In autumn, so that it winters."),
    ("Give the opposite of the word.", "early", "late"),
)


def seeds() -> list[Example]:
    """Examples by hand."""
    return [
        Example("", instruction, type=INSTRUCTION, fields={"input": given, "output": output})
        for instruction, given, output in SEEDS
    ]


def _task(drawn: random.Random) -> tuple[str, str, str]:
    verb, place = drawn.choice(VERBS), drawn.choice(PLACES)
    one, two, three = drawn.sample(TOPICS, 3)
    given = f"a {one} and a {two}" if drawn.random() < 0.4 else ""
    return f"{verb} the {one} and every {two} {place}.", given, f"It is the {three} of the {one}."


def answer(body: dict[str, Any]) -> str:
    """What the LLM says to a method of instruction data; empty where none of them asks."""
    asked = str(body["messages"][-1]["content"])
    drawn = random.Random(hashlib.sha256(f"{body.get('seed')} {asked}".encode()).hexdigest())
    if "Write “Instruction:” and" in asked:
        return f"Instruction: {_task(drawn)[0]}"
    if "“指令：”" in asked:
        return "\n\n".join(_chinese(drawn) for _ in range(4))
    if "“Instruction:”" in asked or "items of JSON" in asked:
        return "\n\n".join(_block(number, *_task(drawn)) for number in range(1, 5))
    if "Continue the list" in asked or "one a line" in asked:
        return "\n".join(f"{number}. {_task(drawn)[0]}" for number in range(1, 5))
    if "classification or writing" in asked:
        return drawn.choice(("classification", "writing"))
    if "name each class" in asked:
        one, two = drawn.sample(TOPICS, 2)
        return f"Output: {one}\nInput: it was the {two}\n\nOutput: {two}\nInput: it was the {one}"
    if "“Input:” and “Output:”" in asked:
        _, given, output = _task(drawn)
        return f"Input: {given or 'none'}\nOutput: {output}"
    return ""


def _chinese(drawn: random.Random) -> str:
    one, two, three = drawn.sample(THINGS, 3)
    asked = f"请{drawn.choice('说写讲问')}一说{one}和{two}在{three}边的样子"
    return f"指令：{asked}\n输入：无\n输出：{three}边有{one}。"


def _block(number: int, instruction: str, given: str, output: str) -> str:
    return f"{number}. Instruction: {instruction}\nInput: {given or '<noinput>'}\nOutput: {output}"
