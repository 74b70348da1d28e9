"""Ways in which a program loses its terminal or its life, all of them without a word before."""

from __future__ import annotations

import os
import signal
import time

from tests.support.screen import Screen
from tests.support.waiting import PATIENCE_S

WAYS = {
    "hangup": signal.SIGHUP,
    "terminated": signal.SIGTERM,
    "killed": signal.SIGKILL,
    "tty closed": None,
}
"""Name → the signal; none: the terminal goes away."""


def pull(screen: Screen, way: str) -> None:
    """Pull the plug and wait until the program has ended."""
    number, pid = WAYS[way], screen.child.pid
    if number is None:
        screen.child.ptyproc.fileobj.close()
    else:
        os.kill(pid, number)
    deadline = time.monotonic() + PATIENCE_S
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline, "it does not end"
        # A terminal that nobody reads blocks its farewell.
        if number is not None:
            screen.read(0.02)
        time.sleep(0.01)
    screen.child.ptyproc.terminated = True
