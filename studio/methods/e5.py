"""Data for text embeddings in two steps (Wang et al. 2024, Improving Text Embeddings with Large
Language Models, arXiv:2401.00368): an LLM thinks up tasks, then writes one example of each.

Tasks come as lists of twenty, for the four groups that pair short and long texts: short-long
(search), long-short (classes), short-short and long-long. An example is one JSON object: the query,
what belongs to it, and in two of the groups what only seems to. Pairs of sentences of a given
likeness (STS) and translations (bitext) need no task. What an answer is to be like (length,
difficulty, clarity, likeness) is drawn for each request; what is not the JSON that was asked for is
dropped, and so is what repeats an earlier text.

Where this differs: the groups' shares are those of the published data unless told otherwise;
a request for tasks also names a few topics out of a list in the template, since a small LLM that is
asked the same again lists the same again; the languages are the project's own unless a run names
others, with weights; and what is plainly useless (a positive that is the query or the negative,
texts of another language, the prompt over again) is dropped with a reason of its own.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import count, islice
from typing import Any, Final

from studio.calls import Answer
from studio.methods.protocol import Ask, Draft, Feedback, Made, Method, Plan
from studio.methods.tasks_written import asked_for, drawn, is_echo, places, prompt_words
from studio.methods.written_text import LANGUAGE_FLOOR
from studio.params import Params, option
from studio.prompting.answers import said_lines
from studio.prompting.blocks import without_heading
from studio.prompting.json_object import read_object
from studio.prompting.languages import language_code, language_name, language_score
from studio.prompting.loops import has_loop
from studio.prompting.staged import StagedForm
from studio.prompting.words import normal, words, words_found
from studio.records import NOTE, TRIPLET, Reason, RecordType, StudioError

STS, BITEXT = "sts", "bitext"
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "short-long": ("user_query", "positive_document", "hard_negative_document"),
    "long-short": ("input_text", "label", "misleading_label"),
    STS: ("S1", "S2", "S3"),
    BITEXT: ("S1", "S2", "S3"),
    "long-long": ("input", "positive_document"),
    "short-short": ("input", "positive_document"),
}
"""Group → the keys of its JSON objects: query, positive and, where there is one, negative."""
NAMES: Final = frozenset(k for keys in KEYS.values() for k in keys if "_" in k or k[0] == "S")
"""Keys that are no words of a language."""
SHARES: Final = dict(zip(KEYS, (167, 122, 99, 89, 17, 13), strict=True))
"""Thousands of examples of each group in the published data."""
BRAINSTORMED: Final = tuple(group for group in KEYS if group not in (STS, BITEXT))
NUM_WORDS: Final = (50, 100, 200, 300, 400, 500)
"""Lengths of documents, of which those are drawn that are allowed."""
HIGH, LOW, OTHER = ("4", "4.5", "5"), ("2.5", "3", "3.5"), ("1.5", "2", "2.5")
"""Likeness of a pair that belongs together, of one that does not, and of a wrong translation."""
FIELDS: Final = ("query", "positive", "negative")
LONG: Final[Mapping[str, tuple[str, ...]]] = {
    "short-long": ("positive", "negative"),
    "long-long": ("query", "positive"),
}
"""Group → what is to be a document in it."""
LONG_WORDS: Final = 10
"""Fewest words of a document: a fifth of the shortest that is asked for."""
PLACEHOLDERS: Final = "placeholders"
"""The list of the template of what only stands in for a text."""
TOPICS: Final = 3
"""Named in one request."""
TASK_WORDS: Final = (4, 60)
"""Fewest and most words of a task."""
DRAWN: Final[Mapping[str, str]] = {
    "query_type": "query_types",
    "query_length": "query_lengths",
    "clarity": "clarities",
    "unit": "units",
    "topics": "topics",
}
"""Placeholder → the list of the template that it is drawn from, for all groups alike."""
LISTS: Final = (
    *DRAWN.values(), "difficulties", "pair_difficulties", "input_lengths", "languages",
    PLACEHOLDERS, STS, BITEXT,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EmbeddingSettings(Params):
    """What a person can set of it."""

    wanted: int = option(100, "Wanted", "triplets; the last batch may bring a few more", least=1)
    groups: str = option(
        "", "Groups", "with commas, each with its share: short-long=3,sts=1",
        empty="all six",
    )  # fmt: skip
    languages: str = option(
        "", "Languages", "with commas, each with its weight: en=6,de=1", empty="the project's own"
    )
    tasks_per_request: int = option(
        20, "Tasks each", "thought up in one request", least=1, most=50
    )  # fmt: skip
    longest: int = option(
        500, "Longest text", "words asked of a document, at most", least=NUM_WORDS[0]
    )


def shares(told: str) -> dict[str, float]:
    """Group → its share of the examples. Raises StudioError for a group that there is not."""
    return (
        _weights(told, _group) if told.strip() else {name: float(n) for name, n in SHARES.items()}
    )


def _group(name: str) -> str:
    if name in KEYS:
        return name
    near = get_close_matches(name, KEYS, n=1) or list(KEYS)
    raise StudioError(
        f"There is no group “{name}” of embedding data; choose of: {', '.join(near)}."
    )


def _weights(told: str, called: Any) -> dict[str, float]:
    """Name → weight out of ``name=3,other``; a name without a number weighs 1."""
    found: dict[str, float] = {}
    for part in filter(None, (one.strip() for one in told.split(","))):
        name, _, number = (one.strip() for one in part.partition("="))
        try:
            weight = float(number or 1)
        except ValueError:
            weight = -1.0
        if not 0 < weight < float("inf"):
            raise StudioError(f"“{part}”: the number behind = is a weight above 0, such as 3.")
        found[called(name)] = weight
    return found


def _turns(weights: Mapping[str, float]) -> Iterator[tuple[str, int]]:
    """Place after place: whose turn it is by these weights, and how often it was before."""
    done, total = dict.fromkeys(weights, 0), sum(weights.values())
    for place in count(1):
        # Who is furthest behind its share.
        due = {name: weight / total * place - done[name] for name, weight in weights.items()}
        name = max(due, key=lambda one: due[one])
        yield name, done[name]
        done[name] += 1


def _languages(plan: Plan) -> dict[str, float]:
    told = plan.settings.languages
    return _weights(told, language_code) if told.strip() else {plan.template.language: 1.0}


def _lot(lots: random.Random, weights: Mapping[str, float]) -> str:
    return lots.choices(list(weights), list(weights.values()))[0]


def _topics(plan: Plan, lots: random.Random) -> list[str]:
    known = plan.template.lists.get("topics", ())
    return lots.sample(known, min(TOPICS, len(known)))


def _names_key(text: str, ask: Ask) -> bool:
    """Whether a text only stands in for one, such as ``S1 content here``."""
    return any(re.search(rf"\b{key}\b", text) for key in KEYS[ask.fields["group"]] if key in NAMES)


@dataclass(frozen=True, slots=True)
class Brainstormed:
    """Tasks in words, until there is one for each example that needs one."""

    name: str = "tasks"
    makes: RecordType = NOTE
    words: str = "tasks"
    feedback: Feedback = ""
    distinct: bool = True

    def _shares(self, plan: Plan) -> dict[str, float]:
        found = shares(plan.settings.groups)
        return {group: share for group, share in found.items() if group in BRAINSTORMED}

    def _wanted(self, plan: Plan) -> int:
        """As many as there will be examples of the four groups."""
        every = sum(shares(plan.settings.groups).values())
        return round(int(plan.settings.wanted) * sum(self._shares(plan).values()) / every)

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """Requests for what is missing, each for one group."""
        each, turns = int(plan.settings.tasks_per_request), self._shares(plan)
        if not turns:
            return
        # One list for each group at least, however few are wanted.
        wanted = max(self._wanted(plan), 1 + each * (len(turns) - 1))
        found = places(plan, made, self.name, each, wanted=wanted)
        for place, (group, _) in zip(found, islice(_turns(turns), found.start, None), strict=False):
            topics = _topics(plan, drawn(plan, "topics", place))
            values = {"group": group, "count": each, "topics": ", ".join(topics)}
            yield Ask(asked_for(plan, self.name, values, place), {"label": group}, place=place)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """A task a line or a string of a JSON list."""
        lines = [without_heading(line).strip("\"'“”, ") for line in said_lines(answer.text)]
        cut, prompt = answer.finish_reason == "length", prompt_words(ask)
        drafts = [
            Draft({"text": line}, _task_fault(plan, prompt, line, cut and number == len(lines) - 1))
            for number, line in enumerate(lines)
            if line
        ]
        return drafts or [Draft(reason=Reason.TRUNCATED if cut else Reason.EMPTY)]

    def expected(self, plan: Plan) -> int:
        """As many as list the tasks that are needed."""
        return max(
            len(self._shares(plan)), -(-self._wanted(plan) // int(plan.settings.tasks_per_request))
        )


def _task_fault(plan: Plan, prompt: str, task: str, is_cut: bool) -> str:
    fewest, most = TASK_WORDS
    if is_cut:
        return Reason.TRUNCATED
    if is_echo(task, prompt):
        return Reason.ECHO
    if not fewest <= len(words(task)) <= most:
        return Reason.TOO_SHORT if len(words(task)) < fewest else Reason.TOO_LONG
    foreign = language_score(task, plan.template.language) < LANGUAGE_FLOOR
    return Reason.LANGUAGE if foreign else ""


@dataclass(frozen=True, slots=True)
class TaskExamples:
    """One example a request, until enough are kept; the groups take turns by their shares."""

    name: str = "examples"
    makes: RecordType = TRIPLET
    words: str = "examples"
    feedback: Feedback = ""
    distinct: bool = True

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """Each task in turn; one comes again only when all of its group had theirs."""
        found = places(plan, made, self.name, 1)
        tasks: dict[str, list[Any]] = defaultdict(list)
        for note in made.kept("tasks"):
            tasks[note.label].append(note)
        turns = islice(_turns(shares(plan.settings.groups)), found.start, None)
        for place, (group, nth) in zip(found, turns, strict=False):
            if group not in BRAINSTORMED:
                instruction = _choice(plan, group, drawn(plan, group, place))
                yield self._one(plan, place, group, instruction)
            elif known := tasks[group]:
                note = known[nth % len(known)]
                yield self._one(plan, place, group, note.text, note.id)

    def _one(
        self, plan: Plan, place: int, group: str, instruction: str, parent_id: int | None = None
    ) -> Ask:
        high = drawn(plan, "likeness", place).choice(HIGH)
        own, other = _drawn_languages(plan, group, place)
        shown_in = plan.template.language
        values = {
            **_values(plan, group, drawn(plan, "example", place)),
            "task": instruction,
            "high": high,
            "language": language_name(own, shown_in),
            "target": language_name(other, shown_in),
        }
        request = asked_for(plan, group.replace("-", "_"), values, f"{place}/{instruction}")
        score = {"score": high} if group == STS else {}
        given = {"instruction": instruction, "group": group, **score}
        return Ask(request, given, parent_id=parent_id, place=place)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """The one object of the answer."""
        group = ask.fields["group"]
        cut = answer.finish_reason == "length"
        found, reason = read_object(answer.text, KEYS[group], cut_off=cut)
        texts = dict(zip(FIELDS, map(found.get, KEYS[group]), strict=False))
        fields = {**ask.fields, **{name: text for name, text in texts.items() if text}}
        if not found:
            return [Draft(reason=reason)]
        return [Draft({"query": "", **fields}, reason or self._fault(plan, ask, fields))]

    def _fault(self, plan: Plan, ask: Ask, fields: Mapping[str, str]) -> str:
        """Why nothing can be learnt of a triplet; empty when something can."""
        texts = query, positive, negative = [fields.get(name, "") for name in FIELDS]
        if normal(query) == normal(positive):
            return Reason.COPIED
        if normal(negative) in (normal(positive), normal(query)):
            return Reason.CONFLICT
        prompt = prompt_words(ask)
        if any(is_echo(text, prompt) or _names_key(text, ask) for text in texts):
            return Reason.ECHO
        if words_found(" . ".join(texts), plan.template.lists.get(PLACEHOLDERS, ())):
            return Reason.ECHO
        if any(map(has_loop, texts)):
            return Reason.LOOP
        group = fields["group"]
        if any(0 < len(words(fields.get(name, ""))) < LONG_WORDS for name in LONG.get(group, ())):
            return Reason.TOO_SHORT
        own, other = _drawn_languages(plan, group, ask.place or 0)
        told = ((query, own), (positive, other), (negative, other))
        foreign = any(language_score(text, code) < LANGUAGE_FLOOR for text, code in told)
        return Reason.LANGUAGE if foreign else ""

    def expected(self, plan: Plan) -> int:
        """One for each example."""
        return int(plan.settings.wanted)


def _drawn_languages(plan: Plan, group: str, place: int) -> tuple[str, str]:
    """Of the query, and of what belongs to it: another one for translations alone."""
    lots, known = drawn(plan, "languages", place), _languages(plan)
    own = _lot(lots, known)
    if group != BITEXT:
        return own, own
    listed = {language_code(name): 1.0 for name in plan.template.lists.get("languages", ())}
    others = known if len(known) > 1 else listed
    return own, _lot(lots, {n: w for n, w in others.items() if n != own} or {own: 1.0})


def _choice(plan: Plan, listed: str, lots: random.Random) -> str:
    """One of a list of the template; empty where it has none."""
    known: Sequence[str] = plan.template.lists.get(listed, ())
    return lots.choice(known) if known else ""


def _values(plan: Plan, group: str, lots: random.Random) -> dict[str, Any]:
    """What the example is to be like."""
    values: dict[str, Any] = {name: _choice(plan, listed, lots) for name, listed in DRAWN.items()}
    of_pairs = group in (STS, BITEXT)
    values["difficulty"] = _choice(plan, "pair_difficulties" if of_pairs else "difficulties", lots)
    values["low"] = lots.choice(OTHER if group == BITEXT else LOW)
    longest = plan.settings.longest
    lengths = [number for number in NUM_WORDS if number <= longest]
    values["num_words"] = max(lengths) if group == "long-long" else lots.choice(lengths)
    if group == "long-short":
        known = plan.template.lists.get("input_lengths", ())
        values["num_words"] = lots.choice(
            [text for text in known if _number(text) <= longest] or [""]
        )
    return values


def _number(text: str) -> int:
    """The largest number in a text; 0 without any."""
    return max((int(found) for found in re.findall(r"[0-9]+", text)), default=0)


_OF_TASK: Final = ("task", "language")
METHOD: Final = Method(
    name="e5",
    paper="Wang et al. 2024, Improving Text Embeddings with Large Language Models"
    " (arXiv:2401.00368)",
    about="tasks that an LLM thinks up, and an example of each",
    tasks=("embedding",),
    stages=(Brainstormed(), TaskExamples()),
    form=StagedForm(
        needed={
            "embedding": {
                "tasks": ("count",),
                **{group.replace("-", "_"): _OF_TASK for group in BRAINSTORMED},
                STS: ("high", "low", "language"),
                BITEXT: ("low", "language", "target"),
            }
        },
        placeholders=("group", "difficulty", "num_words", *DRAWN),
        lists=LISTS,
        method="e5",
    ),
    settings=EmbeddingSettings,
)
