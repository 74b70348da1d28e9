"""``$EDITOR`` and ``$PAGER`` run on a private file; what a person wrote there is never lost."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from studio.records import StudioError
from studio.safe_text import visible
from studio.settings import state_dir

EDITORS = ("nano", "vim", "vi")
"""Tried in this order when the person has named none."""
PAGERS = ("less", "more")
LESS = "-M --tilde"
"""Without -r and -R: escape sequences are never passed on."""


def edited(text: str) -> str:
    """The text as the person's editor left it, character for character.

    Raises StudioError when no editor starts, or it fails; then the file with the edit is kept and
    named, unless nothing was changed.
    """
    path = _private_file(text + "\n", "edit")
    try:
        status = _run(_command("EDITOR", ("VISUAL", "EDITOR"), EDITORS), path, dict(os.environ))
    except StudioError:
        path.unlink(missing_ok=True)
        raise
    after = _read(path)
    if status == 0:
        path.unlink(missing_ok=True)
        return after
    if after == text:
        path.unlink(missing_ok=True)
        raise StudioError(f"The editor ended with status {status}; the text is as it was.")
    raise StudioError(
        f"The editor ended with status {status}, so its text was not taken; it is kept in {path}."
    )


def paged(text: str) -> None:
    """Show the text in the person's pager, harmless for the terminal.

    Raises StudioError when no pager starts.
    """
    path = _private_file(visible(text, limit=len(text)) + "\n", "read")
    environment = {k: v for k, v in os.environ.items() if k not in ("LESSOPEN", "LESSCLOSE")}
    environment |= {"LESSSECURE": "1", "LESS": LESS}
    try:
        _run(_command("PAGER", ("PAGER",), PAGERS), path, environment)
    finally:
        path.unlink(missing_ok=True)


def keep(text: str) -> Path:
    """Put a text that has nowhere to go into a private file."""
    return _private_file(text, "edit")


def left_behind() -> list[Path]:
    """Files of edits that were cut off, the oldest first."""
    with suppress(OSError):
        return sorted(_folder().glob("edit-*"), key=lambda path: path.stat().st_mtime)
    return []


def _folder() -> Path:
    return state_dir() / "edits"


def _private_file(text: str, name: str) -> Path:
    """A new file, of the person alone, outside every project."""
    try:
        _folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        number, path = tempfile.mkstemp(".txt", f"{name}-", _folder())
        with os.fdopen(number, "wb") as file:
            file.write(text.encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise StudioError(
            f"{_folder()} cannot be written: {error.strerror}. Free some space or name another "
            "folder in $STUDIO_STATE."
        ) from error
    return Path(path)


def _read(path: Path) -> str:
    """The text again, without the newline that was put at its end for the editor."""
    try:
        text = path.read_bytes().decode("utf-8", "surrogatepass")
    except FileNotFoundError as error:
        raise StudioError("The editor removed its file; the text is as it was.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise StudioError(
            f"What the editor wrote is no UTF-8 text, so it was not taken; it is kept in {path}."
        ) from error
    return text.removesuffix("\n")


def _command(what: str, variables: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    for variable in variables:
        if words := os.environ.get(variable, "").strip():
            try:
                return shlex.split(words)
            except ValueError as error:
                raise StudioError(
                    f"${variable} is {words!r}, which is no command: {error}."
                ) from error
    for name in others:
        if shutil.which(name):
            return [name]
    raise StudioError(f"No program found for this. Name one in ${what}.")


def _run(command: list[str], path: Path, environment: dict[str, str]) -> int:
    try:
        return subprocess.run([*command, str(path)], env=environment, check=False).returncode
    except OSError as error:
        raise StudioError(
            f"{command[0]} cannot be started: {error.strerror}. "
            "Name another program in $EDITOR or $PAGER."
        ) from error
