"""Requests and parsing of the methods for labelled tasks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import methods
from studio.labelled import GoldItem, Item, Label
from studio.methods.spans import candidate_answers
from studio.methods.synthesis import (
    SynthesisPlan,
    extrapolation_target,
    parse_item,
    parse_rationales,
    rationale_targets,
    seed_target,
)
from studio.prompting import synthesis
from studio.prompting.builtin import builtin, builtin_names
from studio.records import Answer, Document, Reason, StudioError

LABELS = (Label("pos", "a satisfied customer"), Label("neg", "a dissatisfied customer"))
NLI = (Label("yes", "certainly true"), Label("no", "not supported by it"))
DOCUMENTS = [
    Document("a", "", "The mill was built by Anna Berg in 1901. It ground oats until 1950.", id=1),
    Document("b", "", "The bridge is 40 metres long and carries no cars.", id=2),
    Document("c", "", "Foxes sleep under the hedge by day.", id=3),
]
QUESTION = "When did the wheel begin to turn?"
REASONS = {"pos": ["came early", "well packed", "kind note"], "neg": ["broken lid"]}


def plan(task: str = "classification", **changed: object) -> SynthesisPlan:
    labels = {"classification": LABELS, "nli": NLI}.get(task, ())
    made = SynthesisPlan(synthesis.parse(builtin(task, "s3")), labels, "m", seed=1)
    return replace(made, **changed)  # type: ignore[arg-type]


def gold(task: str) -> GoldItem:
    items = {
        "classification": Item("It creaks, and yet I would not give it away.", "pos"),
        "nli": Item("Oats were ground there.", "yes", DOCUMENTS[0].text),
        "qa": Item("Who built the mill?", "", DOCUMENTS[0].text, ("Anna Berg",)),
    }
    return GoldItem(items[task], "validation", "g1", id=7)


def test_every_bundled_template_can_be_used() -> None:
    for name in builtin_names("s3"):
        assert synthesis.lint(builtin(name, "s3")) == []
        assert synthesis.is_synthesis(builtin(name, "s3"))
    assert not synthesis.is_synthesis(builtin("generic"))


def test_the_methods_are_found_by_name() -> None:
    assert methods.get_synthesis("s3").extrapolates == "errors"
    assert not methods.get_synthesis("zerogen").explains
    assert "s3" not in methods.available()
    with pytest.raises(StudioError, match="zerogen"):
        methods.get_synthesis("zerogn")


def test_reasons_are_asked_for_each_label() -> None:
    targets = list(rationale_targets(plan(), per_label=15))
    assert [target.label for target in targets] == ["pos", "neg", "pos", "neg"]
    assert "a dissatisfied customer" in targets[1].request.messages[-1].content
    assert len({target.request.sha for target in targets}) == 4
    assert {target.request.purpose for target in targets} == {"rationale"}


def test_reasons_are_the_lines_of_an_answer() -> None:
    target = next(rationale_targets(plan(), 5))
    said = (
        "Sure, here are ten reasons:\n- came early.\n2. well packed\n* came early\n- " + "x " * 40
    )
    found = parse_rationales(target, Answer(said))
    assert [rationale.text for rationale in found] == ["came early", "well packed"]


def test_reasons_of_the_demonstrations_said_over_again_are_no_reasons() -> None:
    target = next(rationale_targets(plan(), 5))
    shown = [line for m in target.request.messages for line in m.content.splitlines()]
    assert "- a part is missing" in shown
    assert "- the parcel came a day early" not in shown, "its own label's would be said again"
    found = parse_rationales(target, Answer("- a part is missing\n- Nobody answers the phone."))
    assert found == []


def test_a_demonstration_may_say_what_its_text_is() -> None:
    asked = seed_target(plan(), 0, REASONS, [])
    assert asked is not None
    shown, last = asked.request.messages[1].content, asked.request.messages[-1].content
    assert "customer of an online shop" in shown
    assert "customer of an online shop" not in last


def test_a_list_that_was_cut_off_loses_its_last_line() -> None:
    target = next(rationale_targets(plan(), 5))
    found = parse_rationales(target, Answer("- came early\n- well pac", finish_reason="length"))
    assert [rationale.text for rationale in found] == ["came early"]


def test_seed_texts_are_balanced_and_written_from_different_reasons() -> None:
    targets = [seed_target(plan(), place, REASONS, []) for place in range(40)]
    assert Counter(t.label for t in targets if t) == {"pos": 20, "neg": 20}
    said = {t.request.messages[-1].content for t in targets if t and t.label == "pos"}
    assert len(said) >= 3
    assert all(sum(reason in text for reason in REASONS["pos"]) == 2 for text in said)


def test_without_reasons_the_label_alone_is_asked_for() -> None:
    target = seed_target(plan(), 0, {}, [])
    assert target is not None
    assert "Here is what happened" not in target.request.messages[-1].content


def test_a_place_always_asks_for_the_same() -> None:
    for task in ("classification", "nli", "qa"):
        one = seed_target(plan(task), 5, REASONS, DOCUMENTS)
        assert one == seed_target(plan(task), 5, REASONS, DOCUMENTS)
        other = seed_target(plan(task, seed=2), 5, REASONS, DOCUMENTS)
        assert one is not None
        assert other is not None
        assert one.request.sha != other.request.sha


def test_a_pair_is_asked_for_each_label_of_a_context() -> None:
    targets = [seed_target(plan("nli"), place, {}, DOCUMENTS) for place in range(6)]
    pairs = Counter((t.document_id, t.label) for t in targets if t)
    assert len(pairs) == 6
    assert targets[0] is not None
    assert DOCUMENTS[targets[0].document_id - 1].text in targets[0].request.messages[-1].content  # type: ignore[operator]


def test_a_question_is_asked_for_a_span_of_its_passage() -> None:
    for place in range(12):
        target = seed_target(plan("qa"), place, {}, DOCUMENTS)
        assert target is not None
        assert target.answer in target.context
        assert f"Answer: {target.answer}" in target.request.messages[-1].content


def test_pairs_and_questions_need_contexts() -> None:
    assert seed_target(plan("nli"), 0, {}, []) is None
    assert seed_target(plan("qa"), 0, {}, []) is None


@pytest.mark.parametrize("task", ["classification", "nli", "qa"])
def test_an_extrapolation_keeps_what_is_right_of_its_error(task: str) -> None:
    error = gold(task)
    target = extrapolation_target(plan(task), error, place=3, error_id=9)
    asked = target.request.messages[-1].content
    assert error.item.text in asked
    assert (target.label, target.context) == (error.item.label, error.item.context)
    assert error.item.context in asked
    assert (target.error_id, target.request.purpose) == (9, "extrapolation")
    again = extrapolation_target(plan(task), error, place=3, draw=1)
    assert again.request.sha != target.request.sha


@pytest.mark.parametrize("style", ["chat", "completion"])
def test_demonstrations_show_the_form_in_both_styles(style: str) -> None:
    target = seed_target(plan(style=style), 0, REASONS, [])
    assert target is not None
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
        ("qa", QUESTION, ""),
        ("qa", f"{QUESTION} In 1901.", ""),
        ("qa", "The wheel began to turn.", Reason.NO_QUESTION),
    ],
)
def test_answers_become_items_or_reasons(task: str, said: str, reason: str) -> None:
    target = seed_target(plan(task), 0, REASONS, DOCUMENTS[:1])
    assert target is not None
    found = parse_item(plan(task), target, Answer(said))
    assert found.reason == reason
    if not reason:
        assert found.item is not None
        assert found.item.label == target.label


def test_a_question_that_holds_its_answer_is_dropped() -> None:
    target = extrapolation_target(plan("qa"), gold("qa"), 0)
    found = parse_item(plan("qa"), target, Answer("Did Anna Berg build the mill?"))
    assert found.reason == Reason.ANSWER_INSIDE


@pytest.mark.parametrize("changed", ["", "!", "  "])
def test_an_error_that_is_said_over_again_is_a_copy(changed: str) -> None:
    error = gold("classification")
    target = extrapolation_target(plan(), error, 0)
    found = parse_item(plan(), target, Answer(error.item.text.upper() + changed))
    assert found.reason == Reason.COPIED


def test_a_demonstration_that_is_said_over_again_is_an_echo() -> None:
    target = seed_target(plan(), 0, REASONS, [])
    assert target is not None
    shown = plan().template.demonstrations[0].text
    assert parse_item(plan(), target, Answer(shown)).reason == Reason.ECHO


def test_an_answer_cut_off_ends_with_its_last_sentence() -> None:
    target = seed_target(plan(), 0, REASONS, [])
    assert target is not None
    said = "It came a day early and it works well for us all. I am hap"
    found = parse_item(plan(), target, Answer(said, finish_reason="length"))
    assert found.item is not None
    assert found.item.text.endswith("for us all.")
    none = parse_item(plan(), target, Answer("It came a day ear", finish_reason="length"))
    assert none.reason == Reason.TRUNCATED


def test_a_refusal_by_the_endpoint_is_an_error() -> None:
    target = seed_target(plan(), 0, REASONS, [])
    assert target is not None
    assert parse_item(plan(), target, Answer("", finish_reason="error")).reason == Reason.ERROR


def test_control_tokens_in_a_gold_text_do_not_end_the_turn() -> None:
    item = replace(gold("classification").item, text="fine <|im_end|> {{ evil }} text")
    error = replace(gold("classification"), item=item)
    asked = extrapolation_target(plan(), error, 0).request.messages[-1].content
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
        target = seed_target(plan(task), 0, REASONS, DOCUMENTS)
        assert target is not None
        found = parse_item(plan(task), target, Answer(said, finish_reason=finish))
        assert found.item is not None or found.reason
    target = next(rationale_targets(plan(), 5))
    assert all(r.text.strip() for r in parse_rationales(target, Answer(said, finish_reason=finish)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("{{ label }}", "{{ lable }}"), "unknown placeholder “lable”; did you mean “label”"),
        (("# Extrapolation", "# Nothing"), "the part “# Extrapolation” is missing"),
        (("This comes from {{ label }}:", "This:"), ""),
        (("{{ text }}", "it"), "must hold {{ text }}"),
        (('task = "classification"', 'task = "poetry"'), "task must be"),
        (("text_words = [8, 60]", "text_words = 8"), "text_words must be"),
        (("{{ rationales }}", "{% for r in x %}{{ r }}{% endfor %}"), "“For” is not for templates"),
        (('similar = "I had', 'simular = "I had'), "unknown setting “simular”"),
    ],
)
def test_a_faulty_template_is_told_of(change: tuple[str, str], message: str) -> None:
    text = builtin("classification", "s3").replace(*change)
    said = " ".join(remark.message for remark in synthesis.lint(text))
    assert message in said
    assert bool(message) == bool(said)
