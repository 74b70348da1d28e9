"""What stands in for examples where a method's template holds its own demonstrations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget

from studio.project import Project
from studio.records import StudioError
from studio.safe_text import one_line
from studio.tui.actions import key_name
from studio.tui.examples.list import SYMBOLS
from studio.tui.pane import template_form
from studio.tui.pane.base import Pane
from studio.tui.prompt.template import DRAFT
from studio.tui.safe_content import content
from studio.tui.widgets.text_pane import Section, TextPane

if TYPE_CHECKING:
    from studio.jobs.leaks import GoldWords

LONGEST = 600
"""Characters of one field that are shown."""


def _shown_as(said: str) -> str:
    """In one line; of a list, such as of reasons, each apart."""
    return one_line(" · ".join(line for line in said.splitlines() if line.strip()), LONGEST)


class DemonstrationsPane(Pane):
    """Examples where a task's prompts show none that are written for documents."""

    NAME = "examples"
    AUTO_FOCUS = "#demonstrations"
    CSS_PATH = "examples.tcss"

    def compose_body(self) -> ComposeResult:
        """One scrolling text."""
        yield Demonstrations(self.project)

    def begin(self) -> None:
        """Show them."""
        self.store_changed()

    def store_changed(self) -> None:
        """Read them again: the Prompt pane may have changed them."""
        self.query_one(Demonstrations).read(key_name(self.studio.keys_of("app.prompt")[0]))

    def main_list(self) -> Widget | None:
        """The text."""
        return self.query_one("#demonstrations")

    def copy_text(self) -> str:
        """The whole text."""
        return self.query_one("#demonstrations", TextPane).plain


class Demonstrations(Section):
    """The demonstrations of the template in force, to read, and where they are written."""

    def __init__(self, project: Project) -> None:
        super().__init__(id="demonstrations-section")
        self._project = project
        self._gold: tuple[object, GoldWords | None] = (None, None)
        """Gold by its words, and the version of the gold that they are of."""

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        yield TextPane(id="demonstrations")

    def read(self, prompt_key: str) -> None:
        """Show what the template shows the LLM. prompt_key: the key of the Prompt pane."""
        task = self._project.task
        head = (
            f"Examples of {task.record.nouns} stand in the template, each as a table "
            f"[[demonstrations]] of its front matter: {prompt_key} Prompt edits them."
        )
        found = list(self._shown())
        self.titled(f"Demonstrations {len(found)}" if found else "Demonstrations")
        shown = Content("\n\n").join([content(head, "$success"), *found])
        pane = self.query_one(TextPane)
        if shown.plain != pane.plain:
            pane.put(shown, shown.plain)

    def _shown(self) -> Iterator[Content]:
        store = self._project.store
        newest = store.prompts.latest()
        text = store.drafts.get(DRAFT) or (newest.template if newest is not None else "")
        try:
            template = template_form.parsed(text, self._project.task)
        except StudioError:
            # The Prompt pane says what is wrong with it.
            return
        rows: tuple[Mapping[str, str], ...] = getattr(template, "demonstrations", ())
        for row in rows:
            lines = [
                Content.assemble((f"{name:<11} ", "$secondary"), content(_shown_as(said)))
                for name, said in row.items()
                if said.strip()
            ]
            if leak := self._leak(row):
                lines.insert(0, content(f"{SYMBOLS['gold']} {leak}", "$warning"))
            yield Content("\n").join(lines)

    def _leak(self, shown: Mapping[str, str]) -> str:
        """That a demonstration is gold, and which; empty where it is not."""
        from studio.jobs.leaks import GoldWords, gold_shown, place_of

        store, (version, gold) = self._project.store, self._gold
        if gold is None or version != store.gold.version():
            version, gold = self._gold = store.gold.version(), GoldWords.of(store)
        found = gold_shown(gold, shown, self._project.task.record)
        return f"This is gold: {place_of(found)}. No LLM is shown it." if found is not None else ""
