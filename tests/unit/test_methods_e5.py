"""E5's two steps: tasks as notes, then one example each; what is drawn, read and dropped."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from studio import methods
from studio.calls import Answer
from studio.jobs.plans import Beginning
from studio.methods.e5 import BRAINSTORMED, KEYS, SHARES
from studio.methods.fixed_corpus import FixedCorpus
from studio.methods.protocol import Ask, Draft, Plan, Stage, drafts_in
from studio.prompting.builtin import builtin
from studio.records import NOTE, Reason, Record, StudioError

QUERY = "which boats may pass the lock in winter"
RIGHT = "From November on the lock is open for barges with a permit, and closed to all others."
WRONG = "The lock was built in winter by men who had come there on boats from the coast."


def plan(template: str = "e5", **settings: object) -> Plan:
    found = methods.get("e5", "embedding")
    parsed = found.form.parse(builtin(template, "e5"))
    return Plan(parsed, "m", FixedCorpus([]), found.settings(**settings), seed=1)


def stage(name: str) -> Stage:
    return methods.get("e5", "embedding").stage(name)


def notes(each: int = 3) -> Beginning:
    """So many tasks of each group."""
    made = [
        Record(NOTE, {"text": f"Find the {group} text number {n}.", "label": group}, id=row + 1)
        for row, (group, n) in enumerate((g, n) for g in BRAINSTORMED for n in range(each))
    ]
    return Beginning({"tasks": made})


def asks(name: str, of: Plan, made: Beginning | None = None) -> list[Ask]:
    return list(stage(name).ask(of, 0, made or Beginning()))


def said(ask: Ask) -> str:
    return ask.request.messages[-1].content


def one_of(group: str, of: Plan | None = None) -> Ask:
    return asks("examples", of or plan(groups=group, wanted=1), notes())[0]


def read(ask: Ask, answer: object, of: Plan | None = None, ended: str = "stop") -> Draft:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    group = ask.fields["group"]
    found = of or plan(groups=group, wanted=1)
    [draft] = drafts_in(stage("examples"), found, ask, Answer(text, finish_reason=ended))
    return draft


def answer(group: str, *texts: str) -> dict[str, str]:
    return dict(zip(KEYS[group], texts, strict=False))


def test_groups_take_turns_by_their_published_shares() -> None:
    found = Counter(ask.fields["group"] for ask in asks("examples", plan(wanted=507), notes()))
    assert all(abs(found[group] - share) <= 1 for group, share in SHARES.items())


def test_tasks_are_thought_up_for_four_groups_alone() -> None:
    found = asks("tasks", plan(wanted=300, tasks_per_request=10))
    assert {ask.fields["label"] for ask in found} == {*BRAINSTORMED}
    assert "Think up 10 different tasks" in said(found[0])
    assert asks("tasks", plan(groups="sts,bitext")) == []


def test_a_list_of_tasks_is_read_as_json_or_lines_without_what_the_prompt_says() -> None:
    of = plan(groups="short-long")
    [ask, *_] = asks("tasks", of)
    shown = "Given a claim, find documents that support or refute it."
    tasks = ["Given a dish, find a recipe for it.", shown, "Recipes"]
    for text in (json.dumps(tasks), "\n".join(f"{n}. {one}" for n, one in enumerate(tasks, 1))):
        drafts = drafts_in(stage("tasks"), of, ask, Answer(text))
        assert [draft.reason for draft in drafts] == ["", Reason.ECHO, Reason.TOO_SHORT]
        assert drafts[0].fields["text"] == tasks[0]


def test_each_task_gets_one_example_before_any_gets_a_second() -> None:
    found = asks("examples", plan(groups="short-long,long-long", wanted=8), notes(each=3))
    own = [ask.fields["instruction"] for ask in found if ask.fields["group"] == "long-long"]
    assert len(own) == 4
    assert len(set(own[:3])) == 3
    assert {ask.parent_id for ask in found} <= {note.id for note in notes().kept("tasks")}


def test_what_an_example_is_to_be_like_is_drawn_by_plan_and_place_alone() -> None:
    first, again = (asks("examples", plan(wanted=40), notes()) for _ in range(2))
    assert [ask.request for ask in first] == [ask.request for ask in again]
    other = asks("examples", replace(plan(wanted=40), seed=2), notes())
    assert [ask.request for ask in first] != [ask.request for ask in other]
    lengths = {
        words for ask in first for words in ("5 to 15", "fewer than 5") if words in said(ask)
    }
    assert len(lengths) == 2


def test_documents_are_no_longer_than_asked() -> None:
    found = asks("examples", plan(groups="short-long,long-short", wanted=60, longest=100), notes())
    assert not [ask for ask in found if any(f"{n} words" in said(ask) for n in (200, 300, 500))]
    assert [ask for ask in found if "of about 100 words" in said(ask)]


@pytest.mark.parametrize("group", KEYS)
def test_the_object_that_was_asked_for_becomes_a_triplet_with_instruction_and_group(
    group: str,
) -> None:
    of = plan(groups=group, wanted=1, languages="en=1,de=1" if group == "bitext" else "")
    ask = one_of(group, of)
    german = ("Die Schleuse ist im Winter zu.", "Das Wasser ist im Sommer nicht tief.")
    english = ("The lock is closed in winter.", "The lock is not deep in winter.")
    texts = (WRONG, RIGHT) if group == "long-long" else (QUERY, RIGHT, WRONG)
    if group == "bitext":
        texts = (english[0], *german) if "in English about" in said(ask) else (german[0], *english)
    draft = read(ask, answer(group, *texts), of)
    assert draft.reason == ""
    expected = dict(zip(("query", "positive", "negative"), texts[: len(KEYS[group])], strict=False))
    assert expected.items() <= draft.fields.items()
    assert draft.fields["group"] == group
    assert draft.fields["instruction"]
    assert bool(draft.fields.get("score")) == (group == "sts")


@pytest.mark.parametrize(
    ("answered", "reason"),
    [
        ("Here you are.", Reason.NOT_JSON),
        ('{"user_query": "which boats', Reason.NOT_JSON),
        (answer("short-long", QUERY, RIGHT), Reason.NO_FIELD),
        (answer("short-long", QUERY, RIGHT, ""), Reason.NO_FIELD),
        (answer("short-long", QUERY, QUERY.upper(), WRONG), Reason.COPIED),
        (answer("short-long", QUERY, RIGHT, RIGHT), Reason.CONFLICT),
        (answer("short-long", QUERY, "船只在冬天要有许可证才能通过船闸。", WRONG), Reason.LANGUAGE),
        (answer("short-long", QUERY, "the lock " * 60, WRONG), Reason.LOOP),
        (answer("short-long", QUERY, "It is closed.", WRONG), Reason.TOO_SHORT),
        (answer("short-long", "user_query of a skipper", RIGHT, WRONG), Reason.ECHO),
        (answer("short-long", QUERY, f"This is a sample text. {RIGHT}", WRONG), Reason.ECHO),
    ],
)  # fmt: skip
def test_what_cannot_be_learnt_from_is_dropped_with_its_reason(
    answered: object, reason: str
) -> None:
    assert read(one_of("short-long"), answered).reason == reason


def test_an_answer_that_was_cut_off_says_so() -> None:
    assert read(one_of("sts"), '{"S1": "The lock', ended="length").reason == Reason.TRUNCATED


def test_a_fence_and_talk_around_the_object_do_not_matter() -> None:
    inside = json.dumps(answer("short-long", QUERY, RIGHT, WRONG))
    draft = read(one_of("short-long"), f"Sure!\n```json\n{inside}\n```\nAnything else?")
    assert (draft.reason, draft.fields["query"]) == ("", QUERY)


def test_languages_are_drawn_by_their_weights() -> None:
    of = plan(groups="short-short", wanted=60, languages="en=9,zh=1")
    found = Counter("Chinese" in said(ask) for ask in asks("examples", of, notes()))
    assert 1 <= found[True] < found[False]


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"groups": "short-lang"}, "short-long"), ({"groups": "sts=no"}, "sts=no")],
)
def test_a_wrong_group_or_weight_is_named(settings: dict[str, str], named: str) -> None:
    with pytest.raises(StudioError, match=named):
        asks("examples", plan(**settings), notes())
