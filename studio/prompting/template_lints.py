"""What is wrong with a template, line by line, while it is being written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from studio.prompting.languages import language_code
from studio.prompting.rendering import (
    FILTERS,
    PLACEHOLDERS,
    TemplateFault,
    compiled_part,
    parsed,
)
from studio.prompting.template_nodes import written
from studio.prompting.template_source import PART_NAMES, SourceFault, TemplateSource, read
from studio.records import StudioError

if TYPE_CHECKING:
    from jinja2 import nodes

MOST = 1_000_000
"""The largest whole number of a setting."""


@dataclass(frozen=True, slots=True)
class Lint:
    """One remark on a template."""

    line: int
    """The line of the template's text, from 1."""
    message: str
    """What is wrong and what to do."""
    fatal: bool = True
    """The template cannot be used until it is mended; else it is advice."""


def is_text(value: object) -> bool:
    """A rule."""
    return isinstance(value, str)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def is_count(value: object) -> bool:
    """A rule: a whole number from 1 to a million."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST


def is_range(value: object) -> bool:
    """A rule: two whole numbers, the smaller first."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= MOST for v in value)
        and value[0] <= value[1]
    )


def _between(low: float, high: float) -> Callable[[object], bool]:
    def check(value: object) -> bool:
        return (
            isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        )

    return check


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) and v for v in value)


Rule = tuple[Callable[[object], bool], str]

SETTINGS: dict[str, Rule] = {
    "name": (is_text, "a text"),
    "about": (is_text, "a text"),
    "task": (is_text, "a text"),
    "language": (is_text, 'a language code such as "en"'),
    "style": (lambda v: v in ("chat", "completion"), '"chat" or "completion"'),
    "document_label": (is_text, "a text, which may be empty"),
    "query_label": (is_text, "a text, which may be empty"),
    "zero_shot": (_flag, "true or false"),
    "label_in_prompt": (_flag, "true or false"),
    "query_words": (is_range, "two whole numbers such as [5, 20]"),
    "document_words": (is_count, "a whole number from 1"),
    "example_words": (is_count, "a whole number from 1"),
    "queries_per_document": (is_count, "a whole number from 1"),
    "shots": (is_range, "two whole numbers such as [2, 8]"),
    "decoding": (lambda v: isinstance(v, dict), "a table [decoding]"),
}
"""Every key of the front matter, its check, and what it wants in words."""
REQUIRED = ("name", "language", "document_label", "query_label")
DECODING_RULES: dict[str, Rule] = {
    "temperature": (_between(0, 2), "a number from 0 to 2"),
    "top_p": (_between(0.01, 1), "a number above 0, up to 1"),
    "max_tokens": (is_count, "a whole number from 1"),
    "stop": (_texts, "a list of texts"),
    "presence_penalty": (_between(-2, 2), "a number from -2 to 2"),
}
"""Every key of ``[decoding]`` and its tables for a style or a model."""


def lint(text: str) -> list[Lint]:
    """All that is wrong with a template, by line; fatal remarks keep it from being used."""
    try:
        source = read(text)
    except SourceFault as fault:
        return [Lint(fault.line, fault.message)]
    found = [
        *_settings(source),
        *lint_decoding(source, DECODING_RULES),
        *_body(source),
        *_advice(source),
    ]
    return sorted(found, key=lambda remark: (remark.line, remark.message))


def _settings(source: TemplateSource) -> Iterator[Lint]:
    yield from lint_table(source, source.settings, SETTINGS)
    for key in REQUIRED:
        if key not in source.settings:
            yield Lint(1, f"the setting “{key}” is missing; add {key} = {SETTINGS[key][1]}.")
    yield from lint_language(source)


def lint_language(source: TemplateSource) -> Iterator[Lint]:
    """A remark on a language that nobody knows: answers cannot be checked for it."""
    language = source.settings.get("language")
    if isinstance(language, str):
        try:
            language_code(language)
        except StudioError as error:
            yield Lint(source.line_of("language"), str(error), fatal=False)


def lint_decoding(source: TemplateSource, rules: dict[str, Rule]) -> Iterator[Lint]:
    """Remarks on ``[decoding]`` and its tables for a style or a model."""
    table = source.settings.get("decoding")
    if not isinstance(table, dict):
        return
    parts = {key: table[key] for key in ("chat", "completion") if key in table}
    models = table.get("models", {})
    common = {key: value for key, value in table.items() if key not in (*parts, "models")}
    yield from lint_table(source, common, rules)
    yield from _stops(source, common)
    for part in (*parts.values(), *(models.values() if isinstance(models, dict) else [models])):
        if not isinstance(part, dict):
            message = "inside [decoding], chat, completion and models.NAME must be tables."
            yield Lint(source.line_of("decoding"), message)
        else:
            yield from lint_table(source, part, rules)
            yield from _stops(source, part)


def _stops(source: TemplateSource, table: dict[str, Any]) -> Iterator[Lint]:
    stops = table.get("stop", [])
    for stop in stops if _texts(stops) else ():
        if any(character.isdigit() for character in stop):
            message = f"the stop “{stop}” has a digit: it would cut dates."
            yield Lint(source.line_of("stop"), message)


def lint_table(
    source: TemplateSource, table: dict[str, Any], rules: dict[str, Rule]
) -> Iterator[Lint]:
    """Remarks on the keys and values of one table."""
    for key, value in table.items():
        if key not in rules:
            yield Lint(source.line_of(key), f"unknown setting “{key}”{_nearest(key, rules)}")
        elif not rules[key][0](value):
            yield Lint(source.line_of(key), f"{key} must be {rules[key][1]}.")


def _nearest(name: str, known: dict[str, Rule] | tuple[str, ...]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean “{near[0]}”?" if near else f"; known are {', '.join(known)}."


def _body(source: TemplateSource) -> Iterator[Lint]:
    for part, text in source.parts.items():
        yield from lint_part(text, source.part_lines[part])
    if source.settings.get("zero_shot") and "ask" not in source.parts:
        yield Lint(1, "a template without examples needs a part “# Ask” that asks for the query.")
    for part, name in (("document", "document"), ("query", "query")):
        if part in source.parts and name not in source.parts[part]:
            yield Lint(source.part_lines[part], f"this part must hold {{{{ {name} }}}}.")


def lint_part(
    text: str, first_line: int, placeholders: tuple[str, ...] = PLACEHOLDERS
) -> Iterator[Lint]:
    """Remarks on the Jinja2 of one part."""
    try:
        tree = parsed(text)
    except TemplateFault as fault:
        yield Lint(first_line + fault.line - 1, fault.message)
        return
    clean = True
    for line, remark in _remarks(tree, placeholders):
        clean = False
        yield Lint(first_line + line - 1, remark)
    if clean:
        # Not before: what is not allowed must not be computed either.
        try:
            compiled_part(text)
        except TemplateFault as fault:
            yield Lint(first_line + fault.line - 1, fault.message)


def _remarks(tree: nodes.Node, placeholders: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """What is wrong with a part, by its line. What is within something that is not for templates
    has no remark of its own: a loop's variable is no placeholder."""
    from jinja2 import nodes

    allowed = (
        nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.If, nodes.Const,
        nodes.Compare, nodes.Operand, nodes.Not, nodes.And, nodes.Or, nodes.Filter,
    )  # fmt: skip
    waiting: list[tuple[nodes.Node, int]] = [(tree, 1)]
    while waiting:
        at, line = waiting.pop()
        # Some have no line of their own.
        line = at.lineno or line
        if not isinstance(at, allowed):
            yield line, f"“{written(at)}” is not for templates; {{{{ … }}}} and {{% if … %}} are."
            continue
        if isinstance(at, nodes.Name) and at.name not in placeholders:
            yield line, f"unknown placeholder “{at.name}”{_nearest(at.name, placeholders)}"
        if isinstance(at, nodes.Filter) and at.name not in FILTERS:
            yield line, f"unknown filter “{at.name}”; known are {', '.join(sorted(FILTERS))}."
        waiting += [(below, line) for below in at.iter_child_nodes()]


def _advice(source: TemplateSource) -> Iterator[Lint]:
    settings = source.settings
    if settings.get("zero_shot"):
        return
    if settings.get("query_label") == "":
        message = "without a query label, answers in completion style cannot be checked for it."
        yield Lint(source.line_of("query_label"), message, fatal=False)
    if not source.parts.get("instruction") and settings.get("style", "chat") == "chat":
        yield Lint(1, "there is no instruction: a chat model sees the examples only.", fatal=False)
    shots = settings.get("shots")
    if isinstance(shots, list) and is_range(shots) and shots[1] > 8:
        message = "more than 8 examples: the paper shows 2 to 8, and each one costs tokens."
        yield Lint(source.line_of("shots"), message, fatal=False)
    yield from _near_headings(source)


def _near_headings(source: TemplateSource) -> Iterator[Lint]:
    for part, text in source.parts.items():
        for offset, line in enumerate(text.split("\n")):
            name = line.removeprefix("# ").strip().lower() if line.startswith("# ") else ""
            near = get_close_matches(name, PART_NAMES, n=1, cutoff=0.75) if name else []
            if near:
                message = f"the heading “{name}” starts no part; did you mean “{near[0].title()}”?"
                yield Lint(source.part_lines[part] + offset, message, fatal=False)
