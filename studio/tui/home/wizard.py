"""The new-project wizard: the task, a sample or own files, who writes, and where it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Static

from studio import settings
from studio.llm.catalogue import language_warning
from studio.llm.endpoints import resolve
from studio.prompting.languages import language_code
from studio.records import StudioError
from studio.tasks import TASKS
from studio.tui.home import wizard_form
from studio.tui.home.new_project import WishFault, looked_at, make
from studio.tui.pane.base import Dialog
from studio.tui.pane.daemon_thread import run_in_daemon_thread
from studio.tui.pane.served_models import ServedModels
from studio.tui.safe_content import content
from studio.tui.widgets.form import Form
from studio.tui.widgets.text_pane import Section

DEED = "Make the project: s, or enter here"
KEYS = "s makes it · t tests the endpoint · ←→ change · enter edits · esc"


class Wizard(Dialog):
    """Gives back the new project, or None."""

    AUTO_FOCUS = "Form"
    BINDINGS: ClassVar[list[Any]] = [
        Binding("s", "make", show=False),
        Binding("t", "test", show=False),
        Binding("ctrl+t", "test", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    Wizard FormLine .form-choice, Wizard FormLine Field { width: 3fr; }
    Wizard FormLine .form-hint { width: 2fr; }
    Wizard Form .form-meaning { display: block; }
    Wizard.-told Form .form-meaning { display: none; }
    Wizard.-narrow .form-hint { display: none; }
    Wizard.-narrow Form .form-meaning { height: 2; text-wrap: wrap; text-overflow: clip; }
    Wizard FormLine.-bad .form-label { color: $error; }
    Wizard .said { height: auto; padding: 0 1; display: none; }
    """

    _suggested = ""
    """The folder that stands there without having been typed."""
    _template = ""
    """The template that is chosen there without a person."""
    _fault = ""
    """The line with which the project could not be made."""
    _changed_since: frozenset[str] = frozenset()
    """The lines that were changed since that was told."""

    def __init__(self, typed: Mapping[str, str] | None = None) -> None:
        """``typed``: what stood in one that was left, by line."""
        super().__init__()
        self.typed = dict(typed or {})
        """What stands in its lines, once somebody has changed one."""

    def compose(self) -> ComposeResult:
        """The form, and below it what there is to say."""
        self._settings = settings.load()
        self._servers = ServedModels(self, self._settings, partial(self._say, "server"))
        with Section(classes="dialog").titled("New project"):
            yield Form(wizard_form.wizard_fields(self._settings), DEED, id="form")
            for name in ("server", "language", "problem"):
                yield Static("", id=f"said-{name}", classes="said")
            yield Static(content(KEYS), classes="hint")

    def on_mount(self) -> None:
        """Show what the first task needs."""
        self._form.check()
        if "task" in self.typed:
            self._form.put("task", self.typed["task"])
        self._fit()
        if self.typed:
            self._take_up(self.typed)

    def _take_up(self, typed: Mapping[str, str]) -> None:
        """Go on where somebody has left."""
        self._form.put("source", typed["source"])
        self._fit()
        for name, value in typed.items():
            self._form.put(name, value)
        self._suggested, self._template = typed["folder"], typed["template"]
        self._warn()

    @property
    def _form(self) -> Form:
        return self.query_one(Form)

    def _say(self, what: str, sentence: str, bad: bool) -> None:
        said = self.query_one(f"#said-{what}", Static)
        shown = content(f"! {sentence}" if bad else sentence, "$error" if bad else "")
        # It is said again at every letter; only what is new moves the lines below.
        if shown != said.content:
            said.update(shown)
            said.display = bool(sentence)

    @on(Form.Changed)
    def _changed(self, event: Form.Changed) -> None:
        event.stop()
        if event.name in ("task", "source"):
            self._fit()
        self.typed = dict(self._form.values)
        if event.name in ("corpus", "gold", "examples", "records"):
            self._suggest_folder()
            self._suggest_template()
        if event.name == "endpoint" and self._form.values["endpoint"] != self._servers.taken:
            self._say("server", "", False)
        self._warn()
        if self._fault:
            self._changed_since |= {event.name}
            self._look_again()

    @on(Form.Left)
    def _left(self, event: Form.Left) -> None:
        event.stop()
        if event.name == "endpoint":
            self._servers.look(self._form)

    def _fit(self) -> None:
        """Show the lines of the task and of what it begins with, and what those can be."""
        form, task = self._form, TASKS[self._form.values["task"]]
        sources = wizard_form.sources(task)
        form.offer("source", sources)
        if form.values["source"] not in [one.value for one in sources]:
            form.put("source", sources[0].value)
        form.offer("template", wizard_form.templates(task))
        self._template = ""
        self._suggest_template()
        needed = {"gold": task.has_rounds, "corpus": task.needs_documents}
        form.empties({name: "a file" if is_so else "none" for name, is_so in needed.items()})
        form.show_only(wizard_form.lines_of(form.values))
        self._suggest_folder()

    def _suggest_template(self) -> None:
        """What fits the files, unless another one was chosen."""
        if self._template in ("", self._form.values["template"]):
            self._template = wizard_form.template_of(self._form.values)
            self._form.put("template", self._template)

    def _suggest_folder(self) -> None:
        """A folder named after what is in it, unless one was typed."""
        if self._form.values["folder"] in ("", self._suggested):
            self._suggested = wizard_form.folder_of(self._form.values)
            self._form.put("folder", self._suggested)

    def _warn(self) -> None:
        """Say at once when the model cannot write the language: later it costs a run."""
        values = self._form.values
        endpoint, language = values["endpoint"].strip(), wizard_form.language_of(values)
        said = _language_warning(self._settings, endpoint, language)
        self._say("language", said, bool(said))

    @work(exclusive=True, group="fault")
    async def _look_again(self) -> None:
        """An error goes when its cause is gone; what is wrong then is told in its place."""
        try:
            await asyncio.to_thread(looked_at, wizard_form.wish_of(self._form.values))
        except WishFault as error:
            self._complain(error.field, str(error))
        else:
            # What only making it can find, such as labels that gold has and the project not, is
            # gone with any change to what it was made of.
            if self._changed_since & {"task", "source", "labels", self._fault}:
                self._complain("", "")

    def _complain(self, line: str, sentence: str) -> None:
        self._fault, self._changed_since = line, frozenset()
        self._form.check(line, sentence)
        self._say("problem", sentence, bool(sentence))
        # The line's own remark is cut; below it stands whole.
        self.set_class(bool(sentence), "-told")

    @on(Form.Done)
    def _done(self, event: Form.Done) -> None:
        event.stop()
        self.action_make()

    @work(exclusive=True, group="make")
    async def action_make(self) -> None:
        """Make the project as it stands, or say what is wrong beside its line."""
        self._complain("", "")
        self._say("problem", "Making it …", False)
        try:
            made = await run_in_daemon_thread(partial(make, wizard_form.wish_of(self._form.values)))
        except StudioError as error:
            line = error.field if isinstance(error, WishFault) else ""
            self._complain(line, str(error))
            if line:
                self._form.go_to(line)
            return
        self.dismiss(made)

    def action_test(self) -> None:
        """Ask the endpoint for a few tokens."""
        self._servers.test(self._form)


def _language_warning(known: settings.Settings, endpoint: str, language: str) -> str:
    try:
        found = resolve(known, endpoint or None)
        return language_warning(found.model, language_code(language)) if found.embedded else ""
    except StudioError:
        # Half typed, or a server that wants a model: making the project says what is wrong.
        return ""
