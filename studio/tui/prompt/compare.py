"""A small box: what is the text in the editor to be compared with?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from studio import servers
from studio.calls import Prompt
from studio.settings import Endpoint
from studio.tui.pane.base import Dialog
from studio.tui.safe_content import content
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

COLUMNS = (Column("", 12), Column("", 24), Column(""))
TEMPERATURES = ("0", "0.3", "0.7", "1.0")
HOTTEST = 2.0
HINT = "A temperature such as 0.2, or an endpoint: a name, embedded:MODEL, or a URL and its model."


@dataclass(frozen=True, slots=True)
class Contrast:
    """What B is, and A is not; all else is the same."""

    kind: Literal["version", "endpoint", "temperature", "none"]
    value: str = ""
    """The version's row, the endpoint as typed, or the temperature."""


class Compare(Dialog):
    """Gives back a :class:`Contrast` (``none`` ends comparing), or None."""

    def __init__(
        self,
        versions: Sequence[Prompt],
        endpoints: Mapping[str, Endpoint],
        *,
        text: str,
        comparing: bool,
    ) -> None:
        super().__init__()
        self._rows = _rows(versions, endpoints, text=text, comparing=comparing)

    def compose(self) -> ComposeResult:
        """What there is, and a line for what else there may be."""
        title = "Compare the prompt with … — enter chooses, tab types, esc closes"
        with Section(classes="dialog tall").titled(title):
            yield RowList(COLUMNS, empty="", id="contrasts")
            with Horizontal(classes="form-row"):
                yield Static("or type")
                yield Field(id="other", placeholder="0.2")
            yield Static(content(HINT), id="hint", classes="hint")

    def on_mount(self) -> None:
        """Fill it."""
        self.query_one(RowList).show(self._rows)
        self.query_one(RowList).focus()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if event.row is not None:
            kind, _, value = event.row.key.partition(":")
            self.dismiss(Contrast(kind, value))  # type: ignore[arg-type]

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        found = contrast_of(text)
        if found is None:
            problem = f"Type a temperature from 0 to {HOTTEST:g}, or an endpoint."
            self.query_one("#hint", Static).update(content(problem, "$error"))
            return
        servers.type_in(text)
        self.dismiss(found)


def contrast_of(text: str) -> Contrast | None:
    """What was typed; None for nothing and for a temperature that no endpoint takes."""
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        return Contrast("endpoint", text)
    return Contrast("temperature", text) if 0 <= number <= HOTTEST else None


def _rows(
    versions: Sequence[Prompt], endpoints: Mapping[str, Endpoint], *, text: str, comparing: bool
) -> list[Row]:
    rows = [Row("none:", ("", "nothing", "stop comparing"))] if comparing else []
    rows += [
        Row(f"version:{prompt.id}", ("version", f"v{prompt.version} {prompt.name}", prompt.note))
        for prompt in versions
        if prompt.template != text
    ]
    rows += [
        Row(f"temperature:{value}", ("temperature", value, "greedy" if value == "0" else ""))
        for value in TEMPERATURES
    ]
    rows += [
        Row(f"endpoint:{name}", ("endpoint", name, endpoint.model))
        for name, endpoint in endpoints.items()
    ]
    return rows
