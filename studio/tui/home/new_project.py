"""A new project out of what the wizard was told. No widgets here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studio import servers, settings
from studio.formats.label_list import parsed, separated
from studio.jobs import queue, setup
from studio.jobs.gold_items import import_labelled
from studio.llm.address import address, is_address
from studio.llm.endpoints import server_of, where_and_model
from studio.llm.health import with_model
from studio.project import DATABASE, Project, forget
from studio.prompting.languages import language_code
from studio.records import Label, StudioError
from studio.settings import Endpoint
from studio.tasks import Task


@dataclass(frozen=True, slots=True)
class Wish:
    """What the wizard was told; fields that a task has no use for are empty."""

    task: Task
    sample: str
    """A sample's name; empty for own files."""
    folder: str
    language: str
    endpoint: str
    template: str = ""
    corpus: str = ""
    """The path of own documents."""
    labels: str = ""
    """As typed, such as ``pos=a good opinion, neg=a bad one``."""
    gold: str = ""
    """The path of a file, which is split into validation and test; for search it may be empty."""
    examples: str = ""
    records: str = ""
    """The path of data that others have made."""
    about: str = ""
    """What is to be written, such as ``a guest's review of a hotel``."""


class WishFault(StudioError):
    """What a field of the wizard says cannot be."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class MadeProject:
    """What came of a wish."""

    folder: Path
    told: str
    """What came of its gold, where that came in at once; else empty."""


def make(wish: Wish) -> MadeProject:
    """Make the project and start its import as a job where it has one.

    Raises WishFault with the field and what to mend; then nothing is left behind.
    """
    found = looked_at(wish)
    endpoint = _endpoint(wish)
    if wish.sample:
        _from_sample(found, wish, endpoint)
        return MadeProject(found.folder, "")
    return MadeProject(found.folder, _from_files(found, wish, endpoint))


@dataclass(frozen=True, slots=True)
class Found:
    """What a wish comes to."""

    folder: Path
    language: str
    labels: list[Label]
    files: dict[str, str]
    """Line → the full path of the file."""


def looked_at(wish: Wish) -> Found:
    """Look for what is wrong, from the first line to the last, without asking a server.

    Raises WishFault.
    """
    labels = [] if wish.sample else _labels(wish)
    files = {} if wish.sample else _files(wish)
    try:
        language = language_code(wish.language)
    except StudioError as error:
        raise WishFault("language", str(error)) from error
    try:
        server_of(settings.load(), *where_and_model(wish.endpoint)[:1])
    except StudioError as error:
        raise WishFault("endpoint", str(error)) from error
    return Found(_folder(wish, files), language, labels, files)


def _folder(wish: Wish, files: Mapping[str, str]) -> Path:
    if not wish.folder:
        raise WishFault("folder", "Type the folder that the project is to be made in.")
    path = Path(wish.folder).expanduser().absolute()
    if (path / DATABASE).exists():
        raise WishFault("folder", f"{path} holds a project already. Choose another folder.")
    for file in files.values():
        if Path(file).resolve() == path.resolve():
            raise WishFault("folder", f"{path} holds the documents. Choose another folder.")
    return path


def _endpoint(wish: Wish) -> Endpoint:
    """The endpoint with its model; a server is asked where only its address was typed."""
    where, model = where_and_model(wish.endpoint)
    try:
        if is_address(where):
            servers.type_in(address(where))
        servers.type_in(*servers.files_in({"endpoint": where}))
        return with_model(settings.load(), where, model)
    except StudioError as error:
        raise WishFault("endpoint", str(error)) from error


def _from_sample(found: Found, wish: Wish, endpoint: Endpoint) -> None:
    try:
        if wish.task.has_path:
            project, params = setup.sample_project(found.folder, wish.sample)
            setup.save_template(project, wish.template)
            queue.submit(project, "import", params)
        else:
            project = setup.labelled_sample_project(found.folder, wish.sample)
    except StudioError as error:
        raise WishFault("folder", str(error)) from error
    _set_endpoint(project, wish.endpoint, endpoint)
    project.close()


def _from_files(found: Found, wish: Wish, endpoint: Endpoint) -> str:
    """Labels and labelled gold come in at once: they are few; documents by a job. Returns what came
    of the gold."""
    path, files, told = found.folder, dict(found.files), ""
    was_there = path.exists()
    project = Project.create(path, title=path.name, task=wish.task.name, language=found.language)
    try:
        try:
            setup.save_template(project, wish.template, about=wish.about)
        except StudioError as error:
            raise WishFault("template", str(error)) from error
        project.store.labels.set(found.labels)
        if wish.task.gold != "documents" and "gold" in files:
            try:
                told = import_labelled(project, Path(files.pop("gold")), "auto").told
            except StudioError as error:
                raise WishFault("gold", str(error)) from error
        _set_endpoint(project, wish.endpoint, endpoint)
        if files:
            queue.submit(project, "import", files)
    except StudioError:
        _take_back(project, was_there)
        raise
    project.close()
    return told


def _labels(wish: Wish) -> list[Label]:
    if not wish.task.has_labels:
        return []
    try:
        return parsed(separated(wish.labels))
    except StudioError as error:
        raise WishFault("labels", str(error)) from error


ONE_FILE: Final = ("examples", "records")
"""What is never a folder; a corpus and gold may be."""


def _files(wish: Wish) -> dict[str, str]:
    """The files that were named, each by its full path."""
    found = {}
    asked = (
        ("corpus", wish.corpus, wish.task.needs_documents, "documents"),
        ("gold", wish.gold, wish.task.has_rounds, f"gold {wish.task.record.nouns}"),
        ("examples", wish.examples, False, "examples"),
        ("records", wish.records, False, "records"),
    )
    for name, typed, needed, what in asked:
        file = Path(typed).expanduser().absolute()
        if needed and not typed:
            raise WishFault(name, f"Where are the {what}? Type the path of a file.")
        if typed and not file.exists():
            raise WishFault(name, f"There are no {what} at {typed!r}. Type the path of a file.")
        if typed and name in ONE_FILE and file.is_dir():
            raise WishFault(name, f"{typed!r} is a folder. Type the path of a file of {what}.")
        if typed:
            found[name] = str(file)
    return found


def _take_back(project: Project, folder_was_there: bool) -> None:
    """Remove a half-made project, so that the mended wish meets none."""
    project.close()
    forget(project.path)
    with suppress(OSError):
        for suffix in ("", "-wal", "-shm"):
            (project.path / f"{DATABASE}{suffix}").unlink(missing_ok=True)
    if not folder_was_there:
        with suppress(OSError):
            project.path.rmdir()


def _set_endpoint(project: Project, typed: str, endpoint: Endpoint) -> None:
    """Write the endpoint into the project's settings when it is not the person's own default."""
    known = project.settings
    name, _ = where_and_model(typed or known.endpoint)
    named = known.endpoints.get(name)
    if endpoint.embedded or (named is not None and named.model):
        project.say(*servers.files_in({"endpoint": name}))
        lines = [f"endpoint = {_quoted(name)}"] if name != known.endpoint else []
    else:
        project.say(*servers.urls_in(endpoint.base_url))
        lines = [
            f"endpoint = {_quoted(endpoint.name)}",
            f"[endpoints.{_quoted(endpoint.name)}]",
            f"base_url = {_quoted(endpoint.base_url)}",
            f"model = {_quoted(endpoint.model)}",
        ]
    if lines:
        (project.path / "studio.toml").write_text("\n".join(lines) + "\n", "utf-8")
        settings.load(project.path)


def _quoted(text: str) -> str:
    """A text of TOML, whose basic strings are JSON's."""
    return json.dumps(text, ensure_ascii=False)
