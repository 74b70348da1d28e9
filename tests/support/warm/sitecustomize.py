"""On the path of what tests start: lets a process that is warm already do the work.

Python reads this file before it reads the program. Where a process of
:mod:`tests.support.warm.forking` listens, that one forks another with this one's arguments, folder,
environment and open files, in a session of its own; this process only lives and dies with it. So
do workers, the process behind Search, and the verbs and scripts of
:class:`tests.support.command.Command` and :func:`tests.support.warm.script`; anything else, and all
of it where nobody listens, starts as always.
"""

import os
import sys

# A worker is started with ``-P``, which leaves the working directory out of its path.
ARGUMENTS = [argument for argument in sys.orig_argv[1:] if argument != "-P"]


STUDIO = ["-m", "studio"]
FORKED = {"worker", "search-process"}
"""What the program itself starts."""


def _give_way(address: str) -> None:
    import array
    import json
    import socket

    with socket.socket(socket.AF_UNIX) as warm:
        try:
            warm.connect(address)
        except OSError:
            return
        wanted = {
            "arguments": ARGUMENTS[2:],
            "code": "" if ARGUMENTS[:2] == STUDIO else ARGUMENTS[1],
            "folder": os.getcwd(),
            "environment": dict(os.environ),
            "path": sys.path,
            "stands_for_it": os.getpid(),
        }
        files = array.array("i", [0, 1, 2])
        text = json.dumps(wanted).encode()
        warm.sendmsg(
            [len(text).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)]
        )
        warm.sendall(text)
        said = warm.makefile("rb").readline()
    status = int(said or -9)
    if status < 0:
        os.kill(os.getpid(), -status)
    os._exit(status)


def _is_meant() -> bool:
    if ARGUMENTS[:1] == ["-c"]:
        return "STUDIO_TESTS_SCRIPT" in os.environ
    is_verb = os.environ.pop("STUDIO_TESTS_VERB", "") != ""
    return ARGUMENTS[:2] == STUDIO and (is_verb or bool({*ARGUMENTS[2:3]} & FORKED))


if os.environ.get("STUDIO_TESTS_WARM") and _is_meant():
    _give_way(os.environ["STUDIO_TESTS_WARM"])
