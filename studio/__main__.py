"""The command ``studio``: a folder (or nothing) opens the screens, a verb runs without them."""

from __future__ import annotations

import signal

# While modules are loaded, nobody is there to catch an interrupt: it ends the program at once, as
# the shell expects, without a traceback. That begins with the modules below.
_CAUGHT = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if _CAUGHT:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

# ruff: noqa: E402
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from studio.child import close_working_directory
from studio.cli import VERBS

NO_MOUSE = "--no-mouse"
"""Leaves the mouse to the terminal's own selection."""


def main() -> None:
    """Entry point. Exits 0 when done, 1 with one sentence on stderr when not, 2 on wrong use."""
    arguments = sys.argv[1:]
    with _ended_by_ctrl_c():
        close_working_directory()
        _open_what_is_closed()
        code = _homeless()
    if code is not None:
        sys.exit(code)
    if arguments[:1] == ["worker"] and len(arguments) == 3 and arguments[2].isdecimal():
        sys.exit(_worker(arguments[1], arguments[2]))
    if arguments[:1] == ["search-process"] and len(arguments) == 3 and arguments[2].isdecimal():
        sys.exit(_search_process(arguments[1], arguments[2]))
    mouse = NO_MOUSE not in arguments
    opened = [argument for argument in arguments if argument != NO_MOUSE]
    if not opened or (len(opened) == 1 and _names_a_folder(opened[0])):
        sys.exit(_screens(opened, mouse))
    with _ended_by_ctrl_c():
        from studio.cli.app import run

    sys.exit(run(arguments))


def _homeless() -> int | None:
    """See that there is a home, for libraries ask for one; the exit code where none can be."""
    from studio.folders import settle_home
    from studio.records import StudioError

    try:
        settle_home()
    except StudioError as error:
        from studio.cli.app import fail

        return fail(str(error))
    return None


def _open_what_is_closed() -> None:
    """A stream that the caller has closed leads nowhere; else the next file that is opened, such as
    the database, would have its number, and get what is printed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """While modules are loaded; a program that ignores interrupts goes on doing so."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _names_a_folder(argument: str) -> bool:
    """Whether it is a path and not a verb; a project called like a verb is opened as ./NAME."""
    if argument.startswith("-") or argument in VERBS:
        return False
    path = Path(argument).expanduser()
    return os.sep in argument or argument[0] in ".~" or os.path.lexists(path)


def _worker(project: str, job: str) -> int:
    from studio.jobs.worker import main as work

    return work(Path(project), int(job))


def _search_process(project: str, parent: str) -> int:
    from studio.jobs.search_process import main as serve

    return serve(Path(project), int(parent))


def _screens(arguments: list[str], mouse: bool) -> int:
    from studio.records import StudioError

    try:
        path = _project(arguments[0]) if arguments else None
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            print("The screens need a terminal. `studio --help` lists the verbs.", file=sys.stderr)
            return 2
        with _ended_by_ctrl_c():
            from studio.tui.app import run

        return run(path, mouse=mouse)
    except StudioError as error:
        from studio.cli.app import fail

        return fail(str(error))


def _project(argument: str) -> Path:
    """The project's folder. Raises StudioError, before a screen is drawn, when it is none."""
    path = Path(argument).expanduser()
    folder = path.parent if path.name == "studio.db" else path
    is_project = False
    with suppress(OSError):
        is_project = (folder / "studio.db").is_file()
    if not is_project:
        from studio.project import Project

        Project.open(path)
    return folder


if _CAUGHT:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if __name__ == "__main__":
    main()
