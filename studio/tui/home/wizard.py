"""The new-project wizard: documents, template, endpoint, folder, on one page."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from studio import settings
from studio.jobs import queue, setup
from studio.project import Project
from studio.records import StudioError
from studio.tui.pane.base import Dialog
from studio.tui.safe_text import content
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

OWN_FILES = "own files"
COLUMNS = (Column("", 20), Column(""))
LANGUAGES = ("en", "zh", "de", "fr", "es", "it", "pt", "nl", "ja", "ko", "ru", "ar")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the wizard was told."""

    source: str
    """A sample's name, or ``own files``."""
    corpus: str
    """The path of own documents."""
    template: str
    endpoint: str
    language: str
    folder: str


class Wizard(Dialog):
    """Gives back the new project's folder, or None."""

    DEFAULT_CSS = """
    /* A scroll bar would narrow the warning, which would then need the scroll bar. */
    Wizard .dialog { scrollbar-size-vertical: 0; }
    Wizard #language-warning { height: auto; padding: 0 1; color: $warning; display: none; }
    """

    _suggested = ""
    """The folder that stands there without having been typed."""

    def compose(self) -> ComposeResult:
        """Lists to choose from, fields to type in."""
        with Section(classes="dialog").titled("New project — tab next, enter makes it, esc closes"):
            yield Static("1  Documents: a sample, or own files (the last line)", classes="hint")
            yield RowList(COLUMNS, empty="", id="source", classes="form-list")
            yield from _line("path to documents", "", "corpus", "JSONL, BEIR, CSV, Parquet, folder")
            yield Static("2  Prompt template: the one nearest to your task", classes="hint")
            yield RowList(COLUMNS, empty="", id="template", classes="form-list tall-list")
            yield from _line("language of queries", "en", "language", "en, zh, de …")
            yield from _line("3  endpoint", settings.load().endpoint, "endpoint", "")
            yield Static("", id="language-warning")
            yield from _line("4  project folder", "", "folder", "my-project")
            yield Static("", id="problem", classes="hint")

    def on_mount(self) -> None:
        """Fill the lists."""
        rows = [Row(s.name, (s.name, s.title), "") for s in setup.samples().values()]
        rows += [
            Row(s.name, (s.name, f"{s.task}, S3 · {s.title}"), "")
            for s in setup.labelled_samples().values()
        ]
        self.query_one("#source", RowList).show(
            [*rows, Row(OWN_FILES, (OWN_FILES, "type the path"))]
        )
        self.query_one("#template", RowList).show(_templates(), key="generic")
        self.query_one("#source").focus()

    @on(RowList.Moved, "#source")
    def _source_moved(self, event: RowList.Moved) -> None:
        known = {**setup.samples(), **setup.labelled_samples()}
        sample = known.get(event.row.key) if event.row else None
        self.query_one("#corpus", Field).disabled = sample is not None
        templates = self.query_one("#template", RowList)
        # A labelled sample brings its own: those listed here are for retrieval.
        templates.disabled = sample is not None and sample.task != "retrieval"
        if sample is not None:
            if sample.template:
                templates.show(templates.rows, key=sample.template)
            self.query_one("#language", Field).value = sample.language
            self._suggest(sample.name)
        else:
            # What the sample before wanted says nothing of own files.
            templates.show(templates.rows, key="generic")
            self.query_one("#language", Field).value = "en"
            self._suggest(_named_after(self.query_one("#corpus", Field).value))

    @on(Input.Changed, "#corpus")
    def _corpus_typed(self, event: Input.Changed) -> None:
        if not event.input.disabled:
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

        def chosen(name: str) -> str:
            row = self.query_one(f"#{name}", RowList).current
            return row.key if row else ""

        return Wish(
            source=chosen("source"),
            corpus=typed("corpus"),
            template=chosen("template"),
            endpoint=typed("endpoint"),
            language=typed("language"),
            folder=typed("folder"),
        )

    @work(exclusive=True)
    async def _make(self) -> None:
        problem = self.query_one("#problem", Static)
        problem.update("Making it …")
        try:
            made = await asyncio.to_thread(make, self._wish())
        except StudioError as error:
            problem.update(content(str(error), "$error"))
            return
        self.dismiss(made)


def _language_warning(endpoint: str, language: str) -> str:
    from studio.llm.catalogue import language_warning
    from studio.llm.endpoints import resolve

    try:
        found = resolve(settings.load(), endpoint or None)
    except StudioError:
        # Half typed, or a server that wants a model: making the project says what is wrong.
        return ""
    known = language in LANGUAGES and found.embedded
    return language_warning(found.model, language) if known else ""


def _named_after(corpus: str) -> str:
    """A name for the project of these documents; never that of their own folder."""
    stem = Path(corpus.strip()).stem
    return f"{stem}-studio" if stem else ""


def _line(label: str, value: str, name: str, placeholder: str) -> ComposeResult:
    with Horizontal(classes="form-row"):
        yield Static(label)
        yield Field(value, id=name, placeholder=placeholder)


def _templates() -> list[Row]:
    from studio.prompting.builtin import builtin, builtin_names
    from studio.prompting.templates import parse

    templates = [parse(builtin(name)) for name in builtin_names()]
    names = zip(builtin_names(), templates, strict=True)
    return [Row(name, (name, template.about)) for name, template in names]


def make(wish: Wish) -> Path:
    """Make the project, start its import as a job, and return its folder.

    Raises StudioError with what to mend; then nothing is left behind.
    """
    if not wish.folder:
        raise StudioError("Type the folder that the project is to be made in.")
    if wish.language not in LANGUAGES:
        raise StudioError(
            f"Language {wish.language!r} is not known; it may be {', '.join(LANGUAGES)}."
        )
    _refuse_unknown_endpoint(wish.endpoint)
    path = Path(wish.folder).expanduser().absolute()
    if wish.source in setup.labelled_samples():
        project = setup.labelled_sample_project(path, wish.source)
        _set_endpoint(project, wish.endpoint)
        project.close()
        return path
    project, params = _project(wish, path)
    try:
        setup.save_template(project, wish.template)
        _set_endpoint(project, wish.endpoint)
        queue.submit(project, "import", params)
    finally:
        project.close()
    return path


def _refuse_unknown_endpoint(endpoint: str) -> None:
    """A wrong name would be told only when the first run starts.

    Raises StudioError, with the names that there are.
    """
    from studio.llm.endpoints import resolve

    if endpoint:
        resolve(settings.load(), endpoint)


def _project(wish: Wish, path: Path) -> tuple[Project, dict[str, Any]]:
    if wish.source != OWN_FILES:
        return setup.sample_project(path, wish.source)
    corpus = Path(wish.corpus).expanduser().absolute()
    if not wish.corpus or not corpus.exists():
        raise StudioError(
            f"There are no documents at {wish.corpus!r}. Type the path of a file or folder."
        )
    if corpus.resolve() == path.resolve():
        raise StudioError(f"{path} holds the documents. Choose another folder for the project.")
    project = Project.create(path, title=path.name, language=wish.language)
    return project, {"corpus": str(corpus)}


def _set_endpoint(project: Project, endpoint: str) -> None:
    """Write the endpoint into the project's settings when it is not the person's own default."""
    if endpoint and endpoint != project.settings.endpoint:
        import json

        file = project.path / "studio.toml"
        file.write_text(f"endpoint = {json.dumps(endpoint)}\n", "utf-8")
        settings.load(project.path)
