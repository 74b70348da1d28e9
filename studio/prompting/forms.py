"""What a method's templates look like, so that any of them can be linted, read and chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from studio.calls import Decoding, Style
from studio.prompting.template_lints import Lint


class AnyTemplate(Protocol):
    """What every parsed template has."""

    @property
    def name(self) -> str:
        """Such as ``question-answering``."""

    @property
    def task(self) -> str:
        """The project task it serves."""

    @property
    def about(self) -> str:
        """One line for lists: when to use it."""

    @property
    def language(self) -> str:
        """ISO 639-1 code of what is written."""

    @property
    def style(self) -> Style:
        """How it is sent unless the plan says otherwise."""

    @property
    def decoding_table(self) -> Mapping[str, Any]:
        """The front matter's ``[decoding]``."""

    def decoding_for(self, style: Style, model: str = "") -> Decoding:
        """How a style and a model sample."""


@dataclass(frozen=True, slots=True)
class TemplateNames:
    """The names that templates of a form may use, for an editor's colours."""

    keys: frozenset[str]
    """Of the front matter and its tables."""
    parts: frozenset[str]
    """Headings of the body."""
    placeholders: frozenset[str]
    """Between double braces."""


class TemplateForm(Protocol):
    """The shape of a method's templates."""

    @property
    def names(self) -> TemplateNames:
        """The names that its templates may use."""

    def recognises(self, settings: Mapping[str, Any]) -> bool:
        """Whether a template with this front matter is one of them."""

    def lint(self, text: str) -> list[Lint]:
        """All that is wrong with a template, by line; fatal remarks keep it from being used."""

    def parse(self, text: str) -> AnyTemplate:
        """Read a template. Raises StudioError with the first fatal remark of :meth:`lint`."""
