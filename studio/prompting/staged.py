"""Templates of methods that ask in stages: a part of the body for each kind of request.

The same shape as every template (TOML between ``+++`` lines, then Markdown parts in sandboxed
Jinja2). Which parts there are, and what each must hold, is the method's :class:`StagedForm`.
Demonstrations, written by hand, stand in the front matter: small LLMs need to see the form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from studio.calls import Decoding, Message, Style
from studio.prompting.decoding import decoding_from
from studio.prompting.forms import TemplateNames
from studio.prompting.rendering import defused, filled
from studio.prompting.template_lints import (
    DECODING_RULES,
    Lint,
    Rule,
    is_count,
    is_range,
    is_text,
    lint_decoding,
    lint_language,
    lint_part,
    lint_table,
)
from studio.prompting.template_source import SourceFault, TemplateSource, read
from studio.prompting.words import cut_words, one_line
from studio.records import StudioError


class Lines(str):
    """A value that is shown in its own lines."""


INSTRUCTION: Final = "instruction"
"""The part that every form has: what stands before the first heading."""
STANDARD: Final = ("texts", "language", "fewest_words", "most_words")
"""Placeholders that every part may name; they come from the front matter."""
TABLES: Final = ("decoding", "demonstrations", "lists")
"""Settings that are tables."""


@dataclass(frozen=True, slots=True)
class StagedTemplate:
    """A parsed template of a method with stages."""

    name: str
    task: str
    """The project task it serves."""
    language: str
    """ISO 639-1 code of what is written."""
    texts: str
    """What is to be written, such as ``a guest's review of a hotel``."""
    method: str = ""
    """The method whose template it is, where it says so."""
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
    demonstrations: tuple[Mapping[str, str], ...] = ()
    """Data by hand, each a table of texts."""
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Lists of words that the method draws from or refuses, such as ``topics``."""
    decoding_table: dict[str, Any] = field(default_factory=dict)
    """The front matter's ``[decoding]``."""
    parts: tuple[tuple[str, str], ...] = ()
    """Name → Jinja2 source of each part of the body."""

    def part(self, name: str) -> str:
        """The Jinja2 source of a part; empty when the template lacks it."""
        return dict(self.parts).get(name, "")

    def decoding_for(self, style: Style, model: str = "") -> Decoding:
        """How a style and a model sample; see :func:`decoding_from`."""
        return decoding_from(self.decoding_table, style, model)


SETTINGS: Final[dict[str, Rule]] = {
    "name": (is_text, "a text"),
    "about": (is_text, "a text"),
    "method": (is_text, "a method's name"),
    "task": (is_text, "a task's name"),
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
    "lists": (lambda v: isinstance(v, dict), "a table [lists]"),
    "decoding": (lambda v: isinstance(v, dict), "a table [decoding]"),
}
"""Every key of the front matter, its check, and what it wants in words."""
REQUIRED = ("name", "task", "language", "texts")


@dataclass(frozen=True, slots=True)
class StagedForm:
    """What the templates of a method with stages look like."""

    needed: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Task → part → the placeholders that it cannot do without."""
    optional: tuple[str, ...] = ()
    """Parts that a template may leave out."""
    placeholders: tuple[str, ...] = ()
    """What else a part may name between double braces, besides :data:`STANDARD`."""
    demonstration: tuple[str, ...] = ("text",)
    """The keys of a demonstration; the first one must be there."""
    method: str = ""
    """The templates name this method; empty for those that name none."""
    lists: tuple[str, ...] = ()
    """The names of its lists, in ``[lists]``."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of all parts, the instruction first."""
        needed = (part for parts in self.needed.values() for part in parts)
        return tuple(dict.fromkeys((INSTRUCTION, *self.optional, *needed)))

    @property
    def known(self) -> tuple[str, ...]:
        """All placeholders."""
        needed = (n for parts in self.needed.values() for names in parts.values() for n in names)
        return tuple(dict.fromkeys((*STANDARD, *self.placeholders, *needed)))

    @property
    def names(self) -> TemplateNames:
        """The names that its templates may use."""
        keys = frozenset({*SETTINGS, *DECODING_RULES, *self.demonstration, *self.lists})
        return TemplateNames(keys, frozenset(self.parts), frozenset(self.known))

    def recognises(self, settings: Mapping[str, Any]) -> bool:
        """Whether a template with this front matter is one of them."""
        return "texts" in settings and settings.get("method", "") == self.method

    def lint(self, text: str) -> list[Lint]:
        """All that is wrong with a template, by line; fatal remarks keep it from being used."""
        try:
            source = read(text, self.parts)
        except SourceFault as fault:
            return [Lint(fault.line, fault.message)]
        found = [
            *lint_table(source, source.settings, SETTINGS),
            *self._missing(source),
            *self._demonstrations(source),
            *self._lists(source),
            *lint_language(source),
            *lint_decoding(source, DECODING_RULES),
            *self._body(source),
        ]
        return sorted(found, key=lambda remark: (remark.line, remark.message))

    def _missing(self, source: TemplateSource) -> Iterator[Lint]:
        for key in REQUIRED:
            if key not in source.settings:
                yield Lint(1, f"the setting “{key}” is missing; add {key} = {SETTINGS[key][1]}.")
        task = source.settings.get("task")
        if isinstance(task, str) and task not in self.needed:
            yield Lint(source.line_of("task"), f"task must be {' or '.join(self.needed)}.")

    def _demonstrations(self, source: TemplateSource) -> Iterator[Lint]:
        rules: dict[str, Rule] = dict.fromkeys(self.demonstration, (is_text, "a text"))
        first = self.demonstration[0]
        rows = source.settings.get("demonstrations", [])
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict):
                yield from lint_table(source, row, rules)
                if not row.get(first):
                    line = source.line_of("demonstrations")
                    yield Lint(line, f'each of [[demonstrations]] needs {first} = "…".')

    def _lists(self, source: TemplateSource) -> Iterator[Lint]:
        table = source.settings.get("lists", {})
        if isinstance(table, dict):
            rules: dict[str, Rule] = dict.fromkeys(self.lists, (_is_list, "a list of texts"))
            yield from lint_table(source, table, rules)

    def _body(self, source: TemplateSource) -> Iterator[Lint]:
        for part, text in source.parts.items():
            yield from lint_part(text, source.part_lines[part], self.known)
        for part, names in self.needed.get(str(source.settings.get("task")), {}).items():
            if part not in source.parts:
                yield Lint(1, f"the part “# {part.title()}” is missing.")
                continue
            for name in names:
                if not re.search(rf"\{{\{{[^{{}}]*\b{name}\b", source.parts[part]):
                    line = source.part_lines[part]
                    yield Lint(line, f"this part must hold {{{{ {name} }}}}.")

    def parse(self, text: str) -> StagedTemplate:
        """Read a template.

        Raises:
            StudioError: the first fatal remark of :meth:`lint`, with its line.
        """
        for found in self.lint(text):
            if found.fatal:
                raise StudioError(f"The prompt template, line {found.line}: {found.message}")
        source = read(text, self.parts)
        plain = {key: value for key, value in source.settings.items() if key not in TABLES}
        if "text_words" in plain:
            plain["text_words"] = tuple(plain["text_words"])
        return StagedTemplate(
            **plain,
            demonstrations=tuple(source.settings.get("demonstrations", ())),
            lists={n: tuple(one) for n, one in source.settings.get("lists", {}).items()},
            decoding_table=source.settings.get("decoding", {}),
            parts=tuple(sorted(source.parts.items())),
        )


def _is_list(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(one, str) and one.strip() for one in found)


def retold(text: str, *, texts: str = "", language: str = "") -> str:
    """A template with other words for what is to be written, and of another language.

    Only those two lines of the front matter change; an empty value leaves its line as it is.
    """
    for key, value in (("texts", texts), ("language", language)):
        if value:
            line = f"{key} = {json.dumps(one_line(value), ensure_ascii=False)}"
            text = re.sub(rf"^{key} = .*$", line.replace("\\", r"\\"), text, count=1, flags=re.M)
    return text


Shot = tuple[str, str]
"""A demonstration as it is shown: what was asked, what was answered."""


def stage_messages(
    template: StagedTemplate,
    part: str,
    values: Mapping[str, Any],
    *,
    style: Style | None = None,
    shots: Sequence[Shot] = (),
    opening: str = "",
) -> tuple[Message, ...]:
    """The messages of one request.

    Chat: the instruction as system turn, the shots as turns, the part with its values. Completion:
    one text in blocks, which ends with ``opening`` (by default the template's ``text_label``).
    """
    instruction = rendered_part(template, INSTRUCTION, {})
    turn = rendered_part(template, part, values)
    if (style or template.style) == "chat":
        turns = [Message("system", instruction)] if instruction else []
        for asked, answered in shots:
            turns += [Message("user", asked), Message("assistant", answered)]
        return (*turns, Message("user", turn))
    blocks = [instruction]
    blocks += [f"{asked}\n{template.text_label} {answered}" for asked, answered in shots]
    blocks.append(f"{turn}\n{opening or template.text_label}")
    return (Message("prompt", "\n\n".join(block for block in blocks if block)),)


def rendered_part(template: StagedTemplate, part: str, values: Mapping[str, Any]) -> str:
    """One part with its values: texts on one line each, lists joined by semicolons, cut to size."""
    fewest, most = template.text_words
    limits = {"context": template.context_words, "text": 3 * most}
    known: dict[str, Any] = {
        "texts": template.texts,
        "language": template.language,
        "fewest_words": fewest,
        "most_words": most,
    }
    for name, value in values.items():
        if isinstance(value, Lines):
            known[name] = defused(value)
        elif isinstance(value, str):
            if value or name not in STANDARD:
                known[name] = shown(cut_words(value, limits[name]) if name in limits else value)
        elif isinstance(value, Sequence):
            known[name] = "; ".join(shown(str(one)) for one in value)
        else:
            known[name] = value
    # What a request does not give is empty: the lint has seen that the form knows all names.
    return filled(template.part(part), known).strip()


def shown(text: str) -> str:
    """On one line, with the control tokens of chat models taken apart."""
    return defused(one_line(text))
