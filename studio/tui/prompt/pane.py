"""Prompt: edit the template and watch what it makes of a few requests, or of two variants."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widget import Widget

from studio.tui.actions import bindings
from studio.tui.pane import template_form
from studio.tui.pane.base import Pane
from studio.tui.prompt import sides as prompt_sides
from studio.tui.prompt.compare import Compare, Contrast
from studio.tui.prompt.preview import Preview
from studio.tui.prompt.rendered import RenderedPrompt
from studio.tui.prompt.scoreboard import MORE, Scoreboard
from studio.tui.prompt.streams import Streams
from studio.tui.prompt.template import TemplatePart
from studio.tui.widgets.rows import Column, Row

REPLAN_S = 0.6
"""A pause in typing that lets the preview start anew."""


class PromptPane(Pane):
    """Template and rendered prompt above, streams below, the score at the bottom."""

    NAME = "prompt"
    CSS_PATH = "prompt.tcss"
    AUTO_FOCUS: ClassVar[str | None] = "#stream-0"
    BINDINGS: ClassVar[list[Any]] = [*bindings("prompt")]

    def __init__(self) -> None:
        super().__init__()
        self._made_of: tuple[object, ...] = ()
        self._timer: Timer | None = None

    def compose_body(self) -> ComposeResult:
        """Editors, streams, score."""
        with Horizontal(id="editors"):
            yield TemplatePart(id="template-section")
            yield RenderedPrompt(id="rendered-section")
        yield Preview(id="preview")
        yield Scoreboard(id="score-section")

    def begin(self) -> None:
        """Read draft and versions; pick documents."""
        self.template.begin()
        self.store_changed()

    # Found once: what comes in at the program's end, when they are gone from the tree, needs them.

    @cached_property
    def template(self) -> TemplatePart:
        """The template."""
        return self.query_one(TemplatePart)

    @cached_property
    def preview(self) -> Preview:
        """What it makes of a few requests."""
        return self.query_one(Preview)

    @property
    def streams(self) -> Streams:
        """The columns of the preview."""
        return self.preview.streams

    def main_list(self) -> Widget | None:
        """Leaving the template goes to the streams."""
        return self.query_one(f"#stream-{self.preview.shown}")

    def offers(self, action_id: str) -> bool:
        """Stages where there are several, documents where some are asked about."""
        if action_id == "prompt.stage":
            return self.ready and len(self.preview.stages) > 1
        return action_id != "prompt.search" or not self.ready or self.preview.asks_about_documents

    # -- what has changed --

    def store_changed(self) -> None:
        """Another pane or process changed examples, labels, versions or the draft."""
        self.template.read()
        self.preview.read_documents()
        # A busy worker writes all the time: only what the preview is made of starts it anew.
        store = self.project.store
        examples = store.examples.all(enabled_only=True)
        written = tuple((e.revision_id, e.query, e.document_text) for e in examples)
        made_of = (self.template.text, written, tuple(store.labels.all()))
        if made_of != self._made_of:
            self._made_of = made_of
            self._soon()

    def flush(self) -> None:
        """Write the draft."""
        self.template.flush()

    @on(TemplatePart.Typed)
    def _typed(self) -> None:
        self.preview.stop("changed: waiting for a pause in typing")
        self.preview.clear_heads()
        self._soon()

    def _soon(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(REPLAN_S, self._replan)

    @on(Preview.Wanted)
    def _replan(self) -> None:
        """Work out the requests as things stand."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        template = self.template
        template.remark()
        if not template.usable:
            self.preview.stop("The template has a fault; mend the line named below it.")
            return
        self.preview.show(template.text, template.state, template.versions)

    @on(Preview.Turned)
    def _turned(self) -> None:
        self.refresh_bindings()
        # The column lights up first: a long prompt takes its time to lay out.
        self.call_after_refresh(self._show_rendered)

    def _show_rendered(self) -> None:
        self.query_one(RenderedPrompt).show(self.preview.planned)

    @on(Streams.Scored)
    def _show_score(self) -> None:
        more, all_ = (self.studio.keys_of(name)[0] for name in ("prompt.more", "app.generate"))
        self.query_one(Scoreboard).show(self.streams, more, all_)

    def on_resize(self) -> None:
        """Columns and the score's table are laid out to their size."""
        if self.ready:
            self.call_after_refresh(self.streams.draw_all)
            self.call_after_refresh(self._show_score)

    def on_descendant_focus(self) -> None:
        """On a small screen the template shows while it is being written."""
        self.set_class(self.ready and self.template.editor.has_focus, "-writing")

    # -- the template --

    def action_leave(self) -> None:
        """Leave the field; outside one, end what runs for the score alone."""
        if self.template.editor.has_focus:
            super().action_leave()
            if self.template.clashing:
                self.action_decide()
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
            self.action_decide()
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
        saved = await self.studio.written(lambda: template.save(note))
        if saved is not None:
            self.studio.tell(f"Saved as version {saved.version}.")
            self._replan()

    @work
    async def action_decide(self) -> None:
        """Say which of two drafts stays. Never asked unbidden: somebody may be typing."""
        from studio.tui.dialogs.conflict import ConflictDialog, marked

        template = self.template
        if not template.clashing:
            self.studio.tell("There is one draft only: all that you wrote is saved.")
            return
        if isinstance(self.app.screen, ConflictDialog):
            return
        theirs = template.theirs()
        choices = prompt_sides.choices(template.versions, theirs, self.project.task)
        title = "Two drafts of one prompt — m, t or b chooses; esc decides later"
        later = f"mine stays here, and {self.key('decide')} asks again"
        asked = ConflictDialog(title, marked(template.text, theirs), choices, later=later)
        choice = await self.app.push_screen_wait(asked)
        if choice is not None:
            await self.studio.written(lambda: template.decide(choice))
            self._soon()

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
            self.preview.compare(Contrast("version", str(picked.prompt.id)))

    @work
    async def action_template(self) -> None:
        """Start again from a bundled template of the task's methods."""
        from studio.jobs.setup import templates_of
        from studio.tui.dialogs.ask import Choose

        task = self.project.task
        known = templates_of(task)
        rows = [
            Row(name, (name, template_form.parsed(text, task).about))
            for name, text in known.items()
        ]
        columns = (Column("", 20), Column(""))
        name = await self.app.push_screen_wait(Choose("Bundled templates", columns, rows))
        if name is not None:
            self._take(known[name])

    def _take(self, text: str) -> None:
        self.template.take(text)
        self._replan()

    def action_view(self) -> None:
        """On a small screen, show the template or the rendered prompt."""
        self.toggle_class("-rendered")

    # -- the preview --

    @work
    async def action_compare(self) -> None:
        """Two columns: the editor's prompt, and a version, endpoint or temperature."""
        self.flush()
        known = self.project.settings.endpoints
        now = self.preview.endpoint or self.project.settings.endpoint
        asked = Compare(
            self.template.versions,
            {name: endpoint for name, endpoint in known.items() if name != now},
            text=self.template.text,
            comparing=self.preview.contrast.kind != "none",
        )
        contrast = await self.app.push_screen_wait(asked)
        if contrast is not None:
            self.preview.compare(contrast)

    def action_live(self) -> None:
        """Stop what streams; when nothing does, switch live streaming on or off."""
        live = self.streams.toggle_live()
        self.studio.tell("Live: generations stream as you type." if live else "Live is off.")
        self._replan()

    def action_more(self) -> None:
        """Ask further requests for the score alone."""
        asked = self.streams.more(MORE)
        if not asked and not self.streams.busy:
            again = self.studio.keys_of("prompt.again")[0]
            self.studio.tell(f"All that can be asked here has its answer; {again} draws again.")

    def action_again(self) -> None:
        """Another answer for each column; calls that failed are made once more instead."""
        self.preview.draw_again()

    def action_documents(self) -> None:
        """The next three requests."""
        self.preview.next_requests()

    def action_stage(self) -> None:
        """The next stage of the method, or the next template of the set."""
        name, preview = self.preview.next_stage(), self.preview
        if not name:
            self.studio.tell("This prompt asks in one stage.")
        elif preview.is_set:
            self.template.editor.show_member(preview.stages.index(name))

    async def action_improve(self) -> None:
        """Ask for documents, proposals, endpoint and cap, and start it."""
        if self.preview.asks_about_documents and self.project.task.gold == "documents":
            await self.app.run_action("app.start_improve")
        else:
            self.studio.tell(
                "Only a query can be searched for again, which is how wordings are tried; a judge "
                "rates what this prompt has brought."
            )

    @work
    async def action_search(self) -> None:
        """Preview a document found by its words."""
        from studio.tui.prompt.pick_document import PickDocument

        if not self.preview.asks_about_documents:
            self.studio.tell("Nothing here is asked about a document.")
            return
        found = await self.app.push_screen_wait(PickDocument(self.project.store.path))
        if found is not None:
            self.preview.pick(found)

    def action_next_document(self) -> None:
        """Go to the next column."""
        self.preview.step(1)

    def action_previous_document(self) -> None:
        """Go to the column before."""
        self.preview.step(-1)

    @work
    async def action_endpoint(self) -> None:
        """Choose who generates the preview."""
        from studio.tui.dialogs.ask import AskText

        known = ", ".join(sorted(self.project.settings.endpoints)) or "none in the settings yet"
        hint = f"A name ({known}), embedded:MODEL, or a URL, a space and its model."
        now = self.preview.endpoint or self.project.settings.endpoint
        name = await self.app.push_screen_wait(
            AskText("Endpoint of the preview", hint=hint, value=now)
        )
        if name:
            self.preview.ask_elsewhere(name.strip())

    def copy_text(self) -> str:
        """The rendered prompt when it has the focus, else the shown column's answer; the template
        while there is none."""
        rendered = self.query_one(RenderedPrompt).text_pane
        if rendered.has_focus:
            return rendered.plain
        return self.preview.answer or self.template.text
