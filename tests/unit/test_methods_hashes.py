"""Requests keep their hashes: a project of an earlier version reuses every answer it paid for.

The hashes below were printed by the version before methods shared one protocol. A change here makes
people pay again.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from studio import methods
from studio.calls import Style
from studio.jobs.plans import Beginning
from studio.methods.fixed_corpus import FixedCorpus
from studio.methods.promptagator import PromptagatorSettings
from studio.methods.protocol import Missed, Plan
from studio.methods.s3 import S3Settings
from studio.methods.s3_retrieval import RetrievalSettings
from studio.prompting.builtin import builtin
from studio.prompting.shots import shot_pool
from studio.records import (
    LABELLED_TEXT,
    NOTE,
    QUERY,
    QUESTION,
    SENTENCE_PAIR,
    Document,
    Example,
    Gold,
    Label,
    Record,
)
from studio.runs import RoundError

EXAMPLES = tuple(
    Example(f"Passage number {i} on levies.", f"what does levy number {i} cost me", revision_id=i)
    for i in range(12)
)
LEVIES = [Document(f"d{i}", "", f"The levy for item {i} is due in May.", id=i) for i in range(20)]
DOCUMENTS = [
    Document("a", "", "The mill was built by Anna Berg in 1901. It ground oats until 1950.", id=1),
    Document("b", "", "The bridge is 40 metres long and carries no cars.", id=2),
    Document("c", "", "Foxes sleep under the hedge by day.", id=3),
]
LABELS = {
    "classification": (
        Label("pos", "a satisfied customer"),
        Label("neg", "a dissatisfied customer"),
    ),
    "nli": (Label("yes", "certainly true"), Label("no", "not supported by it")),
}
REASONS = {"pos": ["came early", "well packed", "kind note"], "neg": ["broken lid"]}
NOTES = [
    Record(NOTE, {"text": reason, "label": label})
    for label, reasons in REASONS.items()
    for reason in reasons
]
GOLD = {
    "classification": Gold(
        LABELLED_TEXT,
        {"text": "It creaks, and yet I would not give it away.", "label": "pos"},
        outside_id="g1",
    ),
    "nli": Gold(
        SENTENCE_PAIR,
        {"hypothesis": "Oats were ground there.", "label": "yes", "premise": DOCUMENTS[0].text},
        outside_id="g1",
    ),
    "qa": Gold(
        QUESTION,
        {"question": "Who built the mill?", "context": DOCUMENTS[0].text, "answer": "Anna Berg"},
        outside_id="g1",
    ),
}


def plan_of(task: str, style: Style) -> Plan:
    method = methods.get("s3", task)
    settings = RetrievalSettings() if task == "retrieval" else S3Settings(15, None, 15)
    return Plan(
        template=method.form.parse(builtin(task, "s3")),
        model="m",
        corpus=FixedCorpus(DOCUMENTS),
        settings=settings,
        labels=LABELS.get(task, ()),
        seed=1,
        style=style,
    )


def hashes(name: str, task: str, style: Style, batch: int, made: Beginning) -> list[str]:
    asks = methods.get("s3", task).stage(name).ask(plan_of(task, style), batch, made)
    return [ask.request.sha[:12] for ask in asks]


def missed(gold: Gold, **detail: object) -> Beginning:
    return Beginning(errors=[Missed(gold, RoundError(1, 7, "x", 0.5, dict(detail), 3))])


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("chat", ["387e996efcca", "9b3e4190490e", "ed71af7f3dfa", "09ec6867e42d", "03adb7303f32"]),
        (
            "completion",
            ["424ed5ced85f", "2e336584fa69", "7ca278c9e1ec", "07189a97cec0", "dd57755a454d"],
        ),
    ],
)
def test_promptagator(style: Style, expected: list[str]) -> None:
    method = methods.get("promptagator", "retrieval")
    pool = tuple(replace(s, id=i + 100) for i, s in enumerate(shot_pool(EXAMPLES, 8, 4)))
    plan = Plan(
        template=method.form.parse(builtin("question-answering")),
        model="m",
        corpus=FixedCorpus(LEVIES),
        settings=PromptagatorSettings(queries_per_document=3),
        pool=pool,
        prompt_id=5,
        style=style,
    )
    asks = list(method.stages[0].ask(plan, 0, Beginning()))
    assert [ask.request.sha[:12] for ask in asks][::13] == expected


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("chat", ["8363f657d6ea", "3efe1814821f", "c6c0fb5087b9", "ad847e19e19c"]),
        ("completion", ["028034ac9cd1", "bb9b3c03dec1", "b7eff252dab7", "4a020876acef"]),
    ],
)
def test_rationales(style: Style, expected: list[str]) -> None:
    assert hashes("rationales", "classification", style, 0, Beginning()) == expected


@pytest.mark.parametrize(
    ("task", "style", "with_reasons", "places", "expected"),
    [
        (
            "classification",
            "chat",
            True,
            (0, 1, 5),
            ["89b4ce8a8217", "55a26ff91646", "33ee52937170"],
        ),
        ("classification", "chat", False, (0, 1), ["0e63479d4919", "85496bdfb3aa"]),
        ("nli", "chat", True, (0, 1, 5), ["fce058249a67", "663cb56868e2", "0f756c66d15d"]),
        ("nli", "chat", False, (0, 1), ["fce058249a67", "663cb56868e2"]),
        ("qa", "chat", True, (0, 1, 5), ["681f2bd1b8b7", "211e923002c9", "2a569d3c5466"]),
        ("qa", "chat", False, (0, 1), ["681f2bd1b8b7", "211e923002c9"]),
        (
            "classification",
            "completion",
            True,
            (0, 1, 5),
            ["7b14c14ec739", "c31ae1a70cf7", "0fa5959286c1"],
        ),
        ("classification", "completion", False, (0, 1), ["b88cc8d4d34f", "66fdab353316"]),
        ("nli", "completion", True, (0, 1, 5), ["f8441af1bbef", "efe592bbc84c", "c3a62434f41b"]),
        ("nli", "completion", False, (0, 1), ["f8441af1bbef", "efe592bbc84c"]),
        ("qa", "completion", True, (0, 1, 5), ["36fcb3fb9312", "e1d212522dd0", "3c056853aad6"]),
        ("qa", "completion", False, (0, 1), ["36fcb3fb9312", "e1d212522dd0"]),
    ],
)
def test_seed(
    task: str, style: Style, with_reasons: bool, places: tuple[int, ...], expected: list[str]
) -> None:
    made = Beginning({"rationales": NOTES} if with_reasons else {})
    found = hashes("seed", task, style, 0, made)
    assert [found[place] for place in places] == expected


@pytest.mark.parametrize(
    ("task", "style", "expected"),
    [
        ("classification", "chat", ["3bc4b21d710a", "cf08830fea8e"]),
        ("nli", "chat", ["92c0653777b4", "611ebb243ce7"]),
        ("qa", "chat", ["4b3db9148764", "dd299a2dbb57"]),
        ("classification", "completion", ["deb09cc14af1", "78cd87d7fd90"]),
        ("nli", "completion", ["087e69de4026", "fb23cac27dca"]),
        ("qa", "completion", ["9fc1338aa38d", "516a14ceddfa"]),
    ],
)
def test_extrapolations_of_two_rounds(task: str, style: Style, expected: list[str]) -> None:
    made = missed(GOLD[task])
    found = [hashes("extrapolation", task, style, batch, made)[0] for batch in (0, 1)]
    assert found == expected


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("chat", ["0357aaa57d8a", "fb189f14c058"]),
        ("completion", ["f839f39c44f0", "4a2942e9d93a"]),
    ],
)
@pytest.mark.parametrize("word", ["hard_negatives", "confusers"])
def test_missed_queries(style: Style, expected: list[str], word: str) -> None:
    query = Gold(QUERY, {"query": "who built it"}, relevant={1: 1})
    made = missed(query, **{word: [2]})
    assert hashes("extrapolation", "retrieval", style, 1, made) == expected
