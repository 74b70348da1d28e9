"""Which method of the task asks with a template, and what is to be said of the template then."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.methods.protocol import Method
    from studio.prompting.forms import AnyTemplate
    from studio.prompting.template_lints import Lint
    from studio.tasks import Task


def method_for(text: str, task: Task) -> Method:
    """The method that asks with a template; the task's own for a text that no method knows."""
    from studio import methods

    found = methods.of_template(text, task.name, task.method)
    return found or methods.get(task.method, task.name)


def parsed(text: str, task: Task) -> AnyTemplate:
    """The template that a text is. Raises StudioError with the first fatal remark."""
    return method_for(text, task).form.parse(text)


def remarks(text: str, task: Task) -> list[Lint]:
    """All that is wrong with a template for a project of this task, by line."""
    from studio.prompting.template_lints import Lint

    form = method_for(text, task).form
    found = form.lint(text)
    if any(remark.fatal for remark in found):
        return found
    meant = form.parse(text).task
    if meant == task.name:
        return found
    lines = text.splitlines()
    line = next((n for n, one in enumerate(lines, 1) if one.startswith("task")), 1)
    fault = f"it is for the task {meant}, and this project's is {task.name}; t lists its templates."
    return sorted([*found, Lint(line, fault)], key=lambda remark: remark.line)
