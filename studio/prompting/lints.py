"""Remarks on an example while it is being written. None of them forbids anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from studio.prompting.languages import language_score
from studio.prompting.words import count_words, words_found
from studio.records import Example

KINDS = ("gold", "missing", "too-short", "too-long", "copied", "alike", "listed", "language")
"""What there is to look at."""
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
    """One of :data:`KINDS`."""
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
    listed: Sequence[str] = (),
) -> list[Remark]:
    """What to look at in an example; ``others`` are the project's other examples.

    An empty query raises no remark: it is not written yet. ``norm``: its usual fewest and most
    words; ``listed``: words that it should not have.
    """
    if not example.query.strip():
        return []
    return [
        *_missing(example),
        *_copied(example),
        *_length(example, norm),
        *_alike(example, others),
        *_listed(example.query, listed),
        *_language(example, language),
    ]


def _missing(example: Example) -> Iterator[Remark]:
    for name in example.unwritten:
        yield Remark("missing", f"No {name} yet: the LLM would learn to leave it out.")


def _copied(example: Example) -> Iterator[Remark]:
    from studio.filters.copy import copied_share

    share = copied_share(example.query, example.document_text)
    if share >= COPIED:
        message = f"{share:.0%} of the query is copied from the document: people ask otherwise."
        yield Remark("copied", message)


def _length(example: Example, norm: tuple[int, int]) -> Iterator[Remark]:
    count, (fewest, most) = count_words(example.query), norm
    usual = f"{count} words; the prompt's usual {example.type.noun} has"
    if count < fewest:
        yield Remark("too-short", f"{usual} {fewest} at least.")
    elif count > most:
        yield Remark("too-long", f"{usual} {most} at most.")


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


def _listed(query: str, listed: Sequence[str]) -> Iterator[Remark]:
    for word in words_found(query, listed)[:1]:
        yield Remark("listed", f"“{word}” is on the prompt's blacklist: what has it is dropped.")


def _language(example: Example, language: str) -> Iterator[Remark]:
    if language_score(example.query, language) < FITS_LANGUAGE:
        said = f"The {example.type.noun} does not look like the project's language, {language}."
        yield Remark("language", said)
