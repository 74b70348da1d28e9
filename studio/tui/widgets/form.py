"""A form that is walked like a list: enter edits the line under the cursor, in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, Static

from studio.tui.actions import bindings
from studio.tui.safe_text import content, label, one_line
from studio.tui.widgets.editor import Field

KEYS = {"list.down", "list.up", "list.first", "list.last", "list.choose"}
WALKING = ("down", "up", "first", "last", "choose")
TYPING = ("end_field", "next_field", "field_before", "leave_field")


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of a form."""

    name: str
    label: str
    """A few words, at most 16 cells."""
    hint: str
    """One line of help, always beside it; best within 34 cells."""


class FormLine(Horizontal):
    """Label, field, help."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(classes="form-line", id=f"line-{setting.name}")
        self.setting = setting
        self.field = Field(id=f"field-{setting.name}")

    def compose(self) -> ComposeResult:
        """Mark, label, field, help."""
        yield Static("", classes="form-mark")
        yield Static(self.setting.label, classes="form-label")
        yield self.field
        yield Static("", classes="form-hint")

    def here(self, here: bool) -> None:
        """Mark it as the line under the cursor, by more than a colour."""
        self.set_class(here, "-here")
        self.query_one(".form-mark", Static).update("›" if here else "")

    def hint(self, text: str, *, bad: bool = False) -> None:
        """The help, or what is wrong with what stands in the field."""
        shown = label(f"! {text}") if bad else label(text)
        self.query_one(".form-hint", Static).update(shown)
        self.set_class(bad, "-bad")


class Form(VerticalScroll, can_focus=True):
    """Lines of label, field and help, and one last line that does it."""

    # Before the field: what moves cursor and focus must do so before the next key is handed out,
    # or a key typed fast goes to where they were. ``check_action`` leaves letters to the field.
    BINDINGS: ClassVar[list[Any]] = [
        *(replace(one, priority=True) for one in bindings("list") if one.id in KEYS),
        Binding("enter", "end_field", show=False, priority=True),
        Binding("down", "next_field", show=False, priority=True),
        Binding("up", "field_before", show=False, priority=True),
        Binding("escape", "leave_field", show=False, priority=True, id="field.leave"),
    ]
    DEFAULT_CSS = """
    Form { height: auto; scrollbar-size-vertical: 1; }
    Form .form-line { height: 1; }
    Form .form-mark { width: 2; }
    Form .form-label { width: 16; }
    Form Field { width: 24; background: $background; }
    Form Field:focus { background: $panel; }
    Form .form-hint { width: 1fr; height: 1; padding: 0 1; color: $text-muted; }
    Form .-bad .form-hint { color: $error; }
    Form .form-do { height: 1; color: $success; }
    Form:focus .-here { background: $block-cursor-background; color: $block-cursor-foreground; }
    Form:focus .-here .form-hint { color: $block-cursor-foreground; }
    Form:focus .-here Field { background: $block-cursor-background; }
    """

    cursor = reactive(0, init=False)

    class Changed(Message):
        """A person typed something else into a field."""

        def __init__(self, form: Form, name: str) -> None:
            super().__init__()
            self.form = form
            self.name = name

    class Done(Message):
        """Enter on the last line."""

    def __init__(self, settings: Sequence[Setting], deed: str, *, id: str) -> None:
        super().__init__(id=id)
        self._lines = [FormLine(setting) for setting in settings]
        self._deed = deed
        self._told: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """The lines and what they are for."""
        yield from self._lines
        yield Static("", classes="form-do")

    def on_mount(self) -> None:
        """Stand on the first line."""
        for line in self._lines:
            line.call_after_refresh(line.hint, line.setting.hint)
        self.call_after_refresh(self._mark)

    @property
    def values(self) -> dict[str, str]:
        """What stands in the fields."""
        return {line.setting.name: line.field.value for line in self._lines}

    @property
    def is_typing(self) -> bool:
        """Whether a field has the keys."""
        return any(self._has_keys(line) for line in self._lines)

    def _has_keys(self, line: FormLine) -> bool:
        """Asked of the screen: ``has_focus`` is true only a turn later."""
        return self.screen.focused is line.field

    def fill(self, values: Mapping[str, str]) -> None:
        """Put these texts into the fields; a field that is being typed in stays."""
        for line in self._lines:
            wanted = values.get(line.setting.name, "")
            if not self._has_keys(line) and line.field.value != wanted:
                with self.prevent(Input.Changed):
                    line.field.value = wanted
            self._told[line.setting.name] = line.field.value

    def empties(self, meanings: Mapping[str, str]) -> None:
        """What an empty field means, shown in it: setting → a word or two."""
        for line in self._lines:
            line.field.placeholder = one_line(meanings.get(line.setting.name, ""))

    def put(self, name: str, value: str) -> None:
        """A choice made elsewhere, as if it had been typed."""
        self._line(name).field.value = value

    def complain(self, name: str = "", sentence: str = "") -> None:
        """Say what is wrong with one line, and nothing of the others any more."""
        for line in self._lines:
            wrong = line.setting.name == name
            line.hint(sentence if wrong else line.setting.hint, bad=wrong)

    @property
    def current(self) -> str:
        """The setting under the cursor; empty on the last line."""
        on_line = self.cursor < len(self._lines)
        return self._lines[self.cursor].setting.name if on_line else ""

    def go_to(self, name: str) -> None:
        """Put the cursor on a setting."""
        self.cursor = next(n for n, one in enumerate(self._lines) if one.setting.name == name)

    def _line(self, name: str) -> FormLine:
        return next(line for line in self._lines if line.setting.name == name)

    def validate_cursor(self, cursor: int) -> int:
        """Keep it on a line."""
        return max(0, min(cursor, len(self._lines)))

    def watch_cursor(self) -> None:
        """Mark the line; while a field is typed in, the next one takes over."""
        typing = self.is_typing
        self._mark()
        if typing:
            self._give_keys_to(self._lines[self.cursor].field if self.current else self)

    def _mark(self) -> None:
        if not self.is_mounted:
            return
        for place, line in enumerate(self._lines):
            line.here(place == self.cursor)
        last = self.query_one(".form-do", Static)
        here = self.cursor == len(self._lines)
        last.set_class(here, "-here")
        last.update(content(f"{'›' if here else '▶'} {self._deed}"))
        (last if here else self._lines[self.cursor]).scroll_visible(animate=False)

    def _give_keys_to(self, widget: Widget) -> None:
        """At once: ``Widget.focus`` waits a turn, and keys typed fast would go elsewhere."""
        self.screen.set_focus(widget)

    def action_down(self) -> None:
        """Next line."""
        self.cursor += 1

    def action_up(self) -> None:
        """Line before."""
        self.cursor -= 1

    def action_first(self) -> None:
        """First line."""
        self.cursor = 0

    def action_last(self) -> None:
        """The line that does it."""
        self.cursor = len(self._lines)

    def action_choose(self) -> None:
        """Edit the line, or do what the form is for."""
        if self.current:
            self._give_keys_to(self._lines[self.cursor].field)
        else:
            self.post_message(self.Done())

    def action_leave_field(self) -> None:
        """Back from a field to walking the lines."""
        self._give_keys_to(self)

    def action_end_field(self) -> None:
        """The line is written; on to the next one."""
        self._give_keys_to(self)
        self.cursor += 1

    def action_next_field(self) -> None:
        """Go on typing in the next line."""
        self.cursor += 1

    def action_field_before(self) -> None:
        """Go on typing in the line before."""
        self.cursor -= 1

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a field is typed in, only what leaves it; else only what walks the lines."""
        if action in WALKING:
            return not self.is_typing
        return self.is_typing if action in TYPING else True

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        name = (event.input.id or "").removeprefix("field-")
        if self._told.get(name) != event.value:
            self._told[name] = event.value
            self.post_message(self.Changed(self, name))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A field that got the keys, by tab or mouse, is where the cursor is."""
        for place, line in enumerate(self._lines):
            if line.field is event.widget:
                self.set_reactive(Form.cursor, place)
                self._mark()

    def on_click(self, event: events.Click) -> None:
        """A click on the last line does it."""
        if event.widget is not None and event.widget.has_class("form-do"):
            self.cursor = len(self._lines)
            self.action_choose()
