"""Promptagator: which requests a run makes, and what becomes of each answer."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import pytest

from studio import methods
from studio.calls import Answer, Message, Request
from studio.jobs.plans import Beginning
from studio.methods.fixed_corpus import FixedCorpus
from studio.methods.promptagator import METHOD, PromptagatorSettings, prompt_text
from studio.methods.protocol import Ask, Plan, drafts_in
from studio.prompting.shots import ShotSet, shot_pool
from studio.prompting.templates import Template, builtin, parse
from studio.records import Document, Example, StudioError

TEMPLATE = parse(builtin("question-answering"))
EXAMPLES = tuple(
    Example(f"Passage number {i} on levies.", f"what does levy number {i} cost me", revision_id=i)
    for i in range(12)
)
POOL = tuple(replace(s, id=i + 100) for i, s in enumerate(shot_pool(EXAMPLES, 8, 4)))
DOCUMENTS = [
    Document(f"d{i}", "", f"The levy for item {i} is due in May.", id=i) for i in range(20)
]
SETTINGS = PromptagatorSettings(queries_per_document=3)
PLAN = Plan(TEMPLATE, "m", FixedCorpus(DOCUMENTS), SETTINGS, pool=POOL, prompt_id=5)
QUERIES = METHOD.stages[0]
DOCUMENT = Document(
    "d", "Late returns", "A late return costs ten percent of the tax that is due.", id=1
)


def requests(plan: Plan = PLAN) -> list[Request]:
    return [ask.request for ask in QUERIES.ask(plan, 0, Beginning())]


def read(
    request: Request,
    answer: Answer,
    shots: tuple[Example, ...] = (),
    document: Document = DOCUMENT,
    template: Template = TEMPLATE,
) -> tuple[str, str]:
    """The query in an answer, and the reason why there is none."""
    plan = replace(PLAN, template=template, pool=(ShotSet(shots),))
    (draft,) = drafts_in(QUERIES, plan, Ask(request, document=document), answer)
    return draft.fields.get("query", ""), draft.reason


def test_the_registry_finds_the_method_and_names_the_nearest() -> None:
    assert methods.get("promptagator", "retrieval") is METHOD
    with pytest.raises(StudioError, match="promptagator"):
        methods.get("promptagater", "retrieval")


def test_every_document_is_asked_for_the_planned_number_of_queries() -> None:
    asked = {(r.document_id, r.draw) for r in requests()}
    assert asked == {(d.id, draw) for d in DOCUMENTS for draw in range(3)}


def test_requests_come_by_shot_set_and_the_draws_of_a_document_stand_together() -> None:
    sets = [key for key, _ in groupby(r.shot_set_id for r in requests())]
    assert sets == sorted(set(sets), key=str)
    documents = [key for key, _ in groupby(r.document_id for r in requests())]
    assert len(documents) == len(set(documents)) == 20


def test_the_draws_of_a_document_share_the_prompt_and_differ_in_the_seed() -> None:
    first, second, third = requests()[:3]
    assert first.messages == second.messages == third.messages
    assert len({first.seed, second.seed, third.seed}) == 3
    assert len({r.sha for r in requests()}) == 60


def test_a_request_does_not_depend_on_the_other_documents() -> None:
    alone = requests(replace(PLAN, corpus=FixedCorpus([DOCUMENTS[7]])))
    assert alone == [r for r in requests() if r.document_id == 7]


def test_another_seed_or_prompt_draws_other_shots() -> None:
    assert [r.shot_set_id for r in requests()] != [
        r.shot_set_id for r in requests(replace(PLAN, seed=1))
    ]
    assert {r.seed for r in requests()}.isdisjoint(
        r.seed for r in requests(replace(PLAN, prompt_sha="x"))
    )


def test_draws_may_take_different_shots() -> None:
    varied = requests(
        replace(PLAN, settings=PromptagatorSettings(draws_per_set=1, queries_per_document=8))
    )
    assert len({r.shot_set_id for r in varied if r.document_id == 3}) > 1
    assert len({(r.document_id, r.draw) for r in varied}) == 160


def test_requests_are_made_only_as_they_are_asked_for() -> None:
    endless = (Document(str(i), "", "text", id=i) for i in iter(int, 1))
    asks = QUERIES.ask(replace(PLAN, corpus=FixedCorpus(endless)), 0, Beginning())  # type: ignore[arg-type]
    assert next(iter(asks)).request.draw == 0


def test_one_batch_is_all() -> None:
    assert list(QUERIES.ask(PLAN, 1, Beginning())) == []


def test_style_and_decoding_of_the_plan_win() -> None:
    request = requests(replace(PLAN, style="completion"))[0]
    assert request.style == "completion"
    assert request.decoding.stop == ("\n",)
    hot = replace(TEMPLATE.decoding, temperature=1.3)
    assert requests(replace(PLAN, decoding=hot))[0].decoding.temperature == 1.3


def test_what_was_cut_to_fit_is_noted() -> None:
    assert "examples shown" in requests(replace(PLAN, context_tokens=320))[0].note


def test_a_title_that_the_text_repeats_is_shown_once() -> None:
    assert prompt_text(Document("1", "Wings .", "wings . a study")) == "wings . a study"
    assert prompt_text(Document("1", "Wings", "a study")) == "Wings a study"


CHAT = Request((Message("user", DOCUMENT.full_text),), "m")
COMPLETION = Request((Message("prompt", f"…\n\n{DOCUMENT.full_text}\n"),), "m")


@pytest.mark.parametrize(
    ("answer", "finish", "text", "reason"),
    [
        ("what if i send my forms late", "stop", "what if i send my forms late", ""),
        ("Question: what if i am late", "stop", "what if i am late", ""),
        ("", "stop", "", "empty"),
        ("", "error", "", "error"),
        ("whatever there was", "content_filter", "", "refusal"),
        ("what if i send my for", "length", "", "truncated"),
        ("what if i am late\nIt costs ten perc", "length", "what if i am late", ""),
        ("late late late late late", "length", "", "loop"),
        ("What does levy number 3 cost me?", "stop", "", "echo"),
        ("A late return costs ten percent of the tax", "stop", "", "copied"),
        ("ten percent of the tax", "stop", "ten percent of the tax", ""),
        (DOCUMENT.full_text, "stop", "", "copied"),
        ("fine", "stop", "", "too-short"),
        (" ".join(f"w{i}" for i in range(41)), "stop", "", "too-long"),
        ("was kostet es wenn ich zu spät bin", "stop", "", "language"),
        ("逾期申报怎么办", "stop", "", "language"),
    ],
)
def test_an_answer_becomes_a_query_or_a_reason(
    answer: str, finish: str, text: str, reason: str
) -> None:
    assert read(CHAT, Answer(answer, finish), EXAMPLES) == (text, reason)


def test_completion_style_drops_an_answer_without_the_label() -> None:
    assert read(COMPLETION, Answer("what if late")) == ("", "no-label")
    assert read(COMPLETION, Answer("Question: what if late")) == ("what if late", "")


def test_completion_style_needs_no_label_when_the_prompt_ends_with_it() -> None:
    given = Request((Message("prompt", "A passage\nQuestion:"),), "m")
    assert read(given, Answer(" what if i am late")) == ("what if i am late", "")


def test_chinese_answers_are_counted_in_characters() -> None:
    chinese = parse(builtin("generic-zh"))
    document = Document("z", "", "逾期申报的，按应缴税款的百分之十罚款。", id=2)
    asked = read(CHAT, Answer("查询：报税晚了要罚多少钱？"), (), document, chinese)
    assert asked == ("报税晚了要罚多少钱？", "")
    copied = read(CHAT, Answer("按应缴税款的百分之十罚款"), (), document, chinese)
    assert copied == ("", "copied")
