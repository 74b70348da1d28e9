"""What the Examples pane reads and says: rows, titles, use. No widgets here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from studio.records import Example, Record
from studio.store import Store
from studio.store.examples import Examples, ExampleUse
from studio.tui.safe_text import one_line
from studio.tui.widgets.rows import Row

MADE = 6
"""Records of an example that are listed."""
LONGEST_COUNTED = 100_000
"""Characters up to which words and tokens of a document are counted as one types."""


def row(example: Example) -> Row:
    """The example in the list."""
    from studio.prompting.words import count_words

    mark = "●" if example.enabled else "○"
    query = one_line(example.query, 200) or "(not written yet)"
    written = example.enabled and bool(example.query.strip())
    cells = (mark, query, str(count_words(example.query)))
    return Row(str(example.id), cells, "" if written else "muted")


def query_title(example: Example, query: str, norm: tuple[int, int]) -> str:
    """Length of the query against the task's norm."""
    from studio.prompting.tokens import count_tokens
    from studio.prompting.words import count_words

    low, high = norm
    state = "on" if example.enabled else "off"
    length = f"{count_words(query)} words · {count_tokens(query)} tokens"
    return f"Query · {length} · norm {low}–{high} · {state}"


def document_title(text: str) -> str:
    """Length of the document as the prompt shows it."""
    from studio.prompting.tokens import count_tokens
    from studio.prompting.words import count_words

    if len(text) > LONGEST_COUNTED:
        return f"Document · {len(text):,} characters"
    return f"Document · {count_words(text):,} words · {count_tokens(text):,} tokens"


def use_title(use: ExampleUse) -> str:
    """How many records the example helped to make, and the share kept."""
    if not use.records:
        return "Helped to make: nothing yet"
    share = round(100 * use.kept / use.records)
    return f"Helped to make {use.records:,} records · {use.kept:,} kept ({share}%)"


def use_text(made: list[Record]) -> str:
    """The newest records the example helped to make."""
    return "\n".join(
        f"{'kept   ' if record.kept else 'dropped'}  {one_line(record.text)}"
        + ("" if record.kept else f"  ({record.reason})")
        for record in made
    )


def switch(examples: Examples, example: Example, *, on: bool) -> None:
    """Write only on or off: the wording may have been edited since."""
    current = examples.get(example.id)
    if current is not None:
        examples.edit(replace(current, enabled=on))


def storable(text: str) -> str:
    """The text without lone surrogates: SQLite stores UTF-8 only."""
    return text.encode("utf-8", "replace").decode("utf-8")


def use_of(path: Path, example_id: int) -> tuple[ExampleUse, list[Record]]:
    """Runs in a thread with a connection of its own: a million generations take a while."""
    store = Store(path)
    try:
        return store.examples.use(example_id), store.examples.made(example_id, MADE)
    finally:
        store.close()
