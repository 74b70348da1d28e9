"""The form of a run: what can be set, what stands there at first, and the params out of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from studio import methods
from studio.jobs.plans import run_row
from studio.llm.endpoints import resolve
from studio.project import Project
from studio.records import StudioError
from studio.tui.pane import template_form
from studio.tui.pane.form_texts import read
from studio.tui.pane.typed_values import decimal, dollars, endpoint, whole
from studio.tui.widgets.form import Setting

T = TypeVar("T")

DRAFT: Final = "generate"
"""Where the store keeps what was typed."""
FIRST_DOCUMENTS: Final = 300
"""As many as make a first training worth while."""
HOTTEST: Final = 2.0

SETTINGS: Final = (
    Setting("documents", "Documents", "how many to sample, or all"),
    Setting("search", "Only about", "sample only those with these words"),
    Setting("draws", "Queries each", "per document; 8 is usual"),
    Setting("endpoint", "Endpoint", "o lists them; or a URL and a model"),
    Setting("temperature", "Temperature", "higher is bolder and errs more"),
    Setting("usd", "Cap in dollars", "the run stops before it is passed"),
    Setting("tokens", "Cap in tokens", "the same, for tokens in and out"),
    Setting("concurrency", "Calls at a time", "+ and − change it under way"),
)


def first_values(project: Project) -> dict[str, str]:
    """What stands in the form before anybody typed."""
    budget = project.settings.budget_usd
    prompt = project.store.prompts.latest()
    draws = "8"
    if prompt is not None:
        template = template_form.parsed(prompt.template, project.task)
        draws = str(getattr(template, "queries_per_document", draws))
    return {
        "documents": str(min(project.store.documents.count() or FIRST_DOCUMENTS, FIRST_DOCUMENTS)),
        "search": "",
        "draws": draws,
        "endpoint": project.settings.endpoint,
        "temperature": "",
        "usd": "" if budget is None else f"{budget:g}",
        "tokens": "",
        "concurrency": "",
    }


def title(project: Project) -> str:
    """What the run will be made with: prompt version and examples."""
    prompt = project.store.prompts.latest()
    if prompt is None:
        return "Plan a run · no prompt yet: 2 writes one"
    draft = project.store.drafts.get("prompt")
    unsaved = " · the draft in Prompt is not in it" if draft not in (None, prompt.template) else ""
    if project.task.gold != "documents":
        return f"Plan a run · prompt {prompt.name} v{prompt.version}{unsaved}"
    on = sum(example.enabled for example in project.store.examples.all())
    return f"Plan a run · prompt {prompt.name} v{prompt.version}, {on} examples on{unsaved}"


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


def meanings(project: Project, values: dict[str, str]) -> dict[str, str]:
    """What an empty field means here, for each setting that may be empty."""
    found = {
        "documents": f"all {project.store.documents.count():,}",
        "search": "anything",
        "usd": "no cap",
        "tokens": "no cap",
    }
    prompt = project.store.prompts.latest()
    try:
        name, base_url, model = endpoint(values["endpoint"])
        chosen = resolve(
            project.settings, name or None, base_url=base_url or None, model=model or None
        )
        found["concurrency"] = f"{chosen.max_concurrency}, as the endpoint allows"
        if prompt is not None:
            template = template_form.parsed(prompt.template, project.task)
            style = chosen.style or template.style
            usual = template.decoding_for(style, chosen.model).temperature
            own = usual == template.decoding_table.get("temperature", usual)
            whose = "the template's" if own else "for this model"
            found["temperature"] = f"{usual:g}, {whose}"
    except StudioError:
        # The estimate tells what is wrong there.
        return found
    return found


def params_of(project: Project, values: dict[str, str]) -> dict[str, Any]:
    """The params out of the typed texts. Raises Unfit, with the field and what to type."""
    name, base_url, model = _read("endpoint", values, lambda _label, t: endpoint(t))
    return run_row(
        project,
        documents=_read("documents", values, lambda label, t: whole(label, t, empty=("", "all"))),
        search=values["search"].strip(),
        queries_per_document=_read("draws", values, whole),
        endpoint=name,
        base_url=base_url,
        model=model,
        temperature=_read(
            "temperature", values, lambda label, t: decimal(label, t, HOTTEST, f"0 to {HOTTEST:g}")
        ),
        budget_usd=_read("usd", values, dollars),
        budget_tokens=_read("tokens", values, lambda label, t: whole(label, t, empty=("",))),
        max_concurrency=_read("concurrency", values, lambda label, t: whole(label, t, empty=("",))),
    )


def _read(name: str, values: dict[str, str], how: Callable[[str, str], T]) -> T:
    return read(SETTINGS, name, values, how)
