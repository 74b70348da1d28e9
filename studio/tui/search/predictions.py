"""Search where labels or answers are predicted: a text is typed, and each model says what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from studio.evaluation.systems import System
from studio.jobs.search_protocol import State, TextPrediction
from studio.tasks import Task
from studio.tui.pane.recalled_field import RecalledField
from studio.tui.rounds.words import confidence
from studio.tui.search.query import DELAY_S
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section, TextPane

ANSWER_COLUMNS = (Column("Model", 22), Column("Answer"))
COLUMNS = (Column("Model", 16), Column("Predicted"), Column("Confidence", 10, "right"))


class Predictions(Vertical):
    """Fields for a text and what it is about, a row for each model, and what its row says whole."""

    class Asked(Message):
        """It is time to ask the models about what stands in the fields."""

    class Entered(Message):
        """All fields are filled: the person goes on to the rows."""

    def __init__(self, task: Task) -> None:
        super().__init__(id="predicting")
        self._trained_for = task
        self._systems: tuple[System, ...] = ()
        self._states: dict[str, State] = {}
        self._predicted: dict[str, TextPrediction] = {}
        self._writes = task.trained_by == "tune"
        """Whether the models write: that takes seconds, and so is asked for with enter."""
        self._last = ("", "")
        self._number = 0
        self._timer: Timer | None = None
        asks = f"/ type {'an' if self._writes else 'a'} {task.record.fields[0]}"
        self._first = RecalledField("query", placeholder=asks, id="asked")
        about = f"and its {task.record.context}{', if it has one' if self._writes else ''}"
        self._second = RecalledField("context", placeholder=about, id="asked-context")
        columns = ANSWER_COLUMNS if self._writes else COLUMNS
        self.listed = RowList(columns, empty="", id="predictions")
        """A row for each model, the newest first."""
        self._said_section = Section(id="said-section")
        self._said = TextPane(id="said")

    def compose(self) -> ComposeResult:
        """Fields, rows, and the row under the cursor in full."""
        with Section(id="text-section").titled(self._trained_for.record.fields[0].capitalize()):
            yield self._first
            if self._trained_for.record.context:
                yield self._second
        does = "answers" if self._writes else "predicts"
        with Section(id="predictions-section").titled(f"What each model {does}"):
            yield self.listed
        with self._said_section:
            yield self._said

    # -- what is asked --

    @property
    def asked(self) -> tuple[str, str]:
        """The text and what it is about; the latter is empty where the task has no such thing."""
        return self._first.value, self._second.value

    @property
    def _is_asked(self) -> bool:
        if self._writes:
            return self.asked == self._last and bool(self.asked[0].strip())
        fields = self.asked if self._trained_for.record.context else self.asked[:1]
        return all(field.strip() for field in fields)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._stop_timer()
        if self._writes:
            self._list_again()
        else:
            self._timer = self.set_timer(DELAY_S, self._ask)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._ask()
        if (
            event.input is self._first
            and not self._writes
            and self._trained_for.record.context
            and not self._second.value
        ):
            self._second.focus()
        else:
            self.post_message(self.Entered())

    def _ask(self) -> None:
        self._stop_timer()
        self.post_message(self.Asked())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    # -- what comes back --

    def show_systems(self, systems: Sequence[System], rounds_key: str) -> None:
        """The models that answer, in order; ``rounds_key`` leads to where they are trained."""
        self._systems = tuple(systems)
        self.listed.empty = f"No model yet: {rounds_key} (Rounds) trains them."
        self._list_again()

    def wait_for(self, number: int) -> None:
        """The question of this number is under way: what was said before is of another text."""
        self._number, self._last = number, self.asked
        self._predicted = {}
        self._list_again()

    def take_state(self, state: State) -> None:
        """How far one model is."""
        self._states[state.system] = state
        self._list_again()

    def take_prediction(self, prediction: TextPrediction) -> None:
        """What one model says, unless it is of a text that stood there before."""
        if prediction.number == self._number:
            self._predicted[prediction.system] = prediction
            self._list_again()

    def begin_anew(self) -> None:
        """A new process loads everything."""
        self._states = {}
        self._list_again()

    def process_ended(self, words: str, *, again: bool) -> None:
        """The models wait for another process, or say why there is none."""
        self._states = {
            one.name: State(one.name, "waiting" if again else "failed", words)
            for one in self._systems
        }
        self._predicted = {}
        self._list_again()

    # -- showing --

    def _list_again(self) -> None:
        row = answer_row if self._writes else row_of
        rows = [
            row(one, self._states, self._predicted.get(one.name), asked=self._is_asked)
            for one in self._systems
        ]
        self.listed.show(rows)
        self._say()

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        self._say()

    def _say(self) -> None:
        row = self.listed.current
        is_failed = row is not None and row.tone == "bad"
        if row is None or not (self._is_asked or is_failed):
            self._said_section.titled("Search")
            self._said.show(about(self._trained_for))
        else:
            self._said_section.titled(" · ".join(cell for cell in row.cells[::2] if cell))
            self._said.show(row.cells[1])

    @property
    def plain(self) -> str:
        """What a copy takes: what the model under the cursor says."""
        return self._said.plain


def about(task: Task) -> str:
    """What can be done here, in the task's words."""
    text, context = task.record.fields[0], task.record.context
    if task.trained_by == "tune":
        return (
            f"Type an {text}, and its {context} if it has one: with enter the base and the newest "
            "tuned model answer it, one after the other. Nothing of it is kept."
        )
    what, seen = (f"{text} and its {context}", "them") if context else (text, "it")
    says = f"which label it gives {seen}" if task.has_labels else f"where the {context} answers it"
    return (
        f"Type a {what}: each model says {says}, and how confident it is. They answer as you "
        "type; nothing of it is kept."
    )


def row_of(
    system: System, states: Mapping[str, State], said: TextPrediction | None, *, asked: bool
) -> Row:
    """A model's row: what it predicts, or how far it is."""
    state = states.get(system.name, State(system.name, "waiting"))
    if state.state in ("absent", "failed"):
        return Row(system.name, (system.label, state.words, ""), "bad")
    if state.state != "ready":
        return Row(system.name, (system.label, f"{state.words or 'starting'} …", ""), "muted")
    if not asked:
        return Row(system.name, (system.label, "", ""))
    if said is None:
        return Row(system.name, (system.label, "…", ""), "muted")
    predicted = said.predicted or "nothing"
    return Row(system.name, (system.label, predicted, confidence(said.confidence)))


def answer_row(
    system: System, states: Mapping[str, State], said: TextPrediction | None, *, asked: bool
) -> Row:
    """A model's row: what it writes, or how far it is."""
    row = row_of(replace(system, label=system.title), states, said, asked=asked)
    label, words, _ = row.cells
    return replace(row, cells=(label, "answering …" if words == "…" else words))
