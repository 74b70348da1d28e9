"""A model against another system or model: the test in words, queries won and lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from studio.evaluation.measures import OF_ANSWERS, measure_name
from studio.evaluation.systems import BASE, BM25, label_of
from studio.jobs.comparing import Duel, QueryDuel, settings_apart
from studio.runs import Model
from studio.tui.train import facts as facts_of
from studio.tui.train import words as train_words
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section, TextPane

QUERY_COLUMNS = (
    Column("won by", 6, "right"),
    Column("new", 5, "right"),
    Column("old", 5, "right"),
    Column("query"),
)


class DuelView(Horizontal):
    """What a model is compared with, and the queries on which they differ."""

    class QueryChosen(Message):
        """A gold query is to be looked at in Search."""

        def __init__(self, outside_id: str) -> None:
            super().__init__()
            self.outside_id = outside_id

    class Measured(Message):
        """A thread has measured a model against something."""

        def __init__(self, pair: tuple[Model, Model | str], duel: Duel | str) -> None:
            super().__init__()
            self.pair = pair
            self.duel = duel

    def __init__(self) -> None:
        super().__init__(id="duel-view", classes="train-view")
        self.against: Model | str = BASE
        """A system, or the marked model: what the model under the cursor is measured against."""
        self.scored: Sequence[str] = ()
        """The systems that were scored beside that model."""
        self.against_key = ""
        """The key that goes on to the next system, for the words."""
        self.noun = "query"
        """What one of the gold items is called."""
        self._duel: Duel | str = ""
        self._new: Model | None = None
        self._shown: tuple[Model, Model | str] | None = None

    def compose(self) -> ComposeResult:
        """The test beside the queries."""
        with Section(id="duel-section").titled("Won and lost"):
            yield TextPane(id="duel")
        with Section(id="queries-section").titled("Queries"):
            yield RowList(QUERY_COLUMNS, empty="", id="queries")

    @property
    def queries(self) -> RowList:
        """Won ones first, lost ones last."""
        return self.query_one("#queries", RowList)

    @property
    def others(self) -> Sequence[str]:
        """What a model can be measured against."""
        return self.scored or (BASE, BM25)

    @property
    def following(self) -> str:
        """The system after the present one; the first one behind a model."""
        here = self.others.index(self.against) if self.against in self.others else -1
        return self.others[(here + 1) % len(self.others)]

    def show(self, path: Path, new: Model) -> None:
        """The model against what was chosen, or its base where that was not scored beside it."""
        if isinstance(self.against, str) and self.against not in self.others:
            self.against = BASE
        self._new = new
        if self._shown is None or not _same(self._shown, (new, self.against)):
            self.query_one("#duel", TextPane).show("Measuring …")
            self.queries.show(())
        self._measure(path, (new, self.against))

    def forget(self) -> None:
        """What is shown is no longer true at once."""
        self._shown = None

    @work(exclusive=True, group="duel")
    async def _measure(self, path: Path, pair: tuple[Model, Model | str]) -> None:
        duel = await asyncio.to_thread(facts_of.read_duel, path, *pair)
        self.post_message(self.Measured(pair, duel))

    @on(Measured)
    def _measured(self, event: Measured) -> None:
        event.stop()
        if self._new is None or not _same(event.pair, (self._new, self.against)):
            return
        self._shown, self._duel = event.pair, event.duel
        duel = event.duel
        rows = duel.queries if isinstance(duel, Duel) else ()
        self.queries.empty = f"No {self.noun} to show." if rows else str(duel)
        self.queries.columns = (*QUERY_COLUMNS[:-1], Column(self.noun))
        self.queries.show([_query_row(query) for query in rows])
        self._say()
        new, old = event.pair
        name = old.name if isinstance(old, Model) else "its base" if old == BASE else label_of(old)
        self.query_one("#duel-section", Section).titled(f"{new.name} against {name}")
        said = "Nothing scored"
        if isinstance(duel, Duel):
            said = f"{train_words.noun_of(duel).capitalize()}: {train_words.tally(duel)}"
        self.query_one("#queries-section", Section).titled(said)

    @on(RowList.Moved, "#queries")
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        self._say()

    def _say(self) -> None:
        if self._shown is None:
            return
        text, shown = self.query_one("#duel", TextPane), self._text(*self._shown, self._duel)
        if text.plain != shown:
            text.show(shown)

    @property
    def _in_hand(self) -> QueryDuel | None:
        """The item under the cursor."""
        row, duel = self.queries.current, self._duel
        if row is None or not isinstance(duel, Duel):
            return None
        return next((one for one in duel.queries if one.outside_id == row.key), None)

    def _text(self, new: Model, old: Model | str, duel: Duel | str) -> str:
        apart = ""
        if isinstance(old, Model):
            apart = train_words.comparison(new.name, old.name, settings_apart(new, old), duel)
        item = self._in_hand
        if item is not None and isinstance(duel, Duel) and duel.measure in OF_ANSWERS:
            return f"{train_words.answers_text(duel, item)}\n\n{apart}".rstrip()
        if apart:
            return apart
        if isinstance(duel, str):
            return duel
        said = train_words.verdict(duel.test, duel.new, duel.old)
        following = "the base" if self.following == BASE else label_of(self.following)
        line = train_words.test_line(duel.test, measure_name(duel.measure))
        return (
            f"{line}\n{said}\n\n"
            f"enter opens a query in Search. {self.against_key}: against {following}. "
            "esc goes back."
        )

    @on(RowList.Chosen, "#queries")
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if event.row is not None:
            self.post_message(self.QueryChosen(event.row.key))


def _same(one: tuple[Model, Model | str], other: tuple[Model, Model | str]) -> bool:
    """Whether they are the same two, whatever was learnt about the models meanwhile."""
    return [_key(who) for who in one] == [_key(who) for who in other]


def _key(who: Model | str) -> str | int:
    return who.id if isinstance(who, Model) else who


def _query_row(query: QueryDuel) -> Row:
    cells = (
        train_words.short(query.difference, signed=True),
        train_words.short(query.new),
        train_words.short(query.old),
        query.text or query.outside_id,
    )
    if not query.difference:
        return Row(query.outside_id, cells, "muted")
    return Row(query.outside_id, cells, "good" if query.difference > 0 else "bad")
