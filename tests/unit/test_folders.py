"""Logs are written where they are meant to be, whatever lies there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from studio.folders import append_to, private_file
from studio.formats.text_source import whole_text
from studio.jobs import queue
from studio.jobs.setup import save_template
from studio.project import Project
from studio.records import StudioError
from studio.tui import keymap


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"STUDIO_{name}", str(tmp_path / name.lower()))
    return Project.create(tmp_path / "project")


def test_a_log_is_written_on_and_is_this_persons_alone(tmp_path: Path) -> None:
    for text in (b"one\n", b"two\n"):
        with os.fdopen(append_to(tmp_path / "logs" / "a.log"), "ab") as log:
            log.write(text)
    assert (tmp_path / "logs" / "a.log").read_text() == "one\ntwo\n"
    assert stat.S_IMODE((tmp_path / "logs" / "a.log").stat().st_mode) == 0o600


def test_a_private_file_is_new(tmp_path: Path) -> None:
    os.close(private_file(tmp_path / "below" / "a"))
    assert stat.S_IMODE((tmp_path / "below" / "a").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        private_file(tmp_path / "below" / "a")


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_a_stranger_put_in_place_of_a_log_is_not_written(
    project: Project, tmp_path: Path, kind: str
) -> None:
    own = tmp_path / "startup file of mine"
    own.write_text("mine\n")
    trap = project.logs_dir / "job-1.log"
    trap.symlink_to(own) if kind == "link" else os.mkfifo(trap)
    with pytest.raises(StudioError, match="No worker could be started for job 1"):
        queue.submit(project, "generate", {})
    assert own.read_text() == "mine\n"


def test_a_pipe_in_place_of_a_text_is_refused_at_once(project: Project, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for read in (whole_text, keymap.load, lambda path: save_template(project, str(path))):
        with pytest.raises(StudioError, match="it is no file"):
            read(pipe)  # type: ignore[operator]


def test_an_address_with_a_key_in_it_is_stored_in_no_job(project: Project) -> None:
    params = {"generate": {"base_url": "http://me:hunter22@box/v1"}}
    with pytest.raises(StudioError, match="holds a key") as refused:
        queue.submit(project, "path", params)
    assert "hunter22" not in str(refused.value)
    assert project.store.jobs.all() == []
