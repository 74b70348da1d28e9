"""The run as a whole: where it stands, its rounds, the curve, and how near extrapolations are."""

from __future__ import annotations

from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static

from studio.runs import JobState, Round
from studio.tui.plots.curves import Curves
from studio.tui.rounds import words as say
from studio.tui.rounds.snapshot import RunSnapshot
from studio.tui.safe_content import content
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane

NO_ROUNDS = "No round yet."


class RunStatus(Section):
    """Where the run stands, and what to press next: three lines."""

    def __init__(self) -> None:
        super().__init__(id="where-section")
        self._lines = [Static("", id=name, markup=False) for name in ("stages", "now", "next")]

    def compose(self) -> ComposeResult:
        """The three lines."""
        self.titled("Run")
        yield from self._lines

    def show(self, run: RunSnapshot, keys: Mapping[str, str], asking: int) -> None:
        """``keys``: action → its key as a person reads it; ``asking``: answers under way."""
        self.titled(say.title(run))
        failed = run.job is not None and run.job.state is JobState.FAILED
        shown = (
            content(say.stages(run)),
            content(say.progress(run), "$error" if failed else ""),
            content(say.next_step(run, keys, asking)),
        )
        for line, words in zip(self._lines, shown, strict=True):
            line.update(words, layout=False)


class RunFigures(Horizontal):
    """Rounds, curve and distances side by side."""

    class Picked(Message):
        """Another round is to be looked at."""

        def __init__(self, number: int, *, opened: bool) -> None:
            super().__init__()
            self.number = number
            self.opened = opened
            """Whether it was chosen with enter."""

    def __init__(self) -> None:
        super().__init__(id="figures")
        self.rounds = RowList(say.ROUND_COLUMNS, empty=NO_ROUNDS, id="rounds")
        """The rounds of the run."""
        self._curve, self._gap = Curves(id="curve"), TextPane(id="gap")
        self._curve_section = Section(id="curve-section")
        self._gap_section = Section(id="gap-section")

    def compose(self) -> ComposeResult:
        """Three parts."""
        with Section(id="rounds-section").titled("Rounds"):
            yield self.rounds
        with self._curve_section.titled("Score"):
            yield self._curve
        with self._gap_section.titled("How near"):
            yield self._gap

    @property
    def plain(self) -> str:
        """What a copy takes."""
        return f"{self._curve.plain}\n\n{self._gap.plain}"

    def show(self, run: RunSnapshot, shown: Round | None, key: str) -> None:
        """``shown``: the round whose errors are shown; ``key`` has the distances measured."""
        with self.prevent(RowList.Moved):
            self.rounds.show(
                say.round_rows(run), key=str(shown.number) if shown is not None else None
            )
        self._curve_section.titled(say.plots_title(run))
        self._curve.show(say.plots(run), instead="It is drawn once a round is scored.")
        number = shown.number if shown is not None else 0
        self._gap_section.titled(say.gap_title(number))
        text = say.gap_text(run, number, key)
        if text != self._gap.plain:
            self._gap.show(text)

    @on(RowList.Moved, "#rounds")
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        if event.row is not None:
            self.post_message(self.Picked(int(event.row.key), opened=False))

    @on(RowList.Chosen, "#rounds")
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if event.row is not None:
            self.post_message(self.Picked(int(event.row.key), opened=True))
