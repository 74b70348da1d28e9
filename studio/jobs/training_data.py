"""The records that a training takes, and those that it must not: gold never becomes training data.

A record with the words of a gold query would let the model learn the test by heart. The filters do
not look at gold, so this is where such records are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from studio.formats.labelled import read_gold
from studio.formats.rows import SkippedRow
from studio.jobs.datasets import gold_set
from studio.jobs.leaks import GoldWords, wording
from studio.jobs.train_params import DataParams
from studio.methods.judging import JUDGEMENT
from studio.methods.relabelling import right_documents
from studio.project import Project
from studio.records import Datum, Record, StudioError
from studio.store import Store
from studio.store.choices import Choice

Data = TypeVar("Data", bound=Datum)


@dataclass(frozen=True, slots=True)
class DataLook:
    """What a choice would give a training."""

    pairs: int
    """Records to train on."""
    documents: int
    """Different documents of all chosen records."""
    left_out: int
    """Chosen records that have a gold query's words."""


def choice_of(params: DataParams) -> Choice:
    """The choice that the params tell. Raises StudioError for a score of no filter."""
    bounded = params.min_score is not None or params.max_score is not None
    if bounded and not params.score_of and not params.kept_by:
        raise StudioError(
            "A score belongs to a filter: name the filter whose score is meant, such as round-trip."
        )
    return Choice(
        kept_by=params.kept_by,
        score_of=params.score_of or (params.kept_by if bounded else ""),
        min_score=params.min_score,
        max_score=params.max_score,
        prompt_version=params.prompt_version,
        job=params.from_job,
    )


def chosen_records(store: Store, params: DataParams) -> list[Record]:
    """All records of the choice. Raises StudioError when there is none."""
    choice = choice_of(params)
    refuse_unknown(store, choice)
    records = list(store.choices.records(choice))
    if records:
        return records
    if choice == Choice():
        raise StudioError(
            f"No {store.record_types.of_project().noun} is kept, so there is nothing to train on. "
            "Generate more, or look at why the filters dropped them: `studio filter --help`."
        )
    raise StudioError(
        f"No record is chosen by {words_of(choice)}, so there is nothing to train on. Loosen that."
    )


def refuse_unknown(store: Store, choice: Choice) -> None:
    """Raises StudioError for a filter that has not judged, a version or a job that is not there."""
    known = [found.name for found in store.choices.filters()]
    for name in (choice.kept_by, choice.score_of):
        if name and name != "person" and name not in known:
            listed = ", ".join(known) or "none has judged yet"
            raise StudioError(f"No verdict of the filter {name!r} is there. Filters: {listed}.")
    version = choice.prompt_version
    if version is not None and store.prompts.by_version(version) is None:
        raise StudioError(f"There is no prompt version {version}. `studio prompt list` shows them.")
    if choice.job is not None and store.jobs.get(choice.job) is None:
        raise StudioError(f"There is no job {choice.job}. `studio jobs` lists them.")


def words_of(choice: Choice) -> str:
    """The choice in words, such as ``kept up to copy, prompt version 2``."""
    parts = [f"kept up to {choice.kept_by}" if choice.kept_by else "kept by all filters"]
    if choice.kept_by == "person":
        parts = ["accepted by a person"]
    if choice.score_of:
        low = "" if choice.min_score is None else f"{choice.min_score:g}"
        high = "" if choice.max_score is None else f"{choice.max_score:g}"
        parts.append(f"score of {choice.score_of} {low}..{high}")
    if choice.prompt_version is not None:
        parts.append(f"prompt version {choice.prompt_version}")
    if choice.job is not None:
        parts.append(f"made by job {choice.job}")
    return ", ".join(parts)


def labelled_data(project: Project, file: str) -> list[Datum]:
    """The human-labelled data of a file, to train on.

    Raises StudioError when it holds none of the project's task.
    """
    path = Path(file).expanduser()
    names = [label.name for label in project.store.labels.all()]
    rows = list(read_gold(path, project.task, labels=names, split="validation"))
    data: list[Datum] = [row for row in rows if not isinstance(row, SkippedRow)]
    if not data:
        first = next((row for row in rows if type(row) is SkippedRow), None)
        said = f" The first row: {first.where}: {first.reason}" if first else ""
        raise StudioError(
            f"{path} holds no item of the task {project.task.name} to train on.{said}"
        )
    return data


def relabelled(store: Store, records: Sequence[Record]) -> list[Record]:
    """The records, each once for every document that the judge ``relabel`` found right for it.

    Its own document leaves where others alone answer it. Records that were not relabelled, or for
    which no document is right, stay as they are.
    """
    right = right_documents(store.records.all(type=JUDGEMENT.name))
    rows = store.documents.ids_by_outside_id(name for names in right.values() for name in names)
    found = []
    for record in records:
        there = [rows[name] for name in right.get(record.id, ()) if name in rows]
        found += [replace(record, document_id=row) for row in there] or [record]
    return found


def gold_words(store: Store) -> GoldWords:
    """All that is scored on, held-out examples included."""
    # A query that was only ever marked wrong is not scored yet, but the next mark may change that.
    return GoldWords([*store.gold.all(), *gold_set(store, "test").queries])


def without_gold(store: Store, records: Iterable[Data]) -> tuple[list[Data], int]:
    """The data that says nothing that gold says, and how many were left out."""
    records, gold = list(records), gold_words(store)
    clean = [record for record in records if gold.find(record) is None]
    return clean, len(records) - len(clean)


def sharing(store: Store) -> list[int]:
    """The rows of all records that share a wording with gold; reads every record once."""
    gold = {words for words, _ in gold_words(store).all_words()}
    return [row for row, text in store.choices.texts() if wording(text) in gold] if gold else []


def look(store: Store, choice: Choice, shared: list[int]) -> DataLook:
    """What the choice would give. ``shared``: what :func:`sharing` found."""
    counted = store.choices.count(choice)
    left_out = store.choices.count_among(choice, shared)
    return DataLook(counted.records - left_out, counted.documents, left_out)
