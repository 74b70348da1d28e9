"""A run under way or over: figures above, why answers were dropped and the newest records below."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.message import Message
from textual.widgets import Static

from studio.runs import Job, JobState
from studio.store import Store
from studio.store.generations import Dropped
from studio.store.records import NewRecord
from studio.tasks import Task
from studio.tui.generate import words as say
from studio.tui.safe_content import content
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section, TextPane

NEWEST = 60
"""Records and raw answers that are shown at a time."""
DROP_COLUMNS = (
    Column("reason"),
    Column("answers", 7, "right"),
    Column("share", 6, "right", from_width=30),
)
NO_DROP = "No answer was dropped so far."


@dataclass(frozen=True, slots=True)
class RunOutput:
    """What a run made last."""

    records: list[NewRecord]
    """The newest first."""
    reason: str
    """Why the answers below made no record; empty when none were asked for."""
    answers: list[Dropped]
    kept: int | None
    """Records that the filters keep; None while the run goes on."""


class Streamed(Message):
    """A thread has read what a run made last."""

    def __init__(self, job_id: int, made: RunOutput) -> None:
        super().__init__()
        self.job_id, self.made = job_id, made


class RunView(Container):
    """One run, as its rows tell it."""

    class Opened(Message):
        """Enter was pressed on a record."""

        def __init__(self, record_id: int) -> None:
            super().__init__()
            self.record_id = record_id

    def __init__(self, store: Path, task: Task, *, id: str) -> None:
        super().__init__(id=id)
        self._store, self._task_words = store, task
        self._run: Job | None = None
        self._keys: dict[str, str] = {}
        self._kept: int | None = None
        self._reading = False

    def compose(self) -> ComposeResult:
        """Figures, reasons, records."""
        record = self._task_words.record
        # What a record is about, or its class: whichever tells records of the task apart.
        told = {"label": "label", "output": "output", "positive": "positive"}
        beside = told.get(self._task_words.gold, "document")
        columns = (Column(record.noun), Column(beside, 14, from_width=44))
        none = f"No {record.noun} yet. They stream by here as soon as the LLM answers."
        with Section(id="figures-section").titled("Run"):
            yield Static("", id="figures", markup=False)
            yield Static("", id="next", markup=False)
        with Horizontal(id="below"):
            with Section(id="drops-section").titled("Dropped"):
                yield RowList(DROP_COLUMNS, empty=NO_DROP, id="drops")
            with Section(id="stream-section").titled(f"Newest {record.nouns}"):
                yield RowList(columns, empty=none, id="newest")
                yield TextPane(id="answers")

    def show(self, run: Job, keys: dict[str, str]) -> None:
        """Show this run as it stands. keys: action id → its key as a person reads it."""
        if self._run is None or self._run.id != run.id:
            self._kept = None
            self.query_one("#newest", RowList).show([])
        self._run, self._keys = run, keys
        self._show_figures(run)
        rows = [Row(cells[0], cells) for cells in say.drop_rows(run)]
        self.query_one("#drops", RowList).show(rows)
        dropped = sum(say.figures_of(run).reasons.values())
        self.query_one("#drops-section", Section).titled(f"Dropped {dropped:,}")
        self._read_made()

    def _show_figures(self, run: Job) -> None:
        self.query_one("#figures-section", Section).titled(say.title(run))
        width = max(self.app.size.width - 4, 40)
        nouns = self._task_words.record.nouns
        shown = say.lines(run, width, self._kept, nouns=nouns)
        self.query_one("#figures", Static).update(content(shown))
        tone = "$error" if run.state is JobState.FAILED else ""
        self.query_one("#next", Static).update(content(say.next_step(run, self._keys, nouns), tone))

    @property
    def _is_looking(self) -> bool:
        """Whether raw answers stand where the records stream."""
        return self.has_class("-looking")

    @property
    def _reason(self) -> str:
        """The reason whose answers are looked at; empty while the records are."""
        row = self.query_one("#drops", RowList).current
        return row.key if row is not None and self._is_looking else ""

    # -- what it made, read in a thread --

    @work(group="made")
    async def _read_made(self) -> None:
        run, reason = self._run, self._reason
        if self._reading or run is None:
            return
        self._reading = True
        try:
            running = say.is_under_way(run)
            made = await asyncio.to_thread(_made, self._store, run.id, reason, running)
        finally:
            self._reading = False
        self.post_message(Streamed(run.id, made))

    @on(Streamed)
    def _streamed(self, event: Streamed) -> None:
        event.stop()
        run, made = self._run, event.made
        if run is None or run.id != event.job_id or made.reason != self._reason:
            # Something else is wanted by now.
            self._read_made()
            return
        self._show_records(made.records)
        if made.reason:
            self._show_answers(made.answers)
        if made.kept != self._kept:
            self._kept = made.kept
            self._show_figures(run)

    def _show_records(self, records: list[NewRecord]) -> None:
        newest = self.query_one("#newest", RowList)
        rows = [
            Row(str(one.record_id), (one.text, one.label or one.title or one.document))
            for one in records
        ]
        # On the top line the eye follows what comes in; further down it reads.
        newest.show(rows, key=rows[0].key if rows and newest.cursor == 0 else None)

    def _show_answers(self, answers: list[Dropped]) -> None:
        text, pane = say.dropped_text(answers), self.query_one("#answers", TextPane)
        if text != pane.plain:
            pane.show(text)

    # -- looking at dropped answers --

    def on_descendant_focus(self) -> None:
        """In the list of reasons, the answers of the reason stand beside it."""
        focused = self.screen.focused
        looking = focused is not None and focused.id in ("drops", "answers")
        if looking != self._is_looking:
            self.set_class(looking, "-looking")
            self._turn()

    def _turn(self) -> None:
        reason = self._reason
        newest = f"Newest {self._task_words.record.nouns}"
        title = f"Newest answers dropped as {reason}" if reason else newest
        self.query_one("#stream-section", Section).titled(title)
        self.query_one("#answers", TextPane).show("")
        self._read_made()

    @on(RowList.Moved, "#drops")
    def _reason_moved(self, event: RowList.Moved) -> None:
        event.stop()
        if self._is_looking:
            self._turn()

    @on(RowList.Chosen, "#drops")
    def _reason_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.screen.set_focus(self.query_one("#answers"))

    @on(RowList.Moved, "#newest")
    def _query_moved(self, event: RowList.Moved) -> None:
        event.stop()

    @on(RowList.Chosen, "#newest")
    def _query_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if event.row is not None:
            self.post_message(self.Opened(int(event.row.key)))

    @property
    def text(self) -> str:
        """The raw answers in front, or the text under the cursor, for a copy."""
        if self._is_looking:
            return self.query_one("#answers", TextPane).plain
        row = self.query_one("#newest", RowList).current
        return row.cells[0] if row else ""


def _made(path: Path, job_id: int, reason: str, running: bool) -> RunOutput:
    """Runs in a thread, with a connection of its own."""
    store = Store(path)
    try:
        records = store.records.newest_of_job(job_id, NEWEST)
        answers = store.generations.dropped(job_id, reason, NEWEST) if reason else []
        kept = None if running else store.records.kept_of_job(job_id)
        return RunOutput(records, reason, answers, kept)
    finally:
        store.close()
