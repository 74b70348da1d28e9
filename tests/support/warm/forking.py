"""A process that has imported the program and its libraries, and forks others that need not.

Importing torch and its libraries takes seven seconds of processor time, the program itself half a
second, in each of the hundreds of workers and verbs of a run of the tests; a fork takes none. What
is forked is a process like any other: it has its own process id and session, its own folder and
environment, is killed and resumed, and ends as Python ends.

``python -m tests.support.warm.forking SOCKET PARENT`` serves until the process PARENT has ended.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import json
import os
import random
import runpy
import selectors
import socket
import sys
import threading
import time
from pathlib import Path
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
ROOT = Path(__file__).parents[3]
PROGRAM = ("studio.cli.app", "studio.jobs.worker", "studio.jobs.search_process")


def main() -> None:
    """Import, listen, fork."""
    address, parent = sys.argv[1], int(sys.argv[2])
    for name in (*LIBRARIES, *PROGRAM):
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
    """Fork what is asked for."""
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
    """Be what is asked for; never returns."""
    status = 1
    # What this process would do at its end is none of theirs.
    atexit._clear()
    try:
        os.setsid()
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.closerange(3, max(files) + 16)
        # The streams of this process are made for other files.
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", errors="backslashreplace", closefd=False)
        os.chdir(wanted["folder"])
        os.environ.clear()
        os.environ.update(wanted["environment"])
        time.tzset()
        random.seed()
        if not all(map(_is_ours, wanted["path"])):
            _forget_program()
        sys.path[:] = wanted["path"]
        sys.argv = ["studio", *wanted["arguments"]]
        os.getppid = lambda: _parent_of(wanted["stands_for_it"])
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
        with contextlib.suppress(BaseException):
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _parent_of(pid: int) -> int:
    """Whose child the process is that stands for this one; 1 when it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return 1
    return int(stat.rpartition(")")[2].split()[1])


def _is_ours(folder: str) -> bool:
    """Whether this process knows what can be imported from there."""
    return folder in sys.path or Path(folder).is_relative_to(ROOT)


def _forget_program() -> None:
    """Let it find what there is from outside: it looks once, when it is imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "studio"]:
        del sys.modules[name]


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
