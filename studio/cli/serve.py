"""``studio serve``: the same screens in a browser, for who holds the link."""

from __future__ import annotations

import ipaddress
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from studio import child
from studio.cli.output import PROJECT_VARIABLE, JsonOption, emit, err, out
from studio.records import StudioError

TERMINAL_VARIABLES = ("TMUX", "STY", "COLUMNS", "LINES")
"""What belongs to the terminal that the server was started in, not to a page."""


def serve(
    project: Annotated[
        Path | None,
        typer.Option(
            "--project",
            "-p",
            envvar=PROJECT_VARIABLE,
            readable=False,
            help="The project's folder.",
            show_default="the one here, else Home",
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="The port; 0 takes any free one.", min=0, max=65535)] = (
        8000
    ),
    host: Annotated[
        str,
        typer.Option(help="The address to listen on; others than this one let others in."),
    ] = "127.0.0.1",
    as_json: JsonOption = False,
) -> None:
    """Open the screens in a browser, on this machine, for who holds the printed link."""
    try:
        from studio.tui.page.server import PageServer, listen
    except ImportError as error:
        raise StudioError(
            f"`studio serve` needs {error.name}. Install it with: pip install 'studio[serve]'"
        ) from error
    folder = _folder(project)
    server = PageServer(_command(folder), listen(host, port), title=_title(folder))
    if not _is_loopback(server.host):
        err.print(
            f"Everyone who reaches {server.host}:{server.port} and has the link can act as you, "
            "and the connection is not encrypted. An SSH tunnel is safer: "
            f"ssh -L {server.port}:127.0.0.1:{server.port} THIS-MACHINE",
            highlight=False,
        )
    emit({"url": server.link, "pid": os.getpid()}, as_json, lambda: _say(server.link, server.port))
    sys.stdout.flush()
    for name in TERMINAL_VARIABLES:
        os.environ.pop(name, None)
    server.run()


def _say(link: str, port: int) -> None:
    out.print(f"Open this link; who has it can act as you:\n\n  {link}\n", soft_wrap=True)
    out.print(
        f"From another machine: ssh -L {port}:127.0.0.1:{port} THIS-MACHINE, then the same link.\n"
        "ctrl+c ends it; what was typed is written, running jobs go on.",
        highlight=False,
    )


def _folder(project: Path | None) -> Path | None:
    """The project to open; None is Home. Raises StudioError for a folder that is no project."""
    folder = (project or Path()).expanduser().absolute()
    if project is None and not (folder / "studio.db").is_file():
        return None
    from studio.project import Project

    Project.open(folder).close()
    return folder


def _title(folder: Path | None) -> str:
    return f"Studio — {folder.name}" if folder else "Studio"


def _command(folder: Path | None) -> str:
    """``exec``: the program is the server's own child, and sees when the server is gone."""
    words = child.python("studio.tui", *([str(folder)] if folder else []))
    return "exec " + shlex.join(words)


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback
