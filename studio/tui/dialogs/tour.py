"""The tour: one minute through the panes, for who opens a project for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from studio.tui.actions import BY_ID, key_name
from studio.tui.widgets.bars import tab_place

WIDTH: Final = 64
"""Cells of the box."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to know."""

    pane: str
    """The pane that it points at; empty for the program as a whole."""
    title: str
    words: str
    """What one does there; ``{action id}`` stands for its key."""
    by_rounds: str = ""
    """What one does there in a project whose model rounds train, where that is something else."""
    alone: str = ""
    """What one does there in a project whose records are all that is made."""


STEPS: Final = (
    Step("", "Welcome",
         "Documents and a few examples become a trained search model, with its gain measured. "
         "The panes stand above in the order of the work.",
         "A description and some gold become a trained small model, with its gain measured. "
         "The panes stand above in the order of the work.",
         "A few examples, or documents, or nothing at all become training data. "
         "The panes stand above in the order of the work."),
    Step("examples", "First, examples",
         "Write a handful of good queries by hand: {examples.search} finds a document, "
         "{examples.new} writes a query for it. Eight are plenty.",
         "Here stands what the prompt shows the LLM before it writes; your gold stays out of it, "
         "to measure with.",
         "Write a handful of good ones by hand: {examples.new} begins one. Methods that begin with "
         "seeds draw from these; others have theirs in the prompt."),
    Step("prompt", "Then the prompt",
         "See at once what the LLM writes for three of your documents. {prompt.edit} edits, "
         "{prompt.save} keeps a version.",
         "See at once what the LLM writes at each stage. {prompt.edit} edits, "
         "{prompt.save} keeps a version.",
         "See at once what the LLM writes at each stage. {prompt.edit} edits, "
         "{prompt.save} keeps a version."),
    Step("generate", "Generate records",
         "Choose how many, see what it may cost, start, watch. It goes on when you leave.",
         "Only have records written, without training: choose how many, see what it may cost, "
         "start, watch. It goes on when you leave.",
         "Choose a method and how many, see what it may cost, start, watch. It goes on when you "
         "leave."),
    Step("review", "Review what was made",
         "One key accepts, rejects or edits a record and goes on to the next. "
         "Nothing is deleted; all can be undone."),
    Step("rounds", "Rounds: learn from errors",
         "What the model gets wrong stands here. {rounds.start} plans a run: the LLM writes more "
         "like each error, you judge, the model trains anew.",
         "",
         "For projects that train a small model on labels, questions or queries."),
    Step("train", "Train and measure",
         "Your model beside BM25 and the untrained one, with a significance test.",
         "Each trained model, with its curves and the data and prompts behind it.",
         "{train.new} trains on what is kept; a table says what it gained on gold. "
         "{app.export} exports it for other trainers."),
    Step("search", "Search with it",
         "Type a query and compare the rankings; mark what is right.",
         "Type a text and see what each model predicts.",
         "Where models answer: type an instruction and see what base and tuned model say."),
    Step("jobs", "Jobs",
         "All that runs or ran. {app.path} runs the whole path in one go.",
         "All that runs or ran, with its cost. What was stopped goes on where it stood.",
         "All that runs or ran, with its cost. What was stopped goes on where it stood."),
    Step("", "Four keys for everywhere",
         "{app.help} explains what has the focus, {app.palette} lists every action, "
         "{app.jump} jumps to a part of the screen, {app.messages} shows past messages."),
)  # fmt: skip
ONWARD = ("enter", "space", "right")
BACK = ("left", "backspace")


class Tour(ModalScreen[None]):
    """Enter goes on, esc ends it; any other key ends it and does what it always does."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[Any]] = []
    CSS = """
    Tour { background: transparent; }
    Tour > Vertical { position: absolute; width: 64; height: auto; }
    Tour .pointer { width: 100%; height: 1; color: $primary; background: transparent; }
    Tour .step {
        width: 100%;
        height: auto;
        border: round $border;
        background: $surface;
        color: $foreground;
        padding: 0 1;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._at = 0

    def compose(self) -> ComposeResult:
        """A pointer and a box."""
        with Vertical():
            yield Static("", classes="pointer", markup=False)
            yield Static("", classes="step")

    def on_mount(self) -> None:
        """Begin."""
        self._show()

    def on_resize(self) -> None:
        """Keep pointing at the same pane."""
        self._show()

    def on_key(self, event: events.Key) -> None:
        """Go on, go back, or leave; a key that leaves still does what it is for."""
        event.stop()
        event.prevent_default()
        if event.key in ONWARD and self._at + 1 < len(STEPS):
            self._at += 1
            self._show()
        elif event.key in BACK and self._at:
            self._at -= 1
            self._show()
        elif event.key not in BACK:
            self._leave(event)

    def _leave(self, event: events.Key) -> None:
        self.dismiss()
        if event.key not in (*ONWARD, "escape"):
            self.app.post_message(events.Key(event.key, event.character))

    def _show(self) -> None:
        step, box = STEPS[self._at], self.query_one(Vertical)
        width = min(WIDTH, self.size.width)
        start, cells = tab_place(self.app, self.size.width, step.pane) if step.pane else (0, 0)
        left = max(min(start + cells // 2 - width // 2, self.size.width - width), 0)
        box.styles.offset = (left, 1) if step.pane else ((self.size.width - width) // 2, 4)
        points = " " * max(start + cells // 2 - left, 0) + "▲" if step.pane else ""
        self.query_one(".pointer", Static).update(points)
        told = self.query_one(".step", Static)
        told.border_title = f"{self._at + 1} of {len(STEPS)} · {step.title}"
        last = self._at + 1 == len(STEPS)
        onward = "enter begins" if last else "enter goes on · esc ends the tour"
        told.update(Content.assemble(self._words(step), "\n", (onward, "$text-muted")))

    def _words(self, step: Step) -> Content:
        """The words with the keys in force in bold."""
        from studio.tui.base_app import BaseApp

        app = cast("BaseApp", self.app)
        task = app.project_task
        by_rounds = task is not None and task.has_rounds
        alone = task is not None and task.is_trained_alone
        words = (by_rounds and step.by_rounds) or (alone and step.alone) or step.words
        parts: list[Any] = []
        for piece in words.split("{"):
            name, brace, rest = piece.partition("}")
            if brace and name in BY_ID:
                key = key_name(app.keys_of(name)[0])
                parts += [(key, "bold $primary"), rest]
            else:
                parts.append(piece)
        return Content.assemble(*parts)
