"""Where the person's own files lie: settings, models, what is remembered."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from pathlib import Path

from studio.records import StudioError


def config_dir() -> Path:
    """The folder of the person's own settings (``$STUDIO_CONFIG``, else the platform's)."""
    if override := os.environ.get("STUDIO_CONFIG"):
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_config_dir("studio"))


def data_dir() -> Path:
    """The folder for models and recent projects (``$STUDIO_DATA``, else the platform's)."""
    if override := os.environ.get("STUDIO_DATA"):
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_data_dir("studio"))


def state_dir() -> Path:
    """The folder for what is remembered (``$STUDIO_STATE``, else the platform's for state)."""
    if override := os.environ.get("STUDIO_STATE"):
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_state_dir("studio"))


_NO_ROOM = re.compile(
    r"no space left on device|disk quota exceeded|file write failed|unexpected pos \d+ vs"
    r"|\d+ requested and \d+ written",
    re.IGNORECASE,
)


def is_out_of_room(error: BaseException) -> bool:
    """Whether a file could not be written because the disk, or one's share of it, is full.

    Libraries written in Rust and C (safetensors, torch's zip writer, numpy) raise errors without a
    number, with the system's sentence or their own in the text.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return _NO_ROOM.search(str(error)) is not None


def settle_home() -> None:
    """Give this process and its children a home where there is none, as in some containers.

    Libraries ask for one in many places, and fail in as many ways. Raises StudioError when another
    person has made the folder that would be taken: what lies there is not to be trusted.
    """
    try:
        Path.home()
        return
    except (RuntimeError, KeyError):
        pass
    home = Path(tempfile.gettempdir()) / f"studio-home-{os.getuid()}"
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        found = home.lstat()
        mine = home.is_dir() and not home.is_symlink() and found.st_uid == os.getuid()
    except OSError:
        mine = False
    if not mine or found.st_mode & 0o022:
        raise StudioError(
            f"There is no home folder, and {home} cannot be one: it is not yours alone. Set HOME."
        )
    os.environ["HOME"] = str(home)


def append_to(path: Path) -> int:
    """A log of this person alone, opened to be written on: its descriptor.

    A project may come from a stranger: a link in the place of its log would lead to any file of the
    person's, and of a pipe the end may never come. Both raise OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    return os.open(path, flags, 0o600)


def private_file(path: Path) -> int:
    """A new file that only this person may read, opened for writing: its descriptor.

    Raises FileExistsError when it is there.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
