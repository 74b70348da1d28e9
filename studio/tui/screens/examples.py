"""Examples: write the few-shot queries beside the corpus, and see what each one does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from studio.records import Document, Example, Record
from studio.store.examples import ExampleUse
from studio.tui.actions import bindings
from studio.tui.autosave import Autosave
from studio.tui.safe_text import content, one_line
from studio.tui.screens import example_words as say
from studio.tui.screens.pane import Pane
from studio.tui.widgets.corpus import CorpusSearch
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.rows import Column, RowList
from studio.tui.widgets.text_pane import Section, TextPane

EXAMPLE_COLUMNS = (Column("", 1), Column("query"), Column("words", 5, "right"))
NORM = (3, 30)
"""Words of a query, where no template says otherwise."""
NO_EXAMPLE = (
    "No example yet. Press / to find a document below, then enter on it: "
    "write the query a person would ask for it. Two are enough to begin, eight are good."
)


@dataclass(frozen=True, slots=True)
class Undo:
    """How to take one deed back."""

    words: str
    """What is undone, for the notification."""
    deed: Callable[[], object]


class UseKnown(Message):
    """A worker has counted what an example helped to make."""

    def __init__(self, example_id: int, use: ExampleUse, made: list[Record]) -> None:
        super().__init__()
        self.example_id = example_id
        self.use = use
        self.made = made


class ExamplesPane(Pane):
    """The list and the corpus on the left; query, remarks, document and use on the right."""

    NAME = "examples"
    AUTO_FOCUS = "#examples"
    BINDINGS: ClassVar[list[Any]] = [*bindings("examples")]

    def __init__(self) -> None:
        super().__init__()
        self._examples: dict[int, Example] = {}
        self._undo: list[Undo] = []
        self._shown: int | None = None
        self._written = ("", "")
        self._norm: tuple[int, int] | None = None
        self._autosave = Autosave(self, self._write)

    def compose_body(self) -> ComposeResult:
        """Two columns."""
        with Horizontal():
            with Vertical(id="left"):
                with Section(id="examples-section").titled("Examples"):
                    yield RowList(EXAMPLE_COLUMNS, empty=NO_EXAMPLE, id="examples")
                yield CorpusSearch(self.project.store.path, id="corpus-section")
            with Vertical(id="right"):
                with Section(id="query-section").titled("Query"):
                    yield Editor(
                        id="query", placeholder="What would a person ask for this document?"
                    )
                    yield Static("", id="remarks")
                with Section(id="document-section").titled("Document"):
                    yield Editor(id="document")
                    yield TextPane(id="found-document")
                with Section(id="uses-section").titled("Helped to make"):
                    yield TextPane(id="uses")

    def begin(self) -> None:
        """Show the examples; what takes longer comes after the first paint."""
        self._list_again()
        self.call_after_refresh(self._comment)

    def _comment(self) -> None:
        """From now on with norm and lints."""
        self._norm = self._read_norm()
        self._remark()
        if self._shown is not None:
            self._count_use(self._shown)

    # -- reading the store --

    def main_list(self) -> Widget | None:
        """The examples."""
        return self.query_one("#examples", RowList)

    @property
    def _list(self) -> RowList:
        return self.query_one("#examples", RowList)

    @property
    def _current(self) -> Example | None:
        row = self._list.current
        return self._examples.get(int(row.key)) if row else None

    def _read_norm(self) -> tuple[int, int]:
        """The task's usual query length, from the template in force."""
        prompt = self.project.store.prompts.latest()
        if prompt is None:
            return NORM
        from studio.prompting.templates import parse

        template = self.studio.guarded(lambda: parse(prompt.template))
        return template.query_words if template is not None else NORM

    def store_changed(self) -> None:
        """Read the examples again; what is being typed stays."""
        if self._norm is not None:
            self._norm = self._read_norm()
        self._list_again()
        self.query_one(CorpusSearch).again()

    def _list_again(self, select: int | None = None) -> None:
        found = self.project.store.examples.all()
        self._examples = {example.id: example for example in found}
        self._list.show(
            [say.row(example) for example in found], key=str(select) if select is not None else None
        )
        on = sum(example.enabled for example in found)
        self.query_one("#examples-section", Section).titled(f"Examples {len(found)} · {on} on")
        self._show_current()

    def _show_current(self) -> None:
        example = self._current
        query, document = self.query_one("#query", Editor), self.query_one("#document", Editor)
        query.disabled = document.disabled = example is None
        if example is None:
            self._shown = None
            query.value = document.value = ""
            self.query_one("#uses", TextPane).show("")
        elif example.id != self._shown or not (self._autosave.pending or self._is_typing()):
            self._fill(example, query, document)
        self._remark()

    def _is_typing(self) -> bool:
        return isinstance(self.focused, Editor)

    def _fill(self, example: Example, query: Editor, document: Editor) -> None:
        if query.value != example.query or example.id != self._shown:
            query.value = example.query
        if document.value != example.document_text or example.id != self._shown:
            document.value = example.document_text
        self._shown = example.id
        self._written = (query.value, document.value)
        if self._norm is not None:
            self._count_use(example.id)

    # -- moving about --

    @on(RowList.Moved, "#examples")
    def _example_moved(self) -> None:
        self._autosave.flush()
        self._show_found(None)
        self._show_current()

    @on(RowList.Chosen, "#examples")
    def _example_chosen(self) -> None:
        self.action_edit()

    @on(CorpusSearch.Moved)
    def _document_moved(self, event: CorpusSearch.Moved) -> None:
        self._show_found(event.document)

    @on(CorpusSearch.Chosen)
    def _document_chosen(self, event: CorpusSearch.Chosen) -> None:
        self._add_for(event.document)

    def _show_found(self, document: Document | None) -> None:
        editor, found = self.query_one("#document"), self.query_one("#found-document", TextPane)
        editor.display, found.display = document is None, document is not None
        title = self.query_one("#document-section", Section)
        if document is None:
            title.titled(self._document_title())
            return
        title.titled(f"In the corpus: {document.outside_id} — enter makes an example of it")
        found.show(f"{document.title}\n\n{document.text}" if document.title else document.text)

    def _document_title(self) -> str:
        example = self._current
        return say.document_title(example.document_text) if example else "Document"

    # -- writing --

    @on(Editor.Typed)
    def _typed(self) -> None:
        self._autosave.touch()
        self._remark()

    @on(Editor.Left)
    def _left(self) -> None:
        self._autosave.flush()

    def flush(self) -> None:
        """Write what was typed."""
        self._autosave.flush()

    def _write(self) -> None:
        example = self._examples.get(self._shown) if self._shown is not None else None
        typed = (self.query_one("#query", Editor).value, self.query_one("#document", Editor).value)
        if example is None or typed == self._written:
            return
        query, text = (say.storable(part) for part in typed)
        edited = replace(example, query=query, document_text=text)
        if self.studio.guarded(lambda: self.project.store.examples.edit(edited)) is not None:
            self._written = typed
        self._list_again()

    def _remark(self) -> None:
        """Length against the norm, and what the lints say of the text as it stands."""
        if self._norm is None:
            return
        self._show_title_of_document()
        example = self._current
        title, remarks = (
            self.query_one("#query-section", Section),
            self.query_one("#remarks", Static),
        )
        if example is None:
            title.titled("Query")
            remarks.update("")
            return
        query = self.query_one("#query", Editor).value
        title.titled(say.query_title(example, query, self._norm))
        remarks.update(self._lints(replace(example, query=query)))

    def _show_title_of_document(self) -> None:
        if not self.query_one("#found-document").display:
            self.query_one("#document-section", Section).titled(self._document_title())

    def _lints(self, example: Example) -> Content:
        if not example.query.strip():
            return content("Not written yet: an empty query is never used as a shot.", "$secondary")
        from studio.prompting.lints import lint_example

        others = [other for other in self._examples.values() if other.id != example.id]
        # A query copied from a huge document is found in its beginning or not at all.
        text = self.query_one("#document", Editor).value[: say.LONGEST_COUNTED]
        found = lint_example(
            replace(example, document_text=text),
            others,
            norm=self._norm or NORM,
            language=self.project.language,
        )
        if not found:
            return content("✓ nothing to remark", "$success")
        return Content("\n").join(
            content(f"! {one_line(str(remark))}", "$warning") for remark in found
        )

    # -- use --

    @work(exclusive=True, group="use")
    async def _count_use(self, example_id: int) -> None:
        path = self.project.store.path
        use, made = await asyncio.to_thread(say.use_of, path, example_id)
        self.post_message(UseKnown(example_id, use, made))

    @on(UseKnown)
    def _use_known(self, event: UseKnown) -> None:
        if event.example_id != self._shown:
            return
        self.query_one("#uses-section", Section).titled(say.use_title(event.use))
        pane = self.query_one("#uses", TextPane)
        if event.use.records:
            pane.show(say.use_text(event.made))
        else:
            pane.show("Records whose shots this example was among are counted here.", "$secondary")

    # -- actions --

    def action_search(self) -> None:
        """Go to the search field."""
        self.query_one("#search").focus()

    def action_edit(self) -> None:
        """Write the query."""
        if self._current is None:
            self.studio.tell("There is no example yet. Press / to pick a document for one.")
            return
        self._write_on()

    def _write_on(self) -> None:
        editor = self.query_one("#query", Editor)
        editor.focus()
        editor.move_cursor(editor.document.end)

    def action_edit_document(self) -> None:
        """Edit the document as the prompt shows it."""
        if self._current is not None:
            self.query_one("#document").focus()

    def action_new(self) -> None:
        """A new example for the document selected in the corpus."""
        document = self.query_one(CorpusSearch).current
        if document is None:
            self.studio.tell("Pick a document in the corpus first: press / and search.")
            return
        self._add_for(document)

    def _add_for(self, document: Document) -> None:
        examples = self.project.store.examples
        new = Example(document.full_text, "", document_id=document.id)
        added = self.studio.guarded(lambda: examples.add([new]))
        if not added:
            return
        self._undo.append(Undo("new example", lambda: examples.delete(added[0])))
        self._list_again(select=added[0])
        self._show_found(None)
        self._write_on()

    def action_on_off(self) -> None:
        """Switch the example on or off."""
        example = self._current
        if example is None:
            return
        examples, was = self.project.store.examples, example.enabled
        self._do(
            Undo(f"{'on' if was else 'off'} again", lambda: say.switch(examples, example, on=was)),
            lambda: say.switch(examples, example, on=not was),
        )

    def action_delete(self) -> None:
        """Take the example off the list; u brings it back."""
        example = self._current
        if example is None:
            return
        examples = self.project.store.examples
        self._do(
            Undo("example restored", lambda: examples.restore(example.id)),
            lambda: examples.delete(example.id),
        )
        self.studio.tell(f"Taken off the list; {self.studio.keys_of('examples.undo')[0]} undoes.")

    def action_move_down(self) -> None:
        """Move the example down."""
        self._move(1)

    def action_move_up(self) -> None:
        """Move the example up."""
        self._move(-1)

    def _move(self, by: int) -> None:
        example, order = self._current, list(self._examples)
        if example is None:
            return
        here = order.index(example.id)
        there = here + by
        if not 0 <= there < len(order):
            return
        moved = [*order]
        moved[here], moved[there] = moved[there], moved[here]
        examples = self.project.store.examples
        self._do(
            Undo("order as before", lambda: examples.reorder(order)),
            lambda: examples.reorder(moved),
        )

    def _do(self, undo: Undo, deed: Callable[[], object]) -> None:
        self._autosave.flush()
        self.studio.guarded(deed)
        self._undo.append(undo)
        self._list_again()

    def action_undo(self) -> None:
        """Take the last deed back."""
        if not self._undo:
            self.studio.tell("Nothing to undo here. In the text field, ctrl+z undoes typing.")
            return
        self._autosave.flush()
        last = self._undo.pop()
        self.studio.guarded(last.deed)
        self._list_again()
        self.studio.tell(f"Undone: {last.words}")

    def copy_text(self) -> str:
        """The document in front, or the example's query."""
        if self.query_one("#found-document").display:
            return self.query_one("#found-document", TextPane).plain
        example = self._current
        return example.query if example else ""
