"""The command ``studio``: a folder (or nothing) opens the screens, a verb runs without them."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Entry point. Exits 0 when done, 1 with one sentence on stderr when not, 2 on wrong use."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["worker"] and len(arguments) == 3:
        sys.exit(_worker(arguments[1], arguments[2]))
    if not arguments or (len(arguments) == 1 and _is_project(arguments[0])):
        sys.exit(_screens(arguments))
    from studio.cli.app import run

    sys.exit(run(arguments))


def _is_project(argument: str) -> bool:
    path = Path(argument).expanduser()
    return path.name == "studio.db" or (path / "studio.db").is_file()


def _worker(project: str, job: str) -> int:
    from studio.jobs.worker import main as work

    return work(Path(project), int(job))


def _screens(arguments: list[str]) -> int:
    from studio.records import StudioError

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("The screens need a terminal. `studio --help` lists the verbs.", file=sys.stderr)
        return 2
    from studio.tui.app import run

    try:
        return run(Path(arguments[0]).expanduser() if arguments else None)
    except StudioError as error:
        print(f"studio: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    main()
