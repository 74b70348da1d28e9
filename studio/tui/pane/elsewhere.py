"""What stands in a pane that a task has no use for: which one to use instead, and how."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.widget import Widget

from studio.tasks import Task
from studio.tui.actions import key_name
from studio.tui.pane.base import Pane
from studio.tui.widgets.text_pane import Section, TextPane

NAMED: Final = ("app.generate", "app.review", "app.train")
"""Actions whose keys may be named."""


class ElsewherePane(Pane):
    """One sentence, and nothing that could be pressed in vain."""

    AUTO_FOCUS = "#instead"
    SAYS: ClassVar[str] = ""
    """``{action id}`` stands for its key, ``{nouns}`` for what the task's records are called."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self._nouns = task.record.nouns

    def compose_body(self) -> ComposeResult:
        """The sentence."""
        with Section(id="instead-section").titled(self.NAME.title()):
            yield TextPane(id="instead")

    def begin(self) -> None:
        """Say it with the keys in force."""
        said = self.SAYS.replace("{nouns}", self._nouns)
        for action in NAMED:
            said = said.replace(f"{{{action}}}", key_name(self.studio.keys_of(action)[0]))
        self.query_one(TextPane).show(said)

    def offers(self, action_id: str) -> bool:
        """Nothing that this pane does in other projects."""
        return not action_id.startswith(f"{self.NAME}.")

    def main_list(self) -> Widget | None:
        """The sentence."""
        return self.query_one(TextPane)

    def copy_text(self) -> str:
        """The sentence."""
        return self.query_one(TextPane).plain


class NoRounds(ElsewherePane):
    """Rounds, where no model is trained."""

    NAME = "rounds"
    SAYS = (
        "Rounds train a model and extrapolate what it gets wrong. This project's {nouns} are "
        "written without one: {app.generate} Generate has them written, {app.review} Review judges "
        "them, and {app.train} Train trains on them."
    )


class NoSearch(ElsewherePane):
    """Search, where there are no documents."""

    NAME = "search"
    SAYS = (
        "Search ranks documents, and this project has none: its {nouns} hold their own texts. "
        "{app.train} Train scores each model on gold, among all the texts that gold names, and "
        "lists what was won and lost."
    )
