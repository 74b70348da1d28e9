"""What stands in for examples where a method's template holds its own demonstrations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from textual.app import ComposeResult
from textual.content import Content

from studio.project import Project
from studio.records import StudioError
from studio.tui.pane import template_form
from studio.tui.prompt.template import DRAFT
from studio.tui.safe_text import content, one_line
from studio.tui.widgets.text_pane import Section, TextPane

LONGEST = 600
"""Characters of one field that are shown."""


class Demonstrations(Section):
    """The demonstrations of the template in force, to read, and where they are written."""

    def __init__(self, project: Project, *, id: str) -> None:
        super().__init__(id=id)
        self._project = project

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
            yield Content("\n").join(
                Content.assemble((f"{name:<11} ", "$secondary"), content(one_line(said, LONGEST)))
                for name, said in row.items()
                if said.strip()
            )
