"""The server whose address was typed into a form: its models are choices, and it can be tested."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual.dom import DOMNode

from studio import servers
from studio.llm.address import address, is_address
from studio.llm.endpoints import is_server, where_and_model
from studio.records import StudioError
from studio.settings import Settings
from studio.tui.pane.daemon_thread import run_in_daemon_thread
from studio.tui.widgets.form import Form
from studio.tui.widgets.form_field import FormChoice

LINE = "endpoint"

Tell = Callable[[str, bool], None]
"""Shows a sentence; true for one that says what is wrong."""


class ServedModels:
    """Looks after the endpoint's line of a form.

    A server is asked when its line is left, never while it is typed: half an address is that of
    somebody else.
    """

    def __init__(self, owner: DOMNode, settings: Settings, tell: Tell) -> None:
        self._owner, self._settings, self._tell = owner, settings, tell
        self._known: tuple[FormChoice, ...] | None = None
        self._asked = ""
        self.taken = ""
        """What was put into the line without a person having chosen it."""

    def look(self, form: Form) -> None:
        """Ask the server that stands in the line, if its model does not."""
        text = form.values[LINE].strip()
        where, model = where_and_model(text)
        if model or text == self._asked or where in self._settings.endpoints:
            return
        self._asked = text
        if is_server(where):
            self._owner.run_worker(self._offer(form, where), exclusive=True, group="served")

    def test(self, form: Form) -> None:
        """Ask the endpoint in the line for a few tokens, and say in one sentence what came back."""
        self._owner.run_worker(self._try(form.values[LINE]), exclusive=True, group="test")

    async def _try(self, text: str) -> None:
        where, model = where_and_model(text)
        self._tell(f"Asking {where or self._settings.endpoint} for a few tokens …", False)
        try:
            if is_address(where):
                servers.type_in(address(where))
            said = await run_in_daemon_thread(partial(_tested, self._settings, where, model))
        except StudioError as error:
            self._tell(str(error), True)
        else:
            self._tell(said, False)

    async def _offer(self, form: Form, where: str) -> None:
        try:
            where = address(where) if is_address(where) else where
            host = servers.host_of(where) or where
            self._tell(f"Asking {host} which models it offers …", False)
            servers.type_in(where)
            found = await run_in_daemon_thread(partial(_ask, self._settings, where))
        except StudioError as error:
            self._asked = ""
            self._tell(str(error), True)
            return
        if form.values[LINE].strip() != self._asked:
            return
        if self._known is None:
            self._known = next(one.choices for one in form.fields if one.name == LINE)
        served = [
            FormChoice(f"{where} {name}", f"{name} at {host}", f"{name}, served at {host}")
            for name in found
        ]
        form.offer(LINE, (*served, *self._known))
        if len(found) == 1:
            self.taken = served[0].value
            form.put(LINE, self.taken)
        self._tell(_words(host, found), not found)


def _ask(settings: Settings, where: str) -> tuple[str, ...]:
    """Runs in a thread: the SDK is loaded, and the server waited for."""
    from studio.llm.endpoints import server_of
    from studio.llm.health import models_of

    return models_of(server_of(settings, where))


def _tested(known: Settings, where: str, model: str) -> str:
    """Runs in a thread, for the same reasons."""
    from studio.llm.health import check_choice

    return check_choice(known, where, model)


def _words(host: str, found: tuple[str, ...]) -> str:
    if not found:
        return f"{host} does not list its models: write the model's name behind the address."
    if len(found) == 1:
        return f"{host} offers one model, {found[0]}, and that is taken."
    return f"{host} offers {len(found)} models: choose one with ← →."
