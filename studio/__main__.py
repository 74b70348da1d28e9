"""The command ``studio``: a folder (or nothing) opens the screens, a verb runs without them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from studio.child import close_working_directory
from studio.cli import VERBS

NO_MOUSE = "--no-mouse"
"""Leaves the mouse to the terminal's own selection."""


def main() -> None:
    """Entry point. Exits 0 when done, 1 with one sentence on stderr when not, 2 on wrong use."""
    close_working_directory()
    arguments = sys.argv[1:]
    if (code := _homeless()) is not None:
        sys.exit(code)
    if arguments[:1] == ["worker"] and len(arguments) == 3 and arguments[2].isdecimal():
        sys.exit(_worker(arguments[1], arguments[2]))
    if arguments[:1] == ["search-process"] and len(arguments) == 3 and arguments[2].isdecimal():
        sys.exit(_search_process(arguments[1], arguments[2]))
    mouse = NO_MOUSE not in arguments
    opened = [argument for argument in arguments if argument != NO_MOUSE]
    if not opened or (len(opened) == 1 and _names_a_folder(opened[0])):
        sys.exit(_screens(opened, mouse))
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
        from studio.tui.app import run

        return run(path, mouse=mouse)
    except StudioError as error:
        from studio.cli.app import fail

        return fail(str(error))


def _project(argument: str) -> Path:
    """The project's folder. Raises StudioError, before a screen is drawn, when it is none."""
    path = Path(argument).expanduser()
    folder = path.parent if path.name == "studio.db" else path
    if not (folder / "studio.db").is_file():
        from studio.project import Project

        Project.open(path)
    return folder


if __name__ == "__main__":
    main()
