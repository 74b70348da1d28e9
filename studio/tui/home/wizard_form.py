"""What the new-project wizard asks: its lines, what each can be, and which of them fit. No widgets.

The task comes first; a sample brings all of its own, and own files are asked for by task.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from studio.jobs import setup
from studio.jobs.setup import Sample
from studio.params import Option
from studio.settings import Settings
from studio.tasks import TASKS, Task
from studio.tui.home.new_project import Wish
from studio.tui.pane import template_form
from studio.tui.pane.params_form import endpoint_choices
from studio.tui.widgets.form_field import FormChoice, FormField

OWN_FILES = "own files"
TABLES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".gz")
TEXTS = (".txt", ".md", ".pdf", ".docx", ".epub")
OF_OWN_FILES: Final = (
    FormField(
        "corpus",
        Option("Documents", "JSONL, BEIR, CSV, Parquet, or a folder of texts"),
        empty="a file or a folder",
        completes=(*TABLES, *TEXTS),
    ),
    FormField(
        "labels",
        Option("Labels", "each with = and its wording, and commas between them"),
        empty="pos=a good opinion, neg=a bad one",
    ),
    FormField(
        "gold",
        Option("Gold", "by people; it is split into validation and test"),
        empty="a file",
        completes=TABLES,
    ),
    FormField(
        "examples",
        Option("Examples", "to show the LLM; they can be written later, too"),
        empty="none",
        completes=TABLES,
    ),
    FormField(
        "records",
        Option("Records", "data that others have made: to be cleaned, then trained on"),
        empty="none",
        completes=TABLES,
    ),
    FormField(
        "about",
        Option("What is written", "such as: a guest's review of a hotel"),
        empty="as the template says",
    ),
)
"""Lines that a sample has no need of."""
LANGUAGE: Final = FormField(
    "language", Option("Language", "a name or a code: English, zh, bn"), default="en"
)
"""A sample has its own."""


def wizard_fields(settings: Settings) -> tuple[FormField, ...]:
    """Every line that there is, for any task."""
    tasks = tuple(FormChoice(task.name, task.title, task.about) for task in TASKS.values())
    first = next(iter(TASKS.values()))
    return (
        _chosen("task", Option("Task", "what the model is to do"), tasks),
        _chosen(
            "source",
            Option("Begin with", "a sample to try, or files of your own"),
            sources(first),
        ),
        *OF_OWN_FILES,
        FormField(
            "template",
            Option("Prompt template", "the one nearest to your task; it can be edited"),
            choices=templates(first),
            typed=False,
            default=setup.default_name(first, "en"),
            heading="Who writes",
        ),
        LANGUAGE,
        FormField(
            "endpoint",
            Option("Endpoint", "choose one, or type a server's address: its models are listed"),
            choices=endpoint_choices(settings),
            default=settings.endpoint,
            empty="the settings' own",
        ),
        FormField(
            "folder",
            Option("Project folder", "made if it is not there"),
            empty="where the project is to be",
            completes=(),
            heading="Where it is kept",
        ),
    )


def _chosen(name: str, option: Option, choices: tuple[FormChoice, ...]) -> FormField:
    """A line that is one of its choices, at first the first."""
    return FormField(name, option, choices=choices, typed=False, default=choices[0].value)


@cache
def samples(task: str) -> dict[str, Sample]:
    """The bundled samples of a task, read once."""
    return setup.samples(task)


def sources(task: Task) -> tuple[FormChoice, ...]:
    """What a project of a task can begin with."""
    bundled = samples(task.name).values()
    own = FormChoice(OWN_FILES, note="the next lines ask for them")
    return (
        *(FormChoice(one.name, f"sample: {one.title}", one.description) for one in bundled),
        own,
    )


@cache
def templates(task: Task) -> tuple[FormChoice, ...]:
    """The bundled templates of a task."""
    return tuple(
        FormChoice(name, note=template_form.parsed(text, task).about)
        for name, text in setup.templates_of(task).items()
    )


def sample_of(texts: Mapping[str, str]) -> Sample | None:
    """The sample that is chosen; None on own files."""
    return samples(texts["task"]).get(texts["source"])


def lines_of(texts: Mapping[str, str]) -> set[str]:
    """The lines that mean something for what is chosen."""
    task, sample = TASKS[texts["task"]], sample_of(texts)
    has = {
        "corpus": task.has_corpus,
        "labels": task.has_labels,
        "examples": task.has_examples,
        "about": task.gold != "documents",
        "records": task.takes_records,
        # A labelled sample brings its own.
        "template": sample is None or task.has_path,
    }
    needless = {name for name, is_so in has.items() if not is_so}
    if sample is not None:
        needless |= {LANGUAGE.name, *(one.name for one in OF_OWN_FILES)}
    return {*texts} - needless


def language_of(texts: Mapping[str, str]) -> str:
    """The language of what is chosen, as it was typed or as the sample has it."""
    sample = sample_of(texts)
    return sample.language if sample is not None else texts["language"].strip()


def template_of(texts: Mapping[str, str]) -> str:
    """The template that fits what is chosen, while a person has chosen no other."""
    task, sample = TASKS[texts["task"]], sample_of(texts)
    if sample is not None:
        return sample.template or setup.default_name(task, sample.language)
    examples, documents = (bool(texts[name].strip()) for name in ("examples", "corpus"))
    return setup.beginning(task, "en", examples=examples, documents=documents)


def folder_of(texts: Mapping[str, str]) -> str:
    """A folder for the project, called like what is in it; never that of its files."""
    sample, task = sample_of(texts), TASKS[texts["task"]]
    if sample is not None:
        return str(Path.cwd() / sample.name)
    files = ("corpus",) if task.needs_documents else ("gold", "examples", "records", "corpus")
    stem = next(filter(None, (Path(texts[name].strip()).stem for name in files)), "")
    return str(Path.cwd() / f"{stem}-studio") if stem else ""


def wish_of(texts: Mapping[str, str]) -> Wish:
    """What the lines say; those that are not shown say nothing."""
    told = {name: texts[name].strip() for name in lines_of(texts)}
    sample = sample_of(texts)
    return Wish(
        task=TASKS[told.pop("task")],
        sample=sample.name if sample is not None else "",
        language=language_of(texts),
        **{name: text for name, text in told.items() if name not in ("source", "language")},
    )
