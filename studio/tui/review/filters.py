"""Which records Review shows, in which order, and where the thresholds stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from textual.widgets import Input

from studio.store import Store
from studio.store.review_shapes import Bin, ScoreInfo, View
from studio.tui.dialogs.ask import Choose
from studio.tui.review import words as say
from studio.tui.review.actions import ReviewActions
from studio.tui.review.dialogs import FilterChoices, FilterDialog
from studio.tui.review.threshold import Sliders, ThresholdChange, ThresholdDialog, zoomed
from studio.tui.safe_text import one_line
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import Column, Row

LONGEST_SEARCH = 200
"""Cells of the search words that the field shows when they come from elsewhere."""
BARS = 60
"""Bars of a histogram."""
JOBS = 30
"""Jobs that a view can be narrowed to, the latest."""


class RecordFilters(ReviewActions):
    """The keys that choose what is shown."""

    def put_words(self, words: str) -> None:
        """Put words into the field without searching for them as if they were typed."""
        field = self.part("#search", Field)
        with field.prevent(Input.Changed):
            field.value = one_line(words, LONGEST_SEARCH)

    def action_show_all(self) -> None:
        """Leave nothing out any more; stay at the record."""
        self.put_words("")
        self.reopen(View(sort=self._view.sort, filter=self._view.filter), record=self._here())

    def action_read_again(self) -> None:
        """Read what others have added or changed; stay at the record."""
        self.reopen(replace(self._view), record=self._here())

    def _here(self) -> int | None:
        row = self.rows.current
        return row.id if row is not None else None

    async def action_filter(self) -> None:
        """Choose which records are shown."""

        def chosen(view: View | None) -> None:
            if view is not None and view != self._view:
                self.put_words(view.search)
                self.reopen(view)

        await self.app.push_screen(FilterDialog(self._view, self._choices, self._how_many), chosen)

    async def _choices(self) -> FilterChoices:
        return await self._side_thread.run(_choices)

    async def _how_many(self, view: View) -> int | None:
        return await self._side_thread.run(lambda store: _count(store, view))

    async def action_sort(self) -> None:
        """Choose the order."""
        score = self._view.filter or self._score
        left_out = [] if score else ["score", "-score"]
        left_out += [] if self.records_of.needs_documents else ["document"]
        rows = [Row(name, (words,)) for name, words in say.SORTS.items() if name not in left_out]

        def chosen(name: Any) -> None:
            if name is not None:
                by_score = "score" in name
                filter_name = score if by_score else self._view.filter
                self.reopen(replace(self._view, sort=name, filter=filter_name), record=self._here())

        title = f"Order (score: {score})" if score else "Order"
        dialog = Choose(title, [Column("")], rows, current=self._view.sort)
        await self.app.push_screen(dialog, chosen)

    async def action_threshold(self) -> None:
        """Move the threshold of a filter over its stored scores."""

        def chosen(moved: ThresholdChange | None) -> None:
            if moved is not None:
                self.run_worker(self._move_threshold(moved), group="bulk")

        await self.app.push_screen(ThresholdDialog(self._sliders(), self._score), chosen)

    def _sliders(self) -> Sliders:
        async def scores() -> Sequence[ScoreInfo]:
            return await self._side_thread.run(lambda store: store.review.scores())

        async def bins(info: ScoreInfo) -> Sequence[Bin]:
            return await self._side_thread.run(partial(_bins, info))

        async def would_keep(name: str, threshold: float) -> tuple[int, int]:
            return await self._side_thread.run(
                lambda store: store.review.would_keep(name, threshold)
            )

        return Sliders(scores, bins, would_keep)

    async def _move_threshold(self, moved: ThresholdChange) -> None:
        who = self.reviewer
        deed = await self.at_length(
            f"moving {moved.filter}",
            lambda store, step: store.review.move_threshold(
                moved.filter, moved.threshold, who, on_step=step
            ),
        )
        if deed is not None and deed.warning:
            self.studio.tell(deed.warning)


def _choices(store: Store) -> FilterChoices:
    """Runs on the store's thread."""
    review = store.review
    jobs = [job for job in store.jobs.all(200) if job.kind in ("generate", "path", "import")]
    return FilterChoices(
        scores=review.scores(),
        reasons=review.reasons(),
        prompts=review.prompts(),
        jobs=[(job.id, f"{job.kind} {job.id}, {say.when(job.created)}") for job in jobs[:JOBS]],
    )


def _count(store: Store, view: View) -> int:
    """Runs on the store's thread."""
    window = store.review.open(view)
    try:
        return window.count()
    finally:
        window.close()


def _bins(info: ScoreInfo, store: Store) -> Sequence[Bin]:
    """Runs on the store's thread."""
    review = store.review
    return zoomed(info, lambda low, high: review.histogram(info.filter, BARS, low=low, high=high))
