"""Training data for sentence-transformers: (anchor, positive) and (anchor, positive, negative)."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from studio.formats.data_card import DataFile, ExportCounts, Feature, card
from studio.formats.rows import ExportContext, Exported, Exporter, ExportRow
from studio.formats.staging import staged
from studio.records import StudioError, content_sha, joined_text

WINDOW = 1000
"""How many rows around a row a random negative is drawn from."""


def write_pairs(rows: Iterable[ExportRow], target: Path, context: ExportContext) -> Exported:
    """Writes ``pairs.jsonl``: a kept query and its passage with the title joined, nothing else.

    The trainer takes every column for an input, in order: so there are no other columns.
    """
    what = "Each row is a query (`anchor`) and the passage that it was written for (`positive`)."
    counts = ExportCounts()
    pairs = map(_pair, counts.counted(rows, kept_only=True))
    return _write("pairs.jsonl", pairs, counts, target, context, what)


def write_triplets(rows: Iterable[ExportRow], target: Path, context: ExportContext) -> Exported:
    """Writes ``triplets.jsonl``: as pairs, with a passage that is not the answer.

    A row's mined negatives make one triplet each. A row without any gets one passage of another
    document, drawn with the context's seed from the rows around it, else from the context's spare
    passages; never one that was cut from the same document. Raises :class:`StudioError` when there
    is no other document to draw from.
    """
    what = (
        "Each row is a query (`anchor`), its passage (`positive`) and another passage "
        "(`negative`): a mined hard negative where the project has them, else one of a random "
        "other document of this export."
    )
    counts = ExportCounts()
    triplets = _triplets(counts.counted(rows, kept_only=True), context)
    return _write("triplets.jsonl", triplets, counts, target, context, what)


def _write(
    name: str,
    lines: Iterable[Mapping[str, str]],
    counts: ExportCounts,
    target: Path,
    context: ExportContext,
    what: str,
) -> Exported:
    keys = ("anchor", "positive", "negative")[: 3 if name.startswith("triplets") else 2]
    features: dict[str, Feature] = dict.fromkeys(keys, "string")
    with staged(target) as staging:
        with staging.open(name) as file:
            count = sum(_write_line(line, file) for line in lines)
        if not count:
            raise StudioError("There is no kept record to export: generate or keep some first.")
        files = [DataFile("default", {"train": name}, features)]
        with staging.open("README.md") as file:
            file.write(card(context.card, counts, files, what))
    return Exported((target / name, target / "README.md"), count)


def _write_line(line: Mapping[str, str], file: TextIO) -> int:
    file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return 1


def _pair(row: ExportRow) -> dict[str, str]:
    if positive := row.fields.get("positive"):
        return {"anchor": row.text, "positive": positive}
    return {"anchor": row.text, "positive": joined_text(row.title, row.passage)}


def _triplets(rows: Iterator[ExportRow], context: ExportContext) -> Iterator[dict[str, str]]:
    for row, around in _with_neighbours(rows):
        if row.fields.get("positive"):
            if negative := row.fields.get("negative"):
                yield {**_pair(row), "negative": negative}
            continue
        for negative in row.negatives or (_drawn(row, around, context),):
            yield {**_pair(row), "negative": negative}


def _with_neighbours(
    rows: Iterator[ExportRow],
) -> Iterator[tuple[ExportRow, deque[ExportRow]]]:
    """Each row with the window it lies in: the first rows look forward, the later ones back."""
    first = list(islice(rows, WINDOW))
    window = deque(first, maxlen=WINDOW)
    for row in first:
        yield row, window
    for row in rows:
        window.append(row)
        yield row, window


def _drawn(row: ExportRow, around: deque[ExportRow], context: ExportContext) -> str:
    """A passage of another document: the same one for the same rows and seed."""
    number = int(content_sha(str(context.seed), str(row.record_id), row.text)[:8], 16)
    for others in (around, context.spare):
        start = number % max(1, len(others))
        for other in chain(islice(others, start, None), islice(others, start)):
            if _is_apart(other, row):
                return joined_text(other.title, other.passage)
    raise StudioError(
        f"The triplet of record {row.record_id} has no other document near it to be the negative, "
        "and a passage of its own document may well be right: export pairs, or import more "
        "documents."
    )


def _is_apart(other: ExportRow, row: ExportRow) -> bool:
    """Whether two rows are of different documents, also before these were cut."""
    if other.document_id == row.document_id or not set(other.sources).isdisjoint(row.sources):
        return False
    return (other.title, other.passage) != (row.title, row.passage)


EXPORTERS = (
    Exporter(
        "pairs",
        "sentence-transformers pairs (anchor, positive), kept records",
        write_pairs,
        pairs_documents=True,
    ),
    Exporter(
        "triplets",
        "sentence-transformers triplets (anchor, positive, negative), kept records",
        write_triplets,
        pairs_documents=True,
    ),
)
