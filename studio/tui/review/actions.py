"""Deciding: one key a record, ranges, bulk with a preview, undo of anything.

A key's deed is written before the next key is looked at. The key waits for the store's thread, not
for the screen: a held key is a queue of keys, done in order, while all is drawn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from studio.store import Store
from studio.store.review import Target
from studio.store.review_changes import OnStep
from studio.store.review_shapes import BulkPreview, Change, ReviewRow
from studio.store.review_window import Window
from studio.tui.review import words as say
from studio.tui.review.core import ReviewCore, cut
from studio.tui.review.dialogs import BulkDialog

Verb = Literal["accept", "reject", "flag"]

LONG = 2_000
"""Records from which a deed is previewed and done beside the decisions."""
PEEKED = 20
"""Latest deeds among which a long one is looked for, before undo."""
BACK = 256
"""Rows looked at in one step towards the beginning."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What one decision led to."""

    deed: Change
    row: ReviewRow | None
    """The row as it stands now."""
    next: int | None
    """The next undecided position; None when all are decided."""


class ReviewActions(ReviewCore):
    """The keys that judge."""

    # -- one record --

    async def action_accept(self) -> None:
        """Accept the record, or the range."""
        await self._judge("accept")

    async def action_reject(self) -> None:
        """Reject the record, or the range."""
        await self._judge("reject")

    async def action_flag(self) -> None:
        """Flag the record or take its flag off; flag the range."""
        await self._judge("flag")

    async def action_clear(self) -> None:
        """Take the person's word on the record back."""
        row = await self.rows.settled()
        if row is not None and row.word:
            await self._decide(lambda store, who: store.review.clear([row.id], who), stay=True)

    async def _judge(self, verb: Verb) -> None:
        if self.rows.span is not None:
            await self._judge_range(verb, self.rows.span)
            return
        row = await self.rows.settled()
        if row is None:
            self.studio.tell("There is no record here to decide on.")
        elif verb == "flag":
            await self._decide(
                lambda store, who: store.review.flag([row.id], who, not row.flagged), stay=True
            )
        else:
            await self._decide(lambda store, who: _do(store, verb, [row.id], who))

    async def _decide(self, deed: Callable[[Store, str], Change], *, stay: bool = False) -> None:
        """Write it, show the row as it is now, and go on to the next undecided one."""
        window, place, who = self._window, self.rows.cursor, self.reviewer
        if window is None:
            return
        done = await self.ask(
            self._store_thread, lambda store: _decided(store, window, place, deed, who)
        )
        if done is None or window is not self._window:
            return
        if done.row is not None:
            self.rows.put(place, cut(done.row))
        self._count_one(done)
        if stay:
            self.show_side()
        else:
            self._go_to(done.next, place)

    def _count_one(self, done: Decided) -> None:
        """The counter goes on at once; the store's own count follows."""
        if self._tally is not None and done.deed.id and done.deed.kind in ("accept", "reject"):
            left = max(self._tally.left - 1, 0)
            self._tally = replace(self._tally, decided=self._tally.decided + 1, left=left)
        self.count_soon()

    def _go_to(self, target: int | None, place: int) -> None:
        if target is None:
            self.studio.tell(f"All of these are decided. {self.key('filter')} shows others.")
            self.rows.go(place + 1)
            self.show_side()
        else:
            self.rows.go(target)

    # -- going without deciding --

    async def action_next_undecided(self) -> None:
        """Go to the next record that no person has judged."""
        await self._seek(_next)

    async def action_previous_undecided(self) -> None:
        """Go to the one before that no person has judged."""
        await self._seek(_previous)

    async def _seek(
        self, find: Callable[[Window, int], int | None], *, quietly: bool = False
    ) -> None:
        window, place = self._window, self.rows.cursor
        if window is None or not self.rows.count:
            return
        found = await self.ask(self._store_thread, lambda _store: (find(window, place),))
        if found is not None and found[0] is not None:
            self.rows.go(found[0])
        elif found is not None and not quietly:
            self.studio.tell("There is no other undecided record here.")

    # -- marks and ranges --

    async def action_mark(self) -> None:
        """Mark the record, or take its mark off."""
        await self.rows.settled()
        self.rows.toggle_mark()
        self.rows.action_down()
        self.retitle()

    def action_range(self) -> None:
        """Begin a range here, or leave it."""
        self.rows.begun = None if self.rows.begun is not None else self.rows.cursor
        self.rows.refresh()
        self.retitle()

    def action_unselect(self) -> None:
        """Leave the range, else take the marks off."""
        self.rows.unselect()
        self.retitle()

    async def _judge_range(self, verb: Verb, span: tuple[int, int]) -> None:
        ids = await self._ids_of(span)
        if ids is None:
            return
        if len(ids) > LONG:
            await self._preview(verb, ids, f"a range of {len(ids):,} records")
            return
        who = self.reviewer
        deed = await self.ask(self._store_thread, lambda store: _do(store, verb, ids, who))
        if deed is not None:
            self._after_many(deed)
            if verb != "flag":
                self.rows.cursor = span[1]
                await self._seek(_next, quietly=True)

    async def _ids_of(self, span: tuple[int, int]) -> Sequence[int] | None:
        window = self._window
        if window is None:
            return None
        return await self.ask(
            self._store_thread, lambda _store: window.ids()[span[0] : span[1] + 1]
        )

    # -- bulk --

    async def action_accept_all(self) -> None:
        """Accept the marked ones, the range, or all that is shown."""
        await self._bulk("accept")

    async def action_reject_all(self) -> None:
        """Reject the marked ones, the range, or all that is shown."""
        await self._bulk("reject")

    async def action_flag_all(self) -> None:
        """Flag the marked ones, the range, or all that is shown."""
        await self._bulk("flag")

    async def _bulk(self, verb: Verb) -> None:
        rows = self.rows
        if not rows.count:
            self.studio.tell("There is no record here to decide on.")
        elif rows.span is not None:
            await self._preview(verb, await self._ids_of(rows.span) or (), "the range")
        elif rows.marks:
            await self._preview(verb, [*rows.marks], "the marked records")
        else:
            what = "all that is shown" if say.narrowed(self._view) else "all records"
            await self._preview(verb, self._window or (), what)

    async def _preview(self, verb: Verb, what: Target, words: str) -> None:
        """The box comes at once and counts by itself; enter does it, esc leaves."""
        if self._busy:
            self.studio.tell(f"Wait a moment: {self._busy}.")
            return

        async def touch() -> BulkPreview:
            return await self._side_thread.run(lambda store: store.review.preview_bulk(what))

        def answered(sure: bool | None) -> None:
            if sure:
                self.run_worker(self._do_many(verb, what), group="bulk")

        await self.app.push_screen(BulkDialog(verb, words, touch), answered)

    async def _do_many(self, verb: Verb, what: Target) -> None:
        who = self.reviewer
        doing = {"accept": "accepting", "reject": "rejecting", "flag": "flagging"}[verb]
        await self.at_length(doing, lambda store, step: _do(store, verb, what, who, step))

    async def at_length(
        self, doing: str, deed: Callable[[Store, OnStep], Change | None]
    ) -> Change | None:
        """A deed on many records, beside the decisions, with its progress in the session's line."""
        self._say_busy(f"{doing} …")
        loop = asyncio.get_running_loop()

        def step(done: int, total: int) -> bool:
            # The program may have left meanwhile: the deed goes on to its end all the same.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._say_busy, f"{doing} {done:,} of {total:,}")
            return True

        try:
            done = await self.ask(self._long_thread, lambda store: deed(store, step))
        finally:
            self._say_busy("")
        if done is not None:
            self._after_many(done)
        return done

    def _say_busy(self, words: str) -> None:
        self._busy = words
        self.show_session()

    def _after_many(self, deed: Change) -> None:
        rows = self.rows
        rows.begun = None
        rows.marks.clear()
        rows.again()
        self.retitle()
        self.show_side()
        self.count_soon()
        self.studio.tell(say.done(deed, self.key("undo")))

    # -- undo --

    async def action_undo(self) -> None:
        """Take back the last deed, whatever it was."""
        await self._turn("undo")

    async def action_redo(self) -> None:
        """Do again what was taken back last."""
        await self._turn("redo")

    async def _turn(self, way: Literal["undo", "redo"]) -> None:
        if self._busy:
            self.studio.tell(f"Wait a moment: {self._busy}.")
            return
        who = self.reviewer
        peeked = await self.ask(self._store_thread, lambda store: store.review.last_changes(PEEKED))
        if any(deed.count > LONG for deed in peeked or () if deed.reviewer == who):
            self.run_worker(self._turn_long(way), group="bulk")
            return
        turned = await self.ask(self._store_thread, lambda store: (_turned(store, way, who),))
        if turned is not None:
            await self._after_turn(way, turned[0])

    async def _turn_long(self, way: Literal["undo", "redo"]) -> None:
        who, doing = self.reviewer, "taking back" if way == "undo" else "doing again"
        deed = await self.at_length(doing, lambda store, step: _turned(store, way, who, step))
        await self._after_turn(way, deed)

    async def _after_turn(self, way: Literal["undo", "redo"], deed: Change | None) -> None:
        if deed is None:
            self.studio.tell(f"There is nothing to {way}.")
            return
        self.studio.tell(f"{'Undone' if way == 'undo' else 'Done again'}: {deed.words}")
        self.rows.again()
        self.count_soon()
        window, record = self._window, deed.record_id
        if window is not None and record is not None:
            place = await self.ask(self._store_thread, lambda _store: (window.position_of(record),))
            if place is not None and place[0] is not None:
                self.rows.go(place[0])
        self.show_side()
        self.call_after_refresh(self.show_session)


def _decided(
    store: Store, window: Window, place: int, deed: Callable[[Store, str], Change], who: str
) -> Decided:
    """Runs on the store's thread: the deed, then what the screen shows of it."""
    done = deed(store, who)
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


def _turned(
    store: Store, way: Literal["undo", "redo"], who: str, on_step: OnStep | None = None
) -> Change | None:
    turn = store.review.undo if way == "undo" else store.review.redo
    return turn(who, on_step)
