"""Python code that lies in a stranger's folder is never run, whatever its name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from studio import child, folders
from studio.records import StudioError

PACKAGE = Path(child.__file__).parent
NAMES = ("studio", "pip", "argparse", "asyncio", "json", "typer")


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(
            "open('ran', 'a').write(__name__)\nraise SystemExit(7)"
        )
    return tmp_path


def told(command: list[str], folder: Path, **environment: str) -> str:
    known = {**os.environ, **environment}
    known.pop("PYTHONSAFEPATH", None)
    done = subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not (folder / "ran").exists()
    return done.stdout


def test_a_child_imports_nothing_from_the_working_directory(stranger: Path) -> None:
    assert told(child.python("studio", "--version"), stranger).startswith("studio ")


def test_nor_does_what_it_starts_itself(stranger: Path) -> None:
    grandchild = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import json, pip'])"
    )
    script = (
        f"from studio.child import close_working_directory as c; c(); import json; {grandchild}"
    )
    # A path with an empty name in it has the working directory in it.
    told([sys.executable, "-P", "-c", script], stranger, PYTHONPATH=f"{Path.cwd()}:")


def test_no_other_file_builds_a_command_of_the_interpreter() -> None:
    named = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if "sys.executable" in file.read_text("utf-8")
    }
    # Doctor only tells where it lies.
    assert named == {"child.py", "cli/doctor.py"}


def test_a_folder_of_pythonpath_is_the_persons_own_choice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), "/lib"])
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    child.close_working_directory()
    assert sys.path == ["/lib"]
    assert os.environ["PYTHONSAFEPATH"] == "1"
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), "/lib"])
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:")
    child.close_working_directory()
    assert sys.path == [str(tmp_path), "/lib"]
    assert os.environ["PYTHONPATH"] == str(tmp_path)


def homeless(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    def unknown(*_: object) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))


def test_without_a_home_there_is_a_private_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", "set so that it is put back")
    homeless(monkeypatch, tmp_path)
    folders.settle_home()
    home = Path(os.environ["HOME"])
    assert home.parent == tmp_path
    assert home.stat().st_mode & 0o777 == 0o700
    assert Path.home() == home


def test_a_home_that_others_could_have_filled_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    homeless(monkeypatch, tmp_path)
    prepared = tmp_path / f"studio-home-{os.getuid()}"
    prepared.mkdir()
    prepared.chmod(0o777)
    with pytest.raises(StudioError, match="Set HOME"):
        folders.settle_home()
    prepared.rmdir()
    prepared.symlink_to(tmp_path)
    with pytest.raises(StudioError, match="Set HOME"):
        folders.settle_home()
