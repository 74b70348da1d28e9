"""A prompt that is a set of templates: documents are shared out, and each record knows its own."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from studio import methods
from studio.calls import Answer
from studio.jobs import improving, runs
from studio.jobs.categories import chain_retention, counted
from studio.jobs.plans import Beginning, planned, run_row
from studio.jobs.run_estimates import estimate_for
from studio.methods.mixing import asks_of, counts
from studio.methods.promptagator import METHOD
from studio.methods.protocol import Ask, Plan, drafts_in
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.prompting.template_set import MemberText, is_set, member_texts
from studio.prompting.templates import DOCUMENT_FORM, parse
from studio.records import QUERY, Document, Reason, StudioError
from studio.store.choices import Choice
from studio.store.review_shapes import View
from tests.support.claimed import claimed
from tests.support.data import query_for
from tests.support.openai_server import OpenAIServer
from tests.support.small_projects import make_project
from tests.support.template_sets import set_text

STAGE = METHOD.stages[0]
ASK = "+++\n# Ask\nWhat would somebody search for?\n"
FRONT = (
    '+++\nname = "{}"\nlanguage = "en"\ndocument_label = ""\nquery_label = ""\n'
    "query_words = [{}, {}]\nqueries_per_document = 4\nzero_shot = true\n"
)
LONG = FRONT.format("long", 6, 20) + ASK
SHORT = FRONT.format("short", 1, 3) + ASK.replace("search for", "type")
PAIR = set_text([MemberText(3, LONG), MemberText(1, SHORT)])
DOCUMENTS = [Document(f"d{n}", "", f"Passage {n} on levies.", id=n + 1) for n in range(60)]


def words(body: dict[str, Any]) -> str:
    """Good for the one kind, and too long for the other at every third passage."""
    asked = str(body["messages"][-1]["content"])
    if "would somebody type" not in asked:
        return "who once built the old thing by the water there"
    spoilt = "barn" in asked or "pond" in asked
    return "some words that go on and on and on for ever" if spoilt else "old thing"


@pytest.fixture
def project(tmp_path: Path) -> Any:
    with OpenAIServer(words=words) as server:
        made = make_project(tmp_path / "small", "retrieval", server.url)
        made.store.prompts.save("long+short", PAIR)
        yield made
        made.close()


def plan_of(project: Project, **told: object) -> Plan:
    return planned(project, run_row(project, **told))[1]


def asks(project: Project, **told: object) -> list[Ask]:
    plan = plan_of(project, **told)
    return list(asks_of(STAGE, plan, 0, Beginning()))


def test_a_set_is_taken_apart_and_put_together() -> None:
    found = member_texts(PAIR)
    assert [(one.share, one.text, one.line) for one in found] == [
        (3, LONG, 2), (1, SHORT, 15),
    ]  # fmt: skip
    assert PAIR.splitlines()[14] == SHORT.splitlines()[0]
    assert set_text(found) == PAIR
    assert member_texts(LONG) == (MemberText(1, LONG),)
    assert not is_set(LONG + "\nNot === share 2\n=== a share of 3\n")
    begun = member_texts(f"{LONG}=== share 0.5\n{SHORT}")
    assert [one.share for one in begun] == [1, 0.5]
    read = parse(PAIR)
    assert (read.name, read.query_words) == ("long+short", (1, 20))
    assert methods.of_template(PAIR, "retrieval") is METHOD


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (PAIR.replace("share 1", "share 0"), 14, "nothing would be asked"),
        (PAIR.replace('"short"', '"long"'), 16, "already"),
        (PAIR.replace("[1, 3]", "[3, 1]"), 20, "two whole numbers"),
        (PAIR.replace('"short"', '"short"\ntask = "qa"'), 16, "only queries"),
    ],
)
def test_a_fault_is_told_by_its_line_of_the_whole(text: str, line: int, said: str) -> None:
    fatal = [one for one in DOCUMENT_FORM.lint(text) if one.fatal]
    assert [one.line for one in fatal] == [line]
    assert said in fatal[0].message
    with pytest.raises(StudioError, match=f"line {line}"):
        parse(text)


def test_a_document_that_is_asked_often_has_all_kinds_by_their_shares(project: Project) -> None:
    plan = plan_of(project)
    assert {tuple(counts(plan, one)) for one in DOCUMENTS} == {(3, 1)}
    many = plan_of(project, queries_per_document=10)
    assert {tuple(counts(many, one)) for one in DOCUMENTS} <= {(7, 3), (8, 2)}


def test_a_document_that_is_asked_once_has_one_kind_decided_by_itself(project: Project) -> None:
    plan = plan_of(project, queries_per_document=1)
    chosen = [counts(plan, one) for one in DOCUMENTS]
    assert {sum(one) for one in chosen} == {1}
    assert 36 <= sum(one[0] for one in chosen) <= 54, "three in four of 60"
    other = plan_of(project, queries_per_document=1, seed=5)
    assert [counts(plan, one) for one in DOCUMENTS] == chosen
    assert [counts(other, one) for one in DOCUMENTS] != chosen


def test_each_request_is_that_of_its_member_alone(project: Project) -> None:
    found = asks(project)
    assert len(found) == 6 * 4 == estimate_for(project, run_row(project)).requests
    assert len({one.request.sha for one in found}) == len(found)
    versions = {one.id: one for one in project.store.prompts.all()}
    written = Counter(versions[one.request.prompt_id or 0].name for one in found)
    assert written == {"long": 18, "short": 6}
    assert all(one.aside for one in versions.values() if one.name in ("long", "short"))
    alone = project.store.prompts.of_text(SHORT)
    assert alone is not None
    of_short = asks(project, prompt_id=alone.id, queries_per_document=1)
    mine = {one.request.sha for one in found if one.request.prompt_id == alone.id}
    assert mine == {one.request.sha for one in of_short}, "what was paid for is used again"


def test_an_answer_is_read_by_the_template_that_asked(project: Project) -> None:
    plan = plan_of(project)
    found = list(asks_of(STAGE, plan, 0, Beginning()))
    said = Answer("old thing")
    reasons = Counter(drafts_in(STAGE, plan, one, said)[0].reason for one in found)
    assert reasons == {Reason.TOO_SHORT: 18, "": 6}


def test_the_run_the_records_and_their_lineage_tell_the_query_type(project: Project) -> None:
    context = claimed(project, "generate", **run_row(project))
    runs.run(context)
    types = context.result["query_types"]
    assert types["long"] == {"judged": 18, "kept": 18, "share": 1.0}
    assert types["short"]["judged"] == 6
    assert 0 < types["short"]["kept"] < 6
    with closing(project.store.review.open(View())) as window:
        rows = window.at(0, 100)
    by_type = Counter(row.query_type for row in rows)
    assert by_type == {"long": 18, "short": types["short"]["kept"]}
    short = next(row for row in rows if row.query_type == "short")
    told = project.store.lineage.of_record(short.id)
    assert told is not None
    assert told["prompt"] == "short"
    row = next(one.id for one in project.store.review.prompts() if one.name == "short")
    with closing(project.store.review.open(View(prompt_id=row))) as window:
        assert {one.query_type for one in window.at(0, 100)} == {"short"}
    kinds = {one.name: one.count for one in counted(project.store, by="kind")}
    assert kinds == dict(by_type)
    retained = chain_retention(project.store, QUERY, [])["all"]
    assert retained["long"]["share"] == 1.0
    assert project.store.query_types.of_records([short.id]) == {short.id: "short"}


def test_a_training_takes_the_queries_of_a_set_or_of_one_member(project: Project) -> None:
    runs.run(claimed(project, "generate", **run_row(project)))
    versions = {one.name: one.version for one in project.store.prompts.all()}
    counted = {
        name: project.store.choices.count(Choice(prompt_version=versions[name])).records
        for name in ("long+short", "long", "short")
    }
    assert counted["long"] == 18
    assert counted["long+short"] == 18 + counted["short"] > 18


def test_a_set_is_not_improved_as_a_whole(project: Project) -> None:
    with pytest.raises(StudioError, match="one wording is improved at a time"):
        improving.improvable(project, None)


def test_the_bundled_set_asks_with_four_kinds() -> None:
    read = parse(builtin("query-types"))
    assert [one.template.name for one in read.members] == [
        "questions", "keywords", "claims", "titles",
    ]  # fmt: skip


def test_an_edited_member_is_the_same_type_and_what_no_set_wrote_is_told(project: Project) -> None:
    runs.run(claimed(project, "generate", **run_row(project)))
    edited = LONG.replace("What would", "Now, what would")
    project.store.prompts.save(
        "long+short", set_text([MemberText(3, edited), MemberText(1, SHORT)])
    )
    context = claimed(project, "generate", **run_row(project))
    runs.run(context)
    assert context.result["query_types"]["long"]["judged"] == 18
    records = project.store.records
    of_sets = [one.id for one in records.all()]
    snapshot = project.store.snapshots.take(of_sets, "a set's")
    types = project.store.query_types
    counted = types.of_snapshot(snapshot)
    assert counted["long"] == 36
    assert counted.keys() == {"long", "short"}
    records.add([query_for(1, "by hand")])
    every = project.store.snapshots.take([one.id for one in records.all()], "all")
    assert types.of_snapshot(every) == {**counted, "others": 1}
    by_hand = project.store.snapshots.take([one.id for one in records.all()][-1:], "by hand")
    assert types.of_snapshot(by_hand) == {}
