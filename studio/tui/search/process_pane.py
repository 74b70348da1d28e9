"""What Search is for every task: a helper process answers as one types."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from textual import on
from textual.message import Message

from studio.jobs.search_protocol import Ranking, State, TextPrediction
from studio.tui.pane.base import Pane
from studio.tui.search.client import FromProcess, SearchProcess, SearchProcessEnded


class Answers(Protocol):
    """The widget that shows what the process answers."""

    def begin_anew(self) -> None:
        """A new process loads everything."""

    def process_ended(self, words: str, *, again: bool) -> None:
        """The process ended: another one comes in its place, or ``words`` say why none does."""


class ProcessSaid(Message):
    """The search process has said something."""

    def __init__(self, said: FromProcess) -> None:
        super().__init__()
        self.said = said


class ProcessPane(Pane):
    """Starts the process with the pane, keeps it going, and ends it with the pane."""

    NAME = "search"
    AUTO_FOCUS = "#asked"
    CSS_PATH = "search.tcss"

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self._answers = answers

    def begin(self) -> None:
        """Start the process; the first paint does not wait for it."""
        self.process = SearchProcess(
            self.project.path, lambda said: self.post_message(ProcessSaid(said))
        )
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        self.process.start()
        self.ask()

    def on_unmount(self) -> None:
        """The process ends with the pane."""
        if self.ready:
            self.process.stop()

    @abstractmethod
    def ask(self) -> None:
        """Ask the process about what stands in the fields."""

    @abstractmethod
    def take(self, said: State | Ranking | TextPrediction) -> None:
        """Show what the process has said."""

    @on(ProcessSaid)
    def _heard(self, event: ProcessSaid) -> None:
        said = event.said
        if isinstance(said, SearchProcessEnded):
            self.studio.tell(said.words, bad=True)
            self._answers.process_ended("" if said.again else said.words, again=said.again)
        else:
            self.take(said)

    def action_query(self) -> None:
        """Go to the query."""
        self.query_one("#asked").focus()

    def action_restart(self) -> None:
        """Start the search process again."""
        self._answers.begin_anew()
        self.process.start()
