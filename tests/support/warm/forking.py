"""A process that has imported what trains and scores, and forks workers that need not.

Importing torch and its libraries takes six seconds of processor time, in each of the sixty or so
workers of a run of the tests; a fork takes none. What is forked is a process like any other: it
has its own process id and session, is killed and resumed, and imports the program itself anew.

``python -m tests.support.warm.forking SOCKET PARENT`` serves until the process PARENT has ended.
"""

from __future__ import annotations

import array
import contextlib
import gc
import json
import os
import random
import runpy
import selectors
import socket
import sys
import time
from typing import Any

LOOK_S = 1.0
"""Between two looks whether the parent lives."""
LIBRARIES = (
    "numpy",
    "torch",
    "transformers",
    "sentence_transformers",
    "sentence_transformers.sentence_transformer.modules",
    "sklearn.linear_model",
    "scipy.stats",
    "datasets",
    "accelerate",
    "openai",
)


def main() -> None:
    """Import, listen, fork."""
    address, parent = sys.argv[1], int(sys.argv[2])
    for name in LIBRARIES:
        __import__(name)
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address + ".new")
    listener.listen(64)
    os.rename(address + ".new", address)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while _lives(parent):
            for key, _ in selector.select(LOOK_S):
                if key.fileobj is listener:
                    _start(selector, listener)
                elif key.fd in selector.get_map():
                    _look_after(selector, key)
    for left in (address, address + ".lock"):
        with contextlib.suppress(OSError):
            os.unlink(left)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _start(selector: selectors.BaseSelector, listener: socket.socket) -> None:
    """Fork the worker that is asked for."""
    asked, _ = listener.accept()
    with contextlib.suppress(OSError, ValueError):
        wanted, files = _received(asked)
        pid = os.fork()
        if pid == 0:
            _become(wanted, files)
        for file in files:
            os.close(file)
        # Whichever ends first takes the other along: the worker, or who stands for it.
        ended = os.pidfd_open(pid)
        selector.register(ended, selectors.EVENT_READ, (pid, ended, asked))
        selector.register(asked, selectors.EVENT_READ, (pid, ended, asked))
        return
    asked.close()


def _received(asked: socket.socket) -> tuple[dict[str, Any], list[int]]:
    files = array.array("i")
    head, extra, _, _ = asked.recvmsg(4, socket.CMSG_SPACE(3 * files.itemsize))
    for _, _, data in extra:
        files.frombytes(data)
    with asked.makefile("rb") as text:
        return json.loads(text.read(int.from_bytes(head, "big"))), list(files)


def _become(wanted: dict[str, Any], files: list[int]) -> None:
    """Be the worker; never returns."""
    status = 1
    try:
        os.setsid()
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.closerange(3, max(files) + 16)
        os.chdir(wanted["folder"])
        os.environ.clear()
        os.environ.update(wanted["environment"])
        time.tzset()
        random.seed()
        sys.path[:] = wanted["path"]
        sys.argv = ["studio", *wanted["arguments"]]
        if code := wanted["code"]:
            exec(compile(code, "<script>", "exec"), {"__name__": "__main__"})
        else:
            runpy.run_module("studio", run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _look_after(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    pid, ended, asked = key.data
    if key.fileobj is asked:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        asked.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    for left in (ended, asked):
        selector.unregister(left)
    os.close(ended)
    asked.close()


if __name__ == "__main__":
    main()
