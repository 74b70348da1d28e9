"""Examples: write few-shot examples, beside the corpus where there is one; see what they do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work

from studio.records import Document, Example
from studio.safe_text import one_line
from studio.store import Store
from studio.store.example_changes import (
    Step,
    Taken,
    deletion,
    drafting,
    order,
    restoration,
    switching,
    tagging,
)
from studio.store.example_drafts import ExampleDraft
from studio.store.examples import Conflict
from studio.tui.actions import bindings
from studio.tui.examples.files import ExampleFiles
from studio.tui.examples.list import ExampleList
from studio.tui.examples.writer import decide
from studio.tui.pane.corpus_search import CorpusSearch
from studio.tui.widgets.rows import RowList

if TYPE_CHECKING:
    from studio.tui.dialogs.conflict import Choice


class ExamplesPane(ExampleFiles):
    """What the keys do; each deed can be undone, also after a restart."""

    NAME = "examples"
    AUTO_FOCUS = "#examples"
    CSS_PATH = "examples.tcss"
    BINDINGS: ClassVar[list[Any]] = [*bindings("examples")]

    def __init__(self) -> None:
        super().__init__()
        self._asking = False

    def open_at(self, **place: Any) -> None:
        """``example``: select it."""
        if (example := place.get("example")) is not None:
            self._list.end()
            self._list_again(select=int(example))
            self.set_focus(self.main_list())

    # -- deeds --

    def _do(
        self,
        words: str,
        deed: Callable[[], Sequence[Step]],
        *,
        select: Callable[[], int | None] = lambda: None,
        then: Callable[[], object] = lambda: None,
    ) -> None:
        """Do something together with the way back from it, or nothing of it; ``then`` goes on."""
        store = self.project.store

        def whole() -> None:
            with store.write():
                store.example_changes.note(self._session, words, deed())

        def done(_done: None) -> None:
            self._list_again(select=select())
            then()

        self._autosave.flush()
        if not self.studio.write(whole, done):
            self._list_again()

    def _chosen_one(self) -> Example | None:
        """The example under the cursor, if it can be changed."""
        example = self._current
        if example is None:
            self.studio.tell(f"There is no example here. {self._how_to_begin()}")
        elif example.id in self._shelf.gone:
            self.studio.tell(f"Deleted elsewhere; {self._key('compare')} decides on your wording.")
            return None
        return example

    def _how_to_begin(self) -> str:
        if self._form.of_documents:
            return f"Press {self._key('search')} to pick a document for one."
        return f"Press {self._key('new')} to write one."

    def action_on_off(self) -> None:
        """Switch the example on or off."""
        example = self._chosen_one()
        if example is None:
            return
        examples, was = self.project.store.examples, example.enabled

        def switch() -> list[Step]:
            examples.switch(example.id, on=not was)
            return [switching(example.id, on=was)]

        self._do("switched off" if was else "switched on", switch)

    def action_delete(self) -> None:
        """Take the example off the list; undo brings it back."""
        example = self._chosen_one()
        if example is None:
            return
        store, draft = self.project.store, self._shelf.drafts.get(example.id)

        def delete() -> list[Step]:
            store.examples.delete(example.id)
            if draft is not None:
                store.example_drafts.drop(draft)
            return [restoration(example.id), *([drafting(draft)] if draft else [])]

        said = f"Taken off the list; {self._key('undo')} brings it back."
        words = f"deleted “{one_line(example.query, 40)}”"
        self._do(words, delete, then=lambda: self.studio.tell(said))

    def action_move_down(self) -> None:
        """Move the example down."""
        self._move(1)

    def action_move_up(self) -> None:
        """Move the example up."""
        self._move(-1)

    def _move(self, by: int) -> None:
        """Past the next example that is shown: a filter may hide some between."""
        example = self._chosen_one()
        if example is None or example.id not in self._visible:
            return
        there = self._visible.index(example.id) + by
        before = [number for number in self._shelf.examples if number not in self._shelf.gone]
        if not 0 <= there < len(self._visible) or self._visible[there] not in before:
            return
        moved = [number for number in before if number != example.id]
        moved.insert(moved.index(self._visible[there]) + (by > 0), example.id)

        examples = self.project.store.examples

        def reorder() -> list[Step]:
            places = examples.places()
            examples.reorder(moved)
            return [order(places)]

        self._do("moved", reorder)

    def action_duplicate(self) -> None:
        """A second example with the same texts, below this one."""
        self._autosave.flush()
        example = self._chosen_one()
        said = f"Duplicated; {self._key('edit')} gives it another {self._form.noun}."
        if example is not None:
            tell = partial(self.studio.tell, said)
            self._add("duplicated", example, below=example.id, then=tell)

    def _add(
        self,
        words: str,
        example: Example,
        *,
        below: int | None = None,
        then: Callable[[], object],
    ) -> None:
        examples = self.project.store.examples
        added: list[int] = []

        def add() -> list[Step]:
            places = examples.places()
            if below is None:
                added.extend(examples.add([example]))
            else:
                added.append(examples.add_after(below, example))
            return [deletion(*added), order(places)]

        self._do(words, add, select=lambda: added[0], then=then)

    @on(CorpusSearch.Chosen)
    def _document_chosen(self, event: CorpusSearch.Chosen) -> None:
        self._add_for(event.document)

    def action_new(self) -> None:
        """A new example, for the document selected in the corpus where there is one."""
        if not self._form.of_documents:
            self._begin_new()
        elif (document := self.query_one(CorpusSearch).current) is not None:
            self._add_for(document)
        else:
            self.studio.tell("Pick a document in the corpus first: press / and search.")

    def _add_for(self, document: Document) -> None:
        self._begin_new(document.full_text, document.id)

    def _begin_new(self, document_text: str = "", document_id: int | None = None) -> None:
        # A filter would hide the new one as long as nothing is written.
        self._list.end()
        type = self.project.task.record
        new = Example(document_text, "", document_id=document_id, type=type)

        def written() -> None:
            self._show_found(None)
            self._write_on()

        self._add("new example", new, then=written)

    @work(exclusive=True, group="ask")
    async def action_tags(self) -> None:
        """Edit the tags of the example."""
        from studio.formats.tags import tags_of
        from studio.tui.dialogs.ask import AskText

        example = self._chosen_one()
        if example is None:
            return
        others = {
            tag: None for other in self._shelf.examples.values() for tag in other.tags.split()
        }
        used = f" In use: {one_line(' '.join(others), 200)}" if others else ""
        title = f"Tags of “{one_line(example.query, 30)}” — enter saves, esc closes"
        hint = f"Words of your own, separated by spaces.{used}"
        ask = AskText(title, hint=hint, value=example.tags, adding=True)
        answer = await self.app.push_screen_wait(ask)
        if answer is not None:
            self._retag(example, tags_of(answer))

    def _retag(self, example: Example, wanted: Sequence[str]) -> None:
        have = example.tags.split()
        add = [tag for tag in wanted if tag not in have]
        drop = [tag for tag in have if tag not in wanted]
        if not add and not drop:
            return

        def tag() -> list[Step]:
            self.project.store.examples.tag(example.id, add=add, drop=drop)
            return [tagging(example.id, add=drop, drop=add)]

        self._do("tagged", tag)

    def action_undo(self) -> None:
        """Take the last deed back."""
        deeds = self.project.store.example_changes
        self._autosave.flush()
        nothing = "Nothing to undo here. In a text, ctrl+z undoes typing."
        self.studio.write(
            lambda: deeds.undo(self._session, self._began),
            lambda taken: self._tell_of("Undone", taken, nothing),
        )

    def action_redo(self) -> None:
        """Do again what was taken back."""
        self._autosave.flush()
        deeds = self.project.store.example_changes
        self.studio.write(
            lambda: deeds.redo(self._session),
            lambda taken: self._tell_of("Done again", taken, "Nothing to do again."),
        )

    def _tell_of(self, deed: str, taken: Taken | None, nothing: str) -> None:
        if taken is None:
            self.studio.tell(nothing)
            return
        self._let_go()
        self._list_again()
        left = "" if taken.whole else ". A part stays: another studio has changed it since."
        self.studio.tell(f"{deed}: {taken.words}{left}")

    # -- two wordings --

    def action_compare(self) -> None:
        """Decide between an unsaved wording and the saved one."""
        example = self._current
        if example is None or example.id not in self._shelf.drafts:
            self.studio.tell("No unsaved wording waits here: all that you wrote is saved.")
            return
        self._ask_wording(example.id)

    def _ask_wording(self, example_id: int) -> None:
        if not self._asking:
            self._asking = True
            self._ask(example_id)

    @work(group="wording")
    async def _ask(self, example_id: int) -> None:
        try:
            shown = await self._decide(example_id)
        finally:
            self._asking = False
        self._let_go()
        self._list_again(select=shown)

    async def _decide(self, example_id: int) -> int:
        """Ask until the answer fits what the store has; returns the example to show."""
        from studio.tui.examples.conflict import wordings_dialog

        store = self.project.store
        while True:
            draft, theirs = (
                store.example_drafts.all(self._session).get(example_id),
                store.examples.get(example_id),
            )
            if draft is None or theirs is None:
                return example_id
            deleted = store.examples.is_deleted(example_id)
            dialog = wordings_dialog(draft, theirs, deleted=deleted)
            choice = await self.app.push_screen_wait(dialog)
            if choice is None:
                self.studio.tell(f"Your wording stays as a draft; {self._key('compare')} decides.")
                return example_id
            chosen = partial(_decided, store, self._session, draft, choice, theirs)
            answer = await self.studio.written(chosen)
            if not isinstance(answer, Conflict):
                return example_id if answer is None else answer
            self.studio.tell("Meanwhile it was changed once more: look again.")

    # -- moving about --

    @on(RowList.Chosen, "#examples")
    def _example_chosen(self) -> None:
        self.action_edit()

    def action_edit(self) -> None:
        """Write the first text."""
        example = self._current
        if example is None:
            self.studio.tell(f"There is no example yet. {self._how_to_begin()}")
        elif self._shelf.waits(example):
            self._ask_wording(example.id)
        else:
            self._write_on()

    def _write_on(self) -> None:
        first = self._editors[self._form.first.name]
        first.focus()
        first.move_cursor(first.document.end)

    def action_edit_document(self) -> None:
        """Edit the last text, such as the document as the prompt shows it."""
        example = self._current
        if example is None:
            return
        if self._shelf.waits(example):
            self._ask_wording(example.id)
        else:
            self._editors[self._form.last.name].focus()

    def action_search(self) -> None:
        """Go to the search field of the corpus; without one, filter the examples."""
        if self._form.of_documents:
            self.query_one("#search").focus()
        else:
            self.action_filter()

    def offers(self, action_id: str) -> bool:
        """There may be no corpus to search."""
        return action_id != "examples.search" or self._form.of_documents

    def action_filter(self) -> None:
        """Show only examples with some words or tags."""
        self._list.ask()

    @on(ExampleList.Filtered)
    def _filtered(self) -> None:
        self._fill_list()

    @on(ExampleList.Entered)
    def _filter_entered(self) -> None:
        self.set_focus(self.main_list())

    def action_leave(self) -> None:
        """From a field back to the list; leaving the filter shows all again."""
        if self.focused is self._list.field:
            self._list.end()
        super().action_leave()

    def action_back(self) -> None:
        """From another list back to the examples; there, show all again."""
        if self.focused is self.main_list() and self._list.field.display:
            self._list.end()
        self.set_focus(self.main_list())

    def action_records(self) -> None:
        """Go to the records that the example helped to make."""
        self.query_one("#made").focus()

    @on(RowList.Chosen, "#made")
    def _record_chosen(self, event: RowList.Chosen) -> None:
        if event.row is not None:
            self.app.call_later(self.studio.go, "review", record=int(event.row.key))

    def copy_text(self) -> str:
        """The document in front, or the example's first text."""
        if (found := self._found) is not None and found.display:
            return found.plain
        example = self._current
        return example.query if example else ""


def _decided(
    store: Store, session: str, draft: ExampleDraft, choice: Choice, theirs: Example
) -> int | Conflict:
    """The example to show, or what was changed meanwhile."""
    try:
        return decide(store, session, draft, choice, theirs)
    except Conflict as conflict:
        return conflict
