"""Getting a project ready: a template as its first prompt version, a sample as its content."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.project import Project
from studio.prompting.builtin import builtin, builtin_names
from studio.prompting.templates import parse
from studio.records import Prompt, StudioError

DEFAULT_TEMPLATES = {"zh": "generic-zh"}
"""Language → template for a project that names none."""


def save_template(project: Project, source: str = "", note: str = "") -> Prompt:
    """Make the next prompt version from a built-in template's name or a file.

    Raises StudioError for an unknown name, an unreadable file, or a template with faults.
    """
    name = source or DEFAULT_TEMPLATES.get(project.language, "generic")
    is_builtin = name in builtin_names()
    text = builtin(name) if is_builtin else _file_text(Path(name).expanduser())
    return project.store.prompts.save(parse(text).name, text, note)


def _file_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        names = ", ".join(builtin_names())
        raise StudioError(
            f"{path} is neither a file nor a built-in template. The templates are: {names}."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudioError(f"The template {path} cannot be read: {error}.") from error


@dataclass(frozen=True, slots=True)
class Sample:
    """A bundled corpus with examples and gold."""

    name: str
    """Its folder's name."""
    path: Path
    title: str
    language: str
    template: str
    description: str


def samples_home() -> Path:
    """Where the bundled corpora lie: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    bundled = package / "_bundled" / "sample_corpora"
    return bundled if bundled.is_dir() else package.parent / "sample_corpora"


def samples() -> dict[str, Sample]:
    """The bundled corpora by name."""
    found = {}
    for file in sorted(samples_home().glob("*/sample.toml")):
        table = tomllib.loads(file.read_text("utf-8"))
        found[file.parent.name] = Sample(
            name=file.parent.name,
            path=file.parent,
            title=table["title"],
            language=table["language"],
            template=table["template"],
            description=table.get("description", ""),
        )
    return found


def sample_project(path: Path, name: str) -> tuple[Project, dict[str, Any]]:
    """A new project for a sample; also the params of the import job that fills it."""
    known = samples()
    if name not in known:
        raise StudioError(f"There is no sample {name!r}. The samples are: {', '.join(known)}.")
    sample = known[name]
    project = Project.create(path, title=sample.title, language=sample.language)
    save_template(project, sample.template)
    params = {
        "corpus": str(sample.path),
        "gold": str(sample.path),
        "examples": str(sample.path / "examples.jsonl"),
    }
    return project, params
