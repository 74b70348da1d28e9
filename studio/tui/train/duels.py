"""A model against its base, BM25 or another model: the test in words, queries won and lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.message import Message

from studio.evaluation.systems import BASE, BM25, label_of, model_system
from studio.jobs.comparing import Duel, settings_apart
from studio.records import Model
from studio.tui.pane.base import Pane
from studio.tui.train import facts as facts_of
from studio.tui.train import words as train_words
from studio.tui.train.facts import ModelFacts
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

QUERY_COLUMNS = (
    Column("won by", 6, "right"),
    Column("new", 5, "right"),
    Column("old", 5, "right"),
    Column("query"),
)


class DuelRead(Message):
    """A thread has measured a model against something."""

    def __init__(self, key: tuple[str, str], duel: Duel | str) -> None:
        super().__init__()
        self.key = key
        self.duel = duel


class Duels(Pane):
    """The comparing half of the Train pane."""

    _marked: int | None = None
    """The model that c has marked."""
    _against = BASE
    """A system, such as ``model-3``: what the model under the cursor is measured against."""
    _duel: tuple[tuple[str, str], Duel | str] | None = None

    if TYPE_CHECKING:
        _models: dict[int, Model]
        _facts: tuple[str, ModelFacts] | None

        @property
        def model(self) -> Model | None:
            """The model under the cursor."""

        def _key(self, action: str) -> str: ...
        def _put(self, name: str, text: str) -> None: ...
        def _show_view(self, name: str) -> None: ...

    def action_won_lost(self) -> None:
        """Queries won and lost against the base."""
        if self.model is None:
            self.studio.tell("Choose a trained model first.")
            return
        self._against = self._against if self._against in self._others() else BASE
        self._show_view("duel")
        self._show_duel()
        self.query_one("#queries").focus()

    def action_against(self) -> None:
        """Base or BM25 as what is compared with."""
        others = self._others()
        here = others.index(self._against) if self._against in others else -1
        self._against = others[(here + 1) % len(others)]
        self.action_won_lost()

    def _others(self) -> list[str]:
        """What was scored beside the model under the cursor, itself left out."""
        facts = self._facts[1] if self._facts else None
        found = [old for _, old in facts.duels] if facts else []
        return found or [BASE, BM25]

    def action_compare(self) -> None:
        """Mark this model, or compare it with the marked one."""
        model = self.model
        if model is None:
            self.studio.tell("Choose a trained model first.")
            return
        if self._marked is None or self._marked == model.id or self._marked not in self._models:
            self._marked = None if self._marked == model.id else model.id
            self.store_changed()
            return
        self._against = model_system(self._marked)
        self._show_view("duel")
        self._show_duel()
        self.query_one("#queries").focus()

    def _show_duel(self) -> None:
        """The list for the model under the cursor against what was chosen."""
        new, old = self.model, self._other()
        if new is None or old is None:
            return
        key = (f"model-{new.id}", self._against)
        if self._duel is None or self._duel[0] != key:
            self._put("#duel", "Measuring …")
            self.query_one("#queries", RowList).show(())
        self._measure(key, new, old)

    def _other(self) -> Model | str | None:
        marked = self._models.get(self._marked or 0)
        is_marked = marked is not None and self._against == model_system(marked.id)
        return marked if is_marked else self._against

    @work(exclusive=True, group="duel")
    async def _measure(self, key: tuple[str, str], new: Model, old: Model | str) -> None:
        path = self.project.store.path
        duel = await asyncio.to_thread(facts_of.read_duel, path, new, old)
        self.post_message(DuelRead(key, duel))

    @on(DuelRead)
    def _duel_read(self, event: DuelRead) -> None:
        new, old = self.model, self._other()
        if new is None or old is None or event.key != (f"model-{new.id}", self._against):
            return
        self._duel = (event.key, event.duel)
        rows = event.duel.queries if isinstance(event.duel, Duel) else ()
        queries = self.query_one("#queries", RowList)
        queries.empty = "No query to show." if rows else str(event.duel)
        queries.show([_query_row(query) for query in rows])
        self._put("#duel", self._duel_text(new, old, event.duel))
        self._title_duel(new, old, event.duel)

    def _duel_text(self, new: Model, old: Model | str, duel: Duel | str) -> str:
        if isinstance(old, Model):
            return train_words.comparison(new.name, old.name, settings_apart(new, old), duel)
        if isinstance(duel, str):
            return duel
        said = train_words.verdict(duel.test, duel.new, duel.old)
        others = self._others()
        here = others.index(self._against) if self._against in others else -1
        following = label_of(others[(here + 1) % len(others)])
        return (
            f"{train_words.test_line(duel.test)}\n{said}\n\nenter opens a query in Search. "
            f"{self._key('train.against')}: against {following}. esc goes back."
        )

    def _title_duel(self, new: Model, old: Model | str, duel: Duel | str) -> None:
        name = old.name if isinstance(old, Model) else "its base" if old == BASE else label_of(old)
        self.query_one("#duel-section", Section).titled(f"{new.name} against {name}")
        said = train_words.tally(duel) if isinstance(duel, Duel) else "none"
        self.query_one("#queries-section", Section).titled(f"Queries: {said}")

    @on(RowList.Chosen, "#queries")
    def _query_chosen(self, event: RowList.Chosen) -> None:
        if event.row is not None:
            self.run_worker(self.studio.go("search", gold=event.row.key))


def _query_row(query: Any) -> Row:
    tone = "good" if query.difference > 0 else "bad" if query.difference < 0 else "muted"
    cells = (
        train_words.short(query.difference, signed=True),
        train_words.short(query.new),
        train_words.short(query.old),
        query.text or query.outside_id,
    )
    return Row(query.outside_id, cells, tone)  # type: ignore[arg-type]
