"""The template under the hands of one person: its draft in the store, its version, its remarks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from studio.calls import Prompt
from studio.safe_text import one_line
from studio.tui.actions import key_name
from studio.tui.pane import template_form
from studio.tui.pane.autosave import Autosave
from studio.tui.prompt.template_editor import TemplateEditor
from studio.tui.prompt.versions import shortly
from studio.tui.safe_content import content
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.text_pane import Section

if TYPE_CHECKING:
    from studio.project import Project
    from studio.prompting.template_lints import Lint
    from studio.store import Store
    from studio.tui.app import StudioApp

DRAFT = "prompt"
"""The draft's name in the store."""
HELD = "prompt:held"
"""Where what was typed is kept while the person is asked whose draft is meant."""
SHOWN_REMARKS = 4
CLASHING = "≠ Changed elsewhere meanwhile. Type on: nothing is lost; esc, or {key} later, compares."


class TemplatePart(Section):
    """The editor with what is to be said of its text."""

    class Typed(Message):
        """The person changed the text."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.versions: list[Prompt] = []
        """Those that the person works with, the newest first."""
        self._autosave = Autosave(self, self._write)
        self._seen: str | None = None
        self._written = ""
        self._remarks: list[Lint] = []
        self.clashing = False
        """Whether another studio has changed the draft: what is typed goes beside it until the
        person has decided."""

    def compose(self) -> ComposeResult:
        """Editor above, remarks below."""
        yield TemplateEditor(id="template")
        yield Static("", id="template-remarks")

    @property
    def _studio(self) -> StudioApp:
        return cast("StudioApp", self.app)

    @property
    def _project(self) -> Project:
        project = self._studio.project
        assert project is not None
        return project

    @property
    def _store(self) -> Store:
        return self._project.store

    @property
    def editor(self) -> TemplateEditor:
        """Where it is written."""
        return self.query_one(TemplateEditor)

    @property
    def text(self) -> str:
        """The template as it stands."""
        return self.editor.value

    @property
    def state(self) -> str:
        """Such as ``v3 shorter`` or ``draft after v3``."""
        return shortly(self.versions, self.text)

    @property
    def usable(self) -> bool:
        """Whether it can be sent."""
        return not any(remark.fatal for remark in self._remarks)

    # -- reading the store --

    def begin(self) -> None:
        """Show the draft, or the newest version; what was left open waits on."""
        held = self._store.drafts.get(HELD)
        self.read()
        if held is not None and held != self.text:
            self.clashing = True
            self.editor.value = held
            self.remark()

    def read(self) -> None:
        """Another pane or process has written: show it, unless something typed is unwritten."""
        theirs = self.theirs()
        if self.clashing or self._autosave.pending or self.text != self._written:
            self.remark()
            return
        self._seen = self._store.drafts.get(DRAFT)
        if theirs != self.text:
            self._load(theirs)
        self._written = self.text
        self.remark()

    def _load(self, text: str) -> None:
        editor, place = self.editor, self.editor.cursor_location
        if not editor.value:
            editor.value = text
            self.call_after_refresh(editor.show_text)
            return
        # As an edit, so that the one before can be had back with undo.
        editor.replace_all(text)
        last = editor.document.line_count - 1
        editor.move_cursor((min(place[0], last), 0) if place[0] > last else place)

    def theirs(self) -> str:
        """The text that the store has: its draft, else the newest version, else a template."""
        self.versions = self._store.prompts.own()
        draft = self._store.drafts.get(DRAFT)
        if draft is not None:
            return draft
        if self.versions:
            return self.versions[0].template
        from studio.jobs.plans import method_of, prompt_of

        return prompt_of(self._project, method_of(self._project, ""), None).template

    # -- writing --

    @on(Editor.Typed)
    def _typed(self, event: Editor.Typed) -> None:
        event.stop()
        self._autosave.touch()
        self.remark()
        self.post_message(self.Typed())

    @on(Editor.Left)
    def _left(self, event: Editor.Left) -> None:
        event.stop()
        self.flush()

    def flush(self) -> None:
        """Write what was typed at once."""
        self._autosave.flush()

    def _write(self) -> None:
        text, drafts = self.text, self._store.drafts
        if self.clashing:
            self._hold(text)
            return
        if text == self._written:
            return
        draft = None if self.versions and text == self.versions[0].template else text

        def done(replaced: bool) -> None:
            if replaced:
                self._seen, self._written = draft, text
            else:
                self._clash(text)

        replace = lambda: drafts.replace(DRAFT, draft, seen=self._seen)  # noqa: E731
        self._studio.write(replace, done, name=DRAFT, typed=text)

    def _hold(self, text: str) -> None:
        keep = partial(self._store.drafts.set, HELD, text)
        self._studio.write(keep, name=HELD, typed=text)

    def _clash(self, text: str) -> None:
        if self.theirs() == text:
            self._seen, self._written = self._store.drafts.get(DRAFT), text
            return
        self.clashing = True
        # At once: what was typed must not hang on how long the person thinks about it.
        self._hold(text)
        self.remark()

    def decide(self, choice: str) -> None:
        """End a clash: ``mine`` goes over theirs, ``theirs`` over mine, or ``both`` are kept."""
        mine, theirs, store = self.text, self.theirs(), self._store
        with store.write():
            if choice == "both":
                name = template_form.parsed(theirs, self._project.task).name
                store.prompts.save(name, theirs, "another studio's draft")
            if choice != "theirs":
                store.drafts.set(DRAFT, mine)
            store.drafts.discard(HELD)
        self.clashing = False
        if choice == "theirs":
            self.editor.replace_all(theirs)
        self.versions = store.prompts.own()
        self._seen, self._written = store.drafts.get(DRAFT), self.text
        self.remark()

    def take(self, text: str) -> None:
        """Make this text the draft; the one before is in undo and, if saved, in the versions."""
        self.editor.replace_all(text)
        self._autosave.touch()
        self.flush()
        self.remark()

    def save(self, note: str) -> Prompt:
        """Make the draft the next version; a text that is one already stays as it is.

        Raises StudioError when it has a fault.
        """
        text, store = self.text, self._store
        name = template_form.parsed(text, self._project.task).name
        with store.write():
            saved = store.prompts.save(name, text, note)
            newest = store.prompts.latest()
            # An older version's text is still a draft: without it, the newest would come back.
            draft = None if newest is not None and newest.id == saved.id else text
            store.drafts.set(DRAFT, text) if draft else store.drafts.discard(DRAFT)
        self._seen, self._written = draft, text
        self.versions = store.prompts.own()
        self.remark()
        return saved

    # -- remarks --

    def _decide_key(self) -> str:
        return key_name(self._studio.keys_of("prompt.decide")[0])

    def remark(self) -> None:
        """Show version and lints of the text as it stands."""
        task = self._project.task
        self._remarks = template_form.remarks(self.text, task)
        self.editor.speak(template_form.method_for(self.text, task).form.names)
        state = f"{self.state} · not saved: changed elsewhere" if self.clashing else self.state
        self.titled(f"Template · {state}")
        lines = [_line(remark) for remark in self._remarks[:SHOWN_REMARKS]]
        if len(self._remarks) > SHOWN_REMARKS:
            more = len(self._remarks) - SHOWN_REMARKS + 1
            lines[-1] = content(f"  and {more} more; f8 goes from one to the next", "$secondary")
        if self.clashing:
            lines.insert(0, content(CLASHING.format(key=self._decide_key()), "$accent"))
        shown = Content("\n").join(lines) if lines else content("✓ no remarks", "$success")
        self.query_one("#template-remarks", Static).update(shown)

    def next_remark(self) -> str:
        """Go to the line of the next remark, round the end; what is to be told besides."""
        if not self._remarks:
            return "No remarks: the template can be used."
        here = self.editor.cursor_location[0] + 1 if self.editor.has_focus else 0
        below = [remark for remark in self._remarks if remark.line > here]
        found = (below or self._remarks)[0]
        self.editor.show_line(found.line)
        shown = len(self._remarks) <= SHOWN_REMARKS
        return "" if shown else f"line {found.line}: {found.message}"


def _line(remark: Lint) -> Content:
    mark, tone = ("✗", "$error") if remark.fatal else ("!", "$warning")
    return content(f"{mark} line {remark.line}: {one_line(remark.message)}", tone)
