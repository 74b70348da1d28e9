"""Examples from a file and to a file: the actions, and what of them runs in a thread."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from textual import work
from textual.app import ComposeResult
from textual.content import Content

from studio.plurals import so_many
from studio.records import Example, StudioError
from studio.safe_text import one_line
from studio.store import Store
from studio.store.example_changes import deletion
from studio.tui.dialogs.ask_path import AskPath
from studio.tui.examples.core import ExamplesCore
from studio.tui.pane.base import Dialog
from studio.tui.safe_content import content
from studio.tui.widgets.text_pane import Section, TextPane

READ = (".jsonl", ".csv", ".tsv", ".jsonl.gz", ".csv.gz", ".tsv.gz")
WRITTEN = (".jsonl", ".csv", ".tsv")


Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class AskFor:
    """What a file is for."""

    title: str
    endings: tuple[str, ...]
    refuse: Callable[[Path, bool], str]
    """Why a path will not do; told whether it was given twice."""


@dataclass(frozen=True, slots=True)
class BroughtIn:
    """What became of a file."""

    added: tuple[int, ...]
    """The new examples."""
    refused: int
    """Rows that brought nothing."""
    samples: tuple[tuple[str, str], ...]
    """The first of them: file and line, and why."""


def bring_in(store: Path, file: Path, session: str) -> BroughtIn:
    """Add the examples of a file, undoable. Runs in a thread. StudioError for a faulty file."""
    from studio.jobs.importing import Report, import_examples

    opened, report = Store(store), Report()
    try:
        added = import_examples(opened, file, report)
        if added:
            words = f"brought in {len(added)} from {one_line(file.name, 40)}"
            opened.example_changes.note(session, words, [deletion(*added)])
    finally:
        opened.close()
    samples = tuple((sample["where"], sample["reason"]) for sample in report.samples)
    return BroughtIn(tuple(added), report.skipped.total(), samples)


def write_out(store: Path, examples: Sequence[Example], file: Path) -> int:
    """Write examples to a file, whole or not at all. Runs in a thread. Returns how many."""
    from studio.formats.examples import write_examples

    opened = Store(store)
    try:
        documents = opened.documents.many([e.document_id for e in examples if e.document_id])
        type = opened.record_types.of_project()
    finally:
        opened.close()
    names = {row: document.outside_id for row, document in documents.items()}
    return write_examples(examples, file, names, type)


def no_such_file(path: Path, _again: bool) -> str:
    """Why a file cannot be read; empty when it can be tried."""
    return "" if path.is_file() else f"There is no file {path}."


def not_writable(path: Path, again: bool) -> str:
    """Why a file is not written yet; empty when it may be."""
    if path.suffix.lower() not in WRITTEN:
        return f"Its name must end in {', '.join(WRITTEN)}: that says how it is written."
    if path.exists() and not again:
        return f"{path.name} is there already. Enter once more writes over it."
    return ""


class ExampleFiles(ExamplesCore):
    """The pane's actions on files."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = ""

    @work(exclusive=True, group="ask")
    async def action_import(self) -> None:
        """Add the examples of a file."""
        store, session = self.project.store.path, self._session
        found = await self._with_file(
            AskFor("Import examples", READ, no_such_file),
            self._folder or _inside(Path.cwd()),
            lambda file: bring_in(store, file, session),
        )
        if found is None:
            return
        file, brought = found
        self._folder = _inside(file.parent)
        undo = ""
        if brought.added:
            self._list.end()
            self._list_again(select=brought.added[0])
            undo = f"; {self._key('undo')} takes them back"
        self.studio.tell(f"{_counted(len(brought.added))} added from {file.name}{undo}.")
        if brought.refused:
            self.app.push_screen(Refusals(file, brought))

    @work(exclusive=True, group="ask")
    async def action_export(self) -> None:
        """Write the examples that are shown to a file."""
        self._autosave.flush()
        folder = self.studio.guarded(lambda: self.project.exports_dir)
        shown = [self._shelf.examples[n] for n in self._visible if n not in self._shelf.gone]
        if folder is None or not shown:
            self.studio.tell("There is no example to export.")
            return
        store = self.project.store.path
        found = await self._with_file(
            AskFor(f"Export {_counted(len(shown))}", WRITTEN, not_writable),
            str(folder / "examples.jsonl"),
            lambda file: write_out(store, shown, file),
        )
        if found is not None:
            self.studio.tell(f"{_counted(found[1])} written to {found[0]}")

    async def _with_file(
        self, asked: AskFor, value: str, deed: Callable[[Path], Done]
    ) -> tuple[Path, Done] | None:
        """Ask for a file until the deed can be done with it, or the person gives up."""
        problem = ""
        while True:
            dialog = AskPath(
                asked.title, asked.endings, value=value, problem=problem, refuse=asked.refuse
            )
            file: Path | None = await self.app.push_screen_wait(dialog)
            if file is None:
                return None
            try:
                return file, await asyncio.to_thread(deed, file)
            except StudioError as error:
                value, problem = str(file), str(error)


def _inside(folder: Path) -> str:
    return os.path.join(folder, "")


def _counted(examples: int) -> str:
    return so_many(examples, "examples")


class Refusals(Dialog):
    """Which rows of a file brought nothing, and why."""

    def __init__(self, file: Path, brought: BroughtIn) -> None:
        super().__init__()
        self._file, self._brought = file, brought

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        said = f"{len(self._brought.added)} added, {self._brought.refused} not"
        with Section(classes="dialog tall").titled(f"{self._file.name}: {said} — esc closes"):
            yield TextPane(id="refusals")

    def on_mount(self) -> None:
        """Write it."""
        pane = self.query_one(TextPane)
        pane.put(_text(self._brought), "\n".join(": ".join(row) for row in self._brought.samples))
        pane.focus()


def _text(brought: BroughtIn) -> Content:
    lines = [
        Content.assemble(content(where, "bold"), "  ", content(why))
        for where, why in brought.samples
    ]
    if (more := brought.refused - len(lines)) > 0:
        lines.append(content(f"… and {more:,} more rows"))
    return Content("\n").join(lines)
