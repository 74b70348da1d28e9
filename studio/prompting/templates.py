"""Templates: Markdown with a TOML front matter between ``+++`` lines, as a person edits them.

The body is the instruction. Up to four parts may be set apart by headings: ``# Instruction``,
``# Document`` (how a document is shown), ``# Query`` (how an example's query follows it in
completion style) and ``# Ask`` (a line after the document; a template without examples needs it).
Each part is Jinja2 with placeholders, ``if`` and a few filters only: no loops, calls or attributes,
so that a stranger's template can do no harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from studio.calls import Decoding, Message, Style
from studio.prompting.builtin import builtin, builtin_names
from studio.prompting.decoding import decoding_from
from studio.prompting.forms import TemplateNames
from studio.prompting.rendering import PLACEHOLDERS, defused, filled
from studio.prompting.template_lints import DECODING_RULES, SETTINGS, Lint, lint
from studio.prompting.template_set import is_set, member_texts
from studio.prompting.template_source import read
from studio.prompting.words import cut_words, one_line
from studio.records import Example, StudioError

__all__ = [
    "Lint",
    "Template",
    "builtin",
    "builtin_names",
    "completion_opening",
    "lint",
    "lint_all",
    "parse",
    "render",
    "shown_document",
]

PARTS = ("instruction", "document", "query", "ask")
"""The parts of a template's body."""
DEFAULT_PARTS = {
    "instruction": "",
    "document": "{{ document_label }} {{ document }}",
    "query": "{{ query_label }} {{ query }}",
    "ask": "",
}


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: everything that one prompt version decides."""

    name: str
    """Such as ``question-answering``."""
    language: str
    """ISO 639-1 code of the queries."""
    document_label: str
    """Goes before each document; may be empty, as in the paper's FiQA."""
    query_label: str
    """Goes before each query in completion style; an answer without it is a failure."""
    about: str = ""
    """One line for lists: when to use it."""
    task: str = "retrieval"
    """The project task it serves."""
    style: Style = "chat"
    """How it is sent unless the plan says otherwise."""
    zero_shot: bool = False
    """It shows no examples, only the document and one line that asks."""
    label_in_prompt: bool = False
    """Completion style ends with the query label, instead of leaving it to the LLM to write it."""
    query_words: tuple[int, int] = (3, 30)
    """The task's usual query length, in words (characters where words have no spaces)."""
    document_words: int = 128
    """Longer documents are cut to this many words."""
    example_words: int = 64
    """The documents of examples are cut to this many: they show the task, and cost tokens."""
    queries_per_document: int = 8
    """How many queries are asked for each document; the paper's 8."""
    shots: tuple[int, int] = (2, 8)
    """The fewest and the most examples in one prompt; the paper's 2 to 8."""
    decoding: Decoding = field(default_factory=Decoding)
    """How its own style samples with a model that has no settings of its own."""
    decoding_table: dict[str, Any] = field(default_factory=dict, hash=False)
    """The front matter's ``[decoding]``; :meth:`decoding_for` reads it."""
    parts: tuple[tuple[str, str], ...] = ()
    """Name → Jinja2 source of each part of the body."""
    members: tuple[TemplateMember, ...] = ()
    """Of a set its members; it is its first member but for its name and for the length of queries,
    which is that of all."""

    def part(self, name: str) -> str:
        """The Jinja2 source of one of :data:`PARTS`."""
        return dict(self.parts).get(name, DEFAULT_PARTS[name])

    def rendered(self, part: str, *, document: str = "", query: str = "") -> str:
        """One of :data:`PARTS` with its placeholders filled in."""
        fewest, most = self.query_words
        values = {
            "document": document,
            "query": query,
            "document_label": self.document_label,
            "query_label": self.query_label,
            "language": self.language,
            "fewest_words": fewest,
            "most_words": most,
        }
        return filled(self.part(part), values)

    def decoding_for(self, style: Style, model: str = "") -> Decoding:
        """How a style and a model sample; see :func:`decoding_from`."""
        return decoding_from(self.decoding_table, style, model)


@dataclass(frozen=True, slots=True)
class TemplateMember:
    """A member of a set of templates."""

    share: float
    """In what proportion to the others it is asked with."""
    template: Template
    text: str
    """Its template as it is kept."""


def parse(text: str) -> Template:
    """Read a template, or a set of them.

    Raises:
        StudioError: the first fatal remark of :func:`lint_all`, with its line.
    """
    for found in lint_all(text):
        if found.fatal:
            raise StudioError(f"The prompt template, line {found.line}: {found.message}")
    source = read(text)
    first = _from_source(source.settings, source.parts)
    if not is_set(text):
        return first
    members = tuple(
        TemplateMember(one.share, parse(one.text), one.text) for one in member_texts(text)
    )
    fewest, most = zip(*(one.template.query_words for one in members), strict=True)
    return replace(
        first,
        name="+".join(one.template.name for one in members),
        query_words=(min(fewest), max(most)),
        members=members,
    )


def lint_all(text: str) -> list[Lint]:
    """All that is wrong with a template or with the members of a set, by line."""
    if not is_set(text):
        return lint(text)
    found: list[Lint] = []
    names: dict[str, int] = {}
    for one in member_texts(text):
        own = lint(one.text)
        found += [replace(remark, line=remark.line + one.line - 1) for remark in own]
        if not one.share:
            message = "a share of 0: nothing would be asked; raise it, or take the member out."
            found.append(Lint(one.line - 1, message))
        if any(remark.fatal for remark in own):
            continue
        name, task = parse(one.text).name, parse(one.text).task
        if name in names:
            message = f"the set has a member “{name}” already; each needs a name of its own."
            found.append(Lint(one.line + 1, message))
        if task != "retrieval":
            found.append(Lint(one.line + 1, "only queries for documents may be of several kinds."))
        names[name] = one.line
    return sorted(found, key=lambda remark: (remark.line, remark.message))


def _from_source(settings: dict[str, Any], parts: dict[str, str]) -> Template:
    plain = {key: value for key, value in settings.items() if key != "decoding"}
    for key in ("query_words", "shots"):
        if key in plain:
            plain[key] = tuple(plain[key])
    if plain.get("zero_shot"):
        plain["shots"] = (0, 0)
    table = settings.get("decoding", {})
    template = Template(**plain, decoding_table=table, parts=tuple(sorted(parts.items())))
    return replace(template, decoding=template.decoding_for(template.style))


def shown_document(text: str) -> str:
    """A document as prompts show it: one line, with the control tokens of chat models taken apart.

    A blank line would end the block in completion style; ``<|im_end|>`` would end the turn.
    """
    return defused(one_line(text))


def completion_opening(template: Template, shots: int) -> str:
    """What a completion prompt ends with after the document: the query label, or nothing.

    Without examples the LLM has never seen the label, so it is always given.
    """
    if not template.label_in_prompt and shots:
        return ""
    return template.rendered("query", query="").strip()


def render(
    template: Template, shots: Sequence[Example], document_text: str, style: Style | None = None
) -> tuple[Message, ...]:
    """The messages that ask for one query, with documents cut to the template's limit.

    Chat: the instruction as system turn, each example as a user and an assistant turn, the document
    as the last user turn. Completion: one message of role ``prompt`` in the paper's form, e_doc(d₁)
    e_query(q₁) … e_doc(d), after the instruction.
    """
    examples = () if template.zero_shot else tuple(shots)
    if (style or template.style) == "chat":
        return _chat(template, examples, document_text)
    return (Message("prompt", _completion(template, examples, document_text)),)


def _chat(
    template: Template, shots: tuple[Example, ...], document_text: str
) -> tuple[Message, ...]:
    asked = Message("user", _document_turn(template, document_text))
    return (*_turns_before(template, shots), asked)


@lru_cache(maxsize=64)
def _turns_before(template: Template, shots: tuple[Example, ...]) -> tuple[Message, ...]:
    """The instruction and the examples: they stand before document after document."""
    turns: list[Message] = []
    if instruction := template.rendered("instruction").strip():
        turns.append(Message("system", instruction))
    for shot in shots:
        shown = shown_document(cut_words(shot.document_text, template.example_words))
        turns.append(Message("user", _turn_of(template, shown)))
        turns.append(Message("assistant", one_line(shot.query)))
    return tuple(turns)


def _document_turn(template: Template, document_text: str) -> str:
    return _turn_of(template, shown_document(cut_words(document_text, template.document_words)))


def _turn_of(template: Template, shown: str) -> str:
    parts = (template.rendered("document", document=shown), template.rendered("ask"))
    return "\n\n".join(part.strip() for part in parts if part.strip())


def _completion(template: Template, shots: tuple[Example, ...], document_text: str) -> str:
    blocks = [template.rendered("instruction").strip()]
    for shot in shots:
        query = template.rendered("query", query=one_line(shot.query)).strip()
        shown = shown_document(cut_words(shot.document_text, template.example_words))
        blocks.append(f"{_turn_of(template, shown)}\n{query}")
    opening = completion_opening(template, len(shots))
    blocks.append(f"{_document_turn(template, document_text)}\n{opening}")
    return "\n\n".join(block for block in blocks if block)


@dataclass(frozen=True, slots=True)
class DocumentForm:
    """The form of these templates, for a method."""

    @property
    def names(self) -> TemplateNames:
        """The names that these templates may use."""
        return TemplateNames(
            frozenset({*SETTINGS, *DECODING_RULES}), frozenset(PARTS), frozenset(PLACEHOLDERS)
        )

    def recognises(self, settings: Mapping[str, Any]) -> bool:
        """Whether a template with this front matter is one of them: others name what they ask."""
        return "texts" not in settings and "method" not in settings

    def lint(self, text: str) -> list[Lint]:
        """All that is wrong with a template, by line."""
        return lint_all(text)

    def parse(self, text: str) -> Template:
        """Read a template. Raises StudioError with the first fatal remark."""
        return parse(text)


DOCUMENT_FORM = DocumentForm()
