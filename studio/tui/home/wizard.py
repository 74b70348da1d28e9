"""The new-project wizard: a sample or own files of a task, and what the task needs, on one page."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from studio import settings
from studio.jobs import setup
from studio.jobs.setup import Sample
from studio.records import StudioError
from studio.tasks import TASKS, Task
from studio.tui.home.new_project import Wish, WishFault, make
from studio.tui.pane import template_form
from studio.tui.pane.base import Dialog
from studio.tui.safe_text import content
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

OWN_FILES = "own files"
COLUMNS = (Column("", 20), Column(""))
OWN_LINES = {
    "corpus": ("documents", "JSONL, BEIR, CSV, Parquet, or a folder of texts"),
    "labels": ("labels and wordings", "pos=a good opinion, neg=a bad opinion"),
    "gold": ("gold, by people", "JSONL, CSV or Parquet; split into validation and test"),
    "examples": ("few-shot examples", "JSONL or CSV; may stay empty"),
    "about": ("what is to be written", "a guest's review of a hotel"),
}
"""Lines that only some tasks have: name → label, what may stand there."""


class WizardLine(Vertical):
    """A label, a field, and below them what is wrong with it."""

    def __init__(self, name: str, label: str, value: str, placeholder: str) -> None:
        super().__init__(id=f"line-{name}", classes="wizard-line")
        self._label = label
        self.field = Field(value, id=name, placeholder=placeholder)

    def compose(self) -> ComposeResult:
        """Two lines, of which the second is there when something is wrong."""
        with Horizontal(classes="form-row"):
            yield Static(self._label)
            yield self.field
        yield Static("", classes="wizard-fault")

    def complain(self, sentence: str) -> None:
        """Say what is wrong; an empty sentence says nothing."""
        fault = self.query_one(".wizard-fault", Static)
        fault.update(content(f"! {sentence}" if sentence else "", "$error"))
        fault.display = bool(sentence)


class Wizard(Dialog):
    """Gives back the new project's folder, or None."""

    DEFAULT_CSS = """
    /* A scroll bar would narrow the warning, which would then need the scroll bar. */
    Wizard .dialog { scrollbar-size-vertical: 0; }
    Wizard .wizard-line { height: auto; }
    Wizard .wizard-fault { height: auto; padding: 0 1; display: none; }
    Wizard #source { height: 9; max-height: 9; }
    Wizard.-low #source { height: 5; max-height: 5; }
    Wizard #template { height: auto; min-height: 1; max-height: 7; }
    Wizard.-low #template { max-height: 3; }
    Wizard #language-warning { height: auto; padding: 0 1; color: $warning; display: none; }
    """

    _suggested = ""
    """The folder that stands there without having been typed."""

    def compose(self) -> ComposeResult:
        """Lists to choose from, fields to type in."""
        with Section(classes="dialog").titled("New project — tab next, enter makes it, esc closes"):
            yield Static("1  A sample, or own files for one of the tasks", classes="hint")
            yield RowList(COLUMNS, empty="", id="source")
            for name, (label, placeholder) in OWN_LINES.items():
                yield WizardLine(name, label, "", placeholder)
            yield Static("2  Prompt template: the one nearest to your task", classes="hint")
            yield RowList(COLUMNS, empty="", id="template")
            yield WizardLine("language", "language", "en", "en, zh, de …")
            yield WizardLine("endpoint", "3  endpoint", settings.load().endpoint, "")
            yield Static("", id="language-warning")
            yield WizardLine("folder", "4  project folder", "", "my-project")
            yield Static("", id="problem", classes="hint")

    def on_mount(self) -> None:
        """Fill the lists."""
        self._samples = {
            name: sample for task in TASKS for name, sample in setup.samples(task).items()
        }
        rows = [
            Row(name, (name, f"{TASKS[sample.task].title} · {sample.title}"))
            for name, sample in self._samples.items()
        ]
        rows += [
            Row(f"{OWN_FILES} {task.name}", (OWN_FILES, f"{task.title} · {task.about}"))
            for task in TASKS.values()
        ]
        self.query_one("#source", RowList).show(rows)
        self.query_one("#source").focus()

    @property
    def _sample(self) -> Sample | None:
        """The sample under the cursor; None on own files."""
        row = self.query_one("#source", RowList).current
        return self._samples.get(row.key) if row is not None else None

    @property
    def _chosen_task(self) -> Task:
        """The task of what is under the cursor."""
        if (sample := self._sample) is not None:
            return TASKS[sample.task]
        row = self.query_one("#source", RowList).current
        name = row.key.removeprefix(f"{OWN_FILES} ") if row is not None else ""
        return TASKS.get(name) or next(iter(TASKS.values()))

    @on(RowList.Moved, "#source")
    def _source_moved(self) -> None:
        sample, task = self._sample, self._chosen_task
        for name in OWN_LINES:
            self.query_one(f"#line-{name}").display = sample is None and name in _lines_of(task)
        self._show_templates(task, sample)
        self._complain("", "")
        # What the sample before wanted says nothing of own files.
        self.query_one("#language", Field).value = sample.language if sample is not None else "en"
        files = (self.query_one(f"#{name}", Field).value for name in ("corpus", "gold"))
        named = (_named_after(file) for file in files)
        self._suggest(sample.name if sample is not None else next(filter(None, named), ""))

    def _show_templates(self, task: Task, sample: Sample | None) -> None:
        templates, rows = self.query_one("#template", RowList), _templates(task)
        language = sample.language if sample is not None else "en"
        wanted = sample.template if sample is not None else ""
        templates.show(rows, key=wanted or setup.default_name(task, language))
        # A labelled sample brings its own.
        templates.disabled = sample is not None and not task.has_path

    @on(Input.Changed, "#corpus, #gold")
    def _file_typed(self, event: Input.Changed) -> None:
        if self._sample is None and (
            event.input.id == "corpus" or not self._chosen_task.needs_documents
        ):
            self._suggest(_named_after(event.value))

    def _suggest(self, name: str) -> None:
        """A folder of that name for the project, unless one was typed."""
        field = self.query_one("#folder", Field)
        if field.value in ("", self._suggested):
            self._suggested = field.value = str(Path.cwd() / name) if name else ""

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self._make()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._make()

    @on(Input.Changed, "#endpoint, #language")
    def _choice_changed(self) -> None:
        """Say at once when the model cannot write the language: later it costs a run."""
        endpoint, language = (
            self.query_one(f"#{n}", Field).value for n in ("endpoint", "language")
        )
        said = _language_warning(endpoint.strip(), language.strip())
        warning = self.query_one("#language-warning", Static)
        warning.update(content(f"! {said}" if said else ""))
        warning.display = bool(said)

    def _wish(self) -> Wish:
        def typed(name: str) -> str:
            return self.query_one(f"#{name}", Field).value.strip()

        sample, task = self._sample, self._chosen_task
        row = self.query_one("#template", RowList).current
        own = {name: typed(name) for name in _lines_of(task)} if sample is None else {}
        return Wish(
            task=task,
            sample=sample.name if sample is not None else "",
            folder=typed("folder"),
            language=typed("language"),
            endpoint=typed("endpoint"),
            template=row.key if row is not None else "",
            **own,
        )

    def _complain(self, name: str, sentence: str) -> None:
        """Say what is wrong beside its field, and give the field the keys."""
        lines = {line.field.id: line for line in self.query(WizardLine)}
        for known, line in lines.items():
            line.complain(sentence if known == name else "")
        if name in lines:
            lines[name].field.focus()
        said = "" if name in lines else sentence
        self.query_one("#problem", Static).update(content(said, "$error"))

    @work(exclusive=True)
    async def _make(self) -> None:
        self._complain("", "")
        self.query_one("#problem", Static).update("Making it …")
        try:
            made = await asyncio.to_thread(make, self._wish())
        except StudioError as error:
            self._complain(error.field if isinstance(error, WishFault) else "", str(error))
            return
        self.dismiss(made)


@cache
def _templates(task: Task) -> tuple[Row, ...]:
    """A row for each bundled template of a task."""
    known = setup.templates_of(task).items()
    return tuple(Row(name, (name, template_form.parsed(text, task).about)) for name, text in known)


def _lines_of(task: Task) -> list[str]:
    """The lines of :data:`OWN_LINES` that a task has."""
    has = {
        "corpus": task.needs_documents,
        "labels": task.has_labels,
        "gold": True,
        "examples": task.has_path,
        "about": not task.has_path,
    }
    return [name for name in OWN_LINES if has[name]]


def _language_warning(endpoint: str, language: str) -> str:
    from studio.llm.catalogue import language_warning
    from studio.llm.endpoints import resolve
    from studio.prompting.languages import language_code

    try:
        found = resolve(settings.load(), endpoint or None)
        return language_warning(found.model, language_code(language)) if found.embedded else ""
    except StudioError:
        # Half typed, or a server that wants a model: making the project says what is wrong.
        return ""


def _named_after(corpus: str) -> str:
    """A name for the project of these files; never that of their own folder."""
    stem = Path(corpus.strip()).stem
    return f"{stem}-studio" if stem else ""
