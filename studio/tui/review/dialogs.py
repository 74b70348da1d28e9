"""Review's boxes: which records to show, and what a bulk deed would touch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from studio.records import StudioError
from studio.store.review_shapes import BulkPreview, PromptUse, ScoreInfo, View
from studio.tui.pane.base import Dialog
from studio.tui.review import words as say
from studio.tui.safe_text import content, one_line
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

SAMPLE = 8
"""Records that a preview shows."""


@dataclass(frozen=True, slots=True)
class FilterChoices:
    """What there is to choose from."""

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
    """The field of the view."""
    label: str
    values: tuple[tuple[Any, str], ...]
    """Value and its words; the first one filters nothing."""


def choices_of(known: FilterChoices) -> Iterator[FilterLine]:
    """The lines, each with every value it can have."""
    yield FilterLine("verdict", "Verdict", tuple(say.VERDICTS.items()))
    reasons = tuple((name, f"{name} ({count:,})") for name, count in known.reasons.items())
    yield FilterLine("reason", "Dropped for", (("", "any reason"), *reasons))
    prompts = tuple((p.id, f"{p.name} v{p.version}, {p.calls:,} calls") for p in known.prompts)
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
        self._choices: list[FilterLine] = []

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
            self._choices = [*choices_of(await self._known())]
        except StudioError as error:
            self.query_one("#counted", Static).update(content(str(error), "$error"))
            return
        self._again()

    def _again(self) -> None:
        rows = [Row(one.name, (one.label, f"‹ {self._words(one)} ›")) for one in self._choices]
        self.query_one("#choices", RowList).show(rows)
        self._show_count(self._view)

    def _words(self, choice: FilterLine) -> str:
        value = getattr(self._view, choice.name)
        return next((words for known, words in choice.values if known == value), str(value))

    @work(exclusive=True, group="count")
    async def _show_count(self, view: View) -> None:
        said = self.query_one("#counted", Static)
        try:
            found = await self._count(view)
        except StudioError as error:
            said.update(content(str(error), "$error"))
            return
        if found is not None:
            said.update(Content.styled(f"{found:,} records", "bold"))

    def action_change(self, by: int) -> None:
        """The next value of the line under the cursor."""
        lines = self.query_one("#choices", RowList)
        if lines.current is None or not lines.has_focus:
            return
        choice = self._choices[lines.cursor]
        values = [value for value, _words in choice.values]
        value = getattr(self._view, choice.name)
        place = values.index(value) if value in values else 0
        chosen = values[(place + by) % len(values)]
        self._view = replace(self._view, **{choice.name: chosen})
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


class BulkDialog(Dialog):
    """What a deed on many records would touch; gives back True when it is to be done."""

    BINDINGS: ClassVar[list[Any]] = [("enter", "accept", "Do it")]

    def __init__(self, verb: str, what: str, touch: Callable[[], Awaitable[BulkPreview]]) -> None:
        super().__init__()
        self._verb, self._what, self._count = verb, what, touch
        self._touch: BulkPreview | None = None

    def compose(self) -> ComposeResult:
        """Counts, a sample, and the two keys."""
        with Section(classes="dialog").titled(f"{self._verb.capitalize()} {self._what}"):
            yield Static("Counting …", id="touched")
            yield Static("", id="sample")
            yield Static(
                content(f"enter {self._verb}s them, and u undoes that · esc leaves all as it is"),
                classes="hint",
            )

    def on_mount(self) -> None:
        """Count, away from the screen."""
        self._show()

    @work
    async def _show(self) -> None:
        said = self.query_one("#touched", Static)
        try:
            touch = await self._count()
        except StudioError as error:
            said.update(content(str(error), "$error"))
            return
        self._touch = touch
        lines = say.touched(self._verb, touch)
        said.update(
            Content("\n").join(
                content(line, "$warning" if line.endswith("!") else "") for line in lines
            )
        )
        self.query_one("#sample", Static).update(Content("").join(self._sample(touch)))

    def _sample(self, touch: BulkPreview) -> Iterator[Content]:
        rows = touch.sample[:SAMPLE]
        if rows:
            yield content("\nSuch as\n", "$secondary")
        for row in rows:
            symbol, _word, tone = say.verdict(row)
            yield content(f" {symbol} ", say.STYLES[tone])
            yield content(one_line(row.text, 90) + "\n")

    def action_accept(self) -> None:
        """Do it, once it is known what."""
        if self._touch is not None and self._touch.count:
            self.dismiss(True)
