"""The judge ``relabel``: an LLM looks at a query with its nearest documents, and says which of them
answer it (Gecko, Lee et al. 2024, arXiv:2403.20327, §3.2; RLHN, Thakur et al. 2025,
arXiv:2505.16967).

A query that was written for one document may be answered better by another, or by several. Its own
document stands among the nearest that BM25 finds, in an order that the query decides, so that its
place tells nothing. What is named becomes right: the positive may move, several may stay, and what
would have been a false negative is none. A query that no document answers is dropped.

Where this differs: Gecko has two LLM scores ranked and takes the best and one hard negative; here
one answer names all that is right, and negatives are mined as ever, without those.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from studio.calls import Answer, Request
from studio.methods.judging import FORM, JUDGEMENT, PROMPTS, WINDOW, JudgeSettings, shown_record
from studio.methods.protocol import Ask, Draft, Feedback, Made, Method, Plan
from studio.prompting.answers import spoken
from studio.prompting.staged import StagedTemplate, stage_messages
from studio.records import Document, Reason, Record, RecordType, StudioError

RELABEL: Final = "relabel"
NEAREST: Final = 6
"""Documents that a request shows: the query's own, and the nearest of the others."""
_LIST: Final = re.compile(r"[\[［【]([\s\d,，、;and和及#\"']*)[\]］】]")

Nearest = Callable[[Sequence[Record]], Sequence[Sequence[int]]]
"""Records → for each the rows of the documents that are nearest to its query, the best first."""


@dataclass(frozen=True, slots=True)
class Relabellings:
    """One request for each record, and one more where no list could be read."""

    records: Callable[[], Iterable[Record]]
    """Those that are to be judged, in order; the same at every call."""
    nearest: Nearest
    name: str = "judgements"
    makes: RecordType = JUDGEMENT
    words: str = "judgements"
    feedback: Feedback = ""
    distinct: bool = False

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """All records; then, more bluntly, those whose answer could not be read."""
        if batch > 1:
            return
        done = {one.parent_id for one in made.kept(self.name) if one["score"]} if batch else set()
        remaining = (one for one in self.records() if one.id not in done)
        while window := list(islice(remaining, WINDOW)):
            rows = [_shown_rows(*one) for one in zip(window, self.nearest(window), strict=True)]
            documents = plan.corpus.many(sorted({row for shown in rows for row in shown}))
            for record, shown in zip(window, rows, strict=True):
                there = [documents[row] for row in shown if row in documents]
                asked = _request(plan, "again" if batch else "record", record, there)
                named = {"shown": json.dumps([one.outside_id for one in there])}
                yield Ask(asked, named, parent_id=record.id, place=record.id)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """The documents that are named, the best first; the score is 1 where there are any."""
        shown = json.loads(ask.fields["shown"])
        numbers = read_numbers(answer.text, len(shown))
        if numbers is None:
            empty = not answer.text.strip()
            return [Draft(reason=Reason.EMPTY)] if empty else [Draft({"why": "no-list"})]
        right = [shown[number - 1] for number in numbers]
        return [Draft({"score": str(int(bool(right))), "right": json.dumps(right)})]


def read_numbers(answer: str, most: int) -> list[int] | None:
    """The numbers of the first list in an answer; None where there is none, or one is too high."""
    found = _LIST.search(spoken(answer))
    if found is None:
        return None
    numbers = [*dict.fromkeys(int(number) for number in re.findall(r"\d+", found[1]))]
    return numbers if all(1 <= number <= most for number in numbers) else None


def _shown_rows(record: Record, nearest: Sequence[int]) -> list[int]:
    """The record's own document among the nearest, in an order that the query decides."""
    own = record.needed_document()
    others = [row for row in nearest if row != own][: NEAREST - 1]
    rows = [own, *others]
    random.Random(record.text).shuffle(rows)
    return rows


def _request(plan: Plan, part: str, record: Record, documents: Sequence[Document]) -> Request:
    template: StagedTemplate = plan.template
    fields = {"query": record.text}
    fields |= {f"document {n}": one.full_text for n, one in enumerate(documents, 1)}
    shown, is_cut = shown_record(template, fields)
    messages = stage_messages(template, part, {"record": shown}, style=plan.chosen_style)
    return Request(
        messages=messages,
        model=plan.model,
        decoding=plan.chosen_decoding,
        seed=plan.seed,
        document_id=record.document_id,
        note=f"cut to {template.context_words} words a field" if is_cut else "",
        purpose=part,
    )


def relabelling(records: Callable[[], Iterable[Record]], nearest: Nearest) -> Method:
    """The judge at work on these records, as the collector runs it."""
    return Method(
        name=RELABEL,
        paper="Lee et al. 2024, Gecko: Versatile Text Embeddings Distilled from Large Language"
        " Models (arXiv:2403.20327)",
        about="which of the nearest documents answer it",
        tasks=(),
        stages=(Relabellings(records, nearest),),
        form=FORM,
        settings=JudgeSettings,
        prompts=PROMPTS,
    )


def right_documents(judgements: Iterable[Record]) -> Mapping[int, tuple[str, ...]]:
    """Record → the outside ids of the documents that answer it, by the newest word on it.

    Raises StudioError for a judgement that holds no list.
    """
    found: dict[int, tuple[str, ...]] = {}
    for one in judgements:
        if one.parent_id is None or not one["right"]:
            continue
        try:
            found[one.parent_id] = tuple(str(name) for name in json.loads(one["right"]))
        except (ValueError, TypeError) as error:
            raise StudioError(
                f"Judgement {one.id} holds no list of documents; run `studio judge --by relabel` "
                "again."
            ) from error
    return found
