"""Copying that works over SSH and inside tmux, and a file when nothing else does."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from studio.plurals import so_many
from studio.records import StudioError

OSC52_LIMIT = 74_994
"""Bytes of text that the common terminals take in one OSC 52 sequence (100,000 in base64)."""


def osc52(text: str) -> str:
    """The escape sequence that asks the terminal, however far away, to take ``text``."""
    payload = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    return f"\x1b]52;c;{payload}\x07"


def copy(text: str, write: Callable[[str], None]) -> str:
    """Copy ``text`` and say where it went, in a few words for a notification.

    ``write`` takes raw terminal output. Inside tmux the buffer is set as well, for tmux passes
    OSC 52 on only when told to. No other program is probed: over SSH it would copy to the wrong
    machine.
    """
    places = ["tmux buffer"] if os.environ.get("TMUX") and _into_tmux(text) else []
    if len(text.encode("utf-8", "replace")) <= OSC52_LIMIT:
        write(osc52(text))
        places.append("terminal clipboard")
    if not places:
        raise StudioError(
            "The text is too long for the terminal's clipboard; write it to a file instead."
        )
    return f"Copied {so_many(len(text), 'characters')} to the {' and the '.join(places)}"


def _into_tmux(text: str) -> bool:
    """Whether tmux took the text as its buffer (``-w``: and passes it to its own terminal)."""
    tmux = shutil.which("tmux")
    if tmux is None:
        return False
    try:
        done = subprocess.run(
            [tmux, "load-buffer", "-w", "-"],
            input=text.encode("utf-8", "replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=2,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def write_to_file(text: str, folder: Path) -> Path:
    """Write ``text`` as it is to a new file in ``folder`` and return its path."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    path = folder / f"copied-{stamp}.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
    except OSError as error:
        raise StudioError(
            f"{path} cannot be written: {error.strerror}. Check the folder's permissions."
        ) from error
    return path
