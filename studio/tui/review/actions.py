"""Deciding: one key a record, ranges, many records after a preview, undo of anything.

A key's change is written before the next key is looked at. The key waits for the store's thread,
not for the screen: a held key is a queue of keys, done in order, while all is drawn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from studio.store import Store
from studio.store.review import Target
from studio.store.review_changes import OnStep
from studio.store.review_shapes import BulkPreview, Change, ReviewRow
from studio.store.review_window import Window
from studio.tui.pane.base import Pane
from studio.tui.pane.store_access import StoreAccess
from studio.tui.records import words as say
from studio.tui.records.list import RecordList
from studio.tui.records.session import SessionLine
from studio.tui.review.bulk_dialog import BulkDialog
from studio.tui.review.threshold import ThresholdChange

Verb = Literal["accept", "reject", "flag"]
Way = Literal["undo", "redo"]

LONG = 2_000
"""Records from which a change is previewed and done beside the decisions."""
PEEKED = 20
"""Latest changes among which a long one is looked for, before undo."""
BACK = 256
"""Rows looked at in one step towards the beginning."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What one decision led to."""

    change: Change
    row: ReviewRow | None
    """The row as it stands now."""
    next: int | None
    """The next undecided position; None when all are decided."""


class ReviewActions:
    """What the keys of Review do to records."""

    def __init__(
        self, pane: Pane, access: StoreAccess, records: RecordList, session: SessionLine
    ) -> None:
        self._pane, self._access = pane, access
        self._records, self._table, self._session = records, records.table, session

    # -- one record --

    async def judge(self, verb: Verb) -> None:
        """Accept, reject or flag the record, or the range; a flagged record loses its flag."""
        if self._table.span is not None:
            await self._judge_range(verb, self._table.span)
            return
        row = await self._table.settled()
        if row is None:
            self._access.tell("There is no record here to decide on.")
        elif verb == "flag":
            await self._decide(
                lambda store, who: store.review.flag([row.id], who, not row.flagged), stay=True
            )
        else:
            await self._decide(lambda store, who: _do(store, verb, [row.id], who))

    async def clear(self) -> None:
        """Take the person's decision on the record back."""
        row = await self._table.settled()
        if row is not None and row.word:
            await self._decide(lambda store, who: store.review.clear([row.id], who), stay=True)

    async def _decide(self, change: Callable[[Store, str], Change], *, stay: bool = False) -> None:
        """Write it, show the row as it is now, and go on to the next undecided one."""
        table, who = self._table, self._access.reviewer
        window, place = table.window, table.cursor
        if window is None:
            return
        done = await self._access.ask(
            self._access.front, lambda store: _decided(store, window, place, change, who)
        )
        if done is None or window is not table.window:
            return
        table.put_row(place, done.row)
        self._session.count_one(done.change)
        if stay:
            table.tell_moved()
        elif done.next is not None:
            table.go(done.next)
        else:
            self._access.tell(
                f"All of these are decided. {self._access.key('filter')} shows others."
            )
            table.go(place + 1)
            table.tell_moved()

    # -- going without deciding --

    async def next_undecided(self, *, quietly: bool = False) -> None:
        """Go to the next record that no person has judged."""
        await self._seek(_next, quietly=quietly)

    async def previous_undecided(self) -> None:
        """Go to the one before that no person has judged."""
        await self._seek(_previous)

    async def _seek(
        self, find: Callable[[Window, int], int | None], *, quietly: bool = False
    ) -> None:
        window, place = self._table.window, self._table.cursor
        if window is None or not self._table.count:
            return
        found = await self._access.ask(self._access.front, lambda _store: (find(window, place),))
        if found is not None and found[0] is not None:
            self._table.go(found[0])
        elif found is not None and not quietly:
            self._access.tell("There is no other undecided record here.")

    # -- ranges and many --

    async def _judge_range(self, verb: Verb, span: tuple[int, int]) -> None:
        ids = await self._ids_of(span)
        if ids is None:
            return
        if len(ids) > LONG:
            await self._preview(verb, ids, f"a range of {len(ids):,} records")
            return
        who = self._access.reviewer
        change = await self._access.ask(
            self._access.front, lambda store: _do(store, verb, ids, who)
        )
        if change is not None:
            self._after_many(change)
            if verb != "flag":
                self._table.cursor = span[1]
                await self.next_undecided(quietly=True)

    async def _ids_of(self, span: tuple[int, int]) -> Sequence[int] | None:
        window = self._table.window
        if window is None:
            return None
        return await self._access.ask(
            self._access.front, lambda _store: window.ids()[span[0] : span[1] + 1]
        )

    async def judge_many(self, verb: Verb) -> None:
        """Accept, reject or flag the marked ones, the range, or all that is shown."""
        table = self._table
        if not table.count:
            self._access.tell("There is no record here to decide on.")
        elif table.span is not None:
            await self._preview(verb, await self._ids_of(table.span) or (), "the range")
        elif table.marks:
            await self._preview(verb, [*table.marks], "the marked records")
        else:
            what = "all that is shown" if say.narrowed(table.view) else "all records"
            await self._preview(verb, table.window or (), what)

    async def chosen(self) -> tuple[str, Sequence[int]] | None:
        """The range, the marked ones, or what is shown where something is left out."""
        table = self._table
        if table.span is not None:
            return "the range", await self._ids_of(table.span) or ()
        if table.marks:
            return "the marked records", sorted(table.marks)
        if say.narrowed(table.view):
            return "what is shown", await self._ids_of((0, table.count)) or ()
        return None

    async def _preview(self, verb: Verb, what: Target, words: str) -> None:
        """The box comes at once and counts by itself; enter does it, esc leaves."""
        if self._is_busy():
            return

        async def count() -> BulkPreview:
            return await self._access.side.run(lambda store: store.review.preview_bulk(what))

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._pane.run_worker(self._do_many(verb, what), group="bulk")

        await self._pane.app.push_screen(BulkDialog(verb, words, count), answered)

    def _is_busy(self) -> bool:
        if self._session.busy:
            self._access.tell(f"Wait a moment: {self._session.busy}.")
        return bool(self._session.busy)

    async def _do_many(self, verb: Verb, what: Target) -> None:
        who = self._access.reviewer
        doing = {"accept": "accepting", "reject": "rejecting", "flag": "flagging"}[verb]
        await self._at_length(doing, lambda store, step: _do(store, verb, what, who, step))

    async def move_threshold(self, moved: ThresholdChange) -> None:
        """Judge again by a filter's stored scores."""
        who = self._access.reviewer
        change = await self._at_length(
            f"moving {moved.filter}",
            lambda store, step: store.review.move_threshold(
                moved.filter, moved.threshold, who, on_step=step
            ),
        )
        if change is not None and change.warning:
            self._access.tell(change.warning)

    async def _at_length(
        self, doing: str, change: Callable[[Store, OnStep], Change | None]
    ) -> Change | None:
        """A change on many records, beside the decisions, its progress in the session's line."""
        self._session.say_busy(f"{doing} …")
        loop = asyncio.get_running_loop()

        def step(done: int, total: int) -> bool:
            # The program may have left meanwhile: the change goes on to its end all the same.
            with suppress(RuntimeError):
                words = f"{doing} {done:,} of {total:,}"
                loop.call_soon_threadsafe(self._session.say_busy, words)
            return True

        try:
            done = await self._access.ask(self._access.long, lambda store: change(store, step))
        finally:
            self._session.say_busy("")
        if done is not None:
            self._after_many(done)
        return done

    def _after_many(self, change: Change) -> None:
        table = self._table
        table.begun = None
        table.marks.clear()
        table.again()
        table.tell_moved()
        self._records.retitle()
        self._session.count_soon()
        self._access.tell(say.done(change, self._access.key("undo")))

    # -- undo --

    async def turn(self, way: Way) -> None:
        """Undo the last change, or redo what was undone last."""
        if self._is_busy():
            return
        who, front = self._access.reviewer, self._access.front
        peeked = await self._access.ask(front, lambda store: store.review.last_changes(PEEKED))
        if any(change.count > LONG for change in peeked or () if change.reviewer == who):
            self._pane.run_worker(self._turn_long(way), group="bulk")
            return
        turned = await self._access.ask(front, lambda store: (_turned(store, way, who),))
        if turned is not None:
            await self._after_turn(way, turned[0])

    async def _turn_long(self, way: Way) -> None:
        who, doing = self._access.reviewer, f"{way}ing"
        change = await self._at_length(doing, lambda store, step: _turned(store, way, who, step))
        await self._after_turn(way, change)

    async def _after_turn(self, way: Way, change: Change | None) -> None:
        table = self._table
        if change is None:
            self._access.tell(f"There is nothing to {way}.")
            return
        self._access.tell(f"{'Undone' if way == 'undo' else 'Done again'}: {change.words}")
        table.again()
        self._session.count_soon()
        window, record = table.window, change.record_id
        if window is not None and record is not None:
            place = await self._access.ask(
                self._access.front, lambda _store: (window.position_of(record),)
            )
            if place is not None and place[0] is not None:
                table.go(place[0])
        table.tell_moved()
        self._pane.call_after_refresh(self._session.show)


def _decided(
    store: Store, window: Window, place: int, change: Callable[[Store, str], Change], who: str
) -> Decided:
    """Runs on the store's thread: the change, then what the screen shows of it."""
    done = change(store, who)
    row = next(iter(window.at(place, 1)), None)
    return Decided(done, row, _next(window, place))


def _next(window: Window, place: int) -> int | None:
    """The next undecided position, from the beginning again after the end."""
    found = window.next_undecided(place)
    if found is None:
        found = window.next_undecided(-1)
    return None if found == place else found


def _previous(window: Window, place: int) -> int | None:
    """The undecided position before, looked for from here to the beginning."""
    while place > 0:
        first = max(place - BACK, 0)
        for offset, row in reversed([*enumerate(window.at(first, place - first))]):
            if not row.word:
                return first + offset
        place = first
    return None


def _do(store: Store, verb: Verb, what: Target, who: str, on_step: OnStep | None = None) -> Change:
    if verb == "flag":
        return store.review.flag(what, who, True, on_step)
    if verb == "accept":
        return store.review.accept(what, who, on_step)
    return store.review.reject(what, who, on_step=on_step)


def _turned(store: Store, way: Way, who: str, on_step: OnStep | None = None) -> Change | None:
    turn = store.review.undo if way == "undo" else store.review.redo
    return turn(who, on_step)
