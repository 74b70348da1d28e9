"""``python -m studio.tui [PROJECT]``: the screens alone; a page's server starts them so."""

from __future__ import annotations

import sys
from pathlib import Path

from studio.child import close_working_directory
from studio.records import StudioError
from studio.tui.app import run


def main(arguments: list[str]) -> int:
    """Open the screens; 1 with one sentence on stderr when they cannot be."""
    close_working_directory()
    try:
        return run(Path(arguments[0]) if arguments else None)
    except StudioError as error:
        print(f"studio: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
