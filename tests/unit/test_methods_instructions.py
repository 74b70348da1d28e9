"""The methods of instruction data: their requests, and what is read out of answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from studio import methods
from studio.calls import Answer
from studio.jobs.plans import Beginning
from studio.methods.fixed_corpus import FixedCorpus
from studio.methods.protocol import Ask, Draft, Plan, Stage, drafts_in
from studio.methods.tasks_written import TASK
from studio.prompting.builtin import builtin
from studio.prompting.shots import shot_pool
from studio.records import INSTRUCTION, Document, Example, Reason, Record
from tests.support.instructions import seeds as few_seeds

DOCUMENTS = [
    Document("a", "", "The mill was built by Anna Berg in 1901. It ground oats until 1950.", id=1),
    Document("b", "", "The bridge is 40 metres long and carries no cars.", id=2),
]
NAMES = ("red", "blue", "green", "brown", "white", "black", "grey", "pink", "gold", "plum")


def many_seeds(count: int = 10) -> list[Example]:
    return [
        Example("", f"Say what is {name} in a forest.", id=n + 1, revision_id=n + 1,
                type=INSTRUCTION, fields={"input": "", "output": f"Some {name} thing."})
        for n, name in enumerate(NAMES[:count])
    ]  # fmt: skip


def plan(
    method: str, seeds: list[Example] | None = None, template: str = "", **settings: object
) -> Plan:
    found = methods.get(method, "instructions")
    chosen = found.settings(**settings)
    parsed = found.form.parse(builtin(template or method, found.prompts_folder))
    examples = many_seeds() if seeds is None else seeds
    pool = shot_pool(examples, getattr(chosen, "shots", 0), getattr(chosen, "shot_sets", 1), 1)
    return Plan(parsed, "m", FixedCorpus(DOCUMENTS), chosen, pool=pool, seed=1)


def stage(method: str, name: str) -> Stage:
    return methods.get(method, "instructions").stage(name)


@dataclass(frozen=True, slots=True)
class Earlier(Beginning):
    """What earlier batches have asked and kept."""

    places: dict[str, int] = field(default_factory=dict)

    def asked(self, stage: str) -> int:
        return self.places.get(stage, 0)


def asked(method: str, name: str, made: Beginning | None = None, batch: int = 0) -> list[Ask]:
    return list(stage(method, name).ask(plan(method), batch, made or Beginning()))


def said(ask: Ask) -> str:
    return ask.request.messages[-1].content


def read(method: str, name: str, ask: Ask, answer: str, reason: str = "stop") -> list[Draft]:
    return drafts_in(stage(method, name), plan(method), ask, Answer(answer, finish_reason=reason))


def tasks(*texts: str, kind: str = "") -> list[Record]:
    return [
        Record(TASK, {"task": text, "kind": kind}, id=n + 1, place=n)
        for n, text in enumerate(texts)
    ]


# -- alpaca --


def test_a_request_shows_seeds_with_all_their_fields_and_asks_for_more() -> None:
    first = plan("alpaca", few_seeds(), wanted=40, shots=4)
    ask = next(iter(stage("alpaca", "tasks").ask(first, 0, Beginning())))
    assert "Instruction: Give the opposite of the word." in said(ask)
    assert "Input: early" in said(ask)
    assert "Output: late" in said(ask)
    assert "Input: <noinput>" in said(ask)
    assert "Write 20 new tasks" in said(ask)
    assert ask.request.decoding.max_tokens == 3072
    assert not ask.request.decoding.stop


def test_an_answer_without_room_is_asked_for_fewer_tasks() -> None:
    small = replace(plan("alpaca"), model="smollm2-135m")
    ask = next(iter(stage("alpaca", "tasks").ask(small, 0, Beginning())))
    assert "Write 3 new tasks" in said(ask)


def test_seeds_take_turns_and_every_request_samples_anew() -> None:
    asks = list(stage("alpaca", "tasks").ask(plan("alpaca", wanted=400), 0, Beginning()))
    assert len(asks) == 20
    assert len({ask.request.seed for ask in asks}) == 20
    shown = {line for ask in asks for line in said(ask).splitlines() if "Instruction:" in line}
    assert len({line.partition(": ")[2] for line in shown}) >= 10


@pytest.mark.parametrize(
    ("kept", "places", "more"),
    [(0, 0, 5), (60, 5, 2), (100, 6, 0), (120, 6, 0), (0, 14, 1), (0, 15, 0)],
)
def test_what_is_missing_is_asked_for_until_it_is_there_or_hopeless(
    kept: int, places: int, more: int
) -> None:
    records = [Record(INSTRUCTION, {"instruction": str(n)}) for n in range(kept)]
    made = Earlier({"tasks": records}, places={"tasks": places})
    asks = asked("alpaca", "tasks", made, batch=1)
    assert [ask.place for ask in asks] == list(range(places, places + more))


RULES = [
    ("Name it.", Reason.TOO_SHORT),
    (" ".join(["word"] * 8 + [f"w{n}" for n in range(150)]), Reason.TOO_LONG),
    ("Draw a picture of a red house.", Reason.BLACKLIST),
    ("Describe the photo in two lines.", Reason.BLACKLIST),
    ("Go to the shop and buy bread.", Reason.BLACKLIST),
    ("Write a program that adds numbers.", Reason.START),
    ("- Say what a river is.", Reason.START),
    (
        "Was ist der Unterschied zwischen einer Eiche und einer Buche und was nicht?",
        Reason.LANGUAGE,
    ),
    ("Say what is red in a forest.", Reason.ECHO),
    ("Describe how a drawbridge works.", ""),
    ("“Early” and “late”: which word is longer?", ""),
]


@pytest.mark.parametrize(("instruction", "reason"), RULES)
def test_an_instruction_that_is_no_good_one_has_a_reason(instruction: str, reason: str) -> None:
    ask = next(iter(stage("alpaca", "tasks").ask(plan("alpaca", many_seeds(1)), 0, Beginning())))
    answer = f"1. Instruction: {instruction}\nInput: none\nOutput: It is so."
    [draft] = read("alpaca", "tasks", ask, answer)
    assert draft.reason == reason
    assert draft.fields


@pytest.mark.parametrize(
    ("given", "output", "reason"),
    [
        ("a red house", "a red  house", Reason.COPIED),
        ("", "Tell what a river is", Reason.COPIED),
        ("", "Here it is:", Reason.TRUNCATED),
        ("", "no no no no no no no no no no no no no no no no no no", Reason.LOOP),
        ("", "Water on its way.", ""),
    ],
)
def test_an_output_that_is_no_answer_has_a_reason(given: str, output: str, reason: str) -> None:
    ask = asked("alpaca", "tasks")[0]
    answer = f"Instruction: Tell what a river is.\nInput: {given or 'none'}\nOutput: {output}"
    [draft] = read("alpaca", "tasks", ask, answer)
    assert draft.reason == reason


def test_an_input_that_is_the_request_itself_is_an_echo() -> None:
    ask = asked("seedless", "tasks")[0]
    requested, *_ = said(ask).splitlines()
    task = "Instruction: Make the text shorter, please.\nInput: {}\nOutput: Short."
    answers = [task.format(given) for given in (requested, f"{requested} Thank you.")]
    found = [read("seedless", "tasks", ask, answer)[0].reason for answer in answers]
    assert found == [Reason.ECHO, ""]


def test_belle_asks_and_reads_in_chinese() -> None:
    chinese = plan("belle", few_seeds(), template="belle-zh")
    ask = next(iter(stage("belle", "tasks").ask(chinese, 0, Beginning())))
    assert "指令：" in said(ask)
    assert "输入：<无输入>" in said(ask)
    answer = Answer("指令：请说出三种常见的树木\n输入：无\n输出：橡树、榉树、白蜡树。")
    [draft] = drafts_in(stage("belle", "tasks"), chinese, ask, answer)
    assert draft == Draft({"instruction": "请说出三种常见的树木", "output": "橡树、榉树、白蜡树。"})


# -- self-instruct --


def test_the_first_batch_shows_people_s_instructions_alone() -> None:
    asks = asked("self-instruct", "instructions")
    assert len(asks) == 8
    for ask in asks:
        assert len(shown(ask)) == 8
        assert all("in a forest" in line for line in shown(ask))


def test_later_batches_show_two_of_the_pool_among_six() -> None:
    pool = tasks("Name a hill in Norway.", "Count the birds.", "Praise the rain.")
    made = Earlier({"instructions": pool}, places={"instructions": 8})
    asks = asked("self-instruct", "instructions", made, batch=1)
    drawn = set()
    for ask in asks:
        own = [line for line in shown(ask) if "in a forest" not in line]
        assert (len(shown(ask)), len(own)) == (8, 2)
        drawn.update(own)
    assert len(drawn) == 3


@pytest.mark.parametrize(("shots", "own"), [(1, 0), (2, 1), (3, 2)])
def test_a_request_of_few_shows_a_seed_all_the_same(shots: int, own: int) -> None:
    made = Earlier({"instructions": tasks("Name a hill in Norway.", "Count the birds.")})
    asks = stage("self-instruct", "instructions").ask(plan("self-instruct", shots=shots), 1, made)
    lines = shown(next(iter(asks)))
    assert len(lines) == shots
    assert sum("in a forest" not in line for line in lines) == own


def test_a_request_is_decided_by_what_earlier_batches_kept_not_by_their_rows() -> None:
    pool = tasks("Name a hill in Norway.", "Count the birds.", "Praise the rain.")
    others = [replace(record, id=record.id + 70) for record in pool]
    places = {"instructions": 8}
    found = [
        [ask.request for ask in asked("self-instruct", "instructions", made, batch=1)]
        for made in (
            Earlier({"instructions": pool}, places=places),
            Earlier({"instructions": others}, places=places),
        )
    ]
    assert found[0] == found[1]


def shown(ask: Ask) -> list[str]:
    numbered = [line.partition(". ") for line in said(ask).splitlines()]
    return [text for number, _, text in numbered if number.isdecimal()]


def test_an_instruction_a_line_whatever_its_number() -> None:
    ask = asked("self-instruct", "instructions")[0]
    answer = (
        "A list of new tasks, one a line:\n9. explain why ice floats.\n10) Task: Name a cold sea.\n"
        "- Draw a map of it.\n11. Say what is red in a forest.\n12. Give the"
    )
    drafts = read("self-instruct", "instructions", ask, answer, "length")
    assert [(draft.fields["task"], draft.reason) for draft in drafts] == [
        ("Explain why ice floats.", ""),
        ("Name a cold sea.", ""),
        ("Draw a map of it.", Reason.BLACKLIST),
        ("Say what is red in a forest.", Reason.ECHO if is_shown(ask, "red") else ""),
        ("Give the", Reason.TRUNCATED),
    ]


def is_shown(ask: Ask, name: str) -> bool:
    return any(f" {name} " in line for line in shown(ask))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("Yes", "classification"),
        ("yes.", "classification"),
        ("**Yes**, it is.", "classification"),
        ("Answer: yes", "classification"),
        ("是", "classification"),
        ("是的，可以。", "classification"),
        ("Classification.", "classification"),
        ("Kind: classification", "classification"),
        ("分类", "classification"),
        ("Writing", "other"),
        ("写作", "other"),
        ("No", "other"),
        ("no, it asks for a text", "other"),
        ("否", "other"),
        ("不是", "other"),
        ("It depends.", "other"),
        ("", "other"),
    ],
)
def test_a_kind_is_yes_or_no(answer: str, kind: str) -> None:
    made = Beginning({"instructions": tasks("Is it warm or cold?")})
    [ask] = asked("self-instruct", "kinds", made)
    assert (ask.parent_id, ask.request.decoding.temperature) == (1, 0.0)
    said = [message.content for message in ask.request.messages if message.role == "assistant"]
    assert {*said} == {"classification", "writing"}
    [draft] = read("self-instruct", "kinds", ask, answer)
    assert draft.fields["kind"] == kind


def test_classes_are_asked_for_before_inputs_and_other_tasks_the_other_way_round() -> None:
    known = [
        *tasks("Is it warm or cold?", kind="classification"),
        *tasks("Praise it.", kind="other"),
    ]
    asks = asked("self-instruct", "instances", Beginning({"kinds": known}))
    assert [ask.request.purpose for ask in asks] == ["classes", "instances"]
    assert "Output: friendly\nInput: The soup" in said(asks[0])
    turns = [message.content for message in asks[1].request.messages[1:-1]]
    assert len(turns) == 8
    assert all("first a realistic input" in one for one in turns[::2])
    assert all(one.startswith("Output: Some ") for one in turns[1::2])
    drafts = read(
        "self-instruct",
        "instances",
        asks[0],
        "Output: warm\nInput: tea\n\nOutput: cold\nInput: ice",
    )
    assert [draft.fields for draft in drafts] == [
        {"instruction": "Is it warm or cold?", "input": "tea", "output": "warm"},
        {"instruction": "Is it warm or cold?", "input": "ice", "output": "cold"},
    ]
    [same] = read("self-instruct", "instances", asks[1], "Input: praise it!\nOutput: Well done.")
    assert same.fields == {"instruction": "Praise it.", "input": "", "output": "Well done."}
    [open_] = read("self-instruct", "instances", asks[1], "Input:\nDear friend, well done.")
    assert open_.reason == Reason.EMPTY


def instances(answer: str, reason: str = "stop") -> list[str]:
    known = tasks("Turn the sentence into a question.", kind="other")
    [ask] = asked("self-instruct", "instances", Beginning({"kinds": known}))
    return [draft.reason for draft in read("self-instruct", "instances", ask, answer, reason)]


def test_one_input_with_different_outputs_drops_the_whole_task() -> None:
    torn = "Input: It rains.\nOutput: Does it rain?\nInput: It rains!\nOutput: Is there rain?"
    assert instances(f"{torn}\nInput: It snows.\nOutput: Does it snow?") == [Reason.CONFLICT] * 3


def test_one_input_twice_with_its_output_is_no_conflict() -> None:
    twice = "Input: It rains.\nOutput: Does it rain?\nInput: It rains.\nOutput: does it rain"
    assert instances(twice) == ["", ""]


def test_at_most_five_instances_and_the_cut_one_is_dropped() -> None:
    each = [f"Input: It is {name}.\nOutput: Is it {name}?" for name in NAMES]
    assert instances("\n".join(each)) == [""] * 5 + [Reason.ENOUGH_OF_TASK] * 5
    assert instances("\n".join(each[:3]), "length") == ["", "", Reason.TRUNCATED]


def test_an_instance_that_is_lost_tears_no_other_and_has_its_reason() -> None:
    good = "Input: It rains.\nOutput: Does it rain?"
    assert instances(f"{good}\nInput: It rains.\nOutput: Is", "length") == ["", Reason.TRUNCATED]
    assert instances(f"{good}\nInput: It rains.\nOutput:\n") == ["", Reason.EMPTY]


def test_an_input_or_output_that_ends_open_is_dropped() -> None:
    assert instances("Input: The list is:\nOutput: Is it a list?") == [Reason.TRUNCATED]


# -- seedless --


def test_topics_and_kinds_are_drawn_by_the_seed_and_differ_from_request_to_request() -> None:
    first, again = asked("seedless", "tasks"), asked("seedless", "tasks")
    assert [ask.request for ask in first] == [ask.request for ask in again]
    lines = [line for ask in first for line in said(ask).splitlines() if line.startswith("Topics:")]
    assert len(set(lines)) == len(lines) == 5
    assert all(len(line.split(";")) == 10 for line in lines)


def test_items_of_json_are_read_with_a_reason_for_each_that_is_no_good() -> None:
    ask = asked("seedless", "tasks")[0]
    answer = (
        '[{"instruction": "Name a tool for wood.", "input": "", "output": "A saw."},'
        ' {"instruction": "Draw a map of a town.", "input": "", "output": "Done."},'
        ' {"instruction": "Name a tool for'
    )
    drafts = read("seedless", "tasks", ask, answer, "length")
    assert [draft.reason for draft in drafts] == ["", Reason.BLACKLIST, Reason.TRUNCATED]


LOST = [
    (
        '[{"instruction": "Name a tool for wood.", "output": "A saw."}, {"instruction": "Name "a" '
        'tool", "output": "A pan."}, {"instruction": "Name a tool for ice.", "output": "A pick."}]',
        ["", Reason.EMPTY, ""],
        '{"instruction": "Name "a" tool", "output": "A pan."}',
    ),
    (
        '[{"instruction": "Name a tool for wood.", "output": "A saw."}, {"idea": "ice"}]',
        ["", Reason.EMPTY],
        '{"idea": "ice"}',
    ),
    (
        '[{"instruction": "Name a tool for wood.", "output": "A saw."}, {"idea": ice}, {"idea": }]',
        ["", Reason.EMPTY, Reason.EMPTY],
        '{"idea": ice}',
    ),
    (
        "Output: A pan.\nInstruction: Name a tool for wood.\nOutput: A saw.",
        [Reason.EMPTY, ""],
        "",
    ),
]


@pytest.mark.parametrize(("answer", "reasons", "text"), LOST)
def test_a_block_that_is_lost_beside_good_ones_is_a_dropped_record(
    answer: str, reasons: list[str], text: str
) -> None:
    drafts = read("seedless", "tasks", asked("seedless", "tasks")[0], answer)
    assert [draft.reason for draft in drafts] == reasons
    lost = next(draft.fields for draft in drafts if draft.reason)
    assert lost["instruction"] == text


def test_an_answer_without_any_block_makes_no_record() -> None:
    for answer in ("", "[]", "Trees are nice.", "Instruction:\nOutput:\n"):
        [draft] = read("seedless", "tasks", asked("seedless", "tasks")[0], answer)
        assert draft.reason
        assert not draft.fields


# -- self-qa --


def test_questions_that_point_at_the_text_are_dropped() -> None:
    asks = asked("self-qa", "questions")
    assert [ask.document for ask in asks] == DOCUMENTS
    assert "ground oats until 1950" in said(asks[0])
    answer = (
        "1. Who built the mill in 1901?\nA: Anna Berg, and she ran it.\n"
        "2. What does the author say about oats?\n3. When was it, according to the text?\n"
        "4. What is this"
    )
    drafts = read("self-qa", "questions", asks[0], answer, "length")
    assert [draft.reason for draft in drafts] == [
        "", Reason.NO_QUESTION, Reason.POINTS_AT_TEXT, Reason.POINTS_AT_TEXT, Reason.TRUNCATED,
    ]  # fmt: skip


def test_an_answer_is_made_of_its_question_and_its_document() -> None:
    [record] = tasks("Who built the mill in 1901?")
    made = Beginning({"questions": [replace(record, document_id=1)]})
    [ask] = asked("self-qa", "answers", made)
    assert ask.document == DOCUMENTS[0]
    assert "ground oats until 1950" in said(ask)
    good = read("self-qa", "answers", ask, "Answer: Anna Berg built it.\nResult: a mill.")
    assert good == [
        Draft({
            "instruction": "Who built the mill in 1901?",
            "input": "",
            "output": "Anna Berg built it.\nResult: a mill.",
        })
    ]  # fmt: skip
    [pointing] = read("self-qa", "answers", ask, "The passage says that Anna Berg built it.")
    assert pointing.reason == Reason.POINTS_AT_TEXT


# -- evol --


def test_each_batch_evolves_the_last_that_was_kept_of_each_beginning() -> None:
    first = asked("evol", "evolutions")
    assert [ask.place for ask in first] == list(range(10))
    kept = [
        replace(tasks("Say what is red in a deep forest.")[0], place=3, batch=0, id=7),
        replace(tasks("Say what is red in a deep, dark forest.")[0], place=3, batch=1, id=8),
    ]
    second = asked("evol", "evolutions", Beginning({"evolutions": kept}), batch=2)
    assert "in a deep, dark forest" in said(second[3])
    assert second[3].parent_id == 8
    assert second[4].parent_id is None
    assert len({ask.request.purpose for ask in (*first, *second)}) > 2


def test_no_batch_comes_after_the_last_evolution() -> None:
    assert not asked("evol", "evolutions", batch=4)


def test_an_evolution_that_says_its_beginning_with_its_input_again_is_an_echo() -> None:
    seed = replace(many_seeds(1)[0], fields={"input": "pines, oaks", "output": "Berries."})
    [ask] = stage("evol", "evolutions").ask(plan("evol", [seed]), 0, Beginning())
    [draft] = read("evol", "evolutions", ask, "Say what is red in a forest: pines, oaks.")
    assert draft.reason == Reason.ECHO


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Say what is red in a deep forest, and give two reasons.", ""),
        ("**Instruction:** Say what is red in a deep forest at night.", ""),
        ("The rewritten prompt asks what is red.", Reason.ECHO),
        ("I'm sorry, but I can't help with that.", Reason.REFUSAL),
        ("", Reason.EMPTY),
    ],
)
def test_an_evolution_is_one_instruction(answer: str, reason: str) -> None:
    ask = asked("evol", "evolutions")[0]
    [draft] = read("evol", "evolutions", ask, answer)
    assert draft.reason == reason


# -- all --

EACH = [
    (method.name, one.name)
    for method in methods.of_task("instructions").values()
    for one in method.stages
]


@pytest.mark.parametrize(("method", "name"), EACH)
@pytest.mark.parametrize("reason", ["error", "content_filter"])
def test_a_call_that_failed_makes_no_record(method: str, name: str, reason: str) -> None:
    ask = Ask(asked("alpaca", "tasks")[0].request, {"instruction": "Name it.", "task": "Name it."})
    template = "belle-zh" if method == "belle" else ""
    found = drafts_in(
        stage(method, name), plan(method, template=template), ask, Answer("", finish_reason=reason)
    )
    assert [bool(draft.fields) for draft in found] == [False]
