"""A plan of a run is a form: what is typed is kept as a draft, and its last line starts the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container
from textual.message import Message
from textual.widgets import Static

from studio import servers
from studio.api_keys import blotted
from studio.jobs.params import cap_words
from studio.project import Project
from studio.tui.pane.autosave import Autosave
from studio.tui.pane.base import Dialog
from studio.tui.pane.served_models import LINE, ServedModels
from studio.tui.safe_content import content
from studio.tui.widgets.form import Form
from studio.tui.widgets.text_pane import Section

if TYPE_CHECKING:
    from studio.tui.app import StudioApp


class PlanForm(Container):
    """A form with its draft. What it comes to, each plan shows in its own way."""

    class Ready(Message):
        """The person wants this job."""

        def __init__(self, params: Any) -> None:
            super().__init__()
            self.params = params

    def __init__(self, project: Project, draft: str, *, id: str) -> None:
        """draft: where the store keeps what was typed."""
        super().__init__(id=id)
        self._project = project
        self._draft = draft
        self._written = ""
        self._given: set[str] = set()
        """Addresses that stood there before anybody typed."""
        self._autosave = Autosave(self, self._write)
        self._servers = ServedModels(self, project.settings, self._tell_served)

    @property
    def form(self) -> Form:
        """The fields."""
        return self.query_one(Form)

    @property
    def studio(self) -> StudioApp:
        """The program."""
        return cast("StudioApp", self.app)

    @property
    def in_use(self) -> bool:
        """Whether a person types: what others have written waits."""
        return self.form.is_typing or self._autosave.pending

    def fill(self, first: Mapping[str, str], draft: str | None) -> None:
        """Put the draft, over the first values, into the form."""
        self.form.fill({**first, **self.drafted(read_draft(draft))})
        self._written = to_draft(self.form.values)
        values = self.form.values
        self._given = servers.urls_in(*values.values()) | servers.files_in(values)

    def drafted(self, texts: dict[str, str]) -> dict[str, str]:
        """The texts of a draft; a plan whose lines had other names puts them where they are now."""
        return texts

    def flush(self) -> None:
        """Write what was typed."""
        self._autosave.flush()

    def _write(self) -> None:
        draft = to_draft(self.form.values)
        if draft != self._written:
            # A draft lies in the project: a key in an address that is being typed does not.
            keep = partial(self._project.store.drafts.set, self._draft, blotted(draft))
            self.studio.write(keep, name=f"draft {self._draft}")
            self._written = draft

    def forget(self) -> None:
        """What was typed has become a run."""
        self.flush()
        discard = partial(self._project.store.drafts.discard, self._draft)
        self.studio.write(discard, name=f"draft {self._draft}")

    @on(Form.Changed)
    def _typed(self, event: Form.Changed) -> None:
        event.stop()
        self._heed(event.name)
        self._autosave.touch()
        self.look_ahead()

    def _heed(self, line: str) -> None:
        """A server or a cap that is typed is the person's word; one that stood there is not."""
        text = self.form.values.get(line, "")
        if line in ("endpoint", "judge_endpoint", "encoder", "teacher", "base"):
            servers.type_in(*servers.urls_in(text) - self._given)
            servers.type_in(*servers.files_in({line: text}) - self._given)
        elif line == "budget_usd":
            with suppress(ValueError):
                servers.type_in(cap_words(float(text)))

    @on(Form.Left)
    def _left(self, event: Form.Left) -> None:
        event.stop()
        if event.name == LINE:
            self._servers.look(self.form)

    def test(self) -> None:
        """Ask the endpoint for a few tokens, and tell what came back."""
        if LINE in self.form.values:
            self._servers.test(self.form)

    def _tell_served(self, sentence: str, bad: bool) -> None:
        self.studio.tell(sentence, bad=bad)

    @on(Form.Done)
    def _done(self, event: Form.Done) -> None:
        event.stop()
        self.start()

    def look_ahead(self) -> None:
        """Show what the run would take as it is typed now."""

    def start(self) -> None:
        """Hand the plan over as :class:`Ready`, or say what to mend."""


class PlanDialog(Dialog):
    """A plan in a box over the pane: gives back its params, or None; what was typed is kept."""

    AUTO_FOCUS = "Form"
    BINDINGS: ClassVar[list[Any]] = [
        Binding("s", "start", show=False),
        Binding("t", "test", show=False),
    ]

    def __init__(self, plan: PlanForm, title: str, keys: str) -> None:
        """keys: what to press, in words."""
        super().__init__()
        self._plan, self._title, self._keys = plan, title, keys

    def compose(self) -> ComposeResult:
        """The plan, and its keys."""
        with Section(classes="dialog").titled(self._title):
            yield self._plan
            yield Static(content(self._keys), classes="hint")

    def flush(self) -> None:
        """Write at once what was typed."""
        self._plan.flush()

    def action_leave(self) -> None:
        """Closing keeps what was typed."""
        self.flush()
        super().action_leave()

    def action_start(self) -> None:
        """Start it as it stands."""
        self._plan.start()

    def action_test(self) -> None:
        """Ask the plan's endpoint for a few tokens."""
        self._plan.test()

    @on(PlanForm.Ready)
    def _ready(self, event: PlanForm.Ready) -> None:
        event.stop()
        self.dismiss(event.params)


def read_draft(text: str | None) -> dict[str, str]:
    """What was typed; empty for no draft, and for one that is none."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    items = found.items() if isinstance(found, dict) else ()
    return {name: text for name, text in items if isinstance(text, str)}


def to_draft(values: Mapping[str, str]) -> str:
    """The draft's text."""
    return json.dumps(values, ensure_ascii=False)
