"""Prompt: edit the template and watch what it makes of three documents, or of two variants."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import work

from studio.prompting.builtin import builtin, builtin_names
from studio.tui.actions import bindings
from studio.tui.prompt.compare import Compare, Contrast
from studio.tui.prompt.preview import MORE, PromptPreview
from studio.tui.prompt.streams import ROWS
from studio.tui.prompt.template import TemplatePart
from studio.tui.widgets.rows import Column, Row
from studio.tui.widgets.text_pane import TextPane


class PromptPane(PromptPreview):
    """What a person can do with a prompt."""

    NAME = "prompt"
    BINDINGS: ClassVar[list[Any]] = [*bindings("prompt")]

    def action_leave(self) -> None:
        """Leave the field; outside one, end what runs for the score alone."""
        if self.template.editor.has_focus:
            super().action_leave()
        elif self.streams.stop_more():
            self.studio.tell("Stopped; what was answered counts.")
            self._show_score()
        else:
            self.set_focus(self.main_list())

    def action_edit(self) -> None:
        """Edit the template."""
        self.remove_class("-rendered")
        self.add_class("-writing")
        self.template.editor.focus()

    def action_next_remark(self) -> None:
        """Go to the line of the next remark."""
        self.remove_class("-rendered")
        self.add_class("-writing")
        if said := self.template.next_remark():
            self.studio.tell(said)

    @work
    async def action_save(self) -> None:
        """Keep the draft as the next version, with a note."""
        from studio.tui.dialogs.ask import AskText

        self.flush()
        template = self.template
        template.remark()
        if template.clashing:
            template.post_message(TemplatePart.Clashed())
            return
        if not template.usable:
            self.studio.tell("The template has a fault; mend it before saving.", bad=True)
            return
        known = [prompt for prompt in template.versions if prompt.template == template.text]
        if known:
            self.studio.tell(f"This is version {known[0].version} already; nothing to save.")
            return
        hint = "What changed? The note may stay empty, and can be written later (v, then n)."
        note = await self.app.push_screen_wait(AskText("Save as the next version", hint=hint))
        if note is None:
            return
        saved = self.studio.guarded(lambda: template.save(note))
        if saved is not None:
            self.studio.tell(f"Saved as version {saved.version}.")
            self._replan()

    @work
    async def action_versions(self) -> None:
        """All versions with notes and differences; take one back, or compare with it."""
        from studio.tui.prompt.versions import Versions

        self.flush()
        asked = Versions(self.project.store.prompts, self.template.text)
        picked = await self.app.push_screen_wait(asked)
        self.template.read()
        if picked is None:
            return
        if picked.deed == "take":
            self._take(picked.prompt.template)
        else:
            self._compare(Contrast("version", str(picked.prompt.id)))

    @work
    async def action_template(self) -> None:
        """Start again from a bundled template."""
        from studio.prompting.templates import parse
        from studio.tui.dialogs.ask import Choose

        rows = [Row(name, (name, parse(builtin(name)).about)) for name in builtin_names()]
        columns = (Column("", 20), Column(""))
        name = await self.app.push_screen_wait(Choose("Bundled templates", columns, rows))
        if name is not None:
            self._take(builtin(name))

    def _take(self, text: str) -> None:
        self.template.take(text)
        self._replan()

    @work
    async def action_compare(self) -> None:
        """Two columns: the editor's prompt, and a version, endpoint or temperature."""
        self.flush()
        known = self.project.settings.endpoints
        now = self._endpoint or self.project.settings.endpoint
        asked = Compare(
            self.template.versions,
            {name: endpoint for name, endpoint in known.items() if name != now},
            text=self.template.text,
            comparing=self._contrast.kind != "none",
        )
        contrast = await self.app.push_screen_wait(asked)
        if contrast is not None:
            self._compare(contrast)

    def _compare(self, contrast: Contrast) -> None:
        self._contrast = contrast
        # Another endpoint may cost money where the present one does not.
        self.streams.live = None
        self._replan()

    def action_live(self) -> None:
        """Stop what streams; when nothing does, switch live streaming on or off."""
        live = self.streams.toggle_live()
        self.studio.tell("Live: generations stream as you type." if live else "Live is off.")
        self._replan()

    def action_more(self) -> None:
        """Ask about further documents for the score alone."""
        asked = self.streams.more(MORE)
        if not asked and not self.streams.busy:
            self.studio.tell("Every document of the bench has its answer; r draws again.")

    def action_again(self) -> None:
        """Another query for each document; calls that failed are made once more instead."""
        if not any(cell.failed for cell in self.streams.cells):
            self._draw += 1
        self._replan()

    def action_documents(self) -> None:
        """The next three documents."""
        if self._documents:
            self._offset = (self._offset + ROWS) % len(self._documents)
            self._replan()

    @work
    async def action_search(self) -> None:
        """Preview a document found by its words, in the present row."""
        from studio.tui.prompt.pick_document import PickDocument

        found = await self.app.push_screen_wait(PickDocument(self.project.store.path))
        if found is not None:
            row = min(self._shown % ROWS, max(len(self._documents) - 1, 0))
            self._documents = [document for document in self._documents if document.id != found.id]
            self._documents.insert(min(self._offset + row, len(self._documents)), found)
            self._replan()

    def action_next_document(self) -> None:
        """Go to the next column."""
        self._step(1)

    def action_previous_document(self) -> None:
        """Go to the column before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        order = self.streams.order()
        here = order.index(self._shown) if self._shown in order else 0
        self.streams.focus_column(order[(here + by) % len(order)])

    def action_view(self) -> None:
        """On a small screen, show the template or the rendered prompt."""
        self.toggle_class("-rendered")

    @work
    async def action_endpoint(self) -> None:
        """Choose who generates the preview."""
        from studio.tui.dialogs.ask import AskText

        known = ", ".join(sorted(self.project.settings.endpoints)) or "none in the settings yet"
        hint = f"A name ({known}), embedded:MODEL, or a URL, a space and its model."
        now = self._endpoint or self.project.settings.endpoint
        name = await self.app.push_screen_wait(
            AskText("Endpoint of the preview", hint=hint, value=now)
        )
        if name:
            self._endpoint = "" if name.strip() == self.project.settings.endpoint else name.strip()
            self.streams.live = None
            self._replan()

    def copy_text(self) -> str:
        """The rendered prompt when it has the focus, else the shown column's answer; the template
        while there is none."""
        if self.query_one("#rendered").has_focus:
            return self.query_one("#rendered", TextPane).plain
        return self.streams.cells[self._shown].text or self.template.text
