"""A form that is walked like a list.

Enter edits the line under the cursor in its place; where the values are known, ← and → walk through
them and space lists them all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from studio.tui.actions import bindings
from studio.tui.safe_content import content, label
from studio.tui.widgets.form_field import FormChoice, FormField
from studio.tui.widgets.form_line import FormLine
from studio.tui.widgets.rows import Row

if TYPE_CHECKING:
    from studio.tui.base_app import BaseApp

KEYS = {f"list.{name}" for name in ("down", "up", "first", "last", "left", "right", "choose")}
WALKING = ("down", "up", "first", "last", "choose")
CHOOSING = ("left", "right", "list")
TYPING = ("end_field", "next_field", "field_before", "leave_field")


class Form(VerticalScroll, can_focus=True):
    """Lines of label, field and help, and one last line that does it."""

    # Before the field: what moves cursor and focus must do so before the next key is handed out,
    # or a key typed fast goes to where they were. ``check_action`` leaves letters to the field.
    BINDINGS: ClassVar[list[Any]] = [
        *(replace(one, priority=True) for one in bindings("list") if one.id in KEYS),
        Binding("space", "list", show=False, priority=True),
        Binding("enter", "end_field", show=False, priority=True),
        Binding("down", "next_field", show=False, priority=True),
        Binding("up", "field_before", show=False, priority=True),
        Binding("escape", "leave_field", show=False, priority=True, id="field.leave"),
    ]
    DEFAULT_CSS = """
    Form { height: auto; scrollbar-size-vertical: 1; }
    Form .form-heading { height: 1; color: $primary; text-style: bold; }
    Form .form-do { height: 1; color: $success; }
    Form .form-meaning {
        dock: bottom; height: 1; padding: 0 2; display: none; background: $surface;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    Form:focus .-here { background: $block-cursor-background; color: $block-cursor-foreground; }
    Form:focus .-here .form-hint { color: $block-cursor-foreground; }
    Form:focus .-here Field, Form:focus .-here .form-choice {
        background: $block-cursor-background;
    }
    """

    cursor = reactive(0, init=False)

    class Changed(Message):
        """A person gave a line another value."""

        def __init__(self, form: Form, name: str) -> None:
            super().__init__()
            self.form = form
            self.name = name

    class Left(Message):
        """A field has lost the keys."""

        def __init__(self, form: Form, name: str) -> None:
            super().__init__()
            self.form = form
            self.name = name

    class Done(Message):
        """Enter on the last line."""

    def __init__(self, fields: Sequence[FormField], deed: str, *, id: str) -> None:
        super().__init__(id=id)
        self._all = [FormLine(field) for field in fields]
        self._lines = [*self._all]
        """Those that are shown."""
        self._deed = deed

    def compose(self) -> ComposeResult:
        """The lines, what they are for, and the whole help of the line in hand."""
        for line in self._all:
            if line.asked.heading:
                yield Static(label(line.asked.heading), classes="form-heading")
            yield line
        yield Static("", classes="form-do")
        yield Static("", classes="form-meaning")

    def on_mount(self) -> None:
        """Stand on the first line."""
        self.call_after_refresh(self._mark)

    @property
    def fields(self) -> list[FormField]:
        """What the lines that are shown ask, with the choices that are known now."""
        return [line.asked for line in self._lines]

    @property
    def values(self) -> dict[str, str]:
        """What stands in the lines."""
        return {line.asked.name: line.value for line in self._all}

    @property
    def is_typing(self) -> bool:
        """Whether a field has the keys."""
        return any(self._has_keys(line) for line in self._lines)

    def _has_keys(self, line: FormLine) -> bool:
        """Asked of the screen: ``has_focus`` is true only a turn later."""
        return self.screen.focused is line.field

    def fill(self, values: Mapping[str, str]) -> None:
        """Put these values into the lines; one that is being typed in or just changed stays."""
        for line in self._all:
            if not (self._has_keys(line) or line.untold):
                line.fill(values.get(line.asked.name, line.asked.default))
        self.check()

    def show_only(self, names: Collection[str]) -> None:
        """Show the lines of these names; the others keep what stands in them."""
        wanted = [line for line in self._all if line.asked.name in names]
        if wanted != self._lines:
            current, self._lines = self.current, wanted
            for line in self._all:
                line.display = line in wanted
            if current in names:
                self.go_to(current)
            else:
                # Where the line was is the next one now; the last line stays the last.
                self.cursor = self.cursor if current else len(wanted)
            self._mark()

    def empties(self, meanings: Mapping[str, str]) -> None:
        """What an empty line means: name → a word or two, for those where it depends."""
        for line in self._all:
            if line.asked.name in meanings:
                line.mean(meanings[line.asked.name])

    def offer(self, name: str, choices: Sequence[FormChoice]) -> None:
        """The choices of a line, once they are known."""
        self._line(name).offer(choices)

    def put(self, name: str, value: str) -> None:
        """A choice made elsewhere, as if it had been typed."""
        self._line(name).put(value)

    def check(self, name: str = "", sentence: str = "") -> tuple[str, str] | None:
        """Say beside each line what is wrong with it; returns the first: (name, what is wrong).

        sentence: what else is wrong with the line of that name.
        """
        first = None
        for line in self._lines:
            problem = line.problem or (sentence if line.asked.name == name else "")
            line.complain(problem)
            if problem and first is None:
                first = line.asked.name, problem
        self._mean()
        return first

    @property
    def current(self) -> str:
        """The name of the line under the cursor; empty on the last line."""
        on_line = self.cursor < len(self._lines)
        return self._lines[self.cursor].asked.name if on_line else ""

    def go_to(self, name: str) -> None:
        """Put the cursor on a line."""
        self.cursor = next(n for n, one in enumerate(self._lines) if one.asked.name == name)

    def _line(self, name: str) -> FormLine:
        return next(line for line in self._all if line.asked.name == name)

    def validate_cursor(self, cursor: int) -> int:
        """Keep it on a line."""
        return max(0, min(cursor, len(self._lines)))

    def watch_cursor(self) -> None:
        """Mark the line; while a field is typed in, the next one takes over."""
        typing = self.is_typing
        self._mark()
        if typing:
            self._give_keys_to_line()

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
        self._mean()

    def _mean(self) -> None:
        """All of the help of the line in hand, for where there is no room beside it."""
        if not self.is_mounted:
            return
        line = self._lines[self.cursor] if self.current else None
        said = f"{line.asked.option.label}: {line.help}" if line else self._deed
        self.query_one(".form-meaning", Static).update(label(said), layout=False)

    def _give_keys_to_line(self) -> None:
        """Type in the line under the cursor, where anything may be typed; else walk."""
        line = self._lines[self.cursor] if self.current else None
        if line is not None and line.asked.typed:
            line.type(True)
            self._give_keys_to(line.field)
        else:
            self._give_keys_to(self)

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
        """Edit the line, list what it can be, or do what the form is for."""
        if not self.current:
            self.post_message(self.Done())
        elif self._lines[self.cursor].asked.typed:
            self._give_keys_to_line()
        else:
            self.action_list()

    def action_left(self) -> None:
        """The choice before."""
        self._lines[self.cursor].step(-1)

    def action_right(self) -> None:
        """The choice after."""
        self._lines[self.cursor].step(1)

    def action_list(self) -> None:
        """All that the line can be, with what there is to say of each."""
        line = self._lines[self.cursor]
        rows = [
            # Of the choices, one may be nothing.
            Row(f"={one.value}", (line.words(one.value), one.note), "muted" if one.missing else "")
            for one in line.asked.choices
        ]

        def chosen(key: str | None) -> None:
            if key is not None:
                line.put(key.removeprefix("="))

        app = cast("BaseApp", self.app)
        app.choose(line.asked.option.label, rows, f"={line.value}", chosen)

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
        if action in CHOOSING:
            has_choices = bool(self.current and self._lines[self.cursor].asked.choices)
            return has_choices and not self.is_typing
        if action in WALKING:
            return not self.is_typing
        return self.is_typing if action in TYPING else True

    @on(FormLine.Changed)
    def _changed(self, event: FormLine.Changed) -> None:
        event.stop()
        event.line.untold = False
        event.line.complain(event.line.problem)
        self._mean()
        self.post_message(self.Changed(self, event.line.asked.name))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A field that got the keys, by tab or mouse, is where the cursor is."""
        for place, line in enumerate(self._lines):
            if line.field is event.widget:
                self.set_reactive(Form.cursor, place)
                self._mark()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """A choice that was typed is a choice again."""
        for line in self._lines:
            if line.field is event.widget:
                line.type(False)
                self.post_message(self.Left(self, line.asked.name))

    def on_click(self, event: events.Click) -> None:
        """A click on the last line does it; one on a choice lists what it can be."""
        clicked = event.widget
        if clicked is None or not clicked.classes & {"form-do", "form-choice", "form-label"}:
            return
        place = next((n for n, line in enumerate(self._lines) if clicked in line.children), None)
        self.cursor = len(self._lines) if place is None else place
        if place is None:
            self.action_choose()
        elif clicked.has_class("form-choice"):
            self.action_list()
