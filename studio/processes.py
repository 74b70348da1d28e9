"""Whether a process of this machine still lives."""

from __future__ import annotations

import os
from pathlib import Path


def is_alive(pid: int) -> bool:
    """False once it has ended, also while its parent has not asked how."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether only its status is left (others than Linux say no)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["Z"]
