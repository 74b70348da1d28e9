"""Judging what was written from errors: one key each, undo of anything, letting all through."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from studio.project import Project
from studio.records import Job, StudioError
from studio.store import Store
from studio.store.review_shapes import Change
from studio.tui.pane.daemon_thread import run_in_daemon_thread
from studio.tui.rounds.core import RoundsCore


class RoundsActions(RoundsCore):
    """The keys that judge."""

    _letting = False

    async def action_approve(self) -> None:
        """Approve the extrapolation under the cursor, and go on."""
        await self._judge("accept")

    async def action_reject(self) -> None:
        """Reject the extrapolation under the cursor, and go on."""
        await self._judge("reject")

    async def _judge(self, verb: Literal["accept", "reject"]) -> None:
        found = await self.in_hand()
        item = self.chosen
        if found is None or item is None:
            self.studio.tell(self._nothing(found is not None))
            return
        who, place = self.reviewer, self.errors.cursor

        def deed(store: Store) -> Change:
            review = store.review
            return (review.accept if verb == "accept" else review.reject)([item.id], who)

        if await self.ask(self._store_thread, deed) is None:
            return
        await self.read_beside(found.error.id)
        await self.reread_row(place)
        if not self._to_next_undecided():
            self.errors.go(min(place + 1, max(self.errors.count - 1, 0)))
        self.read_look()

    def _nothing(self, has_error: bool) -> str:
        if not has_error:
            return "There is no error here. [ and ] go to another round."
        return f"Nothing was written from this error yet. {self.key('ask-again')} asks the LLM."

    def _to_next_undecided(self) -> bool:
        """Further down among this error's additions; False when none is left there."""
        found, rows = self._beside, self.additions
        if found is None:
            return False
        for place in range(rows.cursor + 1, len(found.additions)):
            if not found.words.get(found.additions[place].id):
                rows.cursor = place
                return True
        return False

    # -- undo --

    async def action_undo(self) -> None:
        """Take back the last deed, whatever it was."""
        await self._turn("undo")

    async def action_redo(self) -> None:
        """Do again what was taken back last."""
        await self._turn("redo")

    async def _turn(self, way: Literal["undo", "redo"]) -> None:
        who = self.reviewer

        def turn(store: Store) -> tuple[Change | None, int | None]:
            review = store.review
            deed = (review.undo if way == "undo" else review.redo)(who)
            item = store.records.get(deed.record_id) if deed and deed.record_id else None
            return deed, item.error_id if item is not None else None

        done = await self.ask(self._store_thread, turn)
        if done is None:
            return
        deed, error = done
        if deed is None:
            self.studio.tell(f"There is nothing to {way}.")
            return
        self.studio.tell(f"{'Undone' if way == 'undo' else 'Done again'}: {deed.words}")
        place = self.position_of(error) if error is not None else None
        if error is not None and place is not None:
            self.errors.go(place)
            await self.errors.settled()
            await self.read_beside(error, choose=deed.record_id)
            await self.reread_row(place)
        self.read_look()

    # -- letting all through --

    async def action_let_through(self) -> None:
        """Let the additions through as they stand; the next round trains on them."""
        run = self._look.run
        if run is None or not self._look.is_resting:
            self.studio.tell("No additions wait for you in this run.")
            return
        if self._asking or self._letting:
            self.studio.tell("Wait a moment: an extrapolation is still being written.")
            return
        self.flush()
        self._letting = True
        try:
            approve = partial(_approved, self.project, self.project.store.path, run.id)
            job = await run_in_daemon_thread(approve)
        except StudioError as error:
            self.studio.tell(str(error), bad=True)
        else:
            self._number = None
            self.studio.tell(f"The additions are in; job {job.id} trains the next round.")
            self.studio.wrote()
        finally:
            self._letting = False
        self.read_look()


def _approved(project: Project, path: Path, run_id: int) -> Job:
    """Runs in a thread of its own: what a run stands on takes a moment to import."""
    from studio.jobs import runs

    store = Store(path)
    try:
        return runs.approve(replace(project, store=store), run_id)
    finally:
        store.close()
