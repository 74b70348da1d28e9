"""The models that a training can start from, and whether they are on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studio.llm import catalogue
from studio.project import Project


@dataclass(frozen=True, slots=True)
class BaseEncoder:
    """An encoder, or an LLM, to start from."""

    name: str
    """What a training is told: a catalogue name or a folder."""
    label: str
    """What a person reads."""
    note: str
    """What it is good for, or how to get it."""
    missing: str = ""
    """The command that fetches it; empty when it is here."""


Kind = Literal["encoder", "llm"]


def default_encoder(project: Project) -> str:
    """The encoder where none is named: the project's own, the settings', that of its language."""
    own = str(project.store.values.get("encoder") or project.settings.encoder)
    return own or catalogue.default_encoder(project.language)


def base_encoders(project: Project, kind: Kind = "encoder") -> list[BaseEncoder]:
    """Models of the catalogue, those on this machine first, then the project's own."""
    entries = [entry for entry in catalogue.load().values() if entry.kind == kind]
    found = [_of_catalogue(entry) for entry in entries]
    own = [
        BaseEncoder(
            str(project.path / model.path),
            f"own model {model.id}: {model.name}",
            f"trained here on {Path(model.base).name}; training goes on from it",
        )
        for model in project.store.models.of_learner()
        if (project.path / model.path).is_dir()
    ]
    return [*sorted(found, key=lambda base: bool(base.missing)), *own]


def _of_catalogue(entry: catalogue.CatalogueEntry) -> BaseEncoder:
    here = catalogue.installed_path(entry.name) is not None
    command = f"studio models pull {entry.name}"
    if entry.needs_opt_in:
        command += " --accept-licence"
    note = entry.note if here else f"{entry.size / 1e6:.0f} MB, not here: {command}"
    return BaseEncoder(entry.name, entry.name, note, "" if here else command)


def problem_of(encoder: str, kind: Kind = "encoder") -> str:
    """Why no training can start from this model; empty when nothing speaks against it."""
    entry = catalogue.load().get(encoder)
    if entry is not None and entry.kind != kind:
        both = {"llm": "a language model", "encoder": "an encoder"}
        return f"{encoder} is {both[entry.kind]}, not {both[kind]}."
    if entry is not None:
        base = _of_catalogue(entry)
        return f"{encoder} is not on this machine. Fetch it: {base.missing}" if base.missing else ""
    if encoder.startswith("openai:"):
        return "A model behind an endpoint cannot be trained."
    if not encoder.startswith((".", "/", "~")):
        return ""
    path = Path(encoder).expanduser()
    if path.is_dir() or (kind == "llm" and path.is_file()):
        return ""
    return f"There is no folder {'or GGUF file ' if kind == 'llm' else ''}{encoder}."


def stored(project: Project, encoder: str) -> str:
    """The encoder as a row says it: a folder within the project by its way from there, ``./…``.

    A project that is moved or renamed takes such a folder along.
    """
    path = Path(encoder).expanduser()
    for folder, home in ((path, project.path), (path.resolve(), project.path.resolve())):
        if path.is_absolute() and folder.is_relative_to(home):
            return f"./{folder.relative_to(home).as_posix()}"
    return encoder


def located(project: Project, encoder: str) -> str:
    """Where the encoder of a row is now; any name that is no folder of the project as it is.

    Rows of older studios have the whole path of a model of the project, which may have moved since.
    """
    if encoder.startswith("./"):
        return str(project.path / encoder)
    path = Path(encoder).expanduser()
    moved = project.path / "models" / path.name
    if path.parent.name == "models" and path.is_absolute() and not path.is_dir() and moved.is_dir():
        return str(moved)
    return encoder


def absolute(encoder: str) -> str:
    """A folder or file by its full path, since workers run elsewhere; other names as they are."""
    encoder = encoder.strip()
    path = Path(encoder).expanduser()
    is_path = bool(encoder) and encoder not in catalogue.load() and path.exists()
    return str(path.absolute()) if is_path else encoder
