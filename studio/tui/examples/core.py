"""What the Examples pane shows and writes: list, text under edit, remarks, use. No deeds here."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
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
from studio.records import Document, Example, StudioError
from studio.store.db import now
from studio.store.examples import ExampleUse, Uses, wording
from studio.tui.actions import key_name
from studio.tui.examples import words as say
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

NORM = (3, 30)
"""Words of a query, where no template says otherwise."""
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
    """The list on top; below it the corpus, and beside that query, document and use."""

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
        self._autosave = Autosave(self, self._write)

    def compose_body(self) -> ComposeResult:
        """List above, corpus and editors below."""
        yield ExampleList(id="example-list").titled("Examples")
        with Horizontal(id="below"):
            yield CorpusSearch(self.project.store.path, id="corpus-section")
            with Vertical(id="desk"):
                with Section(id="query-section").titled("Query"):
                    yield Editor(
                        id="query", placeholder="What would a person ask for this document?"
                    )
                    yield Static("", id="remarks")
                with Section(id="document-section").titled("Document"):
                    yield Editor(id="document")
                    yield TextPane(id="found-document")
                yield RecordsMade(self.project.store.path, id="uses-section")

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
    def _query(self) -> Editor:
        return self.query_one("#query", Editor)

    @property
    def _document(self) -> Editor:
        return self.query_one("#document", Editor)

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
        self.query_one(CorpusSearch).again()
        if self._count_timer is None:
            delay = max(COUNT_S, 10 * self._count_cost)
            self._count_timer = self.set_timer(delay, self._count)

    def _set_norm(self) -> None:
        """Judge by the task's usual query length, from the template in force."""
        prompt = self.project.store.prompts.latest()
        made_of = (prompt.id if prompt else None, self.project.store.gold.version())
        if self._linter is not None and self._norm_of == made_of:
            return
        from studio.jobs.leaks import GoldPlaces
        from studio.prompting.lint_all import Linter
        from studio.prompting.templates import parse

        norm = NORM
        if prompt is not None:
            template = self.studio.guarded(lambda: parse(prompt.template))
            norm = template.query_words if template is not None else NORM
        self._norm_of = made_of
        self._linter = Linter(norm, self.project.language, GoldPlaces(self.project.store.path))

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
        self._query.disabled = self._document.disabled = example is None
        if example is None:
            self._let_go()
            self._query.value = self._document.value = ""
            self.query_one(RecordsMade).clear()
        elif seen is None or example.id != seen.id:
            self._open(example)
        elif self._writer.conflict is None and not self._differs():
            self._follow(example, seen)
        self._draw_remarks()

    def _differs(self) -> bool:
        """Whether what is typed is not written yet, such as while another program writes."""
        return self._writer.differs(self._query.value, self._document.value)

    def _open(self, example: Example) -> None:
        self._save()
        self._let_go()
        self._writer.open(example)
        draft = self._shelf.drafts.get(example.id) if example.id in self._shelf.gone else None
        self._query.value = draft.query if draft else example.query
        self._document.value = draft.document_text if draft else example.document_text
        self._read_made()

    def _follow(self, example: Example, seen: Example) -> None:
        """Another studio has changed the example in hand, and nothing unsaved is lost by it."""
        self._writer.open(example)
        if wording(example) == wording(seen):
            return
        for editor, text in (
            (self._query, example.query),
            (self._document, example.document_text),
        ):
            if editor.value != text:
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
        editor, found = self._document, self.query_one("#found-document", TextPane)
        editor.display, found.display = document is None, document is not None
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
        typed = (self._query.value, self._document.value)
        writer, seen = self._writer, self._writer.seen
        if seen is None or (writer.conflict is None and not writer.differs(*typed)):
            return False
        waited = False

        def done(_written: None) -> None:
            if waited:
                self._list_again()

        write = partial(writer.write, *typed)
        self.studio.write(write, done, name=f"example {seen.id}", typed="\n\n".join(typed))
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
        seen = self._writer.seen
        return [
            replace(example, query=self._query.value, document_text=self._document.value)
            if seen is not None and example.id == seen.id
            else example
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
        said = say.remarks_on(self._query.value, facts.remarks, facts.use, self._uses.together)
        if self._writer.conflict is not None or facts.waiting:
            typing = self._writer.conflict is not None and self._in_field
            return [say.waiting_remark(typing=typing, key=self._key("compare")), *said]
        return list(said)

    def _draw_titles(self) -> None:
        example = self._current
        if self._linter is None or example is None:
            query, document = "Query", "Document"
        else:
            query = say.query_title(example, self._query.value, self._linter.norm)
            document = say.document_title(self._document.value)
        self.query_one("#query-section", Section).titled(query)
        if not self.query_one("#found-document").display:
            self.query_one("#document-section", Section).titled(document)

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
