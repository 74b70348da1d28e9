"""Which verbs fit which tasks, and what to use instead: known before a job is submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from studio.project import Project
from studio.records import TaskKind, WrongTask

RETRIEVAL: Final[tuple[TaskKind, ...]] = ("retrieval",)
LABELS: Final[tuple[TaskKind, ...]] = ("classification", "nli")
ROUNDS: Final[tuple[TaskKind, ...]] = (*LABELS, "qa")
PASSAGES: Final[tuple[TaskKind, ...]] = ("retrieval", "nli", "qa")

FITS: Final[dict[str, tuple[tuple[TaskKind, ...], str]]] = {
    "generate": (RETRIEVAL, "its records come out of rounds, with `studio s3`"),
    "train": (RETRIEVAL, "rounds train its models, with `studio s3`"),
    "evaluate": (RETRIEVAL, "rounds score its models, and `studio s3 show RUN` tells the scores"),
    "search": (
        RETRIEVAL,
        "its models search nothing, and `studio s3 show RUN` tells how good they are",
    ),
    "round trip": (
        RETRIEVAL,
        "only a query can be searched for again; `studio filter` alone runs the other filters",
    ),
    "import": (
        PASSAGES,
        "it reads no documents; labelled texts are gold, for `studio gold import`",
    ),
    "examples": (
        RETRIEVAL,
        "its prompt has the demonstrations in itself; see `studio prompt show`, and change them "
        "with `studio prompt set FILE`",
    ),
    "prompt render": (
        RETRIEVAL,
        "its requests are made for labels and spans; `studio prompt show` prints the template",
    ),
    "gold add": (
        RETRIEVAL,
        "its gold are labelled items; import some with `studio gold import FILE --split auto`",
    ),
    "gold import": (
        ROUNDS,
        "its gold queries come in with `studio import --gold FILE`, or are marked with "
        "`studio gold add`",
    ),
    "labels": (LABELS, "it tells no classes apart; what is right stands in `studio gold list`"),
    "models compare": (RETRIEVAL, "`studio s3 compare` sets methods beside each other"),
    "s3 compare": (ROUNDS, "`studio models compare` sets two retrievers beside each other"),
}
"""Verb → the tasks that it fits, and what others use instead."""


def opened_for(verb: str, path: Path) -> Project:
    """The project of a verb. Raises WrongTask when the verb is nothing for its task."""
    project = Project.open(path)
    tasks, instead = FITS[verb]
    if project.task not in tasks:
        raise WrongTask(f"This project's task is {project.task}: {instead}.")
    return project
