"""The list of examples with its filter: what there is, what stands out, what came of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input

from studio.prompting.lints import Remark
from studio.records import Example
from studio.safe_text import one_line
from studio.store.examples import ExampleUse
from studio.tui.actions import key_name
from studio.tui.examples.form import ExampleForm
from studio.tui.examples.text_size import text_size
from studio.tui.pane.recalled_field import RecalledField
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

if TYPE_CHECKING:
    from studio.tui.base_app import BaseApp

ENOUGH, GOOD = 2, 8
"""Examples to begin with, and above which more gain little."""
NO_EXAMPLE = (
    "No example yet. {begin} Two are enough to begin, eight are good. "
    "A file of them comes in with i."
)
FOR_DOCUMENTS = (
    "Press / to find a document below, then enter on it: write the query a person would ask for it."
)
BY_ITSELF = "Press n and write one: {parts}, one below the other."
NO_MATCH = "No example has all these words. Esc shows all again; #word looks for a tag."
SEARCHED = 20_000
"""Characters of a document that the filter reads."""
SYMBOLS = {
    "gold": "★",
    "missing": "∅",
    "too-long": "▲",
    "too-short": "▼",
    "copied": "=",
    "alike": "≈",
    "listed": "!",
    "language": "¿",
}
"""Kind of remark → its mark in the list."""
LENGTHS = ("too-long", "too-short")
WAITING, BAD = "≠", "✗"


UNUSED = ExampleUse(0, 0)


@dataclass(frozen=True, slots=True)
class ExampleFacts:
    """What a row says beside the example itself."""

    remarks: tuple[Remark, ...] = ()
    use: ExampleUse = UNUSED
    bad: bool = False
    """Whether markedly few of its records are kept."""
    waiting: bool = False
    """Whether an unsaved wording waits for a decision."""


NOTHING_KNOWN = ExampleFacts()


class ExampleList(Section):
    """A field to filter by, hidden until it is asked for, and the rows."""

    class Filtered(Message):
        """The filter changed."""

    class Entered(Message):
        """Enter was pressed in the filter."""

    def __init__(self, form: ExampleForm, *, id: str) -> None:
        super().__init__(id=id)
        self._form = form
        self._known: dict[int, tuple[Example, ExampleFacts, Row]] = {}

    def compose(self) -> ComposeResult:
        """Field and rows."""
        yield RecalledField("examples", placeholder="words, or #tag …", id="filter")
        yield RowList(columns(self._form), empty=nothing(self._form), id="examples")

    def on_mount(self) -> None:
        """Without a filter."""
        self.field.display = False

    @property
    def field(self) -> Field:
        """The filter."""
        return self.query_one("#filter", Field)

    @property
    def rows(self) -> RowList:
        """The list."""
        return self.query_one("#examples", RowList)

    @property
    def words(self) -> str:
        """What is filtered by; empty for all."""
        return self.field.value.strip()

    def ask(self) -> None:
        """Show the field and type there."""
        self.field.display = True
        self.field.focus()

    def end(self) -> None:
        """Show all again."""
        self.field.value = ""
        self.field.display = False

    def fill(
        self, examples: Sequence[Example], facts: dict[int, ExampleFacts], select: int | None
    ) -> list[Example]:
        """Show those that the filter lets through, and return them."""
        words = self.words
        shown = [example for example in examples if not words or matches(example, words)]
        self.rows.empty = NO_MATCH if examples else nothing(self._form)
        key = None if select is None else str(select)
        self.rows.show([self._row(e, facts.get(e.id, NOTHING_KNOWN)) for e in shown], key=key)
        self.titled(self._title(examples, len(shown)))
        return shown

    def _row(self, example: Example, facts: ExampleFacts) -> Row:
        """Made anew for what has changed: one types beside a thousand that have not."""
        known = self._known.get(example.id)
        if known is None or known[:2] != (example, facts):
            known = self._known[example.id] = (example, facts, row(example, facts, self._form))
        return known[2]

    def _title(self, examples: Sequence[Example], shown: int) -> str:
        if self.words:
            return f"Examples {shown} of {len(examples)} · with {self.words} — esc shows all"
        if not examples:
            return "Examples"
        on = sum(example.enabled for example in examples)
        return f"Examples {len(examples)} · {on} on{self._next(examples)}"

    def _next(self, examples: Sequence[Example]) -> str:
        """What to do with so few: where there are enough, the person knows the way."""
        written = sum(bool(example.query.strip()) for example in examples)
        keys_of = cast("BaseApp", self.app).keys_of
        if written < ENOUGH:
            if not self._form.of_documents:
                return f" · {key_name(keys_of('examples.new')[0])} writes the next one"
            search = key_name(keys_of("examples.search")[0])
            return f" · {search} picks a document for the next one"
        prompt = key_name(keys_of("app.prompt")[0])
        return f" · {prompt} shows what the prompt makes of them" if written < GOOD else ""

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Filtered())

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Entered())


def matches(example: Example, words: str) -> bool:
    """Whether the example holds all the words, those with ``#`` as the beginning of a tag."""
    tags = example.tags.casefold().split()
    read = (written[:SEARCHED] for written in example.texts.values())
    text = "\n".join((*read, example.tags)).casefold()
    return all(
        any(tag.startswith(word[1:]) for tag in tags) if word.startswith("#") else word in text
        for word in words.casefold().split()
    )


def _length(text: str) -> str:
    """In words; empty for a text that is not there."""
    size = text_size(text)
    return f"{size.words}{size.more}" if text.strip() else ""


def columns(form: ExampleForm) -> tuple[Column, ...]:
    """Of the list: the first text, the length of each, what stands out, and what came of it."""
    # On a narrow screen, whether there is what is last is told by its remark alone.
    lengths = (
        Column(name, 6, "right", from_width=100 if name == form.last.name else 0)
        for name in form.columns
    )
    return (
        Column("", 1),
        Column(form.first.name),
        Column("tags", 14, from_width=70),
        Column("words", 5, "right"),
        Column("", 1),
        *lengths,
        Column("tokens", 6, "right", from_width=90),
        Column("", 3),
        Column("made", 7, "right", from_width=100),
        Column("kept", 4, "right"),
        Column("", 1),
    )


def nothing(form: ExampleForm) -> str:
    """What an empty list says: how the first one is written."""
    *names, last = (part.name for part in form.parts)
    begin = BY_ITSELF.format(parts=f"{', '.join(names)} and {last}")
    return NO_EXAMPLE.format(begin=FOR_DOCUMENTS if form.of_documents else begin)


def row(example: Example, facts: ExampleFacts, form: ExampleForm) -> Row:
    """The example in the list."""
    size = text_size(example.query)
    texts = example.texts
    written = bool(example.query.strip())
    kinds = [remark.kind for remark in facts.remarks]
    use = facts.use
    cells = (
        WAITING if facts.waiting else "●" if example.enabled else "○",
        one_line(example.query, 300) or "(not written yet)",
        one_line(example.tags, 60),
        f"{size.words}{size.more}",
        "".join(SYMBOLS[kind] for kind in kinds if kind in LENGTHS),
        *(_length(texts[name]) for name in form.columns),
        f"{size.tokens}{size.more}",
        "".join(SYMBOLS[kind] for kind in kinds if kind not in LENGTHS),
        f"{use.records:,}" if use.records else "",
        f"{use.share:.0%}" if use.records else "",
        BAD if facts.bad else "",
    )
    tone = "warn" if facts.waiting else "" if written and example.enabled else "muted"
    return Row(str(example.id), cells, tone)  # type: ignore[arg-type]
