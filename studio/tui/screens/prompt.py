"""Prompt: edit the template and watch what it makes of three documents as you type."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from studio.prompting.builtin import builtin, builtin_names
from studio.records import Document, Prompt, StudioError
from studio.tui import preview
from studio.tui.actions import bindings
from studio.tui.autosave import Autosave
from studio.tui.preview import Planned
from studio.tui.safe_text import content, one_line
from studio.tui.screens.pane import Pane
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.rows import Column, Row
from studio.tui.widgets.streams import Streams
from studio.tui.widgets.text_pane import Section, TextPane

DRAFT = "prompt"
"""The draft's name in the store."""
REPLAN_S = 0.6
"""A pause in typing that lets the preview start anew."""
AT_ONCE = 3
"""Documents side by side."""
SAMPLED = 60
"""Documents that are walked through."""
SEED = 13


class PromptPane(Pane):
    """Template and rendered prompt above, three streams below, the score at the bottom."""

    NAME = "prompt"
    AUTO_FOCUS = "#stream-0"
    BINDINGS: ClassVar[list[Any]] = [*bindings("prompt")]

    def __init__(self) -> None:
        super().__init__()
        self._versions: list[Prompt] = []
        self._documents: list[Document] = []
        self._offset = 0
        self._draw = 0
        self._shown = 0
        self._planned: list[Planned] = []
        self._written = ""
        self._made_of: tuple[object, ...] = ()
        self._timer: Timer | None = None
        self._autosave = Autosave(self, self._write)

    def compose_body(self) -> ComposeResult:
        """Editors, streams, score."""
        with Horizontal(id="editors"):
            with Section(id="template-section").titled("Template"):
                yield Editor(id="template")
                yield Static("", id="template-remarks")
            with Section(id="rendered-section").titled("Rendered prompt"):
                yield TextPane(id="rendered")
        yield Streams(AT_ONCE, id="streams")
        with Section(id="score-section").titled("Score so far"):
            yield TextPane(id="score")

    def begin(self) -> None:
        """Read draft and versions; pick documents."""
        self._load(self._stored_text())
        self.store_changed()

    @property
    def streams(self) -> Streams:
        """The three columns."""
        return self.query_one(Streams)

    @property
    def _editor(self) -> Editor:
        return self.query_one("#template", Editor)

    def main_list(self) -> Widget | None:
        """Leaving the template goes to the streams."""
        return self.query_one(f"#stream-{self._shown}")

    # -- the template: store, draft, lints --

    def _stored_text(self) -> str:
        self._versions = self.project.store.prompts.all()
        draft = self.project.store.drafts.get(DRAFT)
        if draft is not None:
            return draft
        return self._versions[0].template if self._versions else builtin("generic")

    def _load(self, text: str) -> None:
        if text != self._editor.value:
            self._editor.value = text
        self._written = self._editor.value
        self._remark()

    def store_changed(self) -> None:
        """Another pane or process changed examples, versions or the draft."""
        text = self._stored_text()
        if not self._autosave.pending and not self._editor.has_focus:
            self._load(text)
        if not self._documents:
            self._pick_documents()
        # A busy worker writes all the time: only what the preview is made of starts it anew.
        examples = self.project.store.examples.all(enabled_only=True)
        made_of = (text, tuple((e.revision_id, e.query, e.document_text) for e in examples))
        if made_of != self._made_of:
            self._made_of = made_of
            self._remark()
            self._soon()

    @on(Editor.Typed, "#template")
    def _typed(self) -> None:
        self._autosave.touch()
        self._remark()
        self.streams.stop("changed: waiting for a pause in typing")
        self._soon()

    @on(Editor.Left, "#template")
    def _left(self) -> None:
        self._autosave.flush()

    def flush(self) -> None:
        """Write the draft."""
        self._autosave.flush()

    def _write(self) -> None:
        text, drafts = self._editor.value, self.project.store.drafts
        if text == self._written:
            return
        self._written = text
        if self._version_of(text) is not None and text == self._versions[0].template:
            self.studio.guarded(lambda: drafts.discard(DRAFT))
        else:
            self.studio.guarded(lambda: drafts.set(DRAFT, text))

    def _version_of(self, text: str) -> Prompt | None:
        return next((prompt for prompt in self._versions if prompt.template == text), None)

    def _remark(self) -> bool:
        """Show version and lints; whether the template can be used."""
        from studio.prompting.templates import lint

        text = self._editor.value
        version = self._version_of(text)
        if version:
            state = f"v{version.version} {version.note}".rstrip()
        else:
            state = f"draft after v{self._versions[0].version}" if self._versions else "draft"
        self.query_one("#template-section", Section).titled(f"Template · {state}")
        found = lint(text)
        lines = [
            content(
                f"{'✗' if remark.fatal else '!'} line {remark.line}: {one_line(remark.message)}",
                "$error" if remark.fatal else "$warning",
            )
            for remark in found[:4]
        ]
        shown = Content("\n").join(lines) if lines else content("✓ no remarks", "$success")
        self.query_one("#template-remarks", Static).update(shown)
        return not any(remark.fatal for remark in found)

    # -- the preview --

    def _soon(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(REPLAN_S, self._replan)

    def _replan(self) -> None:
        """Work out the three requests as things stand, and stream them if live."""
        if not self._documents:
            self.streams.stop("No documents yet. Import some, or wait for the import to end.")
            return
        if not self._remark():
            self.streams.stop("The template has a fault; mend the line named below it.")
            return
        text, draw = self._editor.value, self._draw
        try:
            endpoint = self.streams.wire_of(self.project).endpoint()
            chosen = self._chosen_documents()
            self._planned = preview.plan(self.project, text, endpoint, chosen, draw)
        except StudioError as error:
            self._planned = []
            self.streams.stop(str(error))
            self._show_rendered()
            return
        self.streams.play(self.project, text, self._planned, endpoint)
        self._show_rendered()

    def _chosen_documents(self) -> list[Document]:
        doubled = [*self._documents, *self._documents]
        return doubled[self._offset : self._offset + AT_ONCE][: len(self._documents)]

    @work(exclusive=True, group="documents")
    async def _pick_documents(self) -> None:
        self._documents = await asyncio.to_thread(_sampled, self.project.store.path)
        self._replan()

    def _show_rendered(self) -> None:
        section, pane = (
            self.query_one("#rendered-section", Section),
            self.query_one("#rendered", TextPane),
        )
        if self._shown >= len(self._planned):
            section.titled("Rendered prompt")
            pane.show("")
            return
        planned = self._planned[self._shown]
        note = f" · {planned.request.note}" if planned.request.note else ""
        section.titled(
            f"Prompt for {planned.document.outside_id} · ~{planned.tokens:,} tokens{note}"
        )
        text = preview.rendered_text(planned)
        if text != pane.plain:
            pane.show(text)

    @on(Streams.Shown)
    def _column_focused(self, event: Streams.Shown) -> None:
        self._shown = event.column
        self._show_rendered()

    @on(Streams.Scored)
    def _scored(self) -> None:
        lines = self.streams.score_lines(self.project.store.examples.all(enabled_only=True))
        self.query_one("#score", TextPane).show("\n".join(lines))

    # -- actions --

    def action_edit(self) -> None:
        """Edit the template."""
        self.remove_class("-rendered")
        self._editor.focus()

    @work
    async def action_save(self) -> None:
        """Keep the draft as the next version, with a note."""
        from studio.tui.screens.dialogs import AskText

        self._autosave.flush()
        if not self._remark():
            self.studio.tell("The template has a fault; mend it before saving.", bad=True)
            return
        hint = "What changed? The note may stay empty."
        note = await self.app.push_screen_wait(AskText("Save as the next version", hint=hint))
        if note is None:
            return
        saved = self.studio.guarded(lambda: self._save(note))
        if saved is not None:
            self.studio.tell(f"Saved as version {saved.version}.")

    def _save(self, note: str) -> Prompt:
        from studio.prompting.templates import parse

        text, store = self._editor.value, self.project.store
        with store.write():
            saved = store.prompts.save(parse(text).name, text, note)
            store.drafts.discard(DRAFT)
        self._versions = store.prompts.all()
        self._remark()
        return saved

    @work
    async def action_versions(self) -> None:
        """All versions with their differences to the draft; enter takes one back."""
        from studio.tui.screens.versions import Versions

        self._autosave.flush()
        chosen = await self.app.push_screen_wait(Versions(self._versions, self._editor.value))
        if chosen is not None:
            self._take(chosen)

    @work
    async def action_template(self) -> None:
        """Start again from a bundled template."""
        from studio.prompting.templates import parse
        from studio.tui.screens.dialogs import Choose

        rows = [Row(name, (name, parse(builtin(name)).about)) for name in builtin_names()]
        columns = (Column("", 20), Column(""))
        name = await self.app.push_screen_wait(Choose("Bundled templates", columns, rows))
        if name is not None:
            self._take(builtin(name))

    def _take(self, text: str) -> None:
        """Make this text the draft; the one before is in undo (ctrl+z) and in the versions."""
        editor = self._editor
        editor.replace_all(text)
        self._autosave.touch()
        self._autosave.flush()
        self._remark()
        self._soon()

    def action_live(self) -> None:
        """Switch live streaming on or off."""
        live = self.streams.toggle_live()
        self.studio.tell("Live: generations stream as you type." if live else "Live is off.")
        self._replan()

    def action_again(self) -> None:
        """Another query for each document."""
        self._draw += 1
        self._replan()

    def action_documents(self) -> None:
        """The next three documents."""
        if self._documents:
            self._offset = (self._offset + AT_ONCE) % len(self._documents)
            self._replan()

    @work
    async def action_search(self) -> None:
        """Preview a document found by its words, in the present column."""
        from studio.tui.screens.pick import PickDocument

        found = await self.app.push_screen_wait(PickDocument(self.project.store.path))
        if found is not None:
            chosen = self._chosen_documents()
            place = min(self._shown, len(chosen) - 1) if chosen else 0
            self._documents = [document for document in self._documents if document.id != found.id]
            self._documents.insert(min(self._offset + place, len(self._documents)), found)
            self._replan()

    def action_next_document(self) -> None:
        """Go to the next of the three columns."""
        self.streams.focus_column((self._shown + 1) % AT_ONCE)

    def action_view(self) -> None:
        """On a small screen, show the template or the rendered prompt."""
        self.toggle_class("-rendered")

    @work
    async def action_endpoint(self) -> None:
        """Choose who generates the preview."""
        from studio.tui.screens.dialogs import AskText

        known = ", ".join(sorted(self.project.settings.endpoints)) or "none in the settings yet"
        hint = f"A name ({known}), embedded:MODEL, or a URL, a space and its model."
        now = self.streams.wire_of(self.project).name or self.project.settings.endpoint
        name = await self.app.push_screen_wait(
            AskText("Endpoint of the preview", hint=hint, value=now)
        )
        if name:
            await self.streams.use_endpoint(self.project, name)
            self._replan()

    def copy_text(self) -> str:
        """The rendered prompt when it has the focus, else the shown column's answer."""
        if self.query_one("#rendered").has_focus:
            return self.query_one("#rendered", TextPane).plain
        return self.streams.answer_in(self._shown)


def _sampled(path: Any) -> list[Document]:
    """Runs in a thread: a sample of the corpus without the documents of examples."""
    from studio.store import Store

    store = Store(path)
    try:
        shown = {example.document_id for example in store.examples.all()}
        ids = [
            row
            for row in store.documents.sample_ids(SAMPLED + len(shown), SEED)
            if row not in shown
        ]
        found = store.documents.many(ids[:SAMPLED])
        return [found[row] for row in ids[:SAMPLED] if row in found]
    finally:
        store.close()
