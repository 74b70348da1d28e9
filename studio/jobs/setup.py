"""Getting a project ready: a template as its first prompt version, a sample as its content."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio import methods
from studio.calls import Prompt
from studio.formats.reading import read_corpus
from studio.formats.rows import SkippedRow
from studio.formats.text_source import whole_text
from studio.jobs.gold_items import import_labelled
from studio.jobs.importing import Report, import_examples
from studio.jobs.plans import default_template, first_method
from studio.project import Project
from studio.prompting import staged
from studio.prompting.builtin import builtin, builtin_names
from studio.records import Document, Label, Split, StudioError
from studio.tasks import TASKS, Task

SEEDS = "seeds.jsonl"
"""A sample's examples, where it is of a task that begins with some."""


def beginning(task: Task, language: str, *, examples: bool, documents: bool) -> str:
    """The template that a project begins with which has examples, documents or neither."""
    return default_template(
        task, first_method(task, language, examples=examples, documents=documents), language
    )


def save_template(project: Project, source: str = "", note: str = "", about: str = "") -> Prompt:
    """Make the next prompt version from a built-in template's name or a file.

    Args:
        project: its task and language decide what is built in, and the default.
        source: a name or a path; empty takes the default.
        note: what is new in it.
        about: for templates that say so, what is to be written, such as ``a guest's review``.

    Raises StudioError for an unknown name, an unreadable file, or a template with faults.
    """
    known = templates_of(project.task)
    method = methods.get(project.task.method, project.task.name)
    name = source or default_name(project.task, project.language)
    if name in known:
        text = staged.retold(known[name], texts=about, language=project.language)
    else:
        text = staged.retold(_file_text(name, list(known)), texts=about)
    asks_with = methods.of_template(text, project.task.name) or method
    found = asks_with.form.parse(text)
    if found.task != project.task.name:
        raise StudioError(
            f"The template {found.name} is for the task {found.task}, and this project's is "
            f"{project.task.name}. Its templates are: {', '.join(known)}."
        )
    return project.store.prompts.save(found.name, text, note)


def default_name(task: Task, language: str) -> str:
    """The template that a project of a task begins with unless another one is named."""
    return default_template(task, methods.get(task.method, task.name), language)


def templates_of(task: Task) -> dict[str, str]:
    """The built-in templates of a task's methods: name → text, those of its own method first."""
    found: dict[str, str] = {}
    own = task.method
    for method in sorted(methods.of_task(task.name).values(), key=lambda one: one.name != own):
        for name in builtin_names(method.prompts_folder):
            text = builtin(name, method.prompts_folder)
            if method.form.parse(text).task == task.name:
                found.setdefault(name, text)
    return found


def _file_text(source: str, known: Sequence[str]) -> str:
    path = Path(source).expanduser()
    if not path.exists():
        names = ", ".join(known)
        raise StudioError(
            f"{path} is neither a file nor a built-in template. The templates are: {names}."
        )
    return whole_text(path)


@dataclass(frozen=True, slots=True)
class Sample:
    """A bundled corpus with gold."""

    name: str
    """Its folder's name."""
    path: Path
    title: str
    language: str
    template: str
    """The prompt template that it begins with; empty takes the default of its task."""
    description: str
    task: str = "retrieval"
    labels: tuple[Label, ...] = ()
    """For classification and nli."""
    about: str = ""
    """For all tasks but search: what is to be written."""


def samples_home() -> Path:
    """Where the bundled corpora lie: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    bundled = package / "_bundled" / "sample_corpora"
    return bundled if bundled.is_dir() else package.parent / "sample_corpora"


def samples(task: str = "retrieval") -> dict[str, Sample]:
    """The bundled corpora of a task by name; first those in English, which every embedded LLM
    writes."""
    found = (_sample(file) for file in sorted(samples_home().glob("*/sample.toml")))
    ordered = sorted(found, key=lambda sample: sample.language != "en")
    return {sample.name: sample for sample in ordered if sample.task == task}


def labelled_samples() -> dict[str, Sample]:
    """The bundled samples of all tasks but search by name."""
    return {
        one.name: one
        for task in TASKS.values()
        if not task.has_path
        for one in samples(task.name).values()
    }


def _sample(file: Path) -> Sample:
    table = tomllib.loads(file.read_text("utf-8"))
    return Sample(
        name=file.parent.name,
        path=file.parent,
        title=table["title"],
        language=table["language"],
        template=table.get("template", ""),
        description=table.get("description", ""),
        task=table.get("task", "retrieval"),
        labels=tuple(Label(row["name"], row.get("wording", "")) for row in table.get("labels", [])),
        about=table.get("about", ""),
    )


def sample_project(path: Path, name: str) -> tuple[Project, dict[str, Any]]:
    """A new project for a sample; also the params of the import job that fills it."""
    sample = _found(samples(), name)
    project = Project.create(path, title=sample.title, language=sample.language)
    save_template(project, sample.template)
    params = {
        "corpus": str(sample.path),
        "gold": str(sample.path),
        "examples": str(sample.path / "examples.jsonl"),
    }
    return project, params


def _found(known: dict[str, Sample], name: str) -> Sample:
    if name not in known:
        raise StudioError(f"There is no sample {name!r}. The samples are: {', '.join(known)}.")
    return known[name]


def labelled_sample_project(path: Path, name: str) -> Project:
    """A new project for a sample of a task other than search: all that it has is in.

    Raises StudioError for an unknown name, or a folder that has a project already.
    """
    sample = _found(labelled_samples(), name)
    project = Project.create(path, title=sample.title, task=sample.task, language=sample.language)
    save_template(project, sample.template, about=sample.about)
    project.store.labels.set(sample.labels)
    splits: tuple[Split, ...] = ("validation", "test")
    for split in splits:
        import_labelled(project, sample.path / f"{split}.jsonl", split)
    _add_contexts(project, sample.path / "corpus.jsonl")
    if (seeds := sample.path / SEEDS).exists():
        import_examples(project.store, seeds, Report())
    return project


def _add_contexts(project: Project, corpus: Path) -> None:
    """What pairs and questions are written for: few, so that no job is needed."""
    if not corpus.exists():
        return
    documents = project.store.documents
    documents.begin_import()
    documents.stage(
        Document(row.outside_id, row.title, row.text)
        for row in read_corpus(corpus)
        if not isinstance(row, SkippedRow)
    )
    with project.store.write():
        documents.commit_import()
    while documents.index_next():
        pass
