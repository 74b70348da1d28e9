"""Search: one query, three rankings side by side as one types, and marks that become gold."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import work

from studio.jobs.search_protocol import SYSTEMS, State
from studio.settings import reviewer
from studio.tui.actions import bindings
from studio.tui.dialogs.ask import Choose
from studio.tui.safe_text import one_line
from studio.tui.search import words as say
from studio.tui.search.core import NUMBERS, SearchCore
from studio.tui.search.dialogs import AskSplit, BrowseGold, GoldFilter
from studio.tui.widgets.rows import Column
from studio.tui.widgets.text_pane import TextPane

MODEL_COLUMNS = (Column("", 7), Column("model", 24), Column("base"), Column("validation", 10))


class SearchPane(SearchCore):
    """The query on top, a column for each system, the selected document below."""

    BINDINGS: ClassVar[list[Any]] = [*bindings("search")]

    def __init__(self) -> None:
        super().__init__()
        self._shelf = GoldFilter()

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
        document_id = self._selected
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
        self.studio.guarded(lambda: self._gold.mark(store, text, document_id, grade, who))
        listed = self._list(self._column)
        if grade is not None and text == self._query and self._selected == document_id:
            listed.action_down()
        self._show_gold()
        self._look_for_same()

    def action_undo(self) -> None:
        """Take the last mark back."""
        deed = self.studio.guarded(lambda: self._gold.undo(self.project.store) or False)
        if deed is False:
            self.studio.tell("No mark of this session is left to undo.")
        elif deed is not None:
            if self._gold.of(self._query) is None and deed.text != self._query:
                self.studio.tell(f"Undone: a mark of the query “{one_line(deed.text, 60)}”")
            self._go_to(deed.document_id)
        self._show_gold()
        self._look_for_same()

    def _go_to(self, document_id: int) -> None:
        listed = self._list(self._column)
        for place, row in enumerate(listed.rows):
            if row.key == str(document_id):
                listed.cursor = place

    @work
    async def action_split(self) -> None:
        """Say where marks go from now on."""
        if not await self._ask_split():
            return
        split, store = self._gold.split, self.project.store
        if split is not None and self.studio.guarded(
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

    def action_query(self) -> None:
        """Go to the query."""
        self.query_one("#asked").focus()

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
        self._search_now()

    @work
    async def action_model(self) -> None:
        """Choose the trained model."""
        models = self.project.store.models.all()
        if not models:
            train = self._keys()["train"]
            self.studio.tell(f"Nothing is trained yet. {train} opens Train.")
            return
        current = str(self._model) if self._model is not None else say.NEWEST
        dialog = Choose("Trained model", MODEL_COLUMNS, say.model_rows(models), current=current)
        answer = await self.app.push_screen_wait(dialog)
        if answer is not None and self._process is not None:
            self._model = None if answer == say.NEWEST else int(answer)
            self._process.choose(self._model)

    def action_embed(self) -> None:
        """Begin what was held because it takes long."""
        held = [system for system in SYSTEMS if self._states[system].state == "held"]
        if not held or self._process is None:
            self.studio.tell("No embedding waits to be begun.")
            return
        for system in held:
            self._process.embed(system)

    def action_restart(self) -> None:
        """Start the search process again."""
        if self._process is not None:
            self._states = {system: State(system, "waiting") for system in SYSTEMS}
            self._show_titles()
            self._process.start()

    def copy_text(self) -> str:
        """The document under the cursor."""
        return self.query_one("#hit", TextPane).plain
