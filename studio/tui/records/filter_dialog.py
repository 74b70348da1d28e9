"""Which records to show: every condition that a view can have, with the values that there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from studio.plurals import so_many
from studio.records import StudioError
from studio.safe_text import one_line
from studio.store.review_shapes import PromptUse, ScoreInfo, View
from studio.tui.pane.base import Dialog
from studio.tui.records import words as say
from studio.tui.safe_content import content
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section


@dataclass(frozen=True, slots=True)
class FieldValues:
    """A field that has few values, such as the label."""

    type: str
    """The type of its records as a view names it: empty for the project's own."""
    name: str
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class FilterChoices:
    """What there is to choose from."""

    own: str
    """What the project's own records are called, such as ``queries``."""
    types: Sequence[tuple[str, str]]
    """Other types that there are records of: name, and what they are called."""
    fields: Sequence[FieldValues]
    scores: Sequence[ScoreInfo]
    reasons: dict[str, int]
    """Reason → dropped records."""
    prompts: Sequence[PromptUse]
    jobs: Sequence[tuple[int, str]]
    """Jobs that made records: row and when."""


@dataclass(frozen=True, slots=True)
class FilterLine:
    """One line of the filter dialog."""

    name: str
    """The attribute of the view; of a field's line, the field."""
    label: str
    values: tuple[tuple[Any, str], ...]
    """Value and its words; the first one filters nothing."""
    is_field: bool = False
    """Whether it is about a field of the records."""

    def of(self, view: View) -> Any:
        """The value that a view has there."""
        if self.is_field:
            return view.value if view.field == self.name else ""
        return getattr(view, self.name)

    def put(self, view: View, value: Any) -> View:
        """The view with another value there."""
        if self.is_field:
            return replace(view, field=self.name if value else "", value=value)
        if self.name == "type":
            # Another type has other fields.
            return replace(view, type=value, field="", value="")
        return replace(view, **{self.name: value})


def lines_of(known: FilterChoices, type: str) -> Iterator[FilterLine]:
    """The lines for a type of records, each with every value it can have."""
    if known.types:
        yield FilterLine("type", "Type", (("", known.own), *known.types))
    for field in known.fields:
        if field.type == type:
            values = tuple((value, one_line(value, 40)) for value in field.values)
            any_value = ("", f"any {one_line(field.name, 20)}")
            label = one_line(field.name.capitalize(), 12)
            yield FilterLine(field.name, label, (any_value, *values), is_field=True)
    yield FilterLine("verdict", "Verdict", tuple(say.VERDICTS.items()))
    reasons = tuple((name, f"{name} ({count:,})") for name, count in known.reasons.items())
    yield FilterLine("reason", "Dropped for", (("", "any reason"), *reasons))
    prompts = tuple(
        (p.id, f"{p.name} v{p.version}, {so_many(p.calls, 'calls')}") for p in known.prompts
    )
    yield FilterLine("prompt_id", "Prompt", ((None, "any version"), *prompts))
    yield FilterLine("job_id", "Made by job", ((None, "any job"), *known.jobs))
    scores = tuple((s.filter, f"{s.filter}, {say.span(s.low, s.high)}") for s in known.scores)
    yield FilterLine("filter", "Score of", (("", "no filter"), *scores))


class FilterDialog(Dialog):
    """Gives back the view to show, or None."""

    BINDINGS: ClassVar[list[Any]] = [
        ("left,h", "change(-1)", "Value before"),
        ("right,l", "change(1)", "Next value"),
        ("x", "clear", "Show all"),
    ]

    def __init__(
        self,
        view: View,
        known: Callable[[], Awaitable[FilterChoices]],
        count: Callable[[View], Awaitable[int | None]],
    ) -> None:
        super().__init__()
        self._view, self._known, self._count = view, known, count
        self._choices: FilterChoices | None = None

    def compose(self) -> ComposeResult:
        """The lines, the range of scores, and how many records that makes."""
        columns = (Column("", 12), Column(""))
        low, high = self._view.score_from, self._view.score_to
        with Section(classes="dialog").titled("Show only"):
            yield RowList(columns, empty="…", id="choices")
            with Horizontal(classes="form-row score-row"):
                yield Static("Score from")
                yield Field("" if low is None else f"{low:g}", id="score-from")
                yield Static("to", classes="to")
                yield Field("" if high is None else f"{high:g}", id="score-to")
            yield Static("", id="counted", classes="hint")
            yield Static(
                content("↑↓ ←→ choose · tab to the scores · x all · enter shows · esc"),
                classes="hint",
            )

    def on_mount(self) -> None:
        """Fill it as soon as it is known what there is."""
        self.query_one("#choices").focus()
        self._fill()

    @work
    async def _fill(self) -> None:
        try:
            self._choices = await self._known()
        except StudioError as error:
            self.query_one("#counted", Static).update(content(str(error), "$error"))
            return
        self._again()

    @property
    def _lines(self) -> list[FilterLine]:
        return [*lines_of(self._choices, self._view.type)] if self._choices is not None else []

    def _again(self) -> None:
        rows = [Row(one.name, (one.label, f"‹ {self._words(one)} ›")) for one in self._lines]
        self.query_one("#choices", RowList).show(rows)
        self._show_count(self._view)

    def _words(self, line: FilterLine) -> str:
        value = line.of(self._view)
        return next((words for known, words in line.values if known == value), str(value))

    @work(exclusive=True, group="count")
    async def _show_count(self, view: View) -> None:
        told = self.query_one("#counted", Static)
        try:
            found = await self._count(view)
        except StudioError as error:
            told.update(content(str(error), "$error"))
            return
        if found is not None:
            words = so_many(found, "records")
            told.update(Content.styled(words, "bold"))

    def action_change(self, by: int) -> None:
        """The next value of the line under the cursor."""
        lines = self.query_one("#choices", RowList)
        if lines.current is None or not lines.has_focus:
            return
        line = self._lines[lines.cursor]
        values, value = [value for value, _words in line.values], line.of(self._view)
        place = values.index(value) if value in values else 0
        self._view = line.put(self._view, values[(place + by) % len(values)])
        self._again()

    def action_clear(self) -> None:
        """Leave nothing out; search words and order stay."""
        self._view = View(search=self._view.search, sort=self._view.sort)
        self.query_one("#score-from", Field).value = ""
        self.query_one("#score-to", Field).value = ""
        self._again()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        try:
            self._view = self._with_scores()
        except StudioError as error:
            self.query_one("#counted", Static).update(content(str(error), "$error"))
            return
        self._show_count(self._view)

    def _with_scores(self) -> View:
        low, high = (self._number(f"#score-{end}") for end in ("from", "to"))
        return replace(self._view, score_from=low, score_to=high)

    def _number(self, name: str) -> float | None:
        typed = self.query_one(name, Field).value.strip()
        try:
            return float(typed) if typed else None
        except ValueError:
            raise StudioError(
                f"{one_line(typed, 20)} is no number: type one such as 0.5."
            ) from None

    @on(RowList.Chosen)
    @on(Input.Submitted)
    def _apply(self, event: RowList.Chosen | Input.Submitted) -> None:
        event.stop()
        try:
            view = self._with_scores()
        except StudioError as error:
            self.query_one("#counted", Static).update(content(str(error), "$error"))
            return
        if (view.score_from, view.score_to) != (None, None) and not view.filter:
            words = "Choose whose score it is: “Score of”, with ← →."
            self.query_one("#counted", Static).update(content(words, "$error"))
            return
        self.dismiss(view)
