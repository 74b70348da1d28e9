"""What every source of models shares: how far a fetch is, and a downloader that is watched.

The programs that download (pip and the hub's own) run as processes: what they print and import
stays out of ours.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studio import child

POLL_S = 0.2


class SourceFailed(Exception):
    """One source could not deliver; the sentence says why. The next one is tried."""


@dataclass(frozen=True, slots=True)
class PullProgress:
    """Where a fetch stands."""

    name: str
    stage: Literal["hub", "index", "check", "done"]
    done: int
    """Bytes so far."""
    total: int
    """Bytes of the whole model."""
    message: str = ""
    """One line for the person."""


Progress = Callable[[PullProgress], None]


def size_of(folder: Path) -> int:
    """Bytes of all files below; what vanishes meanwhile counts nothing."""
    total = 0
    for inside, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.stat(os.path.join(inside, name)).st_size
    return total


def run_watched(
    command: list[str], folder: Path, on_bytes: Callable[[int], None], env: dict[str, str]
) -> str:
    """Run a downloader until it ends, telling how many bytes its folder has.

    Returns its last words when it failed, else an empty text. The process never outlives us.
    """
    log = folder.with_name(f"{folder.name}.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            child.python(*command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env},
        )
        try:
            while process.poll() is None:
                time.sleep(POLL_S)
                on_bytes(size_of(folder))
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    return "" if process.returncode == 0 else _last_words(log)


def _last_words(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()
    telling = [line for line in lines if "error" in line.lower()] or lines or ["no word why"]
    return telling[-1].strip()[:300]
