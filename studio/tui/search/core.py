"""The Search pane without its marks: the query, three rankings side by side, the document."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content, Span
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from studio.jobs.gold import Same
from studio.jobs.search_protocol import SYSTEMS, Ranking, State, System
from studio.records import Document
from studio.store import Store
from studio.tui.actions import key_name
from studio.tui.pane.base import Pane
from studio.tui.safe_text import content, one_line, visible
from studio.tui.search import words as say
from studio.tui.search.client import SearchProcess, SearchProcessEnded
from studio.tui.search.gold import GoldMarks, same_words
from studio.tui.search.ranking import RankingList, marker, spans
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane

DELAY_S = 0.15
"""Seconds without a key after which a query is searched for."""
NUMBERS = (10, 20, 50, 100, 200)
"""How many results a column may have."""
LONGEST_TYPED = 2_000
"""Characters of a query that the field shows."""
MATCH = "bold underline"
KEYS = (
    *("search.right", "search.wrong", "search.undo", "search.browse", "search.embed"),
    *("app.train", "app.path"),
)
"""Actions that the pane's words name by their key."""


class Heard(Message):
    """The search process has said something."""

    def __init__(self, said: State | Ranking | SearchProcessEnded) -> None:
        super().__init__()
        self.said = said


class SearchCore(Pane):
    """The query on top, a column for each system, the selected document below."""

    NAME = "search"
    AUTO_FOCUS = "#asked"
    CSS_PATH = "search.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._process: SearchProcess | None = None
        self._query = ""
        self._in_field = ""
        self._asked = ""
        self._number = 0
        self._k = NUMBERS[1]
        self._timer: Timer | None = None
        self._column: System = "bm25"
        self._states = {system: State(system, "waiting") for system in SYSTEMS}
        self._rankings: dict[System, Ranking] = {}
        self._document: Document | None = None
        self._model: int | None = None
        self._gold = GoldMarks()

    def compose_body(self) -> ComposeResult:
        """Query, columns, document."""
        with Section(id="asked-section").titled("Query"):
            yield Field(placeholder="/ what would a person ask?", id="asked")
            yield Static("", id="asked-gold")
            yield Static("", id="same-words")
        with Horizontal(id="columns"):
            for system in SYSTEMS:
                with Section(id=f"{system}-section", classes="system").titled(say.NAMES[system]):
                    yield RankingList(id=system)
        with Section(id="hit-section").titled("Document"):
            yield TextPane(id="hit")

    def begin(self) -> None:
        """Start the process; the first paint does not wait for it."""
        self._show_column()
        self._show_all()
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        self._process = SearchProcess(self.project.path, self._hear)
        self._process.choose(self._model)
        self._process.start()
        self._search_now()
        self._read_gold()

    def on_unmount(self) -> None:
        """The process ends with the pane."""
        if self._process is not None:
            self._process.stop()

    # -- what is where --

    def main_list(self) -> Widget | None:
        """The column that is in front."""
        return self._list(self._column)

    def _list(self, system: System) -> RankingList:
        return self.query_one(f"#{system}", RankingList)

    @property
    def _store(self) -> Path:
        return self.project.store.path

    @property
    def _selected(self) -> int | None:
        """The document under the cursor of the column in front."""
        row = self._list(self._column).current
        return int(row.key) if row is not None else None

    def _keys(self) -> dict[str, str]:
        """Verb → the key in force for it."""
        return {name.split(".")[1]: key_name(self.studio.keys_of(name)[0]) for name in KEYS}

    # -- the query --

    @on(Input.Changed, "#asked")
    def _typed(self, event: Input.Changed) -> None:
        if event.value == self._in_field:
            return
        self._query = self._in_field = event.value
        self._show_gold()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DELAY_S, self._search_now)

    @on(Input.Submitted, "#asked")
    def _entered(self) -> None:
        self._search_now()
        self.action_leave()

    def _run(self, text: str) -> None:
        """Search for a text that was not typed; the field shows what it can of it."""
        self._query = text
        self._in_field = one_line(visible(text, limit=LONGEST_TYPED))
        self.query_one("#asked", Field).value = self._in_field
        self._search_now()
        self._show_gold()
        self.set_focus(self.main_list())

    def _search_now(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._process is None:
            return
        self._asked = self._query
        self._number = self._process.ask(self._query, self._k)
        if not self._query.strip():
            self._rankings.clear()
            self._document = None
            self._show_all()
        else:
            self._show_titles()
        self._look_for_same()

    @property
    def _is_answered(self) -> bool:
        """Whether the column in front shows the results of what stands in the field."""
        ranking = self._rankings.get(self._column)
        asked = self._timer is None and self._asked == self._query
        return asked and ranking is not None and ranking.number == self._number

    # -- what the process says --

    def _hear(self, said: State | Ranking | SearchProcessEnded) -> None:
        self.post_message(Heard(said))

    @on(Heard)
    def _heard(self, event: Heard) -> None:
        said = event.said
        if isinstance(said, SearchProcessEnded):
            self._process_ended(said)
        elif isinstance(said, State):
            self._take_state(said)
        elif said.number == self._number and self._query.strip():
            self._rankings[said.system] = said
            self._show_rankings(said.system)

    def _take_state(self, state: State) -> None:
        self._states[state.system] = state
        if state.state in ("absent", "failed", "held"):
            self._rankings.pop(state.system, None)
            self._show_rankings(state.system)
        self._show_titles()

    def _process_ended(self, ended: SearchProcessEnded) -> None:
        self.studio.tell(ended.words, bad=True)
        words, state = ("", "waiting") if ended.again else (ended.words, "failed")
        for system in SYSTEMS:
            if self._states[system].state not in ("absent", "failed") or not ended.again:
                self._states[system] = State(system, state, words)  # type: ignore[arg-type]
        self._show_titles()

    # -- showing --

    def _show_all(self) -> None:
        for system in SYSTEMS:
            self._list(system).put(())
        self._show_titles()
        self._show_gold()
        self._show_document()

    def _show_titles(self) -> None:
        narrow, asked = self.has_class("-narrow"), bool(self._query.strip())
        for system, state in self._states.items():
            ranking = self._rankings.get(system)
            busy = asked and state.state == "ready" and not self._is_of_now(ranking)
            section = self.query_one(f"#{system}-section", Section)
            if narrow:
                section.titled(say.narrow_title(self._states, system, busy=busy))
            else:
                section.titled(say.title_of(state, busy=busy))
            words = say.nothing_listed(state, asked=asked, keys=self._keys())
            if self._is_of_now(ranking) and state.system == "bm25":
                words = "No document shares a word with the query."
            self._list(system).say(words)

    def _is_of_now(self, ranking: Ranking | None) -> bool:
        return ranking is not None and ranking.number == self._number

    def _show_rankings(self, changed: System) -> None:
        """List one system's answer; with the base's, the changes in all columns."""
        base = self._rankings.get("base")
        base = base if self._is_of_now(base) else None
        marks = self._marks()
        for system in SYSTEMS if changed == "base" else (changed,):
            ranking, listed = self._rankings.get(system), self._list(system)
            if ranking is None:
                listed.put(())
                continue
            listed.pattern = marker(ranking.terms)
            rows = say.found(ranking, base, marks)
            is_new = [one.document_id for one in rows] != [one.document_id for one in listed.found]
            key = str(rows[0].document_id) if rows and is_new else None
            listed.put(rows, key=key)
        self._show_titles()
        self._show_document()

    def _marks(self) -> dict[int, int]:
        gold = self._gold.of(self._query)
        return dict(gold.relevant) if gold is not None else {}

    def _show_gold(self) -> None:
        gold = self._gold.of(self._query)
        line = self.query_one("#asked-gold", Static)
        split = self._gold.split
        title = "Query" + (f" — marks become {split} gold" if split is not None else "")
        self.query_one("#asked-section", Section).titled(title)
        if self._query.strip():
            line.update(content(say.gold_line(gold, split, self._keys())))
        else:
            line.update("")
        for system in SYSTEMS:
            self._list(system).put_marks(self._marks())
        self._show_document_title()

    @work(exclusive=True, group="same")
    async def _look_for_same(self) -> None:
        """Warn when examples or kept records ask the words of this gold query."""
        gold, text = self._gold.of(self._query), self._query
        same = Same((), ())
        if gold is not None:
            same = await asyncio.to_thread(same_words, self._store, text)
        if text == self._query:
            words = say.warning(self._gold.of(text), same)
            self.query_one("#same-words", Static).update(content(words))
            self.query_one("#asked-section").set_class(bool(words), "-warned")

    @work(exclusive=True, group="gold")
    async def _read_gold(self) -> None:
        read = await asyncio.to_thread(self._gold.read, self._store)
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

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._show_document()

    @on(RowList.Chosen)
    def _chosen(self) -> None:
        self.query_one("#hit").focus()

    def _show_document(self) -> None:
        selected = self._selected
        for system in SYSTEMS:
            if system != self._column:
                self._list(system).follow(str(selected) if selected is not None else None)
        self._list(self._column).follow(str(selected) if selected is not None else None)
        self._show_document_title()
        if selected is None:
            self._document = None
            text = say.start_text(len(self._gold.queries), self._keys())
            self.query_one("#hit", TextPane).show(
                "" if self._query.strip() else text, "$text-muted"
            )
            return
        self._read_document(selected)

    @work(exclusive=True, group="document")
    async def _read_document(self, document_id: int) -> None:
        if self._document is None or self._document.id != document_id:
            found = await asyncio.to_thread(_document, self._store, document_id)
            if document_id != self._selected:
                return
            self._document = found
            self.query_one("#hit", TextPane).scroll_home(animate=False)
        if self._document is not None:
            self._put_document(self._document)

    def _put_document(self, document: Document) -> None:
        pattern = self._list(self._column).pattern
        shown = visible(document.text)
        if document.title:
            title = one_line(document.title)
            shown = f"{title}\n\n{shown}"
        marked = [Span(start, end, MATCH) for start, end in spans(pattern, shown)]
        text = f"{document.title}\n\n{document.text}" if document.title else document.text
        self.query_one("#hit", TextPane).put(Content(shown, spans=marked), text)

    def _show_document_title(self) -> None:
        section, listed = self.query_one("#hit-section", Section), self._list(self._column)
        if not listed.found:
            section.titled("Document" if self._query.strip() else "Search")
            return
        one = listed.found[listed.cursor]
        now = {name: there for name, there in self._rankings.items() if self._is_of_now(there)}
        mark = self._marks().get(one.document_id)
        section.titled(say.document_title(one.document_id, one.outside_id, now, mark))

    # -- columns --

    def on_descendant_focus(self) -> None:
        """The column that has the focus is the one in front."""
        focused = self.focused
        if isinstance(focused, RankingList) and focused.id != self._column:
            self._column = next(system for system in SYSTEMS if system == focused.id)
            self._show_column()
            self._show_document()

    def _show_column(self) -> None:
        for system in SYSTEMS:
            section = self.query_one(f"#{system}-section")
            section.set_class(system == self._column, "-here")

    def on_resize(self) -> None:
        """Titles differ where only one column fits."""
        if self.ready:
            self.call_after_refresh(self._show_titles)

    def action_next_column(self) -> None:
        """The ranking to the right; from the query, the one in front."""
        self._step(1)

    def action_previous_column(self) -> None:
        """The ranking to the left."""
        self._step(-1)

    def _step(self, by: int) -> None:
        if not isinstance(self.focused, Field):
            place = (SYSTEMS.index(self._column) + by) % len(SYSTEMS)
            selected = self._selected
            self._column = SYSTEMS[place]
            self._list(self._column).follow(str(selected) if selected is not None else None)
            self._show_column()
            self._show_titles()
        self.set_focus(self.main_list())
        self._show_document()


def _document(path: Path, document_id: int) -> Document | None:
    """Runs in a thread: a document may be megabytes."""
    store = Store(path)
    try:
        return store.documents.get(document_id)
    finally:
        store.close()
