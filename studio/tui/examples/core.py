"""What the Examples pane shows and writes: list, text under edit, remarks, use. No deeds here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from studio.prompting.lints import Remark
from studio.records import DOCUMENT, Document, Example, StudioError
from studio.store.db import now
from studio.store.examples import ExampleUse, Uses, wording
from studio.tui.actions import key_name
from studio.tui.examples import words as say
from studio.tui.examples.form import ExampleForm, form_of
from studio.tui.examples.list import ExampleFacts, ExampleList
from studio.tui.examples.made import RecordsMade
from studio.tui.examples.shelf import ExampleShelf
from studio.tui.examples.writer import ExampleWriter
from studio.tui.pane.autosave import Autosave
from studio.tui.pane.base import Pane
from studio.tui.pane.corpus_search import CorpusSearch
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane

if TYPE_CHECKING:
    from studio.prompting.lint_all import Linter

LINT_DELAY_S = 0.08
"""A pause in typing after which the remarks are thought over."""
COUNT_S = 1.0
"""The use of examples is not counted more often than this, nor a tenth of the time."""


class RemarksReady(Message):
    """A thread has thought over the remarks."""

    def __init__(self, remarks: dict[int, tuple[Remark, ...]]) -> None:
        super().__init__()
        self.remarks = remarks


class UsesKnown(Message):
    """A thread has counted what all examples helped to make."""

    def __init__(self, counted: say.CountedUses) -> None:
        super().__init__()
        self.counted = counted


class ExamplesCore(Pane):
    """The list on top; below it the corpus where there is one, the texts of an example and use."""

    _form: ExampleForm

    def __init__(self) -> None:
        super().__init__()
        self._session = os.urandom(6).hex()
        self._began = now()
        self._visible: list[int] = []
        self._remarks: dict[int, tuple[Remark, ...]] = {}
        self._uses = Uses({}, ExampleUse(0, 0))
        self._count_cost = 0.0
        self._count_timer: Timer | None = None
        self._linter: Linter | None = None
        self._norm_of: tuple[int | None, int] | None = None
        self._shown_remarks = Content("")
        self._in_field = False
        self._editors: dict[str, Editor] = {}
        """Name of a text → where it is written."""
        self._autosave = Autosave(self, self._write)

    def compose_body(self) -> ComposeResult:
        """List above; below it corpus and editors, or editors and what was made."""
        self._form, path = form_of(self.project.task), self.project.store.path
        yield ExampleList(self._form, id="example-list").titled("Examples")
        made = RecordsMade(path, id="uses-section")
        if self._form.of_documents:
            desk = Vertical(*self._texts(), made, id="desk")
            yield Horizontal(CorpusSearch(path, id="corpus-section"), desk, id="below")
        else:
            yield Horizontal(Vertical(*self._texts(), id="desk"), made, id="below")

    def _texts(self) -> Iterator[Section]:
        """A section for each text; remarks are on the first one."""
        for part in self._form.parts:
            editor = self._editors[part.name] = Editor(id=part.name, placeholder=part.placeholder)
            inside: list[Widget] = [editor]
            if part is self._form.first:
                inside.append(Static("", id="remarks"))
            if part.name == DOCUMENT:
                inside.append(TextPane(id="found-document"))
            place = "last" if part is self._form.last else ""
            yield Section(*inside, id=part.section, classes=f"text {place}").titled(part.title)

    def begin(self) -> None:
        """Show the examples; what takes longer comes after the first paint."""
        self._let_go()
        self._shelf = ExampleShelf(self.project.store, self._session)
        self._list_again()
        self.call_after_refresh(self._comment)

    def _let_go(self) -> None:
        """No example in hand. What the writer had may still wait to be written."""
        self._writer = ExampleWriter(self.project.store, self._session)

    def _comment(self) -> None:
        """From now on with norm, remarks and use."""
        self._set_norm()
        self._draw_remarks()
        self._judge()
        self._count()
        self._read_made()

    # -- parts --

    @property
    def _list(self) -> ExampleList:
        return self.query_one(ExampleList)

    @property
    def _typed_texts(self) -> dict[str, str]:
        return {name: editor.value for name, editor in self._editors.items()}

    @property
    def _found(self) -> TextPane | None:
        """Where a document of the corpus is shown; None where there is no corpus."""
        return next(iter(self.query("#found-document").results(TextPane)), None)

    @property
    def _current(self) -> Example | None:
        row = self._list.rows.current
        return self._shelf.examples.get(int(row.key)) if row else None

    def main_list(self) -> Widget | None:
        """The examples."""
        return self._list.rows

    def _key(self, action: str) -> str:
        """The key of an action of this pane, as it is shown."""
        return key_name(self.studio.keys_of(f"examples.{action}")[0])

    # -- reading the store --

    def store_changed(self) -> None:
        """Read the examples again; what is being typed stays."""
        if (linter := self._linter) is not None:
            self._set_norm()
            if self._linter is not linter:
                self._judge()
        self._list_again()
        for corpus in self.query(CorpusSearch):
            corpus.again()
        if self._count_timer is None:
            delay = max(COUNT_S, 10 * self._count_cost)
            self._count_timer = self.set_timer(delay, self._count)

    def _set_norm(self) -> None:
        """Judge by the usual length of the first text, and by what the template in force lists."""
        prompt = self.project.store.prompts.latest()
        made_of = (prompt.id if prompt else None, self.project.store.gold.version())
        if self._linter is not None and self._norm_of == made_of:
            return
        from studio.tui.pane.template_form import parsed

        task, template = self.project.task, None
        if prompt is not None:
            template = self.studio.guarded(lambda: parsed(prompt.template, task))
        self._norm_of, self._linter = made_of, say.linter_for(self.project, template)

    def _list_again(self, select: int | None = None) -> None:
        """Show what the store has; what was typed is written first, or it would be lost."""
        self._save()
        before = self._shelf.examples
        self._shelf.read(self._writer.seen if self._in_field else None)
        self._fill_list(select)
        self._show_current()
        if self._linter is not None and before != self._shelf.examples:
            self._judge()

    def _fill_list(self, select: int | None = None) -> None:
        facts = {number: self._facts(number) for number in self._shelf.examples}
        shown = self._list.fill(list(self._shelf.examples.values()), facts, select)
        self._visible = [example.id for example in shown]

    def _facts(self, number: int) -> ExampleFacts:
        use = self._uses.by_example.get(number, ExampleUse(0, 0))
        return ExampleFacts(
            self._remarks.get(number, ()),
            use,
            say.is_bad(use, self._uses.together),
            number in self._shelf.drafts,
        )

    # -- showing one --

    def _show_current(self) -> None:
        example, seen = self._current, self._writer.seen
        for editor in self._editors.values():
            editor.disabled = example is None
        if example is None:
            self._let_go()
            self._put({})
            self.query_one(RecordsMade).clear()
        elif seen is None or example.id != seen.id:
            self._open(example)
        elif self._writer.conflict is None and not self._differs():
            self._follow(example, seen)
        self._draw_remarks()

    def _differs(self) -> bool:
        """Whether what is typed is not written yet, such as while another program writes."""
        return self._writer.differs(self._typed_texts)

    def _put(self, texts: Mapping[str, str]) -> None:
        for name, editor in self._editors.items():
            editor.value = texts.get(name, "")

    def _open(self, example: Example) -> None:
        self._save()
        self._let_go()
        self._writer.open(example)
        draft = self._shelf.drafts.get(example.id) if example.id in self._shelf.gone else None
        self._put(draft.texts if draft else example.texts)
        self._read_made()

    def _follow(self, example: Example, seen: Example) -> None:
        """Another studio has changed the example in hand, and nothing unsaved is lost by it."""
        self._writer.open(example)
        if wording(example) == wording(seen):
            return
        texts = example.texts
        for name, editor in self._editors.items():
            if editor.value != (text := texts[name]):
                cursor, end = editor.cursor_location, editor.document.end
                editor.replace_all(text)
                editor.move_cursor(editor.document.end if cursor == end else cursor)
        if self._in_field:
            self.studio.tell("Changed in another studio; this is its wording now.")

    @on(RowList.Moved, "#examples")
    def _example_moved(self) -> None:
        self._autosave.flush()
        self._show_found(None)
        self._show_current()

    @on(CorpusSearch.Moved)
    def _document_moved(self, event: CorpusSearch.Moved) -> None:
        self._show_found(event.document)

    def _show_found(self, document: Document | None) -> None:
        if (found := self._found) is None:
            return
        self._editors[DOCUMENT].display, found.display = document is None, document is not None
        if document is None:
            self._draw_titles()
            return
        title = f"{document.outside_id} · enter makes it an example"
        self.query_one("#document-section", Section).titled(title)
        found.show(f"{document.title}\n\n{document.text}" if document.title else document.text)

    # -- writing --

    @on(Editor.Typed)
    def _typed(self) -> None:
        self._autosave.touch()
        self._draw_remarks()
        self._judge()

    def on_descendant_focus(self) -> None:
        """Remember whether a text is being written: a terminal out of focus is no answer."""
        self._in_field = isinstance(self.focused, Editor)

    @on(Editor.Left)
    def _left(self) -> None:
        self._autosave.flush()
        if self.is_current and self.app.app_focus and not self._in_field:
            self._field_left()

    def _field_left(self) -> None:
        """The person has turned away from the text."""
        seen = self._writer.seen
        if seen is not None and self._writer.conflict is not None:
            self._ask_wording(seen.id)
        elif self._shelf.gone - self._shelf.drafts.keys():
            self.studio.tell("This example was deleted in another studio.")
            self._list_again()

    def _ask_wording(self, example_id: int) -> None:
        """Ask which wording shall stay."""

    def flush(self) -> None:
        """Write what was typed."""
        self._autosave.flush()

    def _write(self) -> None:
        if self._save():
            self._list_again()

    def _save(self) -> bool:
        """Write what was typed, if anything was; whether it was tried."""
        typed, writer, seen = self._typed_texts, self._writer, self._writer.seen
        if seen is None or (writer.conflict is None and not writer.differs(typed)):
            return False
        waited = False

        def done(_written: None) -> None:
            if waited:
                self._list_again()

        write, whole = partial(writer.write, typed), "\n\n".join(typed.values())
        self.studio.write(write, done, name=f"example {seen.id}", typed=whole)
        waited = True
        return True

    # -- remarks --

    def _judge(self) -> None:
        """Think over the remarks soon, on the texts as they stand."""
        if self._linter is not None:
            self._judge_soon(self._linter, self._as_typed())

    @work(exclusive=True, group="remarks")
    async def _judge_soon(self, linter: Linter, examples: list[Example]) -> None:
        await asyncio.sleep(LINT_DELAY_S)
        self.post_message(RemarksReady(await asyncio.to_thread(linter.remarks, examples)))

    def _as_typed(self) -> list[Example]:
        seen, typed = self._writer.seen, self._typed_texts
        return [
            example.worded(typed) if seen is not None and example.id == seen.id else example
            for example in self._shelf.examples.values()
            if example.id not in self._shelf.gone
        ]

    @on(RemarksReady)
    def _judged(self, event: RemarksReady) -> None:
        self._remarks = event.remarks
        self._fill_list()
        self._draw_remarks()

    def _draw_remarks(self) -> None:
        """Length against the norm at once; remarks as they were thought over last."""
        if self._linter is None:
            return
        self._draw_titles()
        said = Content("\n").join(self._said())
        # A worker that writes all the time must not have the same lines laid out all the time.
        if said != self._shown_remarks:
            self._shown_remarks = said
            self.query_one("#remarks", Static).update(said)

    def _said(self) -> list[Content]:
        example, seen = self._current, self._writer.seen
        if example is None or seen is None:
            return []
        facts = self._facts(example.id)
        first = self._editors[self._form.first.name].value
        said = say.remarks_on(first, facts.remarks, facts.use, self._uses.together)
        if self._writer.conflict is not None or facts.waiting:
            typing = self._writer.conflict is not None and self._in_field
            return [say.waiting_remark(typing=typing, key=self._key("compare")), *said]
        return list(said)

    def _draw_titles(self) -> None:
        example, found = self._current, self._found
        is_covered = found is not None and bool(found.display)
        for part in self._form.parts:
            if part.name == DOCUMENT and is_covered:
                continue
            title, text = part.title, self._editors[part.name].value
            if self._linter is not None and example is not None:
                norm = self._linter.norm if part is self._form.first else None
                title = say.title(part, example, text, norm)
            self.query_one(f"#{part.section}", Section).titled(title)

    # -- use --

    @work(exclusive=True, group="count")
    async def _count(self) -> None:
        try:
            counted = await asyncio.to_thread(say.uses_of, self.project.store.path)
        except StudioError as error:
            self.studio.tell(str(error), bad=True)
        else:
            self.post_message(UsesKnown(counted))

    @on(UsesKnown)
    def _uses_known(self, event: UsesKnown) -> None:
        self._count_timer = None
        self._count_cost = event.counted.seconds
        if event.counted.uses != self._uses:
            self._uses = event.counted.uses
            self._fill_list()
            self._draw_remarks()
            self._read_made()

    def _read_made(self) -> None:
        seen = self._writer.seen
        if seen is not None and self._linter is not None:
            use = self._facts(seen.id).use
            self.query_one(RecordsMade).ask(seen.id, say.use_title(use, self._uses.together))
