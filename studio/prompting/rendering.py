"""Jinja2 in a sandbox, narrowed to placeholders, ``if`` and harmless filters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from studio.records import StudioError

if TYPE_CHECKING:
    from jinja2 import Template as Compiled
    from jinja2 import nodes
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

LONGEST_PART = 200_000
"""Characters of a part."""
MOST_TAGS = 1_000
"""Tags of a part."""
LONGEST_TAG = 2_000
"""Characters of a tag."""
DEEPEST = 40
"""Levels of tags, filters and words such as ``not``: Python takes for ever over a few hundred."""
NESTED = f"its tags are nested more than {DEEPEST} deep."
LONGEST_KEPT = 4_000
"""Characters of a value that is filled in, up to which the text is kept for the next time."""
MOST_TEXT = 2_000_000
"""Characters that a part may become."""

_OPENING = re.compile(r"\{[{%]")
_CLOSING = re.compile(r"[}%]\}")
_CONTROL_TOKEN = re.compile(r"<\|([^|<>\s]{1,40})\|>|(</?s>|\[/?INST\]|<(?:start|end)_of_turn>)")


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """The one environment of all templates."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


def defused(text: str) -> str:
    """The text with chat formats' control tokens split by a space, so that no server obeys them."""
    if "<" not in text and "[" not in text:
        return text
    return _CONTROL_TOKEN.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)


class TemplateFault(ValueError):
    """The Jinja2 of a part cannot be used; ``line`` says where in it, from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def parsed(source: str) -> nodes.Template:
    """A part's tree. Raises TemplateFault for anything that is no template of a bounded size."""
    from jinja2.parser import Parser

    _refuse_huge(source)
    with _explained():
        parser = Parser(environment(), source)
    with _explained(lambda: parser.stream.current.lineno):
        tree = parser.parse()
    waiting: list[tuple[nodes.Node, int, int]] = [(tree, 0, 1)]
    while waiting:
        at, depth, line = waiting.pop()
        line = at.lineno or line
        if depth > DEEPEST:
            raise TemplateFault(line, NESTED)
        waiting += [(below, depth + 1, line) for below in at.iter_child_nodes()]
    return tree


def filled(source: str, values: Mapping[str, Any]) -> str:
    """A part's Jinja2 source with its placeholders filled in; those without a value are empty.

    Raises StudioError when it cannot be, or the text would have no end.
    """
    try:
        _, names = compiled_part(source)
    except Exception as error:
        raise _unfilled(error) from error
    given = tuple([(name, values.get(name, "")) for name in sorted(names)])
    for _, value in given:
        if type(value) is not str or len(value) > LONGEST_KEPT:
            return _filled(source, given)
    return _kept(source, given)


def _unfilled(error: Exception) -> StudioError:
    """Whatever a template compares or trims, it is a fault of the template."""
    return StudioError(f"The prompt template cannot be filled in: {error}. Mend it.")


def _filled(source: str, given: tuple[tuple[str, Any], ...]) -> str:
    try:
        compiled, _ = compiled_part(source)
        pieces, size = [], 0
        for piece in compiled.generate(dict(given)):
            pieces.append(piece)
            size += len(piece)
            if size > MOST_TEXT:
                break
    except Exception as error:
        raise _unfilled(error) from error
    if size > MOST_TEXT:
        raise StudioError(
            f"The prompt template makes a text of more than {MOST_TEXT:,} characters. Name its "
            "placeholders less often."
        )
    return "".join(pieces)


_kept = lru_cache(maxsize=256)(_filled)
"""The same instruction and shots stand in request after request."""


@lru_cache(maxsize=256)
def compiled_part(source: str) -> tuple[Compiled, frozenset[str]]:
    """A part ready to be filled in, and the names of its placeholders. Raises TemplateFault."""
    from jinja2.meta import find_undeclared_variables

    tree = parsed(source)
    with _explained():
        return environment().from_string(source), frozenset(find_undeclared_variables(tree))


def _refuse_huge(source: str) -> None:
    """Jinja2 and Python compile by recursion: what is nested without end never reaches them."""
    if len(source) > LONGEST_PART:
        raise TemplateFault(1, f"it has more than {LONGEST_PART:,} characters; shorten it.")
    before, *tags = _OPENING.split(source, maxsplit=MOST_TAGS + 1)
    line = 1 + before.count("\n")
    for number, tag in enumerate(tags, start=1):
        if number > MOST_TAGS:
            raise TemplateFault(line, f"it has more than {MOST_TAGS:,} tags; shorten it.")
        end = _CLOSING.search(tag)
        if (end.start() if end else len(tag)) > LONGEST_TAG:
            raise TemplateFault(line, f"a tag is longer than {LONGEST_TAG:,} characters.")
        line += tag.count("\n")


@contextmanager
def _explained(line: Callable[[], int] = lambda: 1) -> Iterator[None]:
    """Turn whatever the compilers raise into one fault with its line. line: where they are."""
    from jinja2 import TemplateSyntaxError

    try:
        yield
    except TemplateSyntaxError as fault:
        message = f"{(fault.message or str(fault)).rstrip('.')}."
        raise TemplateFault(fault.lineno, message) from fault
    except Exception as error:
        is_deep = isinstance(error, RecursionError | MemoryError)
        message = NESTED if is_deep else "a number in it is too long, or it cannot be computed."
        raise TemplateFault(line(), message) from error
