"""Search: one query, rankings side by side as one types, and marks that become gold."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.widget import Widget

from studio.jobs.gold import MarkChange, Same
from studio.jobs.project_systems import systems_of
from studio.jobs.search_protocol import Ranking, State, TextPrediction
from studio.safe_text import one_line
from studio.settings import reviewer
from studio.tui.actions import bindings, key_name
from studio.tui.search import words as say
from studio.tui.search.columns import SystemColumns
from studio.tui.search.dialogs import AskSplit, BrowseGold, GoldFilter, SystemChoice
from studio.tui.search.found import FoundDocument
from studio.tui.search.gold import GoldMarks, same_words
from studio.tui.search.process_pane import ProcessPane
from studio.tui.search.query import QueryBox
from studio.tui.widgets.editor import Field

NUMBERS = (10, 20, 50, 100, 200)
"""How many results a column may have."""
KEYS = (
    *("search.right", "search.wrong", "search.undo", "search.browse", "search.embed"),
    *("search.model", "app.train", "app.path"),
)
"""Actions that the pane's words name by their key."""


class SearchPane(ProcessPane):
    """The query on top, a column for each system, the selected document below."""

    BINDINGS: ClassVar[list[Any]] = [*bindings("search")]

    def __init__(self) -> None:
        self.box = QueryBox()
        self.columns = SystemColumns()
        self.document = FoundDocument()
        self._asked = ""
        self._k = NUMBERS[1]
        self._gold = GoldMarks()
        self._shelf = GoldFilter()
        super().__init__(self.columns)

    def compose_body(self) -> ComposeResult:
        """Query, columns, document."""
        yield self.box
        yield self.columns
        yield self.document

    def begin(self) -> None:
        """The columns, and the process that fills them; gold is read once it is started."""
        super().begin()
        self.process.choose(self.columns.names)
        self.columns.keys = self._keys()
        self.columns.lay_out()
        self._show_gold()
        self._show_document()
        self.call_after_refresh(self._read_gold)

    def main_list(self) -> Widget | None:
        """The column that is in front."""
        return self.columns.front.listed

    @property
    def _query(self) -> str:
        return self.box.text

    def _keys(self) -> dict[str, str]:
        """Verb → the key in force for it."""
        return {name.split(".")[1]: key_name(self.studio.keys_of(name)[0]) for name in KEYS}

    # -- the query --

    @on(QueryBox.Edited)
    def _edited(self) -> None:
        self._show_gold()

    @on(QueryBox.Asked)
    def _asked_for(self, event: QueryBox.Asked) -> None:
        self.ask()
        if event.entered:
            self.action_leave()

    def _run(self, text: str) -> None:
        """Search for a text that was not typed."""
        self.box.put(text)
        self.ask()
        self._show_gold()
        self.set_focus(self.main_list())

    def ask(self) -> None:
        """Search for what stands in the field."""
        self._asked = self._query
        number = self.process.ask(self._query, self._k)
        self.columns.ask(number, is_asked=bool(self._query.strip()))
        if not self._query.strip():
            self._show_gold()
            self._show_document()
        self._look_for_same()

    @property
    def _is_answered(self) -> bool:
        """Whether the column in front shows the results of what stands in the field."""
        asked = self.box.is_settled and self._asked == self._query
        return asked and self.columns.is_answered

    def take(self, said: State | Ranking | TextPrediction) -> None:
        """How far a system is, or what it found."""
        if isinstance(said, State):
            self.columns.take_state(said)
        elif isinstance(said, Ranking):
            self.columns.take_ranking(said)
        self._show_document()

    # -- gold --

    def _marks(self) -> dict[int, int]:
        gold = self._gold.of(self._query)
        return dict(gold.relevant) if gold is not None else {}

    def _show_gold(self) -> None:
        gold, split = self._gold.of(self._query), self._gold.split
        line = say.gold_line(gold, split, self._keys()) if self._query.strip() else ""
        self.box.say_gold(line, split)
        self.columns.show_marks(self._marks())
        self._show_document_title()

    @work(exclusive=True, group="same")
    async def _look_for_same(self) -> None:
        """Warn when examples or kept records ask the words of this gold query."""
        gold, text = self._gold.of(self._query), self._query
        same = Same((), ())
        if gold is not None:
            same = await asyncio.to_thread(same_words, self.project.store.path, text)
        if text == self._query:
            self.box.warn(say.warning(self._gold.of(text), same))

    @work(exclusive=True, group="gold")
    async def _read_gold(self) -> None:
        read = await asyncio.to_thread(self._gold.read, self.project.store.path)
        if read is not None:
            self._gold.take(read)
            self._show_gold()
            self._look_for_same()
            if not self._query.strip():
                self._show_document()

    def store_changed(self) -> None:
        """Gold may have changed elsewhere; documents and models the process notices itself."""
        self._read_gold()

    # -- the document --

    @on(SystemColumns.Selected)
    def _selected(self) -> None:
        self._show_document()

    @on(SystemColumns.Read)
    def _read(self) -> None:
        self.document.text.focus()

    def _show_document(self) -> None:
        self.columns.follow()
        self._show_document_title()
        selected = self.columns.selected
        if selected is None:
            text = say.start_text(len(self._gold.queries), self._keys())
            self.document.show_none("" if self._query.strip() else text)
        else:
            self.document.show(self.project.store.path, selected, self.columns.front.listed.pattern)

    def _show_document_title(self) -> None:
        listed = self.columns.front.listed
        if not listed.found:
            self.document.titled("Document" if self._query.strip() else "Search")
            return
        one = listed.found[listed.cursor]
        mark = self._marks().get(one.document_id)
        rankings = self.columns.rankings()
        self.document.titled(say.document_title(one.document_id, one.outside_id, rankings, mark))

    # -- columns --

    def action_next_column(self) -> None:
        """The ranking to the right; from the query, the one in front."""
        self._step(1)

    def action_previous_column(self) -> None:
        """The ranking to the left."""
        self._step(-1)

    def _step(self, by: int) -> None:
        if not isinstance(self.focused, Field):
            self.columns.step(by)
        self.set_focus(self.main_list())
        self._show_document()

    @work
    async def action_model(self) -> None:
        """Choose which systems have a column."""
        dialog = SystemChoice(systems_of(self.project), self.columns.names)
        chosen = await self.app.push_screen_wait(dialog)
        if chosen is None or tuple(chosen) == self.columns.names:
            return
        await self.columns.choose(chosen)
        self.process.choose(self.columns.names)
        self.ask()
        self._show_gold()
        self.set_focus(self.main_list())
        self._show_document()

    # -- marks --

    def action_right(self) -> None:
        """This document answers the query."""
        self._mark(1)

    def action_wrong(self) -> None:
        """This document does not answer the query."""
        self._mark(0)

    def action_unmark(self) -> None:
        """Nothing is said of this document."""
        self._mark(None)

    def _mark(self, grade: int | None) -> None:
        document_id = self.columns.selected
        if not self._query.strip() or document_id is None:
            self.studio.tell("There is nothing to mark yet: type a query and go to a result.")
        elif not self._is_answered:
            self.studio.tell("The results of this query are still coming; then mark them.")
        elif grade is not None and self._gold.of(self._query) is None and self._gold.split is None:
            self._ask_and_mark(self._query, document_id, grade)
        else:
            self._mark_it(self._query, document_id, grade)

    @work
    async def _ask_and_mark(self, text: str, document_id: int, grade: int) -> None:
        if await self._ask_split():
            self._mark_it(text, document_id, grade)

    async def _ask_split(self) -> bool:
        answer = await self.app.push_screen_wait(AskSplit(self._gold.split))
        if answer is None:
            return False
        self._gold.split = "test" if answer == "test" else "validation"
        return True

    def _mark_it(self, text: str, document_id: int, grade: int | None) -> None:
        store, who = self.project.store, reviewer(self.project.path)
        self.studio.write(
            lambda: self._gold.mark(store, text, document_id, grade, who), self._marked
        )
        here = text == self._query and self.columns.selected == document_id
        if grade is not None and here:
            self.columns.front.listed.action_down()

    def _marked(self, change: MarkChange | None) -> None:
        if change is not None and change.switched_off:
            rows = ", ".join(map(str, change.switched_off))
            self.studio.tell(f"Switched off, since it is gold now: example {rows}.")
        self._show_gold()
        self._look_for_same()

    def action_undo(self) -> None:
        """Take the last mark back."""
        self.studio.write(lambda: self._gold.undo(self.project.store), self._undone)

    def _undone(self, deed: MarkChange | None) -> None:
        if deed is None:
            self.studio.tell("No mark of this session is left to undo.")
        else:
            if self._gold.of(self._query) is None and deed.text != self._query:
                self.studio.tell(f"Undone: a mark of the query “{one_line(deed.text, 60)}”")
            self._go_to(deed.document_id)
        self._show_gold()
        self._look_for_same()

    def _go_to(self, document_id: int) -> None:
        listed = self.columns.front.listed
        for place, row in enumerate(listed.rows):
            if row.key == str(document_id):
                listed.cursor = place

    @work
    async def action_split(self) -> None:
        """Say where marks go from now on."""
        if not await self._ask_split():
            return
        split, store = self._gold.split, self.project.store
        if split is not None and await self.studio.written(
            lambda: self._gold.move(store, self._query, split)
        ):
            self.studio.tell(f"This query is {split} gold now, and so are those you mark next.")
        self._show_gold()

    # -- gold queries --

    @work
    async def action_browse(self) -> None:
        """List the gold queries and run one."""
        gold = self._gold.of(self._query)
        current = gold.outside_id if gold is not None else ""
        dialog = BrowseGold(self._gold.queries, self._shelf, current)
        answer = await self.app.push_screen_wait(dialog)
        if answer is not None:
            self._shelf, outside_id = answer
            self._run_gold(outside_id)

    def _run_gold(self, outside_id: str) -> None:
        query = self.project.store.gold.named(outside_id)
        if query is None:
            self.studio.tell(f"There is no gold query {outside_id} any more.", bad=True)
            return
        self._run(query.text)

    def action_next_gold(self) -> None:
        """Run the next gold query of those that were listed last."""
        self._walk(1)

    def action_previous_gold(self) -> None:
        """Run the gold query before."""
        self._walk(-1)

    def _walk(self, by: int) -> None:
        queries = self._shelf.of(self._gold.queries)
        if not queries:
            self.studio.tell(f"No gold query to walk to. {self._keys()['browse']} lists them all.")
            return
        gold = self._gold.of(self._query)
        names = [query.outside_id for query in queries]
        here = names.index(gold.outside_id) if gold and gold.outside_id in names else None
        place = (0 if by > 0 else -1) if here is None else (here + by) % len(names)
        self._run(queries[place].text)

    def open_at(self, **place: Any) -> None:
        """Known places: ``query``, a text; ``gold``, a gold query by its outside id."""
        if (outside_id := place.get("gold")) is not None:
            self._run_gold(str(outside_id))
        elif (text := place.get("query")) is not None:
            self._run(str(text))

    # -- the rest --

    def action_more(self) -> None:
        """More results."""
        self._resize_results(1)

    def action_fewer(self) -> None:
        """Fewer results."""
        self._resize_results(-1)

    def _resize_results(self, by: int) -> None:
        place = NUMBERS.index(self._k) + by
        if not 0 <= place < len(NUMBERS):
            edge = "most" if by > 0 else "fewest"
            self.studio.tell(f"{self._k} results are the {edge}.")
            return
        self._k = NUMBERS[place]
        self.studio.tell(f"{self._k} results in each column.")
        self.ask()

    def action_embed(self) -> None:
        """Begin what was held because it takes long."""
        held = [one.system for one in self.columns.columns if one.state.state == "held"]
        if not held:
            self.studio.tell("No embedding waits to be begun.")
            return
        for system in held:
            self.process.embed(system)

    def copy_text(self) -> str:
        """The document under the cursor."""
        return self.document.text.plain
