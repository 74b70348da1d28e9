"""Instructions whose answers say how a judge will answer, and that judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.jobs import judging
from studio.jobs.context import JobContext
from studio.jobs.params import JudgeParams
from studio.project import Project
from studio.records import INSTRUCTION, Record

ANSWERS: Mapping[str, tuple[str, float | None]] = {
    "oak": ("4.5\n\nThe tree is the right one.", 4.5),
    "elm": ("Score: 5\nExplanation: Nothing is wrong.", 5.0),
    "ash": ("**2/5** – it is another tree", 2.0),
    "fir": ("I would give this a 4 out of 5.", 4.0),
    "yew": ('{"score": 3.5, "explanation": "It leaves out the height."}', 3.5),
    "box": ("评分：4.5分", 4.5),
    "bay": ("Score: 4-5, the tree is fine", None),
    "fig": ("I cannot rate that.", None),
    "may": ("", None),
}
"""Tree → what the judge says of the record that names it, and the score in that."""
TOO_BLUNT = "nothing else"
"""Words of the second try."""


def words(body: dict[str, Any]) -> str:
    """What the judge says: the same at both tries."""
    asked = str(body["messages"][-1]["content"])
    return next((said for tree, (said, _) in ANSWERS.items() if f"the {tree} " in asked), "0")


def words_at_second_try(body: dict[str, Any]) -> str:
    """What a judge says who needs to be told twice."""
    asked = str(body["messages"][-1]["content"])
    return "4.5" if TOO_BLUNT in asked else "That depends on whom one asks."


def judged(project: Project, **told: Any) -> dict[str, Any]:
    """What a job of this judge says at its end, run in the test's own process."""
    row = JudgeParams(**told).to_row()
    job = project.store.jobs.get(project.store.jobs.submit("judge", row))
    assert job is not None
    context = JobContext(project, job)
    judging.run(context)
    return context.result


def add_records(project: Project, times: int = 1) -> None:
    """An instruction for each tree, so many times with other words."""
    project.store.records.add(
        Record(
            INSTRUCTION,
            {
                "instruction": f"Describe the {tree} in spring {number}.",
                "input": f"It is {number} feet high." if number % 2 else "",
                "output": f"It stands at the mill.\nIt is {number} years old.",
            },
        )
        for number in range(times)
        for tree in ANSWERS
    )
