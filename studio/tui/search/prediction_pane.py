"""Search where labels or answers are predicted: type a text, see what each model predicts."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget

from studio.jobs.project_systems import shown_first, systems_of
from studio.jobs.search_protocol import Ranking, State, TextPrediction
from studio.tasks import Task
from studio.tui.actions import bindings, key_name
from studio.tui.search.predictions import Predictions
from studio.tui.search.process_pane import ProcessPane

ACTIONS = ("search.query", "search.next-column", "search.previous-column", "search.restart")
"""What can be done without documents that were found."""


class PredictionPane(ProcessPane):
    """Fields for a text and what it is about, and a row for each model."""

    BINDINGS: ClassVar[list[Any]] = [one for one in bindings("search") if one.id in ACTIONS]

    def __init__(self, task: Task) -> None:
        self.predictions = Predictions(task)
        super().__init__(self.predictions)

    def compose_body(self) -> ComposeResult:
        """Fields, rows, and the row under the cursor in full."""
        yield self.predictions

    def begin(self) -> None:
        """The models' names, and the process that loads them."""
        self.store_changed()
        super().begin()

    def main_list(self) -> Widget | None:
        """The models."""
        return self.predictions.listed

    def offers(self, action_id: str) -> bool:
        """The fields say themselves which key leads to them."""
        return action_id != "search.query"

    def store_changed(self) -> None:
        """A model may have been trained; what it predicts the process tells."""
        models = shown_first(systems_of(self.project))
        self.predictions.show_systems(models, key_name(self.studio.keys_of("app.rounds")[0]))

    @on(Predictions.Asked)
    def ask(self) -> None:
        """Ask the models about what stands in the fields."""
        text, context = self.predictions.asked
        self.predictions.wait_for(self.process.ask(text, 0, context))

    @on(Predictions.Entered)
    def _entered(self) -> None:
        self.action_leave()

    def take(self, said: State | Ranking | TextPrediction) -> None:
        """How far a model is, or what it predicts."""
        if isinstance(said, State):
            self.predictions.take_state(said)
        elif isinstance(said, TextPrediction):
            self.predictions.take_prediction(said)

    def action_next_column(self) -> None:
        """To the next field, or to the models."""
        self.focus_next()

    def action_previous_column(self) -> None:
        """To the field before."""
        self.focus_previous()

    def copy_text(self) -> str:
        """What the model under the cursor predicts."""
        return self.predictions.plain
