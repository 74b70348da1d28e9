"""Jinja2 in a sandbox, narrowed to placeholders, ``if`` and harmless filters."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template as Compiled
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    from studio.prompting.templates import Template

PLACEHOLDERS = (
    "document",
    "query",
    "document_label",
    "query_label",
    "language",
    "fewest_words",
    "most_words",
)
"""What a part may name between double braces."""
FILTERS = frozenset({"trim", "upper", "lower", "title", "capitalize"})
"""Filters that cannot make much out of little."""

_CONTROL_TOKEN = re.compile(r"<\|([^|<>\s]{1,40})\|>|(</?s>|\[/?INST\]|<(?:start|end)_of_turn>)")


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """The one environment of all templates."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


def defused(text: str) -> str:
    """The text with chat formats' control tokens split by a space, so that no server obeys them."""
    return _CONTROL_TOKEN.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)


def rendered(template: Template, part: str, **values: str) -> str:
    """One part of a template with its placeholders filled in."""
    fewest, most = template.query_words
    known: dict[str, Any] = {
        "document": "",
        "query": "",
        "document_label": template.document_label,
        "query_label": template.query_label,
        "language": template.language,
        "fewest_words": fewest,
        "most_words": most,
    }
    return _compiled(template.part(part)).render(known | values)


@lru_cache(maxsize=256)
def _compiled(source: str) -> Compiled:
    return environment().from_string(source)
