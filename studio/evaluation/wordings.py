"""Wordings of a prompt beside each other: what each brought for documents held out, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from studio.plurals import so_many

HEADS: Final = ("version", "found", "copied", "word pairs", "score", "gain", "95 %", "p")
SIGNIFICANT: Final = 0.05


@dataclass(frozen=True, slots=True)
class WordingRow:
    """What a wording brought."""

    version: int
    """The prompt version that it is; the first row is the one that was to be improved."""
    found: int
    """Queries by which BM25 finds their document first."""
    documents: int
    copied: float
    """The mean share of a query that is copied out of its document, 0 to 1."""
    distinct: float | None
    """Different word pairs out of all (distinct-2); None without any."""
    score: float
    """The mean of found and not copied, 0 to 1."""
    gain: float | None = None
    """In the score, over the first row; None for that one."""
    low: float | None = None
    high: float | None = None
    """The 95 % interval of the gain."""
    p_value: float | None = None
    """Of a paired randomisation test."""


def cells(row: WordingRow) -> tuple[str, ...]:
    """A line of the table, as :data:`HEADS` name its columns."""
    distinct = "" if row.distinct is None else f"{row.distinct:.0%}"
    plain = (
        str(row.version), f"{row.found}/{row.documents}", f"{row.copied:.0%}", distinct,
        f"{row.score:.3f}",
    )  # fmt: skip
    if row.gain is None or row.low is None or row.high is None or row.p_value is None:
        return (*plain, "", "", "")
    interval = f"{row.low:+.3f} … {row.high:+.3f}"
    return (*plain, f"{row.gain:+.3f}", interval, f"{row.p_value:.3f}")


def verdict(rows: Sequence[WordingRow], proposals: int, *, at_shell: bool) -> str:
    """What the table means, and what to do next: at a shell, or on screen."""
    own, *others = rows
    if not others:
        more = (
            "Raise --proposals or --documents, or name a larger model."
            if at_shell
            else "Let it propose more, try on more documents, or choose a larger model."
        )
        tried = so_many(proposals, "proposals")
        return f"None of {tried} did better than version {own.version}. {more}"
    best = max(others, key=lambda one: one.score)
    proven = (best.p_value or 0.0) < SIGNIFICANT and (best.gain or 0.0) > 0
    said = (
        f"Version {best.version} is better than version {own.version}"
        if proven
        else f"No proof that version {best.version} and version {own.version} differ"
    )
    if at_shell:
        changed = f"See what changed: studio prompt diff {own.version} {best.version}."
        take = "take another in Prompt, or with --prompt."
    else:
        changed, take = "Versions in Prompt shows what changed.", "take another there."
    return f"{said}. {changed} The project still works with version {own.version}; {take}"


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The table and what it means, for a job that improved a prompt; nothing for others."""
    if not (rows := [WordingRow(**row) for row in found.get("improved") or ()]):
        return
    table = [HEADS, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        told = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(told).rstrip()
    yield f"on {so_many(rows[0].documents, 'documents')} that no wording was chosen by"
    yield verdict(rows, found.get("proposals") or 0, at_shell=False)


def in_short(found: Mapping[str, Any]) -> str:
    """Such as ``version 2 finds 8 of 8, version 1 0``; empty for jobs that improved no prompt."""
    if not (rows := [WordingRow(**row) for row in found.get("improved") or ()]):
        return ""
    own, *others = rows
    best = max(others, key=lambda one: one.score, default=None)
    if best is None:
        return f"no wording is better than version {own.version}"
    return (
        f"version {best.version} finds {best.found} of {best.documents}, version {own.version} "
        f"{own.found}"
    )
