"""A project: a folder with ``studio.db`` and, beside it, ``models/``, ``exports/``, ``logs/``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from studio import servers
from studio.folders import private_file
from studio.records import StudioError
from studio.settings import Settings, data_dir, load
from studio.store import Store
from studio.tasks import Task
from studio.tasks import task as task_named

DATABASE = "studio.db"
SAID = "said"
"""The project's value that holds what people have typed for it, each with that person's seal."""


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
        cls, path: Path, *, title: str = "", task: str = "retrieval", language: str = "en"
    ) -> Project:
        """Make a new project folder and open it.

        Raises StudioError when there is a project already, when the folder cannot be written, or
        when there is no such task.
        """
        task_named(task)
        path = path.expanduser().absolute()
        try:
            # Documents, prompts and answers are this person's: who shares them opens the folder.
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Exclusively: what this call did not make, it must not remove below.
            (path / DATABASE).touch(mode=0o600, exist_ok=False)
        except FileExistsError as error:
            if not path.is_dir():
                raise StudioError(f"{path} is a file. Choose a folder for the project.") from error
            raise StudioError(
                f"{path} is a studio project already. Open it with `studio {path}`."
            ) from error
        except OSError as error:
            raise StudioError(
                f"{path} cannot be made: {error.strerror}. Choose a folder that you may write to."
            ) from error
        try:
            project = cls._open(path)
            with project.store.write():
                for key, item in (("title", title or path.name), ("task", task)):
                    project.store.values.set(key, item)
                project.store.values.set("language", language)
        except StudioError:
            _remove_database(path)
            raise
        remember(path)
        return project

    @classmethod
    def open(cls, path: Path) -> Project:
        """Open a project by its folder (or its ``studio.db``).

        Raises StudioError when there is none.
        """
        path = path.expanduser().absolute()
        path = path.parent if path.name == DATABASE else path
        try:
            is_project = (path / DATABASE).is_file()
        except OSError as error:
            raise StudioError(
                f"{path} cannot be read: {error.strerror}. Check its permissions."
            ) from error
        if not is_project:
            raise StudioError(
                f"{path} is not a studio project (it has no {DATABASE}). "
                f"Make one with `studio new {path}`."
            )
        project = cls._open(path)
        remember(path)
        return project

    @classmethod
    def _open(cls, path: Path) -> Project:
        load(path)
        store = Store(path / DATABASE)
        try:
            said = _table(store.values.get(SAID))
            servers.name(text for text in servers.urls_in(*said) if _sealed_in(said, text))
            servers.name_files(*(text for text in said if _sealed_in(said, text)))
            return cls(path=path, store=store, settings=load(path))
        except BaseException:
            store.close()
            raise

    def say(self, *texts: str) -> None:
        """The person has typed these for this project: addresses, model files, or a cap.

        They are kept in the project under a seal of this person's, for its jobs and for later: in a
        project from elsewhere the same words count for nothing.
        """
        said = _table(self.store.values.get(SAID))
        new = {text: servers.sealed(text) for text in texts}
        if said | new != said:
            self.store.values.set(SAID, said | new)
        servers.name(servers.urls_in(*texts))
        servers.name_files(*texts)

    def was_said(self, text: str) -> bool:
        """Whether this person has typed it for this project."""
        sealed = _sealed_in(_table(self.store.values.get(SAID)), text)
        return sealed or bool(servers.typed([text]))

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    @property
    def title(self) -> str:
        """What the person calls it."""
        return str(self.store.values.get("title", self.path.name))

    @property
    def task(self) -> Task:
        """What the project trains for.

        Raises StudioError for a task that this studio does not know.
        """
        return task_named(self.store.values.get("task", "retrieval"))

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
        try:
            # Exports are for others: the umask says who may read them.
            folder.mkdir(mode=0o777 if name == "exports" else 0o700, exist_ok=True)
        except OSError as error:
            raise StudioError(
                f"{folder} cannot be made: {error.strerror}. Choose another place, or make the "
                "project's folder one that you may write to."
            ) from error
        return folder


def _table(found: object) -> dict[str, object]:
    """A stored table; of anything else, an empty one."""
    return dict(found) if isinstance(found, dict) else {}


def _sealed_in(said: Mapping[str, object], text: str) -> bool:
    """Whether the text stands there under this person's seal."""
    return text in said and servers.is_sealed(text, said[text])


def _remove_database(path: Path) -> None:
    """Leave no half-made project behind: the next try would meet it."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            (path / f"{DATABASE}{suffix}").unlink(missing_ok=True)


def _recent_file() -> Path:
    return data_dir() / "recent.json"


def recent() -> list[Path]:
    """Projects opened lately that still exist, the latest first."""
    try:
        listed = json.loads(_recent_file().read_text("utf-8"))
    except (OSError, ValueError):
        return []
    paths = (
        [Path(item) for item in listed if isinstance(item, str)] if isinstance(listed, list) else []
    )
    return [path for path in paths if _is_project(path)]


def _is_project(path: Path) -> bool:
    try:
        return (path / DATABASE).is_file()
    except (OSError, ValueError):
        return False


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
        with os.fdopen(private_file(temporary), "w", encoding="utf-8") as out:
            out.write(json.dumps(listed))
        temporary.replace(file)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
