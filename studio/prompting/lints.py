"""Remarks on an example while it is being written. None of them forbids anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from studio.prompting.languages import language_score
from studio.prompting.words import count_words
from studio.records import Example

COPIED = 0.8
"""The share of a query in one stretch of its document from which it is called copied."""
ALIKE = 0.7
"""ROUGE-L above which two queries are called nearly the same."""
FITS_LANGUAGE = 0.3
"""The lowest language score that raises no remark."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to look at in an example."""

    kind: str
    """``gold``, ``copied``, ``too-short``, ``too-long``, ``alike`` or ``language``."""
    message: str
    """What it is and why it matters, in one line."""

    def __str__(self) -> str:
        """The message."""
        return self.message


def lint_example(
    example: Example,
    others: Sequence[Example] = (),
    *,
    norm: tuple[int, int] = (1, 60),
    language: str = "en",
) -> list[Remark]:
    """What to look at in an example; ``others`` are the project's other examples.

    An empty query raises no remark: it is not written yet.
    """
    if not example.query.strip():
        return []
    return [
        *_copied(example),
        *_length(example.query, norm),
        *_alike(example, others),
        *_language(example.query, language),
    ]


def _copied(example: Example) -> Iterator[Remark]:
    from studio.filters.copy import copied_share

    share = copied_share(example.query, example.document_text)
    if share >= COPIED:
        message = f"{share:.0%} of the query is copied from the document: people ask otherwise."
        yield Remark("copied", message)


def _length(query: str, norm: tuple[int, int]) -> Iterator[Remark]:
    count, (fewest, most) = count_words(query), norm
    if count < fewest:
        yield Remark("too-short", f"{count} words; the prompt's usual query has {fewest} at least.")
    elif count > most:
        yield Remark("too-long", f"{count} words; the prompt's usual query has {most} at most.")


def _alike(example: Example, others: Sequence[Example]) -> Iterator[Remark]:
    from studio.filters.similarity import Vocabulary, likeness

    vocabulary = Vocabulary()
    text = vocabulary.encode(example.query)
    for other in others:
        if likeness(text, vocabulary.encode(other.query)) > ALIKE:
            yield alike_remark(other.query)
            return


def alike_remark(query: str) -> Remark:
    """The remark on an example whose query is near to this one."""
    return Remark("alike", f"Nearly the same as another example: “{_short(query)}”.")


def _short(query: str) -> str:
    line = " ".join(query.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def _language(query: str, language: str) -> Iterator[Remark]:
    if language_score(query, language) < FITS_LANGUAGE:
        yield Remark(
            "language", f"The query does not look like the project's language, {language}."
        )
