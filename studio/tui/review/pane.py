"""Review: a million records in a table, one key each, and beside it all that made a record."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from studio.jobs.categories import MOST_RECORDS, Retention, last_words, retention
from studio.store import Store
from studio.store.review_shapes import Bin, ScoreInfo
from studio.tasks import Task
from studio.tui.actions import bindings
from studio.tui.pane.base import Pane
from studio.tui.pane.store_access import StoreAccess
from studio.tui.records.details import RecordDetails
from studio.tui.records.edit import RecordEdit
from studio.tui.records.list import RecordList
from studio.tui.records.session import SessionLine
from studio.tui.review.actions import ReviewActions
from studio.tui.review.categories import CategoriesDialog, ChosenCategory
from studio.tui.review.threshold import Retained, Sliders, ThresholdChange, ThresholdDialog, zoomed
from studio.tui.widgets.virtual_rows import VirtualRows

BARS = 60
"""Bars of a histogram."""


class ReviewPane(Pane):
    """The records with their field on the left or above, all about one of them beside it."""

    NAME = "review"
    CSS_PATH = "review.tcss"
    AUTO_FOCUS = "#records"
    BINDINGS: ClassVar[list[Any]] = [*bindings("review")]

    def compose_body(self) -> ComposeResult:
        """Records, side, and the session's line."""
        self._access = access = StoreAccess(self)
        self._records = RecordList(access, nothing=no_records(self.project.task))
        self._table = self._records.table
        self._edit = RecordEdit(access, history="in its history beside it")
        self._details = RecordDetails(access)
        self._session = SessionLine(access)
        self._do = ReviewActions(self, access, self._records, self._session)
        with Horizontal(id="review"):
            with Vertical(id="table"):
                yield self._records
                yield self._edit
            yield self._details
        yield self._session

    def begin(self) -> None:
        """Open everything; the rest follows the first rows."""
        self._table.open(self._table.view, first_undecided=True)
        self.run_worker(self._begin_rest(), group="begin")

    async def _begin_rest(self) -> None:
        if await self._edit.take_up_drafts():
            self._table.again()
        await self._records.read_prompts()
        await self._session.count()

    async def on_unmount(self) -> None:
        """Let files and connections go."""
        if self.ready:
            self._access.close()

    def store_changed(self) -> None:
        """Show the rows as they are now, where they stand; new ones wait for a key."""
        self._table.look_for_news()
        self._session.count_soon()

    def open_at(self, **place: Any) -> None:
        """``record``: go to it, whatever is filtered; ``search``: look for these words."""
        record, search = place.get("record"), place.get("search")
        self._records.go(
            search=None if search is None else str(search),
            record=None if record is None else int(record),
        )

    def main_list(self) -> Widget | None:
        """The table."""
        return self._table

    def flush(self) -> None:
        """Make an edit of what was typed."""
        self._edit.write()

    def finish(self) -> None:
        """Wait for decisions that are under way."""
        self._access.finish()

    def action_leave(self) -> None:
        """Finish the edit or the search, and go back to the table."""
        if self._edit.finish():
            self._records.search_now()
            self.set_focus(self._table)

    def copy_text(self) -> str:
        """The record's whole text; where the side has the focus, what it shows."""
        text = self._details.text
        if text.has_focus:
            return text.plain
        row = self._table.current
        record = row and self.studio.guarded(lambda: self.project.store.records.get(row.id))
        return record.text if record else ""

    # -- what the widgets tell --

    @on(VirtualRows.Moved)
    def _moved(self, event: VirtualRows.Moved) -> None:
        event.stop()
        self._details.show(self._table)

    @on(VirtualRows.Chosen)
    def _chosen(self, event: VirtualRows.Chosen) -> None:
        event.stop()
        self._details.text.focus()

    @on(VirtualRows.Failed)
    def _failed(self, event: VirtualRows.Failed) -> None:
        event.stop()
        self.studio.tell(event.words, bad=True)

    @on(RecordEdit.Finished)
    async def _edited(self, event: RecordEdit.Finished) -> None:
        """The table shows the row as it is now."""
        event.stop()
        if event.opened.wrote:
            await self._table.reread(event.opened.place)
            self._session.count_soon()
        self._table.tell_moved()

    # -- one record --

    async def action_accept(self) -> None:
        """Accept the record, or the range."""
        await self._do.judge("accept")

    async def action_reject(self) -> None:
        """Reject the record, or the range."""
        await self._do.judge("reject")

    async def action_flag(self) -> None:
        """Flag the record or take its flag off; flag the range."""
        await self._do.judge("flag")

    async def action_clear(self) -> None:
        """Take the person's decision on the record back."""
        await self._do.clear()

    async def action_edit(self) -> None:
        """Edit the record's fields; esc finishes."""
        await self._open_editor()

    async def action_note(self) -> None:
        """Write a note on the record; esc finishes."""
        await self._open_editor(note=True)

    async def _open_editor(self, *, note: bool = False) -> None:
        row = await self._table.settled()
        record = row and self.studio.guarded(lambda: self.project.store.records.get(row.id))
        if record:
            self._edit.open(record, self._table.cursor, note=note)
        elif row is None:
            self.studio.tell("There is no record here to edit.")

    async def action_undo(self) -> None:
        """Undo the last change, whatever it was."""
        await self._do.turn("undo")

    async def action_redo(self) -> None:
        """Redo what was undone last."""
        await self._do.turn("redo")

    async def action_next_undecided(self) -> None:
        """Go to the next record that no person has judged."""
        await self._do.next_undecided()

    async def action_previous_undecided(self) -> None:
        """Go to the one before that no person has judged."""
        await self._do.previous_undecided()

    # -- many records --

    async def action_mark(self) -> None:
        """Mark the record, or take its mark off."""
        await self._table.settled()
        self._table.toggle_mark()
        self._table.action_down()
        self._records.retitle()

    def action_range(self) -> None:
        """Begin a range here, or leave it."""
        table = self._table
        table.begun = None if table.begun is not None else table.cursor
        table.refresh()
        self._records.retitle()

    def action_unselect(self) -> None:
        """Leave the range, else take the marks off."""
        self._table.unselect()
        self._records.retitle()

    async def action_accept_all(self) -> None:
        """Accept the marked ones, the range, or all that is shown."""
        await self._do.judge_many("accept")

    async def action_reject_all(self) -> None:
        """Reject the marked ones, the range, or all that is shown."""
        await self._do.judge_many("reject")

    async def action_flag_all(self) -> None:
        """Flag the marked ones, the range, or all that is shown."""
        await self._do.judge_many("flag")

    async def action_threshold(self) -> None:
        """Move the threshold of a filter over its stored scores."""

        def chosen(moved: ThresholdChange | None) -> None:
            if moved is not None:
                self.run_worker(self._do.move_threshold(moved), group="bulk")

        await self.app.push_screen(ThresholdDialog(self._sliders(), self._table.score), chosen)

    async def action_categories(self) -> None:
        """Show what the records ask for; what is chosen there is looked for."""
        type = self._table.view.type
        nouns = self.project.store.record_types.known()[type or self.project.task.record.name].nouns

        async def read() -> Retention:
            return await self._access.long.run(lambda store: last_words(store, type, MOST_RECORDS))

        def chosen(found: ChosenCategory | None) -> None:
            if found is not None:
                self._look_for(found)

        await self.app.push_screen(CategoriesDialog(read, nouns, MOST_RECORDS), chosen)

    def _look_for(self, found: ChosenCategory) -> None:
        if found.kind and "label" in self.project.task.record.fields:
            self._records.go(search=found.words, label=found.kind)
        elif found.words:
            self._records.go(search=found.words)
        else:
            self.studio.tell("That stands in no text, so it cannot be searched for.")

    async def action_judge(self) -> None:
        """Ask for judge, rubric, endpoint and cap, and start it."""
        await self.app.run_action("app.start_judge")

    def _sliders(self) -> Sliders:
        side = self._access.side

        async def bins(info: ScoreInfo) -> Sequence[Bin]:
            return await side.run(partial(_bins, info))

        async def would_keep(name: str, threshold: float) -> tuple[int, int]:
            return await side.run(lambda store: store.review.would_keep(name, threshold))

        async def retained(info: ScoreInfo) -> Retained:
            every = 1 + info.count // MOST_RECORDS
            return await side.run(
                lambda store: (
                    retention(store, info.filter, every),
                    store.review.rule(info.filter),
                )
            )

        scores = partial(side.run, lambda store: store.review.scores())
        return Sliders(scores, bins, would_keep, retained)

    async def chosen_records(self) -> tuple[str, Sequence[int]] | None:
        """The range, the marked ones, or what is shown where something is left out."""
        return await self._do.chosen()

    # -- what is shown --

    def action_find(self) -> None:
        """Go to the search field."""
        self._records.search.focus()

    async def action_filter(self) -> None:
        """Choose which records are shown."""
        await self._records.choose_filter()

    async def action_sort(self) -> None:
        """Choose the order."""
        await self._records.choose_order()

    def action_show_all(self) -> None:
        """Leave nothing out any more; stay at the record."""
        self._records.show_all()

    def action_read_again(self) -> None:
        """Read what others have added or changed; stay at the record."""
        self._records.read_again()

    def action_side(self) -> None:
        """Show something else of the record."""
        self._details.turn(1)

    def action_side_back(self) -> None:
        """Show what was shown before that."""
        self._details.turn(-1)

    def action_side_down(self) -> None:
        """Scroll the side without leaving the table."""
        self._details.text.action_half_down()

    def action_side_up(self) -> None:
        """Scroll it back."""
        self._details.text.action_half_up()


def no_records(task: Task) -> str:
    """What to do where there is no record yet."""
    if task.has_rounds:
        return (
            f"No record yet. 5 goes to Rounds, where an LLM writes {task.record.nouns}, a model "
            "trains on them, and its errors are extrapolated. What is written is judged here."
        )
    for_documents = " for your documents; ctrl+r runs the whole path" if task.has_path else ""
    return (
        f"No record yet. 3 goes to Generate, where an LLM writes {task.record.nouns}"
        f"{for_documents}. What it writes is judged here."
    )


def _bins(info: ScoreInfo, store: Store) -> Sequence[Bin]:
    """Runs on the store's thread."""
    review = store.review
    return zoomed(info, lambda low, high: review.histogram(info.filter, BARS, low=low, high=high))
