"""A form that nobody has touched says nothing wrong, whatever the task and the method."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from studio import methods
from studio.project import Project
from studio.tasks import TASKS
from studio.tui.generate import form
from studio.tui.pane import run_form
from tests.support.tasks import Builder

CASES = [
    pytest.param(task, method, id=f"{task}-{method}")
    for task in TASKS
    for method in methods.of_task(task)
]


@pytest.mark.parametrize(("task", "method"), CASES)
def test_no_line_is_wrong(builder: Builder, tmp_path: Path, task: str, method: str) -> None:
    project = Project.open(builder.copy(task, "empty", tmp_path / "new"))
    fields = run_form.run_fields(project, list(methods.of_task(task).values()))
    values = {one.name: one.default for one in fields} | form.first_values(project)
    values |= {"method": method}
    means, shown = form.meanings(project, values), form.lines_of(project, values)
    wrong = {}
    for one in fields:
        if one.name in shown:
            line = replace(one, empty=means.get(one.name, one.empty))
            wrong[one.name] = line.problem(values[one.name])
    assert not any(wrong.values()), wrong
    project.close()
