"""A project: a folder with ``studio.db`` and, beside it, ``models/``, ``exports/``, ``logs/``."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from studio.records import StudioError, TaskKind
from studio.settings import Settings, data_dir, load
from studio.store import Store

DATABASE = "studio.db"


@dataclass(frozen=True, slots=True)
class Project:
    """An open project."""

    path: Path
    """Its folder, absolute."""
    store: Store
    """Its database."""
    settings: Settings
    """The settings in force for it."""

    @classmethod
    def create(
        cls, path: Path, *, title: str = "", task: TaskKind = "retrieval", language: str = "en"
    ) -> Project:
        """Make a new project folder and open it.

        Raises StudioError when there is a project already, or the folder cannot be written.
        """
        path = path.expanduser().absolute()
        if (path / DATABASE).exists():
            raise StudioError(f"{path} is a studio project already. Open it with `studio {path}`.")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StudioError(
                f"{path} cannot be made: {error.strerror}. Choose a folder that you may write to."
            ) from error
        project = cls._open(path)
        for key, item in (("title", title or path.name), ("task", task), ("language", language)):
            project.store.values.set(key, item)
        return project

    @classmethod
    def open(cls, path: Path) -> Project:
        """Open a project by its folder (or its ``studio.db``).

        Raises StudioError when there is none.
        """
        path = path.expanduser().absolute()
        path = path.parent if path.name == DATABASE else path
        if not (path / DATABASE).is_file():
            raise StudioError(
                f"{path} is not a studio project (it has no {DATABASE}). "
                f"Make one with `studio new {path}`."
            )
        return cls._open(path)

    @classmethod
    def _open(cls, path: Path) -> Project:
        settings = load(path)
        project = cls(path=path, store=Store(path / DATABASE), settings=settings)
        remember(path)
        return project

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    @property
    def title(self) -> str:
        """What the person calls it."""
        return str(self.store.values.get("title", self.path.name))

    @property
    def language(self) -> str:
        """The language of corpus and queries, such as ``en`` or ``zh``."""
        return str(self.store.values.get("language", "en"))

    @property
    def models_dir(self) -> Path:
        """Where trained models lie; made on first use."""
        return self._folder("models")

    @property
    def exports_dir(self) -> Path:
        """Where exports lie; made on first use."""
        return self._folder("exports")

    @property
    def logs_dir(self) -> Path:
        """Where jobs write their logs; made on first use."""
        return self._folder("logs")

    def _folder(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        return folder


def _recent_file() -> Path:
    return data_dir() / "recent.json"


def recent() -> list[Path]:
    """Projects opened lately that still exist, the latest first."""
    try:
        listed = json.loads(_recent_file().read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [Path(item) for item in listed if (Path(item) / DATABASE).is_file()]


def remember(path: Path) -> None:
    """Put a project on top of the recent ones. A read-only home is no reason to fail."""
    _write_recent([str(path), *(str(item) for item in recent() if item != path)][:20])


def forget(path: Path) -> None:
    """Take a project off the recent ones; its files stay."""
    _write_recent([str(item) for item in recent() if item != path])


def _write_recent(listed: list[str]) -> None:
    file = _recent_file()
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(listed), "utf-8")
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
