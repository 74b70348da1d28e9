"""Python started again, for a worker, a server or a download: on the studio's own modules alone.

A project may come from a stranger, and its folder is often the working directory: a ``studio.py``
or ``pip.py`` that lies there must never be what is imported.
"""

from __future__ import annotations

import os
import sys


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module; ``-P`` leaves the working directory out of its path."""
    return [sys.executable, "-P", "-m", module, *arguments]


def close_working_directory() -> None:
    """Import nothing more from the working directory, here and in every child of this process.

    Also in the children that libraries start. A folder that the person has named in ``PYTHONPATH``
    stays; an empty name there would mean the working directory, so it goes.
    """
    named = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if named:
        os.environ["PYTHONPATH"] = os.pathsep.join(named)
    os.environ["PYTHONSAFEPATH"] = "1"
    here = _here()
    sys.path[:] = [entry for entry in sys.path if entry in named or entry not in ("", here)]


def _here() -> str:
    """The working directory; empty when it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return ""
