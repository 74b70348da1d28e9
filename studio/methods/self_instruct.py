"""Self-Instruct (Wang et al. 2022, arXiv:2212.10560): a pool of tasks that grows out of its seeds.

Instructions: each request shows eight of the pool, six by people and two that were written in
earlier batches (eight by people at first), and asks for more; what is novel (ROUGE-L of at most 0.7
with all there is) joins the pool. Kinds: each instruction is asked whether it is a classification.
Instances: for classifications an LLM names the class first and then writes an input for it, since
asked the other way round it writes inputs of one class only; for all others it writes the input,
where one is needed, and then the output. Of an instruction up to five instances are kept; if it has
one input with different outputs, none is.

Where this differs: the 175 seeds, the 31 shots of the kinds and the 27 of the instances are the
paper's data and not ours: seeds are the person's own examples, some of which are the shots of the
instances too, and the other shots are a few demonstrations in the template. Both are turns before
the question: in one text with it a 1.5B calls every task a classification and answers what the
demonstrations ask. An answer that is cut off loses its last line, not all of it. Lines are read
whatever their numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from studio.calls import Answer
from studio.methods.protocol import Ask, Draft, Feedback, Made, Method, Plan
from studio.methods.tasks_written import (
    BLACKLISTED,
    TASK,
    WantedSettings,
    asked_for,
    drawn,
    fault,
    instruction_fault,
    names_in,
    places,
    requests_for,
    seeds,
)
from studio.params import option
from studio.prompting.answers import said_lines
from studio.prompting.blocks import Block, read_instances, without_heading
from studio.prompting.staged import Lines, Shot, StagedForm, StagedTemplate, rendered_part
from studio.prompting.words import normal, words
from studio.records import INSTRUCTION, Reason, RecordType

HUMAN, MACHINE = 6, 2
"""Of the instructions that a request shows, so many are by people and by the LLM."""
MOST_INSTANCES = 5
"""Of one instruction."""
CLASSIFICATION, OTHER = "classification", "other"
SHOWN_SEEDS, SAME_SEEDS = 4, 16
"""Before a request for an input and an output, and for how many requests they stay the same."""
YES: Final = ("yes", "true", "是", "是的", "对", "classification")
NO: Final = ("no", "false", "not", "否", "不", "不是")


@dataclass(frozen=True, slots=True)
class SelfInstructSettings(WantedSettings):
    """What a person can set of Self-Instruct."""

    tasks_per_request: int = option(
        8, "Tasks each", "instructions asked for in one request", least=1, most=20
    )
    batch: int = option(
        8, "Batch", "requests between which the pool stands still", least=1, most=256
    )
    shots: int = option(
        HUMAN + MACHINE, "Seeds", "drawn for a request; two give way to the pool", least=1, most=20
    )
    shot_sets: int = option(
        100, "Shot sets", "different draws of seeds that take turns", least=1, most=1_000
    )


@dataclass(frozen=True, slots=True)
class Instructions:
    """Instructions alone, until enough are kept."""

    name: str = "instructions"
    makes: RecordType = TASK
    words: str = "instructions"
    feedback: Feedback = ""
    distinct: bool = True

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """A batch that shows what the batches before it brought."""
        each = plan.settings.tasks_per_request
        pool = [record.text for record in made.kept(self.name)]
        for place in places(plan, made, self.name, each, most=plan.settings.batch):
            own = min(MACHINE, len(pool), plan.settings.shots - 1)
            human, row = seeds(plan, place, plan.settings.shots - own)
            lots = drawn(plan, "pool", place)
            shown = [one["instruction"] for one in human] + lots.sample(pool, own)
            lots.shuffle(shown)
            values = {"tasks": _numbered(shown), "count": each}
            yield Ask(asked_for(plan, self.name, values, place, shots=row), place=place)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """An instruction a line."""
        lines = [without_heading(line) for line in said_lines(answer.text)]
        # “A list of eight tasks, one a line:” speaks of the list.
        lines = lines[1:] if lines[1:] and lines[0].endswith((":", "：")) else lines
        cut = answer.finish_reason == "length"
        shown = {normal(without_heading(line)) for line in _lines_of(ask)}
        drafts = []
        for number, line in enumerate(lines):
            reason = instruction_fault(plan.template, line)
            if cut and number == len(lines) - 1:
                reason = Reason.TRUNCATED
            elif normal(line) in shown:
                reason = Reason.ECHO
            drafts.append(Draft({"task": line[:1].upper() + line[1:]}, reason))
        return drafts or [Draft(reason=Reason.TRUNCATED if cut else Reason.EMPTY)]

    def expected(self, plan: Plan) -> int:
        """As many as list the instructions that are wanted."""
        return requests_for(plan, plan.settings.tasks_per_request)

    def novelty(self, plan: Plan) -> float:
        """The most that an instruction may be like a seed or an earlier one, as ROUGE-L."""
        return float(plan.settings.novelty)


def _numbered(instructions: Sequence[str]) -> Lines:
    lines = (" ".join(text.split()) for text in instructions)
    return Lines("\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1)))


def _lines_of(ask: Ask) -> list[str]:
    return [line for message in ask.request.messages for line in message.content.splitlines()]


@dataclass(frozen=True, slots=True)
class Kinds:
    """Whether an instruction is a classification."""

    name: str = "kinds"
    makes: RecordType = TASK
    words: str = "instructions told apart"
    feedback: Feedback = ""
    distinct: bool = False

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """One question for each kept instruction, greedily."""
        for record in () if batch else made.kept("instructions"):
            values = {"instruction": record.text}
            decoding = replace(plan.chosen_decoding, temperature=0.0, presence_penalty=0.0)
            asked = asked_for(
                plan,
                self.name,
                values,
                record.text,
                decoding=decoding,
                turns=self._turns(plan.template),
                opening=plan.template.text_label,
            )
            yield Ask(asked, {"task": record.text}, parent_id=record.id)

    def _turns(self, template: StagedTemplate) -> list[Shot]:
        """The template's demonstrations, each as a question with its answer."""
        return [
            (rendered_part(template, self.name, {"instruction": one["text"]}), one["label"])
            for one in template.demonstrations
            if "label" in one
        ]

    def expected(self, plan: Plan) -> int:
        """One for each instruction that is wanted."""
        return int(plan.settings.wanted)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """What is neither yes nor no counts as another task, which asks for no class."""
        told = answer.text.strip().removeprefix(plan.template.text_label)
        said = [word for line in said_lines(told)[:1] for word in words(line)]
        text = "".join(said[:4])
        first = said[0] if said else ""
        is_no = first in NO or text.startswith(("不", "否", "非"))
        is_yes = not is_no and (first in YES or text.startswith(("是", "对", "分类")))
        return [Draft({"kind": CLASSIFICATION if is_yes else OTHER})]


@dataclass(frozen=True, slots=True)
class Instances:
    """Inputs and outputs of the instructions."""

    name: str = "instances"
    makes: RecordType = INSTRUCTION
    words: str = "instances"
    feedback: Feedback = ""
    distinct: bool = True

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """One request for each instruction: output first for classifications, else input first.

        Where the input comes first, a few seeds stand before it as turns: so the answers are in
        their style. They are the same for some requests, whose prefix need not be read again.
        """
        decoding = replace(plan.chosen_decoding, temperature=0.0, presence_penalty=1.5)
        for number, record in enumerate(() if batch else made.kept("kinds")):
            is_class = record["kind"] == CLASSIFICATION
            shown, row = ([], 0) if is_class else seeds(plan, number // SAME_SEEDS, SHOWN_SEEDS)
            asked = asked_for(
                plan,
                "classes" if is_class else self.name,
                {"instruction": record.text, "count": MOST_INSTANCES},
                record.text,
                decoding=decoding,
                opening=names_in(plan.template.language)[2 if is_class else 1] + ":",
                shots=row,
                turns=[self._turn(plan.template, one) for one in shown],
            )
            yield Ask(asked, {"instruction": record.text}, parent_id=record.parent_id)

    def _turn(self, template: StagedTemplate, seed: Mapping[str, str]) -> Shot:
        """A seed as the request for it, and its answer."""
        _, given, answer, _, colon = names_in(template.language)
        values = {"instruction": seed["instruction"], "count": MOST_INSTANCES}
        first = f"{given}{colon}{seed['input']}\n" if seed.get("input") else ""
        return rendered_part(template, self.name, values), f"{first}{answer}{colon}{seed['output']}"

    def expected(self, plan: Plan) -> int:
        """One for each instruction that is wanted."""
        return int(plan.settings.wanted)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """The instances of the answer; with one input and different outputs, none of them."""
        found = read_instances(
            answer.text,
            labelled=ask.request.purpose == "classes",
            cut_off=answer.finish_reason == "length",
        )
        if not any(one.fields for one in found):
            return [Draft(reason=found[0].reason)]
        is_torn, drafts = _is_torn(found), []
        for number, one in enumerate(found):
            # What an answer says of the instruction itself is not asked for.
            fields = {**ask.fields, "input": "", **one.fields, **ask.fields}
            if normal(fields["input"]) == normal(fields["instruction"]):
                fields["input"] = ""
            reason = one.reason or (Reason.CONFLICT if is_torn else _fault(plan, fields))
            if number >= MOST_INSTANCES:
                reason = reason or Reason.ENOUGH_OF_TASK
            drafts.append(Draft(fields, reason))
        return drafts


def _is_torn(found: Sequence[Block]) -> bool:
    """Whether one input has different outputs."""
    outputs = defaultdict(set)
    for one in found:
        if not one.reason and (given := normal(one.fields.get("input", ""))):
            outputs[given].add(normal(one.fields["output"]))
    return any(len(said) > 1 for said in outputs.values())


def _fault(plan: Plan, fields: Mapping[str, str]) -> str:
    ends_open = fields["input"].endswith((":", "："))
    return Reason.TRUNCATED if ends_open else fault(plan, fields)


METHOD: Final = Method(
    name="self-instruct",
    paper="Wang et al. 2022, Self-Instruct: Aligning Language Models with Self-Generated"
    " Instructions (arXiv:2212.10560)",
    about="a pool of tasks that grows out of its seeds",
    tasks=("instructions",),
    stages=(Instructions(), Kinds(), Instances()),
    form=StagedForm(
        needed={
            "instructions": {
                "instructions": ("tasks", "count"),
                "kinds": ("instruction",),
                "classes": ("instruction",),
                "instances": ("instruction",),
            }
        },
        placeholders=("count",),
        demonstration=("text", "label"),
        lists=BLACKLISTED,
        method="self-instruct",
    ),
    settings=SelfInstructSettings,
)
