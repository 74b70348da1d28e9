"""What a project of a labelled task must have before its gold and its rounds make sense."""

from __future__ import annotations

from studio.labelled import LABELLED_TASKS, Label, LabelledTask
from studio.project import Project
from studio.records import StudioError


def labelled_task(project: Project) -> LabelledTask:
    """The project's task. Raises StudioError for one without labels or questions."""
    if project.task not in LABELLED_TASKS:
        raise StudioError(
            f"This project's task is {project.task}; rounds are for retrieval, "
            f"{', '.join(LABELLED_TASKS)}. Make one with `studio new FOLDER --task classification`."
        )
    return project.task


def checked_labels(project: Project, task: LabelledTask) -> list[Label]:
    """The labels, of which a classifier needs two; none for questions."""
    labels = project.store.labels.all()
    if task != "qa" and len(labels) < 2:
        raise StudioError(
            "The project has no labels to tell apart. Name them with "
            '`studio labels set "pos=a good opinion" "neg=a bad opinion"`.'
        )
    if not project.store.gold_items.count("validation"):
        raise StudioError(
            "There is no gold validation item: errors are looked for there. Import some with "
            "`studio gold import FILE --split validation`."
        )
    return [] if task == "qa" else labels
