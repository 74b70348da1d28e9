"""Judges: an LLM rates every record from 0 to 5 and says why.

AlpaGasus (Chen et al. 2023, arXiv:2307.08701) has each triple of instruction, input and answer
rated for one dimension, accuracy (its choice) or helpfulness, at temperature 0, the score on the
first line and an explanation below, and keeps what has at least 4.5. A rubric of the person's own
is a third judge.

Where this differs: the published parser reads “Score:4.5” as 4 and fails at “Score: 4.5”; here
every way of writing a score is read (:mod:`studio.prompting.scores`), what cannot be read is asked
once more, and then the record is *unscored*: it stays as it is, and is counted. Every type of
record can be judged, by the names of its fields.

A judgement is a note on the record it is about: asked, paid and stored as all that an LLM writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from studio.calls import Answer, Request
from studio.methods.protocol import Ask, Draft, Feedback, Made, Method, Plan
from studio.params import Params
from studio.prompting.staged import Lines, StagedForm, StagedTemplate, stage_messages
from studio.prompting.words import cut_words, one_line
from studio.records import TRIPLET, Document, Reason, Record, RecordType

JUDGEMENT: Final = RecordType(
    "judgement",
    ("score", "explanation", "why", "right", "shown"),
    "judgement",
    "judgements",
    is_trained_on=False,
)
"""What a judge said of its parent: the score, empty where it is unscored, and then why it is; of
the judge ``relabel`` the documents that it was shown, and those that are right."""
LOWEST: Final = 0.0
HIGHEST: Final = 5.0
RUBRIC: Final = "rubric"
"""The judge that goes by a rubric of the person's own."""
JUDGES: Final = {
    "accuracy": "how right it is, as AlpaGasus rates",
    "helpfulness": "how much it helps whoever asked",
    RUBRIC: "how well it meets a rubric of your own",
    "answerable": "whether the document answers the query, from 0 to 3",
    "relabel": "which of the nearest documents answer the query",
}
"""Every judge by its name in verdicts, and what it rates."""
OF_SEARCH: Final = ("answerable", "relabel")
"""Judges of queries with their documents."""
SCALES: Final = {"answerable": (3.0, 2.0), "relabel": (1.0, 1.0)}
"""Judge → the highest score, and the lowest that is usually kept; of the others :data:`USUAL`."""
USUAL: Final = (HIGHEST, 4.5)
PROMPTS: Final = "judges"
"""The folder of their templates."""
FORM: Final = StagedForm(
    needed={"any": {"record": ("record",), "again": ("record",)}},
    placeholders=(RUBRIC,),
    method=PROMPTS,
)
NONE: Final = {"en": "(none)", "zh": "（无）"}
SHOWN_AS: Final = {
    "zh": {
        "instruction": "指令", "input": "输入", "output": "输出", "query": "查询",
        "document": "文档", "text": "文本", "label": "类别", "hypothesis": "假设",
        "premise": "前提", "question": "问题", "answer": "回答", "context": "上下文",
    }
}  # fmt: skip
"""Language → how prompts name the fields; in other languages by their own names."""
WINDOW: Final = 256
"""Records whose documents are read at once."""


@dataclass(frozen=True, slots=True)
class JudgeSettings(Params):
    """What decides a judge's requests besides its template."""

    rubric: str = ""


@dataclass(frozen=True, slots=True)
class Judgements:
    """One request for each record, and one more where no score could be read."""

    records: Callable[[], Iterable[Record]]
    """Those that are to be judged, in order; the same at every call."""
    highest: float = HIGHEST
    """The end of the scale."""
    name: str = "judgements"
    makes: RecordType = JUDGEMENT
    words: str = "judgements"
    feedback: Feedback = ""
    distinct: bool = False

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """All records; then, more bluntly, those that have no score. A record's row is its place,
        so that one that is added or dropped meanwhile moves no other."""
        if batch > 1:
            return
        scored = {one.parent_id for one in made.kept(self.name) if one["score"]} if batch else set()
        remaining = (one for one in self.records() if one.id not in scored)
        while window := list(islice(remaining, WINDOW)):
            documents = plan.corpus.many([one.document_id for one in window if one.document_id])
            for record in window:
                document = documents.get(record.document_id or 0)
                asked = _request(plan, "again" if batch else "record", record, document)
                yield Ask(asked, document=document, parent_id=record.id, place=record.id)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """The score and its explanation."""
        # Its patterns take as long to compile as a whole command to begin.
        from studio.prompting.scores import read_score

        found = read_score(answer.text, LOWEST, self.highest)
        if found.value is None and not answer.text.strip():
            return [Draft(reason=Reason.EMPTY)]
        score = "" if found.value is None else f"{found.value:g}"
        return [Draft({"score": score, "explanation": found.explanation, "why": found.why})]


def judging(name: str, records: Callable[[], Iterable[Record]]) -> Method:
    """A judge at work on these records, as the collector runs it."""
    return Method(
        name=name,
        paper="Chen et al. 2023, AlpaGasus: Training A Better Alpaca with Fewer Data"
        " (arXiv:2307.08701)",
        about=JUDGES[name],
        tasks=(),
        stages=(Judgements(records, SCALES.get(name, USUAL)[0]),),
        form=FORM,
        settings=JudgeSettings,
        prompts=PROMPTS,
    )


def _request(plan: Plan, part: str, record: Record, document: Document | None) -> Request:
    template: StagedTemplate = plan.template
    shown, is_cut = shown_record(template, _fields(plan, record, document))
    values = {"record": shown, RUBRIC: Lines(plan.settings.rubric)}
    return Request(
        messages=stage_messages(template, part, values, style=plan.chosen_style, opening="Score:"),
        model=plan.model,
        decoding=plan.chosen_decoding,
        seed=plan.seed,
        document_id=document.id if document else None,
        note=f"cut to {template.context_words} words a field" if is_cut else "",
        purpose=part,
    )


def _fields(plan: Plan, record: Record, document: Document | None) -> dict[str, str]:
    """What a judge sees of a record: what it is about first, then all of its fields."""
    if record.type == TRIPLET and plan.template.name.startswith("answerable"):
        return {"query": record.text, "document": record["positive"]}
    about = {"document": document.full_text} if document else {}
    fields = {name: record[name] for name in record.type.fields}
    if record.type.context and "output" not in fields:
        about |= {record.type.context: fields.pop(record.type.context)}
    if "label" in fields:
        fields["label"] = plan.words_of(fields["label"])
    return {**about, **fields}


def shown_record(template: StagedTemplate, fields: Mapping[str, str]) -> tuple[Lines, bool]:
    """A record as prompts show it, each field under its name, and whether one was cut."""
    language = template.language.split("-")[0]
    named, none = SHOWN_AS.get(language, {}), NONE.get(language, NONE["en"])
    colon, is_cut, lines = "：" if language == "zh" else ": ", False, []
    for name, text in fields.items():
        short = cut_words(text, template.context_words)
        # Cutting joins lines: only what is too long is shown so.
        is_short = short == one_line(text)
        shown, is_cut = (text.strip() if is_short else f"{short} …"), is_cut or not is_short
        break_ = "\n" if "\n" in shown else ""
        heading = named.get(name, name.replace("_", " ").capitalize())
        lines.append(f"{heading}{colon}{break_}{shown or none}")
    return Lines("\n".join(lines)), is_cut


@dataclass(frozen=True, slots=True)
class Judged:
    """A judge's last word on one record."""

    record_id: int
    score: float | None
    """None when it is unscored."""
    explanation: str
    why: str
    """Why it is unscored."""


def judged_by(judgements: Iterable[Record]) -> dict[int, Judged]:
    """Record → the judge's word on it: that of the last try."""
    found: dict[int, Judged] = {}
    for one in sorted(judgements, key=lambda one: one.batch):
        score = float(one["score"]) if one["score"] else None
        if one.parent_id is not None:
            found[one.parent_id] = Judged(one.parent_id, score, one["explanation"], one["why"])
    return found


def by_score(found: Sequence[Judged]) -> dict[str, int]:
    """Score → records, the best first."""
    scores = sorted({one.score for one in found if one.score is not None}, reverse=True)
    return {f"{score:g}": sum(one.score == score for one in found) for score in scores}
