"""What the Examples pane reads and says: titles, remarks, use. No widgets here."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from studio.plurals import so_many
from studio.prompting.lints import Remark
from studio.records import Example
from studio.safe_text import one_line
from studio.store import Store
from studio.store.examples import ExampleUse, Uses
from studio.tui.examples.form import Part
from studio.tui.examples.list import BAD, SYMBOLS, WAITING
from studio.tui.examples.text_size import text_size
from studio.tui.safe_content import content

if TYPE_CHECKING:
    from studio.project import Project
    from studio.prompting.forms import AnyTemplate
    from studio.prompting.lint_all import Linter

NORM = (3, 30)
"""Words of an example's first text, where no template says otherwise."""
BLACKLIST = "blacklist"
"""The template's list of words that a first text should not have."""
FEW_RECORDS = 20
"""Below so many records, a share says nothing."""
DOUBT = 2.6
"""Standard errors below the others from which an example is called bad: 1 in 200 by chance."""
LEAST_GAP = 0.1
"""A share that is less than this below that of all is not worth a word, however sure."""


def linter_for(project: Project, template: AnyTemplate | None) -> Linter:
    """Judges examples by what the template in force says of length and words, and by gold."""
    from studio.jobs.leaks import GoldPlaces
    from studio.prompting.lint_all import Linter

    norm = getattr(template, "query_words", getattr(template, "text_words", NORM))
    listed = getattr(template, "lists", {}).get(BLACKLIST, ())
    return Linter(norm, project.language, GoldPlaces(project.store.path), listed)


def title(part: Part, example: Example, text: str, norm: tuple[int, int] | None) -> str:
    """A text's name and length; of the first text against its norm."""
    return text_title(part.title, text) if norm is None else _first(part, example, text, norm)


def _first(part: Part, example: Example, text: str, norm: tuple[int, int]) -> str:
    low, high = norm
    size = text_size(text)
    words, tokens = f"{size.words}{size.more}", f"{size.tokens}{size.more}"
    mark = ""
    if text.strip():
        mark = " ▲ too long" if size.words > high else " ▼ too short" if size.words < low else ""
    state = "on" if example.enabled else "off"
    words = f"{words} word" if words == "1" else f"{words} words"
    tokens = f"{tokens} token" if tokens == "1" else f"{tokens} tokens"
    return f"{part.title} · {words}{mark} · {tokens} · norm {low}–{high} · {state}"


def text_title(title: str, text: str) -> str:
    """A name and the length of a text, such as of the document as the prompt shows it."""
    size = text_size(text)
    if not text.strip():
        return f"{title} · empty"
    if size.more:
        return f"{title} · {so_many(len(text), 'characters')}"
    return f"{title} · {so_many(size.words, 'words')} · {so_many(size.tokens, 'tokens')}"


def is_bad(use: ExampleUse, together: ExampleUse) -> bool:
    """Whether fewer of the example's records are kept than chance and the others explain."""
    others = ExampleUse(together.records - use.records, together.kept - use.kept)
    if use.records < FEW_RECORDS or others.records < FEW_RECORDS:
        return False
    share = together.share
    error = math.sqrt(share * (1 - share) * (1 / use.records + 1 / others.records))
    gap = others.share - use.share
    return gap > LEAST_GAP and gap > DOUBT * error


def use_title(use: ExampleUse, together: ExampleUse) -> str:
    """How many records the example helped to make, and the share kept."""
    if not use.records:
        return "Helped to make: nothing yet"
    share = f"kept {use.share:.0%} against {together.share:.0%} of all"
    return f"Helped to make {use.records:,} · {share}"


def remarks_on(
    query: str, remarks: tuple[Remark, ...], use: ExampleUse, together: ExampleUse
) -> Iterator[Content]:
    """A line for each thing to look at, with the mark that it has in the list."""
    if not query.strip():
        yield content("Not written yet: type it; it is saved as you type, esc ends.", "$secondary")
        return
    for remark in remarks:
        yield content(f"{SYMBOLS[remark.kind]} {one_line(str(remark))}", "$warning")
    if is_bad(use, together):
        against = f"kept {use.share:.0%} against {together.share:.0%} of all"
        yield content(f"{BAD} {against}: r shows what it makes.", "$warning")
    if not remarks and not is_bad(use, together):
        yield content("✓ nothing to remark", "$success")


def waiting_remark(*, typing: bool, key: str) -> Content:
    """An unsaved wording waits."""
    if typing:
        said = "Changed elsewhere meanwhile. Type on: nothing is lost, and esc lets you compare."
    else:
        said = f"An unsaved wording waits: {key} compares it with the saved one."
    return content(f"{WAITING} {said}", "$accent")


@dataclass(frozen=True, slots=True)
class CountedUses:
    """What came of all examples, and what it cost to count."""

    uses: Uses
    seconds: float


def uses_of(path: Path) -> CountedUses:
    """Runs in a thread with a connection of its own: a million records take seconds."""
    began = time.monotonic()
    store = Store(path)
    try:
        return CountedUses(store.examples.uses(), time.monotonic() - began)
    finally:
        store.close()
