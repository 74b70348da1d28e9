"""The form of a run: what can be set, what stands there at first, and the row out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from studio import methods
from studio.jobs.params import RunParams
from studio.jobs.plans import endpoint_of, method_of, prompt_of
from studio.plurals import so_many
from studio.project import Project
from studio.records import StudioError
from studio.tui.pane import params_form, run_form, template_form
from studio.tui.widgets.form_field import FormField

DRAFT: Final = "generate"
"""Where the store keeps what was typed."""
FIRST_DOCUMENTS: Final = 300
"""As many as make a first training worth while."""


def plan_fields(project: Project) -> tuple[FormField, ...]:
    """The lines of the form."""
    return run_form.run_fields(project, run_form.offered_methods(project, feedback=False))


def lines_of(project: Project, values: Mapping[str, str]) -> set[str]:
    """The lines that mean something for the chosen method."""
    return run_form.lines_of(method_of(project, values["method"]))


def first_values(project: Project) -> dict[str, str]:
    """What stands in the form before anybody typed, where it is not the params' own default."""
    count = project.store.documents.count() or FIRST_DOCUMENTS
    return {
        "documents": str(min(count, FIRST_DOCUMENTS)),
        "endpoint": project.settings.endpoint,
        "budget_usd": params_form.text_of(project.settings.budget_usd),
    }


def title(project: Project, method: str = "") -> str:
    """What the run will be made with: prompt version, of the chosen method, and examples."""
    prompt = project.store.prompts.latest()
    with suppress(StudioError):
        prompt = prompt and prompt_of(project, method_of(project, method), None, keep=False)
    if prompt is None:
        return "Plan a run · no prompt yet: 2 writes one"
    draft = project.store.drafts.get("prompt")
    unsaved = " · the draft in Prompt is not in it" if draft not in (None, prompt.template) else ""
    # The bundled one of another method becomes a version when the run begins.
    told = f"{prompt.name} v{prompt.version}" if prompt.id else prompt.name
    if not project.task.has_examples:
        return f"Plan a run · prompt {told}{unsaved}"
    on = sum(example.enabled for example in project.store.examples.all())
    return f"Plan a run · prompt {told}, {so_many(on, 'examples')} on{unsaved}"


def rounds_words(project: Project, rounds: str, start: str) -> str:
    """What stands in the form's place where a run trains on its way. rounds, start: keys."""
    task = project.task
    known = methods.of_task(task.name)
    listed = "\n".join(
        f"  {one.name:<12} {one.about}"
        for one in sorted(known.values(), key=lambda method: method.name != task.method)
    )
    return (
        f"A run of this project writes {task.record.nouns}, trains a model on them and writes more "
        f"like those that it gets wrong, round by round. {rounds} Rounds plans it: {start} goes to "
        f"its form.\n\nMethods for this task:\n{listed}"
    )


def meanings(project: Project, values: Mapping[str, str]) -> dict[str, str]:
    """What an empty line means here, where it depends on the project."""
    found = {"documents": f"all {project.store.documents.count():,}"}
    # Methods call settings alike and begin with other numbers.
    own = method_of(project, values.get("method", "")).settings().to_row()
    texts = {name: params_form.text_of(told) for name, told in own.items() if told is not None}
    # What is empty by itself has its meaning in the option.
    found |= {name: text for name, text in texts.items() if text}
    prompt = project.store.prompts.latest()
    try:
        name, base_url, model = params_form.endpoint_of(project.settings, values["endpoint"])
        chosen = endpoint_of(project, RunParams(endpoint=name, base_url=base_url, model=model))
        found["max_concurrency"] = f"{chosen.max_concurrency}, as the endpoint allows"
        if prompt is not None:
            template = template_form.parsed(prompt.template, project.task)
            style = chosen.style or template.style
            usual = template.decoding_for(style, chosen.model).temperature
            own = usual == template.decoding_table.get("temperature", usual)
            whose = "the template's" if own else "for this model"
            found["temperature"] = f"{usual:g}, {whose}"
            if number := getattr(template, "queries_per_document", None):
                found["queries_per_document"] = f"{number}, the template's"
    except StudioError:
        # The estimate tells what is wrong there.
        return found
    return found


def row_of(
    project: Project, fields: Sequence[FormField], values: Mapping[str, str]
) -> dict[str, Any]:
    """The row of the run. Raises Unfit, with the line and what to type."""
    return run_form.row_of(project, fields, values)
