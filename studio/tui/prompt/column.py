"""How one streamed answer looks: its title, its text, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from studio.safe_text import one_line
from studio.tui.prompt.sampling import Outcome, Planned
from studio.tui.safe_content import content

STREAMING, DONE, STORED = "streaming", "done", "stored"
SETTLED = (DONE, STORED)
MOST_STREAMED = 1_500
"""Characters of an answer that are drawn while it comes in."""
LIVE_OFF = "Live is off: p streams here."
WAITING = "waiting for the model …"
WHY = {
    "loop": "it goes in circles (loop)",
    "truncated": "it was cut off before its end (truncated)",
}
"""What the reasons' names do not say by themselves."""


@dataclass(slots=True)
class PreviewColumn:
    """What one column shows."""

    planned: Planned | None = None
    text: str = ""
    state: str = ""
    """``streaming``, ``done``, ``stored`` (paid before), or a sentence on why nothing runs."""
    outcome: Outcome | None = None
    dirty: bool = True
    noun: str = "record"
    """What is to be read out of the answer."""

    @property
    def sha(self) -> str:
        """Of its request; empty while it has none."""
        return self.planned.request.sha if self.planned is not None else ""

    @property
    def failed(self) -> bool:
        """Whether its call was made and gave no answer."""
        return self.planned is not None and self.state not in (STREAMING, *SETTLED, LIVE_OFF)

    def empty(self, why: str) -> None:
        """Show a sentence in place of an answer."""
        self.planned, self.text, self.outcome = None, "", None
        self.state, self.dirty = why, True


def title(cell: PreviewColumn, side: str) -> str:
    """Such as ``A · doc-12 · streaming``; the side only where two are compared."""
    before = f"{side} · " if side else ""
    if cell.planned is None:
        return f"{before}Preview"
    state = f" · {cell.state}" if cell.state in (STREAMING, STORED) else ""
    return f"{before}{one_line(cell.planned.title, 40)}{state}"


def body(cell: PreviewColumn, *, gap: int | None) -> Content:
    """The answer and what became of it, and ``gap`` blank lines below what it is about, if there
    is room for it."""
    if cell.state == STREAMING:
        answer = content(_begun(cell.text) or WAITING, "$foreground")
    elif cell.state in SETTLED:
        answer = _verdict(cell)
    else:
        answer = content(cell.state, "$warning")
    if cell.planned is None or gap is None:
        return answer
    about = content(cell.planned.about[:400], "$secondary")
    return Content.assemble(answer, "\n" * (gap + 1), about)


def _begun(text: str) -> str:
    """As much of a growing answer as a column can show: the whole is laid out once, at its end."""
    return text if len(text) <= MOST_STREAMED else text[:MOST_STREAMED] + " …"


def _verdict(cell: PreviewColumn) -> Content:
    outcome = cell.outcome
    if outcome is None:
        return content(cell.text)
    if not outcome.texts:
        said = content(cell.text or "(empty)")
        why = f"✗ no {cell.noun}: {WHY.get(outcome.reason, outcome.reason)}"
        return Content.assemble(said, "\n", content(why, "$error"))
    words = {
        True: "✓ found first by BM25",
        False: "! BM25 finds another",
        None: "✓",
    }
    tone = "$warning" if outcome.hit is False else "$success"
    texts = Content("\n").join(content(one_line(text, 1_000), "bold") for text in outcome.texts)
    return Content.assemble(texts, "\n", content(words[outcome.hit], tone))
