"""S3, ZeroGen and GoldGen: their requests, and what is read out of answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import methods
from studio.calls import Answer
from studio.jobs.plans import Beginning
from studio.methods.fixed_corpus import FixedCorpus
from studio.methods.protocol import Ask, Draft, Missed, Plan, Stage, drafts_in
from studio.methods.s3 import FORM, S3Settings
from studio.methods.spans import candidate_answers
from studio.methods.written_text import read_text
from studio.prompting.builtin import builtin, builtin_names
from studio.prompting.templates import DOCUMENT_FORM
from studio.records import (
    LABELLED_TEXT,
    NOTE,
    QUESTION,
    SENTENCE_PAIR,
    Datum,
    Document,
    Gold,
    Label,
    Reason,
    Record,
    StudioError,
)
from studio.runs import RoundError

LABELS = (Label("pos", "a satisfied customer"), Label("neg", "a dissatisfied customer"))
NLI = (Label("yes", "certainly true"), Label("no", "not supported by it"))
DOCUMENTS = [
    Document("a", "", "The mill was built by Anna Berg in 1901. It ground oats until 1950.", id=1),
    Document("b", "", "The bridge is 40 metres long and carries no cars.", id=2),
    Document("c", "", "Foxes sleep under the hedge by day.", id=3),
]
ASKED = "When did the wheel begin to turn?"
REASONS = {"pos": ["came early", "well packed", "kind note"], "neg": ["broken lid"]}
MADE = {
    "classification": LABELLED_TEXT,
    "nli": SENTENCE_PAIR,
    "qa": QUESTION,
}


def plan(
    task: str = "classification", documents: list[Document] = DOCUMENTS, **changed: object
) -> Plan:
    labels = {"classification": LABELS, "nli": NLI}.get(task, ())
    template = FORM.parse(builtin(task, "s3"))
    settings = S3Settings(seed_records=40)
    made = Plan(template, "m", FixedCorpus(documents), settings, labels=labels, seed=1)
    return replace(made, **changed)  # type: ignore[arg-type]


def stage(name: str, task: str = "classification") -> Stage:
    return methods.get("s3", task).stage(name)


def beginning(reasons: dict[str, list[str]]) -> Beginning:
    notes = [
        Record(NOTE, {"text": reason, "label": label})
        for label, found in reasons.items()
        for reason in found
    ]
    return Beginning({"rationales": notes})


def rationale_asks(count: int) -> list[Ask]:
    asked = replace(plan(), settings=S3Settings(rationales=count))
    return list(stage("rationales").ask(asked, 0, Beginning()))


def reasons_in(ask: Ask, answer: Answer) -> list[str]:
    drafts = stage("rationales").read(plan(), ask, answer)
    return [draft.fields["text"] for draft in drafts if not draft.reason]


def seeds(
    task: str = "classification",
    reasons: dict[str, list[str]] = REASONS,
    documents: list[Document] = DOCUMENTS,
    **changed: object,
) -> list[Ask]:
    asked = plan(task, documents, **changed)
    return list(stage("seed", task).ask(asked, 0, beginning(reasons)))


def extrapolation(task: str, error: Gold, batch: int = 0) -> Ask:
    missed = Missed(error, RoundError(1, error.id, "wrong", 0.9, id=9))
    asks = stage("extrapolation", task).ask(plan(task), batch, Beginning(errors=[missed]))
    return next(iter(asks))


def read(task: str, ask: Ask, answer: Answer, name: str = "seed") -> Draft:
    return drafts_in(stage(name, task), plan(task), ask, answer)[0]


def text_of(task: str, draft: Draft) -> str:
    return Datum(MADE[task], draft.fields).text


def gold(task: str) -> Gold:
    fields = {
        "classification": {"text": "It creaks, and yet I would not give it away.", "label": "pos"},
        "nli": {
            "hypothesis": "Oats were ground there.",
            "label": "yes",
            "premise": DOCUMENTS[0].text,
        },
        "qa": {
            "question": "Who built the mill?",
            "context": DOCUMENTS[0].text,
            "answer": "Anna Berg",
        },
    }
    return Gold(MADE[task], fields[task], "validation", "g1", id=7)


def test_every_bundled_template_can_be_used() -> None:
    for name in builtin_names("s3"):
        text = builtin(name, "s3")
        assert FORM.lint(text) == []
        found = methods.of_template(text, FORM.parse(text).task)
        assert found is not None
        assert found.form is FORM
    found = methods.of_template(builtin("generic"), "retrieval")
    assert found is not None
    assert found.form is DOCUMENT_FORM


def test_the_methods_are_found_by_name() -> None:
    assert stage("extrapolation").feedback == "errors"
    assert methods.get("goldgen", "nli").stage("extrapolation").feedback == "gold"
    zerogen = methods.get("zerogen", "classification")
    assert [one.name for one in zerogen.stages] == ["seed"]
    assert not zerogen.has_feedback
    with pytest.raises(StudioError, match="zerogen"):
        methods.get("zerogn", "classification")
    with pytest.raises(StudioError, match="not for the task retrieval"):
        methods.get("zerogen", "retrieval")


def test_reasons_are_asked_for_each_label() -> None:
    targets = rationale_asks(15)
    assert [target.fields["label"] for target in targets] == ["pos", "neg", "pos", "neg"]
    assert "a dissatisfied customer" in targets[1].request.messages[-1].content
    assert len({target.request.sha for target in targets}) == 4
    assert {target.request.purpose for target in targets} == {"rationale"}


def test_reasons_are_the_lines_of_an_answer() -> None:
    target = rationale_asks(5)[0]
    said = (
        "Sure, here are ten reasons:\n- came early.\n2. well packed\n* came early\n- " + "x " * 40
    )
    assert reasons_in(target, Answer(said)) == ["came early", "well packed"]


def test_reasons_of_the_demonstrations_said_over_again_are_no_reasons() -> None:
    target = rationale_asks(5)[0]
    shown = [line for m in target.request.messages for line in m.content.splitlines()]
    assert "- a part is missing" in shown
    assert "- the parcel came a day early" not in shown, "its own label's would be said again"
    said = Answer("- a part is missing\n- Nobody answers the phone.")
    assert reasons_in(target, said) == []


def test_a_demonstration_may_say_what_its_text_is() -> None:
    asked = seeds()[0]
    shown, last = asked.request.messages[1].content, asked.request.messages[-1].content
    assert "customer of an online shop" in shown
    assert "customer of an online shop" not in last


def test_a_list_that_was_cut_off_loses_its_last_line() -> None:
    target = rationale_asks(5)[0]
    said = Answer("- came early\n- well pac", finish_reason="length")
    assert reasons_in(target, said) == ["came early"]


def test_seed_texts_are_balanced_and_written_from_different_reasons() -> None:
    targets = seeds()
    assert Counter(t.fields["label"] for t in targets) == {"pos": 20, "neg": 20}
    said = {t.request.messages[-1].content for t in targets if t.fields["label"] == "pos"}
    assert len(said) >= 3
    assert all(sum(reason in text for reason in REASONS["pos"]) == 2 for text in said)


def test_without_reasons_the_label_alone_is_asked_for() -> None:
    target = seeds(reasons={})[0]
    assert "Here is what happened" not in target.request.messages[-1].content


def test_a_place_always_asks_for_the_same() -> None:
    for task in ("classification", "nli", "qa"):
        assert seeds(task)[5] == seeds(task)[5]
        assert seeds(task)[5].request.sha != seeds(task, seed=2)[5].request.sha


def test_a_pair_is_asked_for_each_label_of_a_context() -> None:
    targets = seeds("nli")[:6]
    pairs = Counter((t.document, t.fields["label"]) for t in targets)
    assert len(pairs) == 6
    assert targets[0].document is not None
    assert targets[0].document.text in targets[0].request.messages[-1].content


def test_a_question_is_asked_for_a_span_of_its_passage() -> None:
    for target in seeds("qa")[:12]:
        assert target.fields["answer"] in target.fields["context"]
        assert f"Answer: {target.fields['answer']}" in target.request.messages[-1].content


def test_pairs_and_questions_need_contexts() -> None:
    assert seeds("nli", documents=[]) == []
    assert seeds("qa", documents=[]) == []


@pytest.mark.parametrize("task", ["classification", "nli", "qa"])
def test_an_extrapolation_keeps_what_is_right_of_its_error(task: str) -> None:
    error = gold(task)
    target = extrapolation(task, error)
    asked = target.request.messages[-1].content
    assert error.text in asked
    kept = Datum(MADE[task], target.fields)
    assert (kept.label, kept.context, kept.answers) == (error.label, error.context, error.answers)
    assert error.context in asked
    assert (target.error_id, target.request.purpose) == (9, "extrapolation")
    again = extrapolation(task, error, batch=1)
    assert again.request.sha != target.request.sha


def test_from_gold_a_further_batch_goes_on_where_the_one_before_ended() -> None:
    class Later(Beginning):
        def asked(self, stage: str) -> int:
            return 3

    of_gold = methods.get("goldgen", "classification").stage("extrapolation")
    golds = [replace(gold("classification"), outside_id=f"g{n}") for n in range(3)]
    asked = replace(plan(), settings=S3Settings(seed_records=1))
    first = list(of_gold.ask(asked, 0, Beginning(gold=golds)))
    later = list(of_gold.ask(asked, 1, Later(gold=golds)))
    assert [ask.place for ask in first] == [0, 1, 2]
    assert [ask.place for ask in later] == [3, 4, 5]
    assert {ask.request.sha for ask in first}.isdisjoint(ask.request.sha for ask in later)
    assert list(of_gold.ask(asked, 0, Beginning(gold=golds, room=0))) == []


@pytest.mark.parametrize("style", ["chat", "completion"])
def test_demonstrations_show_the_form_in_both_styles(style: str) -> None:
    target = seeds(style=style)[0]
    whole = "\n".join(message.content for message in target.request.messages)
    assert "Ordered on Monday" in whole
    assert (len(target.request.messages) == 1) == (style == "completion")
    if style == "completion":
        assert whole.endswith("Text:")


@pytest.mark.parametrize(
    ("task", "said", "reason"),
    [
        ("classification", "It came a day early and it works well, I am happy with it.", ""),
        ("classification", "", Reason.EMPTY),
        ("classification", "Good.", Reason.TOO_SHORT),
        ("classification", "fine fine fine fine fine fine fine fine", Reason.LOOP),
        ("classification", "word and another " * 90, Reason.LOOP),
        ("classification", "包裹提前一天就到了，包装很结实，用起来也不错。", Reason.LANGUAGE),
        ("classification", "<think>hm</think>\n", Reason.EMPTY),
        ("nli", "The mill was put up by a woman.", ""),
        ("nli", "It ground oats until 1950.", Reason.COPIED),
        ("qa", ASKED, ""),
        ("qa", f"{ASKED} In 1901.", ""),
        ("qa", "The wheel began to turn.", Reason.NO_QUESTION),
    ],
)
def test_answers_become_items_or_reasons(task: str, said: str, reason: str) -> None:
    target = seeds(task, documents=DOCUMENTS[:1])[0]
    found = read(task, target, Answer(said))
    assert found.reason == reason
    if not reason:
        assert found.fields.get("label") == target.fields.get("label")
        assert text_of(task, found)


@pytest.mark.parametrize(
    ("language", "question", "reason"),
    [
        ("ar", "متى بُنيت الطاحونة؟", ""),
        ("hy", "Ե՞րբ է կառուցվել ջրաղացը", ""),
        ("el", "πότε χτίστηκε ο μύλος;", ""),
        ("ja", "水車はいつできましたか。", ""),
        ("am", "ወፍጮው መቼ ተሠራ፧", ""),
        ("de", "wann wurde die Mühle gebaut;", Reason.NO_QUESTION),
        ("ru", "когда построили мельницу.", Reason.NO_QUESTION),
    ],
)
def test_questions_end_as_their_language_ends_them(
    language: str, question: str, reason: str
) -> None:
    target = seeds("qa", documents=DOCUMENTS[:1])[0]
    given = plan("qa")
    given = replace(given, template=replace(given.template, language=language))
    assert read_text(given, QUESTION, target, Answer(question)).reason == reason


def test_a_question_that_holds_its_answer_is_dropped() -> None:
    target = extrapolation("qa", gold("qa"))
    found = read("qa", target, Answer("Did Anna Berg build the mill?"), "extrapolation")
    assert found.reason == Reason.ANSWER_INSIDE


@pytest.mark.parametrize("changed", ["", "!", "  "])
def test_an_error_that_is_said_over_again_is_a_copy(changed: str) -> None:
    error = gold("classification")
    target = extrapolation("classification", error)
    said = Answer(error.text.upper() + changed)
    found = read("classification", target, said, "extrapolation")
    assert found.reason == Reason.COPIED


def test_a_demonstration_that_is_said_over_again_is_an_echo() -> None:
    target = seeds()[0]
    shown = plan().template.demonstrations[0]["text"]
    assert read("classification", target, Answer(shown)).reason == Reason.ECHO


def test_an_answer_cut_off_ends_with_its_last_sentence() -> None:
    target = seeds()[0]
    said = "It came a day early and it works well for us all. I am hap"
    found = read("classification", target, Answer(said, finish_reason="length"))
    assert found.fields["text"].endswith("for us all.")
    none = read("classification", target, Answer("It came a day ear", finish_reason="length"))
    assert none.reason == Reason.TRUNCATED


def test_a_refusal_by_the_endpoint_is_an_error() -> None:
    target = seeds()[0]
    answer = Answer("", finish_reason="error")
    assert read("classification", target, answer).reason == Reason.ERROR


def test_control_tokens_in_a_gold_text_do_not_end_the_turn() -> None:
    fields = {"text": "fine <|im_end|> {{ evil }} text", "label": "pos"}
    error = replace(gold("classification"), fields=fields)
    asked = extrapolation("classification", error).request.messages[-1].content
    assert "<|im_end|>" not in asked
    assert "{{ evil }}" in asked


@pytest.mark.parametrize(
    ("passage", "answer"),
    [
        ("It opened on 12 March 1890 in Oslo.", "12 March"),
        ("The prize went to Anna van Berg.", "Anna van Berg"),
        ("It cost $4,500.25 then.", "$4,500.25"),
        ("They called it “the old barn”.", "the old barn"),
        ("消费者可以在七日内退货。", "七日"),
        ("他写了《山里的花》这本书。", "山里的花"),
        ("In 1962 came the flood.", "1962"),
        ("It was built in 1901.", "1901"),
        ("这座桥建于1962年。", "1962年"),
        ("Frida Lund took up photography.", "Frida Lund"),
        ("He painted it for twenty years.", "twenty years"),
        ("It appeared for a hundred and six years.", "a hundred and six years"),
        ("There were thirty-one layers of paint.", "thirty-one layers"),
        ("nothing but lowercase happens here", "lowercase"),
    ],
)
def test_answers_are_found_on_the_surface(passage: str, answer: str) -> None:
    assert answer in candidate_answers(passage)


@given(st.text(max_size=200))
def test_candidate_answers_stand_in_the_passage(passage: str) -> None:
    assert all(answer and answer in passage for answer in candidate_answers(passage))


@given(st.text(max_size=300), st.sampled_from(["stop", "length", "error"]))
def test_any_answer_is_parsed(said: str, finish: str) -> None:
    for task in ("classification", "nli", "qa"):
        target = seeds(task)[0]
        found = read(task, target, Answer(said, finish_reason=finish))
        assert text_of(task, found) or found.reason
    target = rationale_asks(5)[0]
    assert all(reason.strip() for reason in reasons_in(target, Answer(said, finish_reason=finish)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("{{ label }}", "{{ lable }}"), "unknown placeholder “lable”; did you mean “label”"),
        (("# Extrapolation", "# Nothing"), "the part “# Extrapolation” is missing"),
        (("This comes from {{ label }}:", "This:"), ""),
        (("{{ text }}", "it"), "must hold {{ text }}"),
        (('task = "classification"', 'task = "poetry"'), "task must be"),
        (("text_words = [8, 60]", "text_words = 8"), "text_words must be"),
        (("{{ rationales }}", "{% for r in x %}{{ r }}{% endfor %}"), "“{% for %}” is not for"),
        (('similar = "I had', 'simular = "I had'), "unknown setting “simular”"),
    ],
)
def test_a_faulty_template_is_told_of(change: tuple[str, str], message: str) -> None:
    text = builtin("classification", "s3").replace(*change)
    said = " ".join(remark.message for remark in FORM.lint(text))
    assert message in said
    assert bool(message) == bool(said)
