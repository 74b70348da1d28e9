"""Templates of labelled tasks: how an LLM is asked for reasons, for texts, for more like one.

The same shape as every template (TOML between ``+++`` lines, then Markdown parts in sandboxed
Jinja2), with other parts: ``# Instruction``, ``# Rationale``, ``# Seed`` and ``# Extrapolation``.
Demonstrations, written by hand, stand in the front matter: small LLMs need to see the form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Final

from studio.prompting.rendering import defused, environment
from studio.prompting.template_lints import (
    DECODING_RULES,
    Lint,
    Rule,
    is_count,
    is_range,
    is_text,
    lint_decoding,
    lint_part,
    lint_table,
)
from studio.prompting.template_source import SourceFault, TemplateSource, read
from studio.prompting.words import cut_words, one_line
from studio.records import Decoding, Message, StudioError, Style

PARTS: Final = ("instruction", "rationale", "seed", "extrapolation")
PLACEHOLDERS: Final = (
    "texts",
    "label",
    "count",
    "rationales",
    "context",
    "answer",
    "text",
    "language",
    "fewest_words",
    "most_words",
)
"""What a part may name between double braces."""
NEEDED: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "classification": {"seed": ("label",), "extrapolation": ("label", "text")},
    "nli": {"seed": ("label", "context"), "extrapolation": ("label", "context", "text")},
    "qa": {"seed": ("context", "answer"), "extrapolation": ("context", "answer", "text")},
    "retrieval": {"extrapolation": ("context", "text")},
}
"""Task → part → what it cannot do without."""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One item by hand, to show the form."""

    text: str
    """What an LLM would be asked to write."""
    label: str = ""
    """In words, as a prompt says it."""
    context: str = ""
    answer: str = ""
    rationale: str = ""
    """Why the text has its label."""
    rationales: str = ""
    """More reasons for the label, one a line: what a list of them looks like."""
    texts: str = ""
    """What the text is, where that is not what the template's texts are."""
    similar: str = ""
    """Another text like it with the same label: what an extrapolation would be."""


@dataclass(frozen=True, slots=True)
class SynthesisTemplate:
    """A parsed template of a labelled task."""

    name: str
    task: str
    """``classification``, ``nli``, ``qa`` or ``retrieval``."""
    language: str
    """ISO 639-1 code of what is written."""
    texts: str
    """What is to be written, such as ``a guest's review of a hotel``."""
    about: str = ""
    """One line for lists."""
    style: Style = "chat"
    text_label: str = "Text:"
    """Goes before each text in completion style."""
    text_words: tuple[int, int] = (3, 80)
    """The usual length of a text, in words."""
    context_words: int = 160
    """Longer contexts are cut to this many words."""
    rationales_per_request: int = 10
    """How many reasons one request asks for."""
    rationales_per_text: int = 2
    """How many different reasons a seed text is written from: the paper's k."""
    demonstrations: tuple[Demonstration, ...] = ()
    decoding_table: dict[str, Any] = field(default_factory=dict)
    """The front matter's ``[decoding]``."""
    parts: tuple[tuple[str, str], ...] = ()
    """Name → Jinja2 source of each part of the body."""

    def part(self, name: str) -> str:
        """The Jinja2 source of one of :data:`PARTS`; empty when the template lacks it."""
        return dict(self.parts).get(name, "")

    def decoding_for(self, style: Style, model: str = "") -> Decoding:
        """How a style and a model sample; ``[decoding.models."name"]`` for models so named."""
        table = self.decoding_table
        values = {key: value for key, value in table.items() if not isinstance(value, dict)}
        values |= table.get(style, {})
        for part, own in table.get("models", {}).items():
            if part.lower() in model.lower():
                values |= own
        values["stop"] = tuple(values.get("stop", ()))
        return Decoding(**values)


SETTINGS: Final[dict[str, Rule]] = {
    "name": (is_text, "a text"),
    "about": (is_text, "a text"),
    "task": (lambda v: v in NEEDED, " or ".join(NEEDED)),
    "language": (is_text, 'a language code such as "en"'),
    "texts": (is_text, 'a text such as "a review of a hotel"'),
    "style": (lambda v: v in ("chat", "completion"), '"chat" or "completion"'),
    "text_label": (is_text, "a text"),
    "text_words": (is_range, "two whole numbers such as [5, 80]"),
    "context_words": (is_count, "a whole number from 1"),
    "rationales_per_request": (is_count, "a whole number from 1"),
    "rationales_per_text": (is_count, "a whole number from 1"),
    "demonstrations": (
        lambda v: isinstance(v, list) and all(isinstance(row, dict) for row in v),
        "tables [[demonstrations]]",
    ),
    "decoding": (lambda v: isinstance(v, dict), "a table [decoding]"),
}
"""Every key of the front matter, its check, and what it wants in words."""
DEMONSTRATION: Final[dict[str, Rule]] = {
    field.name: (is_text, "a text") for field in fields(Demonstration)
}
REQUIRED = ("name", "task", "language", "texts")


def is_synthesis(text: str) -> bool:
    """Whether a template is one of these and not of retrieval: it says so by its ``texts``."""
    try:
        return "texts" in read(text, PARTS).settings
    except SourceFault:
        return False


def lint(text: str) -> list[Lint]:
    """All that is wrong with a template, by line; fatal remarks keep it from being used."""
    try:
        source = read(text, PARTS)
    except SourceFault as fault:
        return [Lint(fault.line, fault.message)]
    found = [
        *lint_table(source, source.settings, SETTINGS),
        *_missing(source),
        *_demonstrations(source),
        *lint_decoding(source, DECODING_RULES),
        *_body(source),
    ]
    return sorted(found, key=lambda remark: (remark.line, remark.message))


def _missing(source: TemplateSource) -> Iterator[Lint]:
    for key in REQUIRED:
        if key not in source.settings:
            yield Lint(1, f"the setting “{key}” is missing; add {key} = {SETTINGS[key][1]}.")


def _demonstrations(source: TemplateSource) -> Iterator[Lint]:
    rows = source.settings.get("demonstrations", [])
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            yield from lint_table(source, row, DEMONSTRATION)
            if not row.get("text"):
                line = source.line_of("demonstrations")
                yield Lint(line, 'each of [[demonstrations]] needs text = "…".')


def _body(source: TemplateSource) -> Iterator[Lint]:
    for part, text in source.parts.items():
        yield from lint_part(text, source.part_lines[part], PLACEHOLDERS)
    for part, names in NEEDED.get(str(source.settings.get("task")), {}).items():
        if part not in source.parts:
            yield Lint(1, f"the part “# {part.title()}” is missing.")
            continue
        for name in names:
            if not re.search(rf"\{{\{{[^}}]*\b{name}\b", source.parts[part]):
                yield Lint(source.part_lines[part], f"this part must hold {{{{ {name} }}}}.")


def parse(text: str) -> SynthesisTemplate:
    """Read a template.

    Raises:
        StudioError: the first fatal remark of :func:`lint`, with its line.
    """
    for found in lint(text):
        if found.fatal:
            raise StudioError(f"The prompt template, line {found.line}: {found.message}")
    source = read(text, PARTS)
    plain = {
        key: value
        for key, value in source.settings.items()
        if key not in ("decoding", "demonstrations")
    }
    if "text_words" in plain:
        plain["text_words"] = tuple(plain["text_words"])
    rows = source.settings.get("demonstrations", [])
    return SynthesisTemplate(
        **plain,
        demonstrations=tuple(Demonstration(**row) for row in rows),
        decoding_table=source.settings.get("decoding", {}),
        parts=tuple(sorted(source.parts.items())),
    )


def retold(text: str, *, texts: str = "", language: str = "") -> str:
    """A template with other words for what is to be written, and of another language.

    Only those two lines of the front matter change; an empty value leaves its line as it is.
    """
    for key, value in (("texts", texts), ("language", language)):
        if value:
            line = f"{key} = {json.dumps(one_line(value), ensure_ascii=False)}"
            text = re.sub(rf"^{key} = .*$", line.replace("\\", r"\\"), text, count=1, flags=re.M)
    return text


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request is about: the values of its placeholders."""

    label: str = ""
    """In words."""
    rationales: tuple[str, ...] = ()
    context: str = ""
    answer: str = ""
    text: str = ""
    """What an extrapolation is to be like."""
    count: int = 0
    texts: str = ""
    """What is to be written; empty takes the template's."""


def rationale_messages(
    template: SynthesisTemplate, asked: Asked, style: Style | None = None
) -> tuple[Message, ...]:
    """The messages that ask for reasons for a label."""
    chosen = style or template.style
    turn = _rendered(template, "rationale", asked)
    lists = [(d, _listed(d)) for d in template.demonstrations if d.rationales]
    if chosen == "chat":
        shots = [
            (_rendered(template, "rationale", _of(d, count=len(lines))), "\n".join(lines))
            for d, lines in lists
            if d.label != asked.label
        ]
        return _framed(template, shots, turn, chosen)
    # A model that only goes on writes from here: another label's reasons would be gone on with.
    form = "\n".join(
        f"- {one_line(d.rationale)}"
        for d in template.demonstrations
        if d.rationale and d.label == asked.label
    )
    return _framed(template, [], turn, chosen, opening=(form and f"{form}\n-") or "-")


def _listed(demonstration: Demonstration) -> list[str]:
    lines = demonstration.rationales.splitlines()
    return [f"- {line.strip(' -')}" for line in lines if line.strip(" -")]


def _of(demonstration: Demonstration, **more: Any) -> Asked:
    """What would have been asked for to get the demonstration."""
    return Asked(
        label=demonstration.label,
        context=demonstration.context,
        answer=demonstration.answer,
        texts=demonstration.texts,
        **more,
    )


def seed_messages(
    template: SynthesisTemplate, asked: Asked, style: Style | None = None
) -> tuple[Message, ...]:
    """The messages that ask for one new text."""
    shots = [
        (_rendered(template, "seed", _of(d, rationales=_reason(d, asked))), one_line(d.text))
        for d in template.demonstrations
    ]
    turn = _rendered(template, "seed", asked)
    return _framed(template, shots, turn, style or template.style)


def _reason(demonstration: Demonstration, asked: Asked) -> tuple[str, ...]:
    """Its reason, where the text that is asked for is written from reasons too."""
    return (demonstration.rationale,) if demonstration.rationale and asked.rationales else ()


def extrapolation_messages(
    template: SynthesisTemplate, asked: Asked, style: Style | None = None
) -> tuple[Message, ...]:
    """The messages that ask for another text like one that the small model got wrong."""
    shots = [
        (_rendered(template, "extrapolation", _of(d, text=d.text)), one_line(d.similar))
        for d in template.demonstrations
        if d.similar
    ]
    turn = _rendered(template, "extrapolation", asked)
    return _framed(template, shots, turn, style or template.style)


def _framed(
    template: SynthesisTemplate,
    shots: Sequence[tuple[str, str]],
    turn: str,
    style: Style,
    opening: str = "",
) -> tuple[Message, ...]:
    """Chat: instruction, demonstrations as turns, the request. Completion: one text in blocks."""
    instruction = _rendered(template, "instruction", Asked())
    if style == "chat":
        turns = [Message("system", instruction)] if instruction else []
        for asked, said in shots:
            turns += [Message("user", asked), Message("assistant", said)]
        return (*turns, Message("user", turn))
    begin = opening or template.text_label
    blocks = [instruction]
    blocks += [f"{asked}\n{template.text_label} {said}" for asked, said in shots]
    blocks.append(f"{turn}\n{begin}")
    return (Message("prompt", "\n\n".join(block for block in blocks if block)),)


def _rendered(template: SynthesisTemplate, part: str, asked: Asked) -> str:
    fewest, most = template.text_words
    values = {
        "texts": asked.texts or template.texts,
        "label": _shown(asked.label),
        "count": asked.count or template.rationales_per_request,
        "rationales": "; ".join(_shown(rationale) for rationale in asked.rationales),
        "context": _shown(cut_words(asked.context, template.context_words)),
        "answer": _shown(asked.answer),
        "text": _shown(cut_words(asked.text, 3 * most)),
        "language": template.language,
        "fewest_words": fewest,
        "most_words": most,
    }
    text: str = _compiled(template.part(part)).render(values)
    return text.strip()


def _shown(text: str) -> str:
    """On one line, with the control tokens of chat models taken apart."""
    return defused(one_line(text))


@lru_cache(maxsize=128)
def _compiled(source: str) -> Any:
    return environment().from_string(source)
