"""A project: a folder that is made whole or not at all, and remembered."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from studio import project as projects
from studio.project import Project
from studio.records import StudioError


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDIO_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_a_project_knows_its_title_and_language(tmp_path: Path) -> None:
    Project.create(tmp_path / "one", title="Tax", language="zh").close()
    opened = Project.open(tmp_path / "one")
    assert (opened.title, opened.language) == ("Tax", "zh")
    assert opened.store.values.get("task") == "retrieval"
    opened.store.values.set("title", "Taxes")
    assert opened.title == "Taxes"


def test_a_project_without_a_title_has_its_folders_name(tmp_path: Path) -> None:
    assert Project.create(tmp_path / "一 project").title == "一 project"


def test_a_project_opens_by_folder_or_database(tmp_path: Path) -> None:
    Project.create(tmp_path / "one").close()
    assert Project.open(tmp_path / "one" / "studio.db").path == tmp_path / "one"


def test_its_folders_lie_beside_the_database(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "one")
    folders = [project.models_dir, project.exports_dir, project.logs_dir]
    assert [folder.relative_to(project.path).name for folder in folders] == [
        "models",
        "exports",
        "logs",
    ]
    assert all(folder.is_dir() for folder in folders)


def test_a_project_is_not_made_over_another(tmp_path: Path) -> None:
    Project.create(tmp_path / "one", title="first").close()
    with pytest.raises(StudioError, match="is a studio project already"):
        Project.create(tmp_path / "one", title="second")
    assert Project.open(tmp_path / "one").title == "first"


def test_a_folder_without_a_project_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match=r"is not a studio project.*studio new"):
        Project.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder_for_a_project(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StudioError, match="is a file"):
        Project.create(tmp_path / "file")
    with pytest.raises(StudioError, match="cannot be made"):
        Project.create(tmp_path / "file" / "below")


def test_a_project_that_could_not_be_made_can_be_made_later(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "studio.toml").write_text('encodr = "x"')
    with pytest.raises(StudioError, match="Did you mean encoder"):
        Project.create(folder)
    (folder / "studio.toml").unlink()
    assert list(folder.iterdir()) == []
    assert Project.create(folder, title="now").title == "now"


def test_a_folder_that_may_not_be_written_is_said_in_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):
        made = subprocess.run(["chattr", "+i", folder], capture_output=True, check=False)
        if made.returncode:
            pytest.skip("this user may write everywhere, and the file system knows no +i")
    try:
        with pytest.raises(StudioError, match=r"cannot be made.*may write to"):
            Project.create(folder)
    finally:
        subprocess.run(["chattr", "-i", folder], capture_output=True, check=False)
        folder.chmod(0o700)


def test_recent_projects_are_the_latest_first_without_repeats(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        Project.create(tmp_path / name).close()
    Project.open(tmp_path / "one").close()
    assert [path.name for path in projects.recent()] == ["one", "three", "two"]


def test_a_project_that_is_gone_or_forgotten_is_not_recent(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        Project.create(tmp_path / name).close()
    (tmp_path / "two" / "studio.db").unlink()
    projects.forget(tmp_path / "three")
    assert [path.name for path in projects.recent()] == ["one"]
    assert (tmp_path / "three" / "studio.db").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"not json", b"{}", b"5", b"null", b"[1, null, {}]", b'["a\\u0000b"]', b"\xff\xfe"],
)
def test_a_spoilt_list_of_recent_projects_is_no_reason_to_fail(
    tmp_path: Path, data: Path, content: bytes
) -> None:
    data.mkdir(parents=True)
    (data / "recent.json").write_bytes(content)
    assert projects.recent() == []
    Project.create(tmp_path / "one").close()
    assert projects.recent() == [tmp_path / "one"]


def test_a_home_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path, data: Path) -> None:
    data.write_text("a file where a folder should be")
    Project.create(tmp_path / "one").close()
    assert Project.open(tmp_path / "one").title == "one"
    assert projects.recent() == []
