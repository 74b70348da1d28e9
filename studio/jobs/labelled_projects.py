"""What a project of a labelled task must have before its gold and its rounds make sense."""

from __future__ import annotations

from studio.project import Project
from studio.records import Label, StudioError
from studio.tasks import TASKS, Task


def labelled_task(project: Project) -> Task:
    """The project's task. Raises StudioError for one without labels or questions."""
    task = project.task
    if task.gold == "documents":
        others = ", ".join(one.name for one in TASKS.values() if one.gold != "documents")
        raise StudioError(
            f"This project's task is {task.name}; rounds are for retrieval, {others}. Make one "
            "with `studio new FOLDER --task classification`."
        )
    return task


def checked_labels(project: Project, task: Task) -> list[Label]:
    """The labels, of which a classifier needs two; none for questions."""
    labels = project.store.labels.all()
    if task.has_labels and len(labels) < 2:
        raise StudioError(
            "The project has no labels to tell apart. Name them with "
            '`studio labels set "pos=a good opinion" "neg=a bad opinion"`.'
        )
    if not project.store.gold.count("validation"):
        raise StudioError(
            "There is no gold validation item: errors are looked for there. Import some with "
            "`studio gold import FILE --split validation`."
        )
    return labels if task.has_labels else []
