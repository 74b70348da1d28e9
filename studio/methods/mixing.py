"""Which member of a set of templates asks for which document, and how often.

Each document's requests are shared out among the members by their shares, from a beginning that
the run's seed and the document decide: a document that is asked once has one kind of query, one
that is asked eight times has all of them. Methods know nothing of it: each member is a plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import Final

from studio.methods.protocol import Ask, Corpus, Made, Plan, Stage
from studio.prompting.shots import stable_number
from studio.records import Document

WINDOW: Final = 4096
"""Documents that are shared out at once."""
DRAWS: Final = "queries_per_document"
"""The setting that says how often a document is asked about, where a method has it."""


@dataclass(frozen=True, slots=True)
class _SharedOut:
    """Some of a run's documents; see :class:`studio.methods.protocol.Corpus`."""

    whole: Corpus
    documents: Sequence[Document]

    def sampled(self) -> Sequence[Document]:
        return self.documents

    def contexts(self) -> Sequence[Document]:
        return self.whole.contexts()

    def many(self, rows: Sequence[int]) -> Mapping[int, Document]:
        return self.whole.many(rows)


def asks_of(stage: Stage, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
    """The requests of one batch, lazily; of a set those of each member, which are one batch."""
    if not plan.members:
        yield from stage.ask(plan, batch, made)
        return
    remaining = iter(() if batch else plan.corpus.sampled())
    while window := list(islice(remaining, WINDOW)):
        for part in _parts(plan, window):
            yield from stage.ask(part, batch, made)


def _parts(plan: Plan, window: Sequence[Document]) -> Iterator[Plan]:
    """A plan for each member and number of requests, with the documents that have so many of it."""
    shared = [(document, counts(plan, document)) for document in window]
    for place, member in enumerate(plan.members):
        for each in sorted({found[place] for _, found in shared} - {0}):
            documents = [document for document, found in shared if found[place] == each]
            settings = plan.settings
            if hasattr(settings, DRAWS):
                settings = replace(settings, **{DRAWS: each})
            yield replace(member.plan, corpus=_SharedOut(plan.corpus, documents), settings=settings)


def counts(plan: Plan, document: Document) -> list[int]:
    """How many of a document's requests each member of the set has."""
    draws = 1
    if hasattr(plan.settings, DRAWS):
        draws = getattr(plan.settings, DRAWS) or plan.template.queries_per_document
    shares = [member.share for member in plan.members]
    ends = [end / sum(shares) for end in accumulate(shares)]
    begin = stable_number("member", plan.seed, document.outside_id) % 2**32 / 2**32
    found = [0] * len(shares)
    for draw in range(draws):
        at = (draw + begin) / draws
        found[next((n for n, end in enumerate(ends) if at < end), len(ends) - 1)] += 1
    return found
