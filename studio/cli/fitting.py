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


def _has_examples(task: Task) -> bool:
    return task.has_examples


def _has_rounds(task: Task) -> bool:
    return task.has_rounds


def _trains(task: Task) -> bool:
    return bool(task.learner)


EXPORTED: Final = "its records are exported for other trainers, with `studio export`"
FITS: Final[dict[str, tuple[Callable[[Task], bool], str]]] = {
    "train": (_of_documents, "rounds train its models, with `studio s3`"),
    "evaluate": (
        _of_documents,
        "rounds score its models, and `studio s3 show RUN` tells the scores",
    ),
    "search": (_trains, "no model of it answers; `studio serve` opens Review, where / searches"),
    "s3": (_trains, "`studio generate` writes its records"),
    "round trip": (
        _of_documents,
        "only a query can be searched for again; `studio filter` alone runs the other filters",
    ),
    "import": (
        _has_corpus,
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
    "models compare": (_of_documents, "`studio s3 compare` sets methods beside each other"),
    "s3 compare": (
        _has_rounds,
        "`studio models compare` sets two retrievers beside each other",
    ),
}
"""Verb → which tasks it fits, and what others use instead."""


OF_MODELS: Final = ("train", "evaluate", "models compare")
"""Verbs of models that this program trains."""


def opened_for(verb: str, path: Path) -> Project:
    """The project of a verb. Raises WrongTask when the verb is nothing for its task."""
    project = Project.open(path)
    fits, instead = FITS[verb]
    if not fits(project.task):
        if not project.task.learner and verb in OF_MODELS:
            instead = EXPORTED
        raise WrongTask(f"This project's task is {project.task.name}: {instead}.")
    return project
