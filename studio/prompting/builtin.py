"""Where the templates that come with the studio lie, and how to read one.

In a checkout they are the folder ``prompts`` at its root; a wheel carries them inside the package.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

import studio
from studio.records import StudioError


def prompts_folder() -> Path:
    """The folder with one subfolder per method; its files are meant to be read and copied."""
    package = Path(studio.__file__).parent
    bundled = package / "_bundled" / "prompts"
    return bundled if bundled.is_dir() else package.parent / "prompts"


def builtin_names(folder: str | Path = "promptagator") -> tuple[str, ...]:
    """The names of a method's templates, sorted; empty when it has none.

    folder: a name below :func:`prompts_folder`, or the path of a method from outside.
    """
    return tuple(sorted(path.stem for path in (prompts_folder() / folder).glob("*.md")))


def builtin(name: str, folder: str | Path = "promptagator") -> str:
    """The text of one template. A project starts from a copy of it.

    Raises:
        StudioError: there is no such template; the nearest names are in the message.
    """
    names = builtin_names(folder)
    if name not in names:
        near = get_close_matches(name, names, n=3) or list(names)
        method = Path(folder).name
        raise StudioError(
            f"There is no built-in prompt “{name}” for {method}; choose one of: {', '.join(near)}."
        )
    return (prompts_folder() / folder / f"{name}.md").read_text("utf-8")


def localised_name(name: str, language: str, known: tuple[str, ...]) -> str:
    """The name of a template in the language where there is one, else as it is."""
    localised = f"{name}-{language.lower().replace('_', '-').split('-')[0]}"
    return localised if localised in known else name
