"""Jinja2 in a sandbox, narrowed to placeholders, ``if`` and harmless filters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template as Compiled
    from jinja2.sandbox import ImmutableSandboxedEnvironment

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


def filled(source: str, values: Mapping[str, Any]) -> str:
    """A part's Jinja2 source with its placeholders filled in."""
    return _compiled(source).render(values)


@lru_cache(maxsize=256)
def _compiled(source: str) -> Compiled:
    return environment().from_string(source)
