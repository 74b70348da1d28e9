"""Judging what was written from errors: one key each, undo of anything, approving all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from textual.app import App

from studio.jobs import queue
from studio.project import Project
from studio.records import StudioError
from studio.runs import Job, JobState, Round
from studio.store import Store
from studio.store.review_shapes import Change
from studio.tui.dialogs.raise_cap import caps_for
from studio.tui.pane.daemon_thread import run_in_daemon_thread
from studio.tui.pane.store_access import StoreAccess
from studio.tui.rounds.errors import ErrorList
from studio.tui.rounds.side import ErrorSide
from studio.tui.rounds.snapshot import RunSnapshot


class RoundsActions:
    """What the keys of Rounds do to extrapolations."""

    def __init__(
        self, access: StoreAccess, errors: ErrorList, side: ErrorSide, changed: Callable[[], None]
    ) -> None:
        """``changed`` hears when something was written."""
        self._access, self._errors, self._side, self._changed = access, errors, side, changed
        self._approving = False

    async def judge(self, verb: Literal["accept", "reject"]) -> None:
        """Approve or reject the extrapolation under the cursor, and go on."""
        found = await self._side.in_hand()
        record = self._side.chosen
        if found is None or record is None:
            self._access.tell(self._nothing(found is not None))
            return
        who, place = self._access.reviewer, self._errors.rows.cursor

        def change(store: Store) -> Change:
            review = store.review
            return (review.accept if verb == "accept" else review.reject)([record.id], who)

        if await self._access.ask(self._access.front, change) is None:
            return
        await self._side.read(found.error.id)
        await self._errors.reread(place)
        if not self._side.to_next_undecided():
            rows = self._errors.rows
            rows.go(min(place + 1, max(rows.count - 1, 0)))
        self._changed()

    def _nothing(self, has_error: bool) -> str:
        key = self._access.key
        if not has_error:
            keys = f"{key('previous-round')} and {key('next-round')}"
            return f"There is no error here. {keys} go to another round."
        return f"Nothing was written from this error yet. {key('ask-again')} asks the LLM."

    async def edit(self, *, note: bool = False) -> None:
        """Edit the extrapolation under the cursor, or the note on it."""
        found = await self._side.in_hand()
        record = self._side.chosen
        if found is None or record is None:
            self._access.tell("There is no extrapolation here to edit.")
        else:
            self._side.edit.open(record, found.error.id, note=note)

    async def turn(self, way: Literal["undo", "redo"]) -> None:
        """Undo the last change, whatever it was, or redo what was undone last."""
        done = await self._access.ask(
            self._access.front, partial(_turned, way, self._access.reviewer)
        )
        if done is None:
            return
        change, error = done
        if change is None:
            self._access.tell(f"There is nothing to {way}.")
            return
        self._access.tell(f"{'Undone' if way == 'undo' else 'Done again'}: {change.words}")
        place = self._errors.position_of(error) if error is not None else None
        if error is not None and place is not None:
            self._errors.rows.go(place)
            await self._errors.rows.settled()
            await self._side.read(error, choose=change.record_id)
            await self._errors.reread(place)
        self._changed()

    async def approve_all(self, run_id: int) -> Job | None:
        """Approve all extrapolations as they stand: the job of the round that trains on them."""
        if self._side.live or self._approving:
            self._access.tell("Wait a moment: an extrapolation is still being written.")
            return None
        self._approving = True
        project = self._access.project
        try:
            approve = partial(_approved, project, project.store.path, run_id)
            return await run_in_daemon_thread(approve)
        except StudioError as error:
            self._access.tell(str(error), bad=True)
            return None
        finally:
            self._approving = False

    # -- the run's jobs --

    def measure(self, run: RunSnapshot, shown: Round | None) -> None:
        """Have a job measure how near the extrapolations of a round are to its errors."""
        if run.run is None or shown is None or not sum(run.counts.get(shown.number + 1, (0, 0))):
            self._access.tell("Nothing was written from this round's errors yet.")
            return
        job = run.gaps.get(shown.number)
        if job is not None and job.state in (JobState.WAITING, JobState.RUNNING):
            self._access.tell(f"Job {job.id} measures it already.")
            return
        params = {"run_id": run.run.id, "round": shown.number}
        said = "A job measures how near the extrapolations are: see the figures."
        self._access.write(
            lambda: queue.submit(self._access.project, "gap", params),
            then=lambda _job: self._access.tell(said),
        )

    async def resume(self, run: RunSnapshot, app: App[Any]) -> None:
        """Go on with a run whose job was cancelled, cut off or capped."""
        job, project = run.job, self._access.project
        if job is None:
            self._access.tell("No job works on this run.")
        elif job.state in queue.RESUMABLE:
            caps = await caps_for(app, job)
            if caps is not None:
                await self._access.written(lambda: queue.resume(project, job.id, caps))
        else:
            self._access.tell(f"The run is done. {self._access.key('start')} begins another one.")


def _turned(
    way: Literal["undo", "redo"], who: str, store: Store
) -> tuple[Change | None, int | None]:
    """Runs on the store's thread: what was undone or redone, and the error that it is about."""
    change = (store.review.undo if way == "undo" else store.review.redo)(who)
    record = store.records.get(change.record_id) if change and change.record_id else None
    return change, record.error_id if record is not None else None


def _approved(project: Project, path: Path, run_id: int) -> Job:
    """Runs in a thread of its own: what a run stands on takes a moment to import."""
    from studio.jobs import run_outcome

    store = Store(path)
    try:
        return run_outcome.approve(replace(project, store=store), run_id)
    finally:
        store.close()
