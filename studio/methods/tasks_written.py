"""What the methods of instruction data share: requests, lists of tasks, and what is no good task.

The rules on instructions are those of Self-Instruct (Wang et al. 2022, arXiv:2212.10560, §2.2 and
its code), told per language: an instruction has a usual length in words, where a character of a
script without spaces is one; it does not speak of what text cannot hold (pictures, files, plots),
does not begin as the lists of the template forbid or with a sign, and is in the template's
language. The template's ``[lists]`` hold ``blacklist`` and ``starts``, so that a person can edit
both.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from studio.calls import Answer, Decoding, Message, Request
from studio.filters import blacklist, starts
from studio.filters.repeated_input import repeats
from studio.methods.protocol import Ask, Draft, Feedback, Made, Plan
from studio.methods.written_text import LANGUAGE_FLOOR
from studio.params import Params, option
from studio.prompting.blocks import Block, read_one
from studio.prompting.languages import language_score
from studio.prompting.loops import has_loop
from studio.prompting.shots import stable_number
from studio.prompting.staged import Lines, Shot, StagedTemplate, stage_messages
from studio.prompting.words import normal, words, words_found
from studio.records import INSTRUCTION, Document, Reason, RecordType

TASK: Final = RecordType("task", ("task", "kind"), "task", "tasks", is_trained_on=False)
"""An instruction that has no answer yet; ``kind`` is how its answer will be asked for."""
NAMED: Final = {
    "en": ("Instruction", "Input", "Output", "<noinput>", ": "),
    "zh": ("指令", "输入", "输出", "<无输入>", "："),
}
"""Language → how prompts name the fields, what stands for no input, and the colon."""
TOKENS_EACH: Final = 150
"""Room for one task in an answer: 20 of them in Alpaca's 3,072 tokens."""
MOST_TRIES: Final = 3
"""Requests at most, as a multiple of those that would do if all that comes were kept."""
ECHOED: Final = 8
"""Words of an input from which on it is no chance that the prompt has them too."""
BLACKLISTED: Final = (blacklist.LIST, starts.LIST)
"""The lists of a template that instructions are held against."""
POINTERS: Final = "pointers"
"""The list of what points at a text that nobody sees later."""
WINDOW: Final = 256
"""Instructions whose documents are read at once."""


@dataclass(frozen=True, slots=True)
class WantedSettings(Params):
    """How much is written, and how new it must be."""

    wanted: int = option(
        100, "Wanted", "tasks that are kept; the last batch may bring a few more",
        least=1, older=("records",),
    )  # fmt: skip
    novelty: float = option(
        0.7, "Novelty", "most ROUGE-L to a seed or task; 1 drops repetitions only",
        least=0.0, most=1.0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListSettings(WantedSettings):
    """How many tasks one answer lists."""

    tasks_per_request: int = option(
        20, "Tasks each", "asked for in one request; fewer without room for them",
        least=1, most=50,
    )  # fmt: skip


def asked_for(
    plan: Plan,
    part: str,
    values: Mapping[str, Any],
    name: object,
    *,
    decoding: Decoding | None = None,
    opening: str = "",
    shots: int = 0,
    turns: Sequence[Shot] = (),
    document: Document | None = None,
) -> Request:
    """The request for a part of the template; the part and a name decide its sampling seed.

    opening: what an answer goes on from in completion style; the name of an instruction by default.
    shots: the row of the shot set that the values show. turns: asked and answered before.
    """
    template: StagedTemplate = plan.template
    return Request(
        messages=stage_messages(
            template,
            part,
            values,
            style=plan.chosen_style,
            shots=turns,
            opening=opening or opening_of(template),
        ),
        model=plan.model,
        decoding=decoding or plan.chosen_decoding,
        seed=stable_number(part, plan.seed, plan.prompt_sha, name) % 2**31,
        document_id=document.id if document else None,
        prompt_id=plan.prompt_id,
        shot_set_id=shots or None,
        purpose=part,
    )


def names_in(language: str) -> tuple[str, str, str, str, str]:
    """How prompts in a language name the fields."""
    return NAMED.get(language.split("-")[0], NAMED["en"])


def opening_of(template: StagedTemplate) -> str:
    """What an answer goes on from in completion style."""
    named = names_in(template.language)
    return f"{named[0]}{named[4]}".strip()


def shown_task(fields: Mapping[str, str], language: str) -> str:
    """A task as prompts show it: its three fields, each under its name."""
    instruction, given, answer, none, colon = names_in(language)
    return "\n".join(
        (
            f"{instruction}{colon}{fields['instruction']}",
            f"{given}{colon}{fields.get('input') or none}",
            f"{answer}{colon}{fields.get('output', '')}",
        )
    )


def shown_tasks(tasks: Iterable[Mapping[str, str]], language: str) -> Lines:
    """Several tasks, numbered from 1, as a value of a template's part."""
    each = enumerate((shown_task(fields, language) for fields in tasks), 1)
    return Lines("\n\n".join(f"{number}. {text}" for number, text in each))


def seeds(plan: Plan, place: int, most: int | None = None) -> tuple[list[dict[str, str]], int]:
    """The seeds that a request shows, and the row of their shot set."""
    chosen = plan.pool[stable_number("seeds", plan.seed, place) % len(plan.pool)]
    found = [{"instruction": one.query, **one.fields} for one in chosen.examples[:most]]
    return found, chosen.id


def tasks_each(plan: Plan) -> int:
    """How many tasks one request asks for, so that the answer has room for them."""
    room = plan.chosen_decoding.max_tokens // TOKENS_EACH
    return max(1, min(int(plan.settings.tasks_per_request), room))


def places(
    plan: Plan, made: Made, stage: str, each: int, most: int | None = None, wanted: int = 0
) -> range:
    """The places of a batch: as many requests as would bring what is still missing.

    most: the most requests of one batch. wanted: 0 takes that of the settings.
    """
    wanted = wanted or int(plan.settings.wanted)
    first, missing = made.asked(stage), wanted - made.count(stage)
    count = min(-(-missing // each), MOST_TRIES * -(-wanted // each) - first)
    return range(first, first + max(0, count if most is None else min(count, most)))


def requests_for(plan: Plan, each: int) -> int:
    """Requests that would do if all that comes were kept."""
    return -(-int(plan.settings.wanted) // each)


def drawn(plan: Plan, what: str, place: int) -> random.Random:
    """Lots that the plan and a place decide."""
    return random.Random(stable_number(what, plan.seed, place))


def tasks_read(plan: Plan, ask: Ask, found: Sequence[Block]) -> list[Draft]:
    """The tasks of an answer as records, each with the reason why it is dropped."""
    if not any(one.fields for one in found):
        return [Draft(reason=found[0].reason)]
    messages = ask.request.messages
    shown = {normal(line) for message in messages for line in _tasks_in(message)}
    prompt = prompt_words(ask)
    # What has no instruction is a record too, so that it is counted and a person can mend it.
    each = [(one.reason, {"instruction": "", **one.fields}) for one in found]

    def unfit(fields: Mapping[str, str]) -> str:
        if is_echo(fields.get("input", ""), prompt):
            return Reason.ECHO
        return fault(plan, fields, shown)

    return [Draft(fields, reason or unfit(fields)) for reason, fields in each]


def prompt_words(ask: Ask) -> str:
    """All that a request says, for :func:`is_echo`."""
    return normal("\n".join(message.content for message in ask.request.messages))


def is_echo(text: str, prompt: str) -> bool:
    """Whether a text is what the prompt says: a small LLM takes the request itself for an input or
    an example."""
    return len(words(text)) >= ECHOED and normal(text) in prompt


@dataclass(frozen=True, slots=True)
class AnswersTo:
    """Answers to the instructions that an earlier stage has kept, out of the document of each."""

    to: str
    """The stage."""
    most: Callable[[Plan], int]
    """How many instructions it makes if all that comes is kept."""
    name: str = "answers"
    makes: RecordType = INSTRUCTION
    words: str = "answers"
    feedback: Feedback = ""
    distinct: bool = True

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """One request for each kept instruction, of all batches."""
        opening = names_in(plan.template.language)[2] + ":"
        remaining = iter(() if batch else made.kept(self.to))
        while window := list(islice(remaining, WINDOW)):
            documents = plan.corpus.many([r.document_id for r in window if r.document_id])
            for record in window:
                document = documents.get(record.document_id or 0)
                if record.document_id and document is None:
                    continue
                values, name = {"instruction": record.text}, record.text
                if document:
                    values["context"] = document.full_text
                    name = f"{document.outside_id}/{name}"
                asked = asked_for(plan, self.name, values, name, document=document, opening=opening)
                yield Ask(asked, {"instruction": record.text}, document, parent_id=record.id)

    def expected(self, plan: Plan) -> int:
        """One for each instruction."""
        return self.most(plan)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """The whole answer, whatever stands before it."""
        one = read_one(answer.text, "output", cut_off=answer.finish_reason == "length")
        if not one.fields:
            return [Draft(reason=one.reason)]
        fields = {**ask.fields, "input": "", "output": one.fields["output"]}
        reason = one.reason or fault(plan, fields)
        return [Draft(fields, reason or pointing(plan, fields["output"]))]


def pointing(plan: Plan, text: str) -> str:
    """Whether a text points at one that nobody sees later, as a reason; empty when it does not."""
    points = words_found(text, plan.template.lists.get(POINTERS, ()))
    return Reason.POINTS_AT_TEXT if points else ""


def _tasks_in(message: Message) -> list[str]:
    """Lines of a prompt, without number and name: small models say the seeds over again."""
    lines = message.content.splitlines()
    return [re.sub(r"^[\d.\s]*\w{0,20}[:：]\s*", "", line) for line in lines]


def fault(plan: Plan, fields: Mapping[str, str], shown: Iterable[str] = ()) -> str:
    """Why a task is no good one; empty when it is.

    shown: the lines of the prompt, as :func:`normal` gives them.
    """
    instruction, output = fields["instruction"], fields.get("output", "")
    if normal(instruction) in shown:
        return Reason.ECHO
    if found := instruction_fault(plan.template, instruction):
        return found
    if has_loop(output):
        return Reason.LOOP
    if repeats(fields):
        return Reason.COPIED
    return Reason.TRUNCATED if output.endswith((":", "：")) else ""


def instruction_fault(template: StagedTemplate, instruction: str) -> str:
    """Why an instruction is no good one; empty when it is."""
    fewest, most = template.text_words
    count = len(words(instruction))
    if count < fewest:
        return Reason.TOO_SHORT
    if count > most:
        return Reason.TOO_LONG
    if has_loop(instruction):
        return Reason.LOOP
    if starts.begins_badly(instruction, template.lists.get(starts.LIST, ())):
        return Reason.START
    if words_found(instruction, template.lists.get(blacklist.LIST, ())):
        return Reason.BLACKLIST
    foreign = language_score(instruction, template.language) < LANGUAGE_FLOOR
    return Reason.LANGUAGE if foreign else ""
