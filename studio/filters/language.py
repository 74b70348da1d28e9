"""Drop queries in another language than the project's, by script and function words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.base import ALL, FilterContext, FilterRow, Fits, Judgement
from studio.prompting.languages import language_code, language_score
from studio.records import Reason


@dataclass(frozen=True, slots=True)
class Language:
    """Keeps queries that fit the language; the score is :func:`language_score`, 0 to 1."""

    name: ClassVar[str] = "language"
    order: ClassVar[int] = 30
    fits: ClassVar[Fits] = ALL
    needs_document_text: ClassVar[bool] = False

    least: float = 0.3
    """The lowest score that is kept: lets product names in another script through."""
    language: str = ""
    """Another language than the project's; empty for the project's."""

    def __post_init__(self) -> None:
        """Refuse a language that nobody knows."""
        if self.language:
            language_code(self.language)

    @property
    def label(self) -> str:
        """What it does; no model is behind it."""
        which = self.language or "the project's language"
        return f"Language: script and function words fit {which} (a rule of thumb, no model)"

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by how well it fits the language."""
        language = self.language or context.language
        for row in rows:
            # An instruction alone is short, and its answer is in the language as well.
            said = f"{row.query}\n{row.fields.get('output', '')}"
            score = language_score(said, language)
            kept = self.keeps(score, context)
            yield Judgement(row.record_id, kept, score, "" if kept else Reason.LANGUAGE)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether a score reaches the threshold."""
        return score is None or score >= self.least


FILTER = Language
