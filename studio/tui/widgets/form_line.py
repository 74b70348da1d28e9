"""One line of a form: a mark, its label, a field or the choice that was made, its help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from studio.safe_text import one_line
from studio.tui.safe_content import content, label
from studio.tui.widgets.editor import Field
from studio.tui.widgets.form_field import FormChoice, FormField
from studio.tui.widgets.path_field import PathField


class ChoiceLine(Static):
    """The choice that was made, cut to its room."""

    def __init__(self, show: Callable[[], None]) -> None:
        super().__init__("", classes="form-choice", markup=False)
        self._again = show

    def on_resize(self, _event: events.Resize) -> None:
        """There is another room."""
        self._again()


class FormLine(Horizontal):
    """Label, field or choice, help."""

    DEFAULT_CSS = """
    FormLine { height: 1; }
    FormLine .form-label { width: 18; }
    FormLine .form-choice, FormLine Field { width: 24; background: $panel; }
    FormLine Field { border-left: outer $border-blurred; }
    FormLine Field:focus { border-left: outer $primary; }
    FormLine .form-choice { padding: 0 1; text-wrap: nowrap; }
    FormLine .form-hint {
        width: 1fr; height: 1; padding: 0 1; color: $text-muted;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    FormLine.-bad .form-hint { color: $error; }
    """

    class Changed(Message):
        """A person gave it another value."""

        def __init__(self, line: FormLine) -> None:
            super().__init__()
            self.line = line

    def __init__(self, asked: FormField) -> None:
        super().__init__(id=f"line-{asked.name}")
        self.asked = asked
        self._value = asked.default
        self._told = asked.default
        self.field = _field(asked)
        self.untold = False
        """Whether the message that tells of its value is still under way."""
        self._complaint = ""
        self._is_here: bool | None = None
        self._shown = ("", "")
        """The help and the choice that are drawn."""
        self.field.placeholder = _in_brackets(asked.empty)
        self.choice = ChoiceLine(self.show)
        self.type(False)

    def compose(self) -> ComposeResult:
        """Mark and label, choice or field, help."""
        yield Static("", classes="form-label")
        yield self.choice
        yield self.field
        yield Static("", classes="form-hint")

    def on_mount(self) -> None:
        """Show the label, the value, the help."""
        self.here(False)
        self.show()

    @property
    def value(self) -> str:
        """The text of the line."""
        return self.field.value if self.asked.typed else self._value

    def put(self, value: str) -> None:
        """Another value, as if a person had chosen it."""
        if value == self.value:
            return
        self.untold = True
        if self.asked.typed:
            self.field.value = value
        else:
            self._value = value
            self.post_message(self.Changed(self))
        self.show()

    def fill(self, value: str) -> None:
        """The value that it has already, and nobody need be told."""
        self._value = self._told = value
        if self.field.value != value:
            with self.prevent(Input.Changed):
                self.field.value = value
        self.show()

    def offer(self, choices: Sequence[FormChoice]) -> None:
        """Other choices; the value stays, also when it is none of them."""
        self.asked = replace(self.asked, choices=tuple(choices))
        self.type(self.field.has_focus)
        self.show()

    def mean(self, empty: str) -> None:
        """What nothing means here, as it is known now."""
        self.asked = replace(self.asked, empty=empty)
        self.field.placeholder = _in_brackets(one_line(empty))
        self.show()

    def step(self, by: int) -> None:
        """The choice before or after."""
        values = [choice.value for choice in self.asked.choices]
        here = values.index(self.value) if self.value in values else -by if by > 0 else 0
        self.put(values[(here + by) % len(values)])

    def type(self, typing: bool) -> None:
        """Let a choice be typed instead, or show it again; a field is always one.

        At once, by no class: a field that the style sheet still hides takes no keys.
        """
        is_choice = bool(self.asked.choices) and not typing
        self.choice.display, self.field.display = is_choice, not is_choice

    def here(self, here: bool) -> None:
        """Mark it as the line under the cursor, by more than a colour."""
        if here == self._is_here:
            return
        self._is_here = here
        self.set_class(here, "-here")
        self._part("label").update(content(f"{'›' if here else ' '} {self.asked.option.label}"))

    def complain(self, problem: str) -> None:
        """Say what is wrong with the value; nothing says its help again."""
        self._complaint = problem
        self.show()

    @property
    def problem(self) -> str:
        """What is wrong with the value, as far as the line knows."""
        return self.asked.problem(self.value)

    @property
    def help(self) -> str:
        """What is wrong with the value, else what is to say of it."""
        if self._complaint:
            return f"! {self._complaint}"
        note = next((one.note for one in self.asked.choices if one.value == self.value), "")
        return note or self.asked.option.help

    def words(self, value: str) -> str:
        """What a person reads for a value."""
        known = next((one.words for one in self.asked.choices if one.value == value), value)
        return known or _in_brackets(self.asked.empty)

    def show(self) -> None:
        """Draw the help and the choice as they are now."""
        # Every line is looked at after every key: only what is new is drawn.
        width = self.choice.content_size.width or 22
        choice = f"‹ {one_line(self.words(self.value), width - 4)} ›" if self.asked.choices else ""
        shown = (self.help, choice)
        if not self.is_mounted or shown == self._shown:
            return
        self._shown = shown
        self._part("hint").update(label(self.help), layout=False)
        self.choice.update(choice, layout=False)
        self.set_class(bool(self._complaint), "-bad")

    def _part(self, name: str) -> Static:
        return self.query_one(f".form-{name}", Static)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell of what was typed, once."""
        event.stop()
        if event.value != self._told:
            self._told = event.value
            self.show()
            self.post_message(self.Changed(self))


def _field(asked: FormField) -> Field:
    known: dict[str, Any] = {"id": f"field-{asked.name}", "disabled": not asked.typed}
    if asked.completes is None:
        return Field(asked.default, **known)
    return PathField(asked.default, endings=asked.completes, **known)


def _in_brackets(empty: str) -> str:
    """Grey alone would look like something typed where there are no colours."""
    return f"({empty})" if empty else ""
