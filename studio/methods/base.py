"""What every method offers: requests to pay for, and records out of their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from studio.prompting.shots import ShotSet
from studio.prompting.templates import Template
from studio.prompting.tokens import count_tokens
from studio.records import Answer, Decoding, Document, Example, Request, Style


@dataclass(frozen=True, slots=True)
class GenerationPlan:
    """All that decides a run's requests, besides the documents."""

    template: Template
    """The parsed prompt version."""
    pool: tuple[ShotSet, ...]
    """The shot sets that requests draw from, with their rows in the store."""
    model: str
    """The model's name at its endpoint."""
    context_tokens: int
    """The endpoint's context window for one request."""
    queries_per_document: int = 8
    """Requests for each document; the paper's 8."""
    seed: int = 0
    """Decides shots and sampling."""
    prompt_id: int | None = None
    """The prompt version's row."""
    prompt_sha: str = ""
    """The prompt version's hash: a new wording draws new shots."""
    style: Style | None = None
    """Chat or completion; None for the template's own."""
    decoding: Decoding | None = None
    """Sampling in place of the template's; None keeps the template's for style and model."""
    draws_per_set: int = 0
    """After so many draws a document gets other shots; 0 keeps one set per document (cheapest)."""
    count: Callable[[str], int] = count_tokens
    """Counts a text's tokens."""

    @property
    def chosen_style(self) -> Style:
        """The style that requests are sent in."""
        return self.style or self.template.style

    @property
    def chosen_decoding(self) -> Decoding:
        """The sampling that requests are sent with."""
        return self.decoding or self.template.decoding_for(self.chosen_style, self.model)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What came of one answer."""

    texts: tuple[str, ...] = ()
    """The records' texts; empty when there is a reason."""
    reason: str = ""
    """A :class:`studio.records.Reason`; empty when at least one text was read."""


class Method(Protocol):
    """A published way of making training data with an LLM."""

    @property
    def name(self) -> str:
        """Its name in commands and folders, such as ``promptagator``."""

    @property
    def paper(self) -> str:
        """The publication it follows."""

    @property
    def task(self) -> str:
        """The project task it serves."""

    def requests(self, documents: Iterable[Document], plan: GenerationPlan) -> Iterator[Request]:
        """Every request of a run, lazily, in the order that serves prefix caches best."""

    def parse(
        self,
        request: Request,
        answer: Answer,
        shots: Sequence[Example],
        document: Document,
        template: Template,
    ) -> Parsed:
        """Records' texts out of one answer, or the reason why there are none."""
