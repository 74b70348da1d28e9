"""``studio doctor``: what works here, what doesn't, and what to do about it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from studio.cli.output import JsonOption, emit, out, visible
from studio.records import StudioError
from studio.settings import Settings, load

State = Literal["ok", "note", "bad"]
MARKS = {"ok": "[green]✓[/] ok  ", "note": "[yellow]•[/] note", "bad": "[red]✗[/] bad "}
NEEDED_GB = 3.0
"""Free space for the environment's models and a project or two."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    said: str
    """What was found."""
    advice: str = ""
    """What to do, when there is something to do."""


def doctor(
    project: Annotated[
        Path | None, typer.Option("--project", "-p", readable=False, help="Also its settings.")
    ] = None,
    endpoint: Annotated[
        str, typer.Option(help="Check this endpoint; default the settings' one.")
    ] = "",
    model: Annotated[str, typer.Option(help="The model at that endpoint.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Check models, endpoint, terminal, disk and GPU. Exit 1 when something is bad."""
    checks = list(run_checks(project, endpoint, model))
    emit([asdict(check) for check in checks], as_json, lambda: _show(checks))
    if any(check.state == "bad" for check in checks):
        raise typer.Exit(1)


def _show(checks: list[Check]) -> None:
    for check in checks:
        line = f"{MARKS[check.state]}  [bold]{check.name:<12}[/] {visible(check.said)}"
        out.print(line, highlight=False, soft_wrap=True)
        if check.advice:
            out.print(
                f"{'':<20} → {visible(check.advice)}", style="dim", highlight=False, soft_wrap=True
            )


def run_checks(project: Path | None, endpoint: str, model: str) -> Iterator[Check]:
    """Every check in order; one that cannot be made is itself a finding."""
    yield _python()
    if project is not None:
        yield _project(project)
    try:
        settings = load(project)
    except StudioError as error:
        yield Check("settings", "bad", str(error))
        settings = Settings()
    looks: tuple[Callable[[], Check], ...] = (
        _runtime,
        lambda: _encoder(settings, project),
        lambda: _endpoint(settings, endpoint, model),
        _terminal,
        _clipboard,
        lambda: _disk(project),
        _gpu,
    )
    for look in looks:
        yield look()


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Check("python", "ok", f"{version} at {sys.executable}")


def _project(path: Path) -> Check:
    from studio.project import Project

    try:
        opened = Project.open(path)
    except StudioError as error:
        return Check("project", "bad", str(error))
    documents, examples = opened.store.documents.count(), len(opened.store.examples.all())
    opened.close()
    return Check("project", "ok", f"{documents:,} passages, {examples:,} examples at {path}")


def _runtime() -> Check:
    if importlib.util.find_spec("xllamacpp"):
        return Check("embedded", "ok", "the embedded LLM runtime is installed")
    advice = 'pip install "studio[embedded]", or name an endpoint'
    return Check("embedded", "note", "the embedded LLM runtime is not installed", advice)


def _encoder(settings: Settings, project: Path | None) -> Check:
    from studio.llm.catalogue import default_encoder, installed_path
    from studio.llm.catalogue import load as load_catalogue

    name = settings.encoder or default_encoder(_language(project))
    if name in load_catalogue():
        path = installed_path(name)
        if path is None:
            return Check("encoder", "bad", f"{name} is not here", f"studio models pull {name}")
        return Check("encoder", "ok", f"{name} at {path}")
    if Path(name).is_dir():
        return Check("encoder", "ok", f"the folder {name}")
    return Check("encoder", "note", f"{name} is taken from the model hub when it is first used")


def _language(project: Path | None) -> str:
    from studio.project import Project

    with suppress(StudioError):
        if project is not None:
            opened = Project.open(project)
            language = opened.language
            opened.close()
            return language
    return ""


def _endpoint(settings: Settings, endpoint: str, model: str) -> Check:
    from studio.llm.health import check_choice

    try:
        return Check("endpoint", "ok", check_choice(settings, endpoint, model))
    except StudioError as error:
        return Check("endpoint", "bad", str(error))


def _terminal() -> Check:
    if not sys.stdout.isatty():
        return Check("terminal", "note", "none here; the screens need one, the verbs do not")
    size = shutil.get_terminal_size()
    colours = _colours()
    said = f"{size.columns}×{size.lines}, {colours}"
    if size.columns < 80 or size.lines < 24:
        return Check("terminal", "note", said, "make it at least 80×24")
    if colours != "true colour":
        return Check("terminal", "note", said, "set COLORTERM=truecolor if your terminal can")
    return Check("terminal", "ok", said)


def _colours() -> str:
    if os.environ.get("NO_COLOR"):
        return "no colour (NO_COLOR is set)"
    if os.environ.get("COLORTERM") in ("truecolor", "24bit"):
        return "true colour"
    return "256 colours" if "256" in os.environ.get("TERM", "") else "few colours"


def _clipboard() -> Check:
    if not os.environ.get("TMUX"):
        return Check("clipboard", "ok", "copies go to the terminal by OSC 52")
    said = _tmux_option("set-clipboard")
    if said in ("on", "external"):
        return Check("clipboard", "ok", f"tmux, set-clipboard {said}")
    advice = "in tmux: set -s set-clipboard on"
    return Check("clipboard", "note", f"tmux, set-clipboard {said or 'unknown'}", advice)


def _tmux_option(name: str) -> str:
    try:
        found = subprocess.run(
            ["tmux", "show-options", "-sv", name], capture_output=True, text=True, timeout=2
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip()


def _disk(project: Path | None) -> Check:
    """The fuller one of the disks that hold the models and the project."""
    from studio.llm.catalogue import models_home

    wanted = [models_home(), *([project] if project else [])]
    folders = [_there(path.expanduser().absolute()) for path in wanted]
    free, folder = min((shutil.disk_usage(at).free / 1e9, str(at)) for at in folders)
    said = f"{free:,.1f} GB free at {folder}"
    if free < NEEDED_GB:
        return Check("disk", "bad", said, "free some space: models and projects need a few GB")
    return Check("disk", "ok", said)


def _there(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(at for at in (path, *path.parents) if at.exists())


def _gpu() -> Check:
    import torch

    if torch.cuda.is_available():
        return Check("gpu", "ok", f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    if shutil.which("nvidia-smi"):
        advice = "install the CUDA build of the same torch version"
        return Check("gpu", "note", f"torch {torch.__version__} cannot use the GPU", advice)
    return Check("gpu", "ok", f"none; training runs on {torch.get_num_threads()} CPU threads")
