"""Which verbs fit which tasks, and what to use instead: known before a job is submitted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from studio.project import Project
from studio.records import WrongTask
from studio.tasks import Task


def _of_documents(task: Task) -> bool:
    """Queries have right documents."""
    return task.gold == "documents"


def _brings_gold(task: Task) -> bool:
    return not _of_documents(task)


def _has_labels(task: Task) -> bool:
    return task.has_labels


def _has_corpus(task: Task) -> bool:
    return task.has_corpus


def _takes_files(task: Task) -> bool:
    """Documents, or records that others have made."""
    return task.has_corpus or task.takes_records


def _has_texts_to_ask(task: Task) -> bool:
    """Documents to rank, labels to predict, or answers to write."""
    return task.gold != "positive"


def _has_examples(task: Task) -> bool:
    return task.has_examples


def _runs_rounds(task: Task) -> bool:
    return task.has_rounds or _of_documents(task)


def _has_rounds(task: Task) -> bool:
    return task.has_rounds


def _trains_encoders(task: Task) -> bool:
    return task.trained_by == "train"


def _is_tuned(task: Task) -> bool:
    """LLMs are tuned on its records."""
    return task.trained_by == "tune"


def _is_reranked(task: Task) -> bool:
    return bool(task.reranked_by)


def _is_trained_at_once(task: Task) -> bool:
    """One job trains a model, and another one scores it."""
    return bool(task.trained_by)


FITS: Final[dict[str, tuple[Callable[[Task], bool], str]]] = {
    "train": (_trains_encoders, "rounds train its models, with `studio s3`"),
    "passkey": (_trains_encoders, "it trains no encoder that could look for pass keys"),
    "rerank": (_is_reranked, "nothing is searched for in it, so there is nothing to rerank"),
    "tune": (_is_tuned, "rounds train its models, with `studio s3`"),
    "evaluate": (
        _is_trained_at_once,
        "rounds score its models, and `studio s3 show RUN` tells the scores",
    ),
    "s3": (_runs_rounds, "`studio generate` writes its records"),
    "round trip": (
        _of_documents,
        "only a query can be searched for again; `studio filter` alone runs the other filters",
    ),
    "import": (
        _takes_files,
        "it reads no documents; labelled texts are gold, for `studio gold import`",
    ),
    "examples": (
        _has_examples,
        "its prompt has the demonstrations in itself; see `studio prompt show`, and change them "
        "with `studio prompt set FILE`",
    ),
    "prompt render": (
        _of_documents,
        "its requests are made for labels and spans; `studio prompt show` prints the template",
    ),
    "prompt improve": (
        _of_documents,
        "only a query can be searched for again, which is how wordings are tried; `studio judge` "
        "rates what a prompt has brought",
    ),
    "gold add": (
        _of_documents,
        "its gold are labelled items; import some with `studio gold import FILE --split auto`",
    ),
    "gold import": (
        _brings_gold,
        "its gold queries come in with `studio import --gold FILE`, or are marked with "
        "`studio gold add`",
    ),
    "labels": (
        _has_labels,
        "it has no labels; what is right stands in `studio gold list`",
    ),
    "search": (
        _has_texts_to_ask,
        "it has no documents to rank; `studio evaluate` searches among the texts of gold",
    ),
    "models compare": (_is_trained_at_once, "`studio s3 compare` sets methods beside each other"),
    "s3 compare": (
        _has_rounds,
        "`studio models compare` sets two models beside each other",
    ),
}
"""Verb → which tasks it fits, and what others use instead."""


def opened_for(verb: str, path: Path) -> Project:
    """The project of a verb. Raises WrongTask when the verb is nothing for its task."""
    project = Project.open(path)
    fits, instead = FITS[verb]
    if not fits(project.task):
        if verb in ("train", "tune") and project.task.trained_by:
            instead = f"`studio {project.task.trained_by}` trains its models"
        raise WrongTask(f"This project's task is {project.task.name}: {instead}.")
    return project
