"""``studio keys``: every action with its keys, and a keymap file to change them in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studio import settings
from studio.cli.output import JsonOption, emit, out, show_rows
from studio.records import StudioError


def keys(
    write: Annotated[
        bool, typer.Option("--write", help="Write a keymap file with every action, commented out.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Every action of the screens with the keys in force; --write makes a file to change them."""
    # Only here: the program of the screens is much to load for every other command.
    from studio.tui import keymap
    from studio.tui.actions import ACTIONS, SCOPES, key_names

    path = settings.config_dir() / keymap.KEYMAP_FILE
    if write:
        _write_new(path, keymap.commented())
        emit({"written": str(path)}, as_json, lambda: out.print(f"{path}", soft_wrap=True))
        return
    own = keymap.load(path)
    in_force = keymap.effective(own)
    found = [
        {"id": a.id, "keys": list(in_force[a.id]), "own": a.id in own, "what": a.help}
        for a in ACTIONS
    ]
    rows = [(SCOPES[a.scope], key_names(in_force[a.id]) or "ctrl+p", a.id, a.help) for a in ACTIONS]
    emit(found, as_json, lambda: show_rows("Keys", ("where", "keys", "id", "what"), rows, ""))


def _write_new(path: Path, text: str) -> None:
    """Raises StudioError when there is one already, which may be somebody's work."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise StudioError(f"{path} is there already. Edit it, or move it away first.") from error
