"""All versions of the template, each with its difference to another text and its note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NamedTuple

from textual import on, work
from textual.app import ComposeResult

from studio.calls import Prompt
from studio.store.prompts import Prompts
from studio.tui.pane.base import Dialog
from studio.tui.prompt.version_diff import difference
from studio.tui.safe_content import content
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section, TextPane

COLUMNS = (Column("version", 7, "right"), Column("saved", 16), Column("name", 22), Column("note"))


class Picked(NamedTuple):
    """What was done with a version."""

    deed: Literal["take", "compare"]
    prompt: Prompt


class Versions(Dialog):
    """Gives back the chosen version and what is wanted of it, or None. Notes are written here."""

    BINDINGS: ClassVar[list[Any]] = [
        ("n", "note", "Note"),
        ("c", "compare", "Compare"),
        ("d", "against", "Difference to"),
    ]

    def __init__(self, prompts: Prompts, draft: str) -> None:
        super().__init__()
        self._prompts = prompts
        self._draft = draft
        self._versions: dict[str, Prompt] = {}
        self._to_editor = True

    def compose(self) -> ComposeResult:
        """List above, difference below."""
        title = "Versions — enter takes, n note, c compare, d difference, esc closes"
        with Section(classes="dialog tall").titled(title):
            yield RowList(
                COLUMNS, empty="No version yet. w saves the draft as one.", id="versions-list"
            )
            with Section(id="versions-diff").titled("Difference"):
                yield TextPane(id="diff")

    def on_mount(self) -> None:
        """Fill it."""
        self._list_again()
        self.query_one(RowList).focus()

    def _list_again(self) -> None:
        found = self._prompts.all()
        self._versions = {str(prompt.id): prompt for prompt in found}
        self.query_one(RowList).show([_row(prompt) for prompt in found])

    @property
    def _current(self) -> Prompt | None:
        row = self.query_one(RowList).current
        return self._versions.get(row.key) if row is not None else None

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        self._show_difference()

    def _show_difference(self) -> None:
        prompt, pane = self._current, self.query_one("#diff", TextPane)
        if prompt is None:
            pane.show("")
            return
        before = self._before(prompt)
        if self._to_editor:
            words = f"From v{prompt.version} to the editor"
            shown = difference(prompt.template, self._draft)
        elif before is None:
            words = f"v{prompt.version} is the first"
            shown = content(prompt.template)
        else:
            words = f"From v{before.version} to v{prompt.version}"
            shown = difference(before.template, prompt.template)
        keys = "[-gone-] {+new+}"
        self.query_one("#versions-diff", Section).titled(f"{words} · {keys}")
        pane.put(shown, shown.plain)
        pane.scroll_home(animate=False)

    def _before(self, prompt: Prompt) -> Prompt | None:
        older = [one for one in self._versions.values() if one.version < prompt.version]
        return max(older, key=lambda one: one.version, default=None)

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self._answer("take")

    def action_compare(self) -> None:
        """Stream the editor's text and this version side by side."""
        self._answer("compare")

    def _answer(self, deed: Literal["take", "compare"]) -> None:
        if (prompt := self._current) is not None:
            self.dismiss(Picked(deed, prompt))

    def action_against(self) -> None:
        """Show the difference to the editor, or to the version before."""
        self._to_editor = not self._to_editor
        self._show_difference()

    @work
    async def action_note(self) -> None:
        """Write another note for the version."""
        from studio.tui.dialogs.ask import AskText

        prompt = self._current
        if prompt is None:
            return
        hint = "The note may be empty. The version's text stays as it is."
        asked = AskText(f"Note of version {prompt.version}", hint=hint, value=prompt.note)
        note = await self.app.push_screen_wait(asked)
        if note is not None:
            await self.studio.written(lambda: self._prompts.annotate(prompt.id, note))
            self._list_again()


def _row(prompt: Prompt) -> Row:
    saved = prompt.created[:16].replace("T", " ")
    return Row(str(prompt.id), (f"v{prompt.version}", saved, prompt.name, prompt.note))


def shortly(prompts: Sequence[Prompt], text: str) -> str:
    """How a text stands to the versions: ``v3 shorter``, or ``draft after v3``."""
    same = next((prompt for prompt in prompts if prompt.template == text), None)
    if same is not None:
        return f"v{same.version} {same.note}".rstrip()
    return f"draft after v{prompts[0].version}" if prompts else "draft"
