"""What every method sees of an answer, and what none does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from studio.calls import Answer, Message, Request
from studio.methods.protocol import Ask, Draft, Plan, drafts_in
from studio.records import QUERY, RecordType


@dataclass(frozen=True)
class Echo:
    """A stage that takes answers as they are."""

    name: str = "echo"
    makes: RecordType = QUERY
    words: str = "queries"
    feedback: Any = ""
    distinct: bool = False

    def ask(self, plan: Plan, batch: int, made: Any) -> Iterator[Ask]:
        yield from ()

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        return [Draft({"query": answer.text})]


PLAN = Plan(None, "m", None, None)  # type: ignore[arg-type]
ASK = Ask(Request((Message("user", "x"),), "m"))


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (Answer("where"), Draft({"query": "where"})),
        (Answer("<think>Hm.</think>\nwhere"), Draft({"query": "\nwhere"})),
        (Answer("<think>Hm.</think>\nwhe", "length"), Draft({"query": "\nwhe"})),
        (Answer("<think>Hm", "length"), Draft(reason="thinking")),
        (Answer("", "length"), Draft(reason="thinking")),
        (Answer("<think>Hm", "stop"), Draft({"query": ""})),
        (Answer("\n\n", "length"), Draft({"query": "\n\n"})),
        (Answer("whe", "content_filter"), Draft(reason="refusal")),
        (Answer("", "error"), Draft(reason="error")),
    ],
)
def test_a_stage_reads_only_what_was_really_answered(answer: Answer, seen: Draft) -> None:
    assert drafts_in(Echo(), PLAN, ASK, answer) == [seen]
