"""Rankings side by side: a column for each chosen system, as many as fit around the front one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from studio.evaluation.systems import BASE, USUAL, label_of
from studio.jobs.search_protocol import Ranking, State
from studio.tui.search import words as say
from studio.tui.search.ranking import RankingList, marker
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section

NARROWEST = 28
"""Cells of a column; where not all columns get so many, some are out of sight."""


def slot_of(system: str) -> str:
    """A system's name as the id of a widget."""
    return re.sub(r"[^a-z0-9-]", "_", system.lower())


class SystemColumn(Section):
    """One system's ranking, and how far the system is."""

    def __init__(self, system: str, label: str) -> None:
        super().__init__(id=f"{slot_of(system)}-section", classes="system")
        self.system = system
        self.state = State(system, "waiting", label=label)
        self.ranking: Ranking | None = None
        self.titled(say.name_of(self.state))
        self.listed = RankingList(id=slot_of(system))

    def compose(self) -> ComposeResult:
        """The list alone."""
        yield self.listed

    def take_state(self, state: State) -> None:
        """How far it is; who cannot answer has no ranking. A name that it lacks stays."""
        was = self.state
        if not state.label:
            state = State(state.system, state.state, state.words, was.label, was.name, was.model_id)
        self.state = state
        if state.state in ("absent", "failed", "held"):
            self.ranking = None

    def list_found(self, base: Ranking | None, marks: Mapping[int, int]) -> None:
        """List the ranking, with what differs from the base's."""
        if self.ranking is None:
            self.listed.put(())
            return
        self.listed.pattern = marker(self.ranking.terms)
        rows = say.found(self.ranking, base, marks)
        is_new = [one.document_id for one in rows] != [one.document_id for one in self.listed.found]
        key = str(rows[0].document_id) if rows and is_new else None
        self.listed.put(rows, key=key)


class SystemColumns(Horizontal):
    """The columns, one of them in front; the cursors of all stand on the same document."""

    class Selected(Message):
        """Another document, or another column, is in front."""

    class Read(Message):
        """Enter was pressed on the document."""

    def __init__(self) -> None:
        super().__init__(id="columns")
        self.keys: Mapping[str, str] = {}
        """Verb → the key in force for it."""
        self.columns = [SystemColumn(name, label_of(name)) for name in USUAL]
        self.front = self.columns[0]
        """The column that marks, moves and the document belong to."""
        self.number = 0
        """Of the question that is to be answered."""
        self.is_asked = False
        """Whether anything stands in the field."""
        self.marks: Mapping[int, int] = {}
        """Document row → grade, for the present query."""

    def compose(self) -> ComposeResult:
        """A column for each system."""
        yield from self.columns

    # -- which systems --

    @property
    def names(self) -> tuple[str, ...]:
        """The systems, in order."""
        return tuple(column.system for column in self.columns)

    async def choose(self, chosen: Mapping[str, str]) -> None:
        """Have these columns, system → label; those that stay keep what they show."""
        there = {column.system: column for column in self.columns}
        self.columns = [
            there.get(name) or SystemColumn(name, label) for name, label in chosen.items()
        ]
        if self.front not in self.columns:
            self.front = self.columns[0]
        for column in there.values():
            if column not in self.columns:
                await column.remove()
        for place, column in enumerate(self.columns):
            if column.is_mounted:
                self.move_child(column, before=place)
            else:
                await self.mount(column, before=place if place < len(self.children) else None)
        self.lay_out()

    def column(self, system: str) -> SystemColumn | None:
        """The column of a system, if it has one."""
        return next((one for one in self.columns if one.system == system), None)

    def lay_out(self) -> None:
        """Show as many columns as fit, the one in front among them."""
        narrow = self.screen.has_class("-narrow")
        room = 1 if narrow else max(1, self.size.width // NARROWEST)
        here = self.columns.index(self.front)
        first = max(0, min(here - room // 2, len(self.columns) - room))
        seen = self.columns[first : first + room]
        for column in self.columns:
            column.display = column in seen
            column.set_class(column is seen[-1], "-last")
            column.set_class(column is self.front, "-here")
        self.show_titles()

    def on_resize(self) -> None:
        """Another width has room for more or fewer."""
        self.call_after_refresh(self.lay_out)

    # -- what the process says --

    def ask(self, number: int, *, is_asked: bool) -> None:
        """Another question is under way; nothing is listed while none is asked."""
        self.number, self.is_asked = number, is_asked
        if not is_asked:
            for column in self.columns:
                column.ranking = None
                column.listed.put(())
        self.show_titles()

    def take_state(self, state: State) -> None:
        """How far one system is."""
        if (column := self.column(state.system)) is not None:
            column.take_state(state)
            if column.ranking is None:
                self._list_again(column)
            self.show_titles()

    def take_ranking(self, ranking: Ranking) -> None:
        """One system's answer; with the base's, the changes in all columns."""
        column = self.column(ranking.system)
        if column is not None and ranking.number == self.number and self.is_asked:
            column.ranking = ranking
            self._list_again(column)
            self.show_titles()

    def begin_anew(self) -> None:
        """A new process loads everything."""
        for column in self.columns:
            column.take_state(State(column.system, "waiting"))
        self.show_titles()

    def process_ended(self, words: str, *, again: bool) -> None:
        """Those that could answer wait for another process, or say why there is none."""
        for column in self.columns:
            if column.state.state not in ("absent", "failed") or not again:
                waiting = State(column.system, "waiting")
                column.take_state(waiting if again else State(column.system, "failed", words))
        self.show_titles()

    def _list_again(self, changed: SystemColumn) -> None:
        base = self.column(BASE)
        ranking = base.ranking if base is not None and self.is_of_now(base.ranking) else None
        for column in self.columns if changed is base else (changed,):
            column.list_found(ranking, self.marks)

    def is_of_now(self, ranking: Ranking | None) -> bool:
        """Whether it answers the present question."""
        return ranking is not None and ranking.number == self.number

    @property
    def is_answered(self) -> bool:
        """Whether the column in front has answered the present question."""
        return self.is_of_now(self.front.ranking)

    # -- showing --

    def show_marks(self, marks: Mapping[int, int]) -> None:
        """Which documents are right and wrong for the query."""
        self.marks = marks
        for column in self.columns:
            column.listed.put_marks(dict(marks))

    def show_titles(self) -> None:
        """Names, what each is doing, and what an empty list says."""
        narrow = self.screen.has_class("-narrow")
        states = [column.state for column in self.columns]
        hidden = len(self.columns) - sum(column.display for column in self.columns)
        for column in self.columns:
            answered = self.is_of_now(column.ranking)
            busy = self.is_asked and column.state.state == "ready" and not answered
            title = say.title_of(column.state, busy=busy)
            if narrow:
                title = say.narrow_title(states, column.state, busy=busy)
            elif hidden and column.has_class("-last"):
                title += f" · {hidden} more: h l"
            column.titled(title)
            column.listed.say(
                say.nothing_listed(
                    column.state, asked=self.is_asked, answered=answered, keys=self.keys
                )
            )

    # -- the one in front --

    @property
    def selected(self) -> int | None:
        """The document under the cursor of the column in front."""
        row = self.front.listed.current
        return int(row.key) if row is not None else None

    def rankings(self) -> list[tuple[State, Ranking]]:
        """What answers the present question, in the order of the columns."""
        return [
            (one.state, one.ranking)
            for one in self.columns
            if one.ranking is not None and self.is_of_now(one.ranking)
        ]

    def step(self, by: int) -> None:
        """The column to the right or left comes in front, on the same document."""
        selected = self.selected
        place = (self.columns.index(self.front) + by) % len(self.columns)
        self.front = self.columns[place]
        self.front.listed.follow(str(selected) if selected is not None else None)
        self.lay_out()

    def on_descendant_focus(self) -> None:
        """The column that has the focus is the one in front."""
        focused = self.screen.focused
        found = next((one for one in self.columns if one.listed is focused), None)
        if found is not None and found is not self.front:
            self.front = found
            self.lay_out()
            self.post_message(self.Selected())

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        self.post_message(self.Selected())

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.post_message(self.Read())

    def follow(self) -> None:
        """Every column's cursor goes to the selected document."""
        key = str(self.selected) if self.selected is not None else None
        for column in self.columns:
            column.listed.follow(key)
