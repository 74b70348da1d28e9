"""Files that appear whole or not at all, and only inside the folder they were meant for."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from studio.processes import is_alive
from studio.records import StudioError

_PREFIX = ".studio-partial-"


class Staging:
    """A hidden folder inside the target where files are written before they take their place."""

    def __init__(self, target: Path, folder: Path) -> None:
        self.target = target
        self._folder = folder
        self._names: list[str] = []

    def path(self, name: str) -> Path:
        """Where to write the file that shall be ``name`` (``/`` between folders) in the target."""
        final = self.target / name
        root = self.target.resolve()
        if not final.parent.resolve().is_relative_to(root) or final.name in ("", ".", ".."):
            raise StudioError(f"{name!r} would lie outside {self.target}: choose another folder.")
        if final.is_dir():
            raise StudioError(f"{final} is a folder where a file shall be: choose another folder.")
        staged_path = self._folder / name
        staged_path.parent.mkdir(parents=True, exist_ok=True)
        if name not in self._names:
            self._names.append(name)
        return staged_path

    def open(self, name: str) -> TextIO:
        """A new UTF-8 file that keeps line ends as they are written."""
        return self.path(name).open("w", encoding="utf-8", newline="")

    def publish(self) -> tuple[Path, ...]:
        """Moves each file to its place; one that was there is replaced in the same instant."""
        finals = tuple(self.target / name for name in self._names)
        for name in self._names:
            _flush_to_disk(self._folder / name)
        for name, final in zip(self._names, finals, strict=True):
            final.parent.mkdir(parents=True, exist_ok=True)
            os.replace(self._folder / name, final)
        return finals


@contextmanager
def staged(target: Path) -> Iterator[Staging]:
    """A staging folder in ``target`` (made if it is not there), published when the block ends well.

    When the block raises, or the process dies, the target is as it was; what a dead process left
    is cleared by the next one. Raises :class:`StudioError` when the folder cannot be written.
    """
    existed = target.is_dir()
    with _explained(target):
        target.mkdir(parents=True, exist_ok=True)
        _clear_dead(target)
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=target))
    try:
        with _explained(target):
            staging = Staging(target, folder)
            yield staging
            staging.publish()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not existed:
            with suppress(OSError):
                target.rmdir()


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StudioError(
            f"{target} cannot be written: {reason}. Nothing was left behind; "
            "choose another folder or make room, then do it again."
        ) from error


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _clear_dead(target: Path) -> None:
    """Removes staging folders of processes that are gone."""
    for left in target.glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if left.is_dir() and not left.is_symlink() and pid.isdigit() and not is_alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
