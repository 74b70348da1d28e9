"""A file that was damaged, made by a newer studio or locked away: a sentence, or it is read."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from studio.jobs import queue
from studio.project import Project
from studio.records import StudioError
from studio.store import Store
from studio.store.migrations import STEPS
from tests.support.data import query_for

ROOT = os.geteuid() == 0
LOCKED_OUT = (
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search",
)
"""Root may write everywhere, unless it gives that up."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"STUDIO_{name}", str(tmp_path / name.lower()))
    return Project.create(tmp_path / "project")


def change(project: Project, *statements: str) -> Project:
    """The project as another hand left it."""
    project.close()
    with closing(sqlite3.connect(project.path / "studio.db", isolation_level=None)) as conn:
        for statement in statements:
            conn.execute(statement)
    return Project.open(project.path)


@pytest.mark.parametrize("value", ["'{oops'", "''", "x'ff'", "'" + "[" * 20_000 + "'"])
def test_json_that_is_none_is_damage(project: Project, value: str) -> None:
    with pytest.raises(StudioError, match=r"damaged.*settings\.title"):
        _ = change(project, f"UPDATE settings SET value = {value} WHERE key = 'title'").title


def test_json_of_another_kind_is_damage_too(project: Project) -> None:
    project.store.jobs.submit("generate", {})
    opened = change(project, "UPDATE jobs SET params = '[1]'")
    with pytest.raises(StudioError, match=r"damaged.*jobs\.params"):
        queue.all_jobs(opened)


def test_a_state_of_a_newer_studio_is_named(project: Project) -> None:
    project.store.jobs.submit("generate", {})
    opened = change(project, "UPDATE jobs SET state = 'dreaming', pid = 'x'")
    with pytest.raises(StudioError, match=r"Job 1 .*'dreaming'.*update the studio"):
        queue.all_jobs(opened)


def test_a_pid_that_is_none_belongs_to_nobody(project: Project) -> None:
    project.store.jobs.submit("generate", {})
    assert queue.get(change(project, "UPDATE jobs SET pid = 'x'"), 1).pid is None


@pytest.mark.parametrize("table", ["jobs", "examples", "documents"])
def test_a_table_that_is_missing_is_damage(project: Project, table: str) -> None:
    opened = change(project, "PRAGMA foreign_keys = OFF", f"DROP TABLE {table}")
    read = {
        "jobs": opened.store.jobs.all,
        "examples": opened.store.examples.all,
        "documents": opened.store.documents.count,
    }
    with pytest.raises(StudioError, match=f"damaged .no such table: {table}"):
        read[table]()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("PRAGMA user_version = -3", "another program"),
        (f"PRAGMA user_version = {len(STEPS) + 1}", "newer studio"),
        (
            "INSERT INTO _sqlite_migrations(migration_set, name, applied_at)"
            " VALUES ('studio', 'm999_dreams', '')",
            "newer studio .it has had m999_dreams",
        ),
    ],
)
def test_a_schema_that_is_not_known_is_refused(project: Project, statement: str, said: str) -> None:
    with pytest.raises(StudioError, match=said):
        change(project, statement)


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "studio.db"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(StudioError, match="it is no file"):
        Store(path)
    with pytest.raises(StudioError, match="not a studio project"):
        Project.open(tmp_path)


def test_a_new_project_is_its_makers_alone(project: Project) -> None:
    project.store.values.set("x", 1)
    project.logs_dir.joinpath("x")
    private = {path: stat.S_IMODE(path.stat().st_mode) for path in project.path.iterdir()}
    assert {path.name for path in private} >= {"studio.db", "studio.db-wal", "logs"}
    assert not any(mode & 0o077 for mode in private.values())
    assert not stat.S_IMODE(project.path.stat().st_mode) & 0o077


READ = """
import json, sys
from pathlib import Path
from studio.jobs.exporting import ExportParams, rows_of, write
from studio.project import Project
from studio.records import StudioError
project = Project.open(Path(sys.argv[1]))
try:
    project.store.values.set("title", "changed")
    said = "written"
except StudioError as error:
    said = str(error)
params = ExportParams("jsonl", sys.argv[2])
out = write(project, params, rows_of(project, params))
print(json.dumps([project.title, len(project.store.jobs.all()), out.rows, said]))
"""


@pytest.mark.skipif(ROOT and not shutil.which("setpriv"), reason="root may write everywhere")
@pytest.mark.parametrize("log", ["with a log", "without"])
@pytest.mark.parametrize("locked", ["folder and files", "folder", "files"])
def test_a_project_that_may_not_be_written_can_be_read_and_exported(
    project: Project, tmp_path: Path, log: str, locked: str
) -> None:
    project.store.jobs.submit("generate", {})
    project.store.records.add([query_for(None, "who may read this")])
    if log == "without":
        project.close()
    copy = tmp_path / "copy"
    shutil.copytree(project.path, copy, ignore=shutil.ignore_patterns("*-shm"))
    before = {path.name: path.read_bytes() for path in copy.glob("studio.db*")}
    assert bool(before.get("studio.db-wal")) is (log == "with a log")
    if "files" in locked:
        for path in copy.glob("studio.db*"):
            path.chmod(0o444)
    if "folder" in locked:
        copy.chmod(0o555)
    command = [
        *(LOCKED_OUT if ROOT else ()),
        sys.executable,
        "-c",
        READ,
        str(copy),
        str(tmp_path / "out"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path.cwd())
    copy.chmod(0o755)
    assert done.returncode == 0, done.stderr
    title, jobs, exported, said = json.loads(done.stdout)
    assert (title, jobs, exported) == ("project", 1, 1)
    assert "who may read this" in (tmp_path / "out" / "records.jsonl").read_text("utf-8")
    if "files" in locked:
        assert "cannot be written" in said
        assert {path.name: path.read_bytes() for path in copy.glob("studio.db")} == {
            "studio.db": before["studio.db"]
        }


@pytest.mark.skipif(ROOT and not shutil.which("setpriv"), reason="root may read everywhere")
@pytest.mark.parametrize("arguments", [["jobs", "-p"], []])
def test_a_folder_that_may_not_be_read_is_one_sentence(
    project: Project, arguments: list[str]
) -> None:
    project.close()
    project.path.chmod(0)
    command = [*(LOCKED_OUT if ROOT else ()), sys.executable, "-m", "studio", *arguments]
    done = subprocess.run(
        [*command, str(project.path)], capture_output=True, text=True, cwd=Path.cwd()
    )
    project.path.chmod(0o755)
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot be read: Permission denied. Check its permissions." in done.stderr
    assert "Traceback" not in done.stderr
