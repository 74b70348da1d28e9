"""The records on the left: the field for words, the table, and which records it shows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.timer import Timer
from textual.widgets import Input

from studio.records import RecordType
from studio.safe_text import one_line
from studio.store import Store
from studio.store.review_shapes import View
from studio.tui.dialogs.ask import Choose
from studio.tui.pane.recalled_field import RecalledField
from studio.tui.pane.store_access import StoreAccess
from studio.tui.records import words as say
from studio.tui.records.filter_dialog import FieldValues, FilterChoices, FilterDialog
from studio.tui.records.table import RecordTable
from studio.tui.widgets.rows import Column, Row
from studio.tui.widgets.text_pane import Section
from studio.tui.widgets.virtual_rows import VirtualRows

SEARCH_DELAY_S = 0.15
LONGEST_SEARCH = 200
"""Cells of the search words that the field shows when they come from elsewhere."""
JOBS = 30
"""Jobs that a view can be narrowed to, the latest."""


class RecordList(Section):
    """Which records are shown, in which order, and the table of them."""

    def __init__(self, access: StoreAccess, *, nothing: str) -> None:
        """``nothing``: what to do next where there is no record at all."""
        super().__init__(id="records-section")
        self._access = access
        self._typing: Timer | None = None
        self._prompts: dict[int, str] = {}
        """Prompt row → its name and version."""
        self.search = RecalledField("records", placeholder="/ search the records", id="search")
        """Words that all records shown must hold."""
        self.table = RecordTable(access, nothing=nothing, id="records")
        """The records."""

    def compose(self) -> ComposeResult:
        """The field above the table."""
        self.titled("Records")
        yield self.search
        yield self.table

    async def read_prompts(self) -> None:
        """Learn what the versions of prompts are called."""
        found = await self._access.ask(self._access.side, lambda store: store.review.prompts())
        self._prompts = {one.id: f"{one.name} v{one.version}" for one in found or ()}

    # -- the title --

    @on(RecordTable.Opened)
    def _opened(self, event: RecordTable.Opened) -> None:
        event.stop()
        self.retitle()

    @on(VirtualRows.Moved)
    def _moved(self) -> None:
        if self.table.begun is not None:
            self.retitle()

    def retitle(self) -> None:
        """What is shown, what is chosen, and whether there is more to read."""
        table, key = self.table, self._access.key
        parts = [say.title(table.view, table.count, self._prompts)]
        if not table.is_complete:
            parts.append("searching …")
        if table.has_news:
            parts.append(f"! new or changed rows: {key('read-again')} shows them")
        if (span := table.span) is not None:
            many = span[1] - span[0] + 1
            keys = f"{key('accept')} {key('reject')} {key('flag')}"
            parts.insert(0, f"Range of {many:,}: {keys} on it, esc leaves")
        elif table.marks:
            keys = " ".join(key(name) for name in ("accept-all", "reject-all", "flag-all"))
            parts.insert(0, f"{len(table.marks):,} marked: {keys} on them")
        self.titled(" · ".join(parts))

    # -- words --

    @on(Input.Changed, "#search")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self.table.wanted.search:
            self._stop_typing()
            self._typing = self.set_timer(SEARCH_DELAY_S, self.search_now)

    @on(Input.Submitted, "#search")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._stop_typing()
        self._search_for(event.value)
        self.screen.set_focus(self.table)

    def search_now(self) -> None:
        """Look for what was typed, if anything was, without waiting for more."""
        if self._typing is not None:
            self._stop_typing()
            self._search_for(self.search.value)

    def _search_for(self, words: str) -> None:
        if words != self.table.wanted.search:
            self.table.open(replace(self.table.wanted, search=words))

    def _stop_typing(self) -> None:
        if self._typing is not None:
            self._typing.stop()
            self._typing = None

    def _put_words(self, words: str) -> None:
        """Into the field, without searching for them as if they were typed."""
        with self.search.prevent(Input.Changed):
            self.search.value = one_line(words, LONGEST_SEARCH)

    def go(self, *, search: str | None = None, record: int | None = None, label: str = "") -> None:
        """Show what holds these words, with this label, or this record, whatever is filtered."""
        if search is not None:
            self._put_words(search)
            field = "label" if label else ""
            self.table.open(View(search=search, field=field, value=label))
        if record is not None:
            self._put_words("")
            self.table.open(View(), record=record)

    # -- which records, in which order --

    def show_all(self) -> None:
        """Leave nothing out any more; stay at the record."""
        self._put_words("")
        view = self.table.view
        self.table.open_here(View(sort=view.sort, filter=view.filter))

    def read_again(self) -> None:
        """Read what others have added or changed; stay at the record."""
        self.table.open_here(replace(self.table.view))

    async def choose_filter(self) -> None:
        """Ask which records are shown."""

        def chosen(view: View | None) -> None:
            if view is not None and view != self.table.view:
                self._put_words(view.search)
                self.table.open(view)

        async def count(view: View) -> int:
            return await self._access.side.run(partial(_count, view))

        known = partial(self._access.side.run, _choices)
        await self.app.push_screen(FilterDialog(self.table.view, known, count), chosen)

    async def choose_order(self) -> None:
        """Ask for the order; stay at the record."""
        table = self.table
        score = table.view.filter or table.score
        documents = self._access.project.task.needs_documents
        rows = [
            Row(name, (words,))
            for name, words in say.SORTS.items()
            if (score or "score" not in name) and (documents or name != "document")
        ]

        def chosen(name: Any) -> None:
            if name is not None:
                view = table.view
                filter_name = score if "score" in name else view.filter
                table.open_here(replace(view, sort=name, filter=filter_name))

        title = f"Order (score: {score})" if score else "Order"
        dialog = Choose(title, [Column("")], rows, current=table.view.sort)
        await self.app.push_screen(dialog, chosen)


def _choices(store: Store) -> FilterChoices:
    """Runs on the store's thread."""
    review, types = store.review, store.record_types
    own, present = types.of_project(), types.present()
    jobs = [job for job in store.jobs.all(200) if job.kind in ("generate", "path", "import", "s3")]
    return FilterChoices(
        types=[(one.name, one.nouns) for one in present.values() if one.name != own.name],
        own=own.nouns,
        fields=[
            FieldValues(type.name if type.name != own.name else "", name, values)
            for type in (own, *(one for one in present.values() if one.name != own.name))
            for name in type.fields[1:]
            if name != type.context and (values := _values(store, type, name))
        ],
        scores=review.scores(),
        reasons=review.reasons(),
        prompts=review.prompts(),
        jobs=[(job.id, f"{job.kind} {job.id}, {say.when(job.created)}") for job in jobs[:JOBS]],
    )


def _values(store: Store, type: RecordType, field: str) -> list[str]:
    labels = [one.name for one in store.labels.all()] if field == "label" else []
    return labels or store.review.values(type.name, field)


def _count(view: View, store: Store) -> int:
    """Runs on the store's thread."""
    window = store.review.open(view)
    try:
        return window.count()
    finally:
        window.close()
