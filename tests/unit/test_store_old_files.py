"""Project files of every version that has landed: they open, and a person sees what they saw.

The files and what was seen of each were made by the programs of then: see ``make_projects.py``.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from studio.project import Project
from studio.store import db as database
from studio.store.migrations import SCHEMA_VERSION, STEPS, migrations
from tests.support import what_is_seen
from tests.support.verbs import Verbs

FILES = sorted((Path(__file__).parents[1] / "fixtures" / "projects").glob("*.db.gz"))
OLDEST = [file for file in FILES if file.name.startswith("3-")]


@dataclass(frozen=True)
class Old:
    """A copy of an old project, not opened yet."""

    folder: Path
    schema: int
    seen: dict[str, Any]
    """What its own program showed."""

    @property
    def db(self) -> Path:
        return self.folder / "studio.db"


def named(file: Path) -> str:
    return file.name.removesuffix(".db.gz")


def unpacked(file: Path, folder: Path) -> Old:
    folder.mkdir()
    (folder / "studio.db").write_bytes(gzip.decompress(file.read_bytes()))
    seen = json.loads(file.with_name(f"{named(file)}.json").read_text("utf-8"))
    return Old(folder, int(file.name.partition("-")[0]), seen)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STUDIO_CONFIG", "STUDIO_DATA", "STUDIO_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(params=FILES, ids=named)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Old:
    return unpacked(request.param, tmp_path / "old")


def dump(path: Path) -> list[str]:
    """All that a file holds."""
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def value(path: Path, sql: str) -> Any:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchone()[0]


def differences(before: Any, after: Any, place: str = "") -> list[str]:
    """Where what is seen is not what was seen; more than before may be seen of a thing."""
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = [(key, item, after[key]) for key, item in before.items() if key in after]
        found = [f"{place}/{key}: is gone" for key in before if key not in after]
    elif isinstance(before, list) and isinstance(after, list):
        pairs = [(n, *pair) for n, pair in enumerate(zip(before, after, strict=False))]
        counts = f"{place}: {len(before)} before, {len(after)} after"
        found = [counts] if len(before) != len(after) else []
    else:
        return [] if before == after else [f"{place}: {before!r} before, {after!r} after"]
    return found + [line for key, *pair in pairs for line in differences(*pair, f"{place}/{key}")]


def seen_now(folder: Path) -> dict[str, Any]:
    project = Project.open(folder)
    try:
        return what_is_seen.everything(project)
    finally:
        project.close()


def test_there_are_files_of_each_version_that_landed() -> None:
    assert {file.name.partition("-")[0] for file in FILES} >= {"3", "7"}


def test_it_comes_forward_and_leaves_a_copy_of_what_it_was(old: Old) -> None:
    before = dump(old.db)
    Project.open(old.folder).close()
    assert value(old.db, "PRAGMA user_version") == SCHEMA_VERSION
    copies = list(old.folder.glob(f"studio.backup-{old.schema}-*.db"))
    if old.schema == SCHEMA_VERSION:
        assert copies == []
        return
    [copy] = copies
    assert value(copy, "PRAGMA user_version") == old.schema
    assert dump(copy) == before


def test_it_is_sound(old: Old) -> None:
    Project.open(old.folder).close()
    with closing(sqlite3.connect(old.db)) as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for table in ("records_fts", "documents_fts"):
            db.execute(f"INSERT INTO {table}({table}, rank) VALUES ('integrity-check', 1)")
        rows = db.execute("SELECT answers FROM evaluations").fetchall()
        assert {answers for (answers,) in rows} <= {"{}"}, "nothing was answered then"


def test_opening_it_again_changes_nothing(old: Old) -> None:
    Project.open(old.folder).close()
    before, files = dump(old.db), sorted(old.folder.iterdir())
    Project.open(old.folder).close()
    assert dump(old.db) == before
    assert sorted(old.folder.iterdir()) == files


def test_a_person_sees_what_its_own_program_showed(old: Old) -> None:
    assert differences(old.seen["everything"], seen_now(old.folder)) == []


def test_verbs_print_what_its_own_program_printed(old: Old, home: Path) -> None:
    project = Project.open(old.folder)
    # The list of labels was empty where no classes are told apart; by now the verb says so.
    silent = () if project.task.has_labels else ("labels list",)
    seen = {verb: told for verb, told in old.seen["verbs"].items() if verb not in silent}
    printed = what_is_seen.verbs(Verbs(home), project, list(seen))
    assert differences(seen, printed) == []


def test_what_people_did_before_can_be_taken_back(old: Old, tmp_path: Path) -> None:
    packed = old.db.read_bytes()
    for number, (reviewer, seen) in enumerate(old.seen["taken back"].items()):
        folder = tmp_path / f"copy-{number}"
        folder.mkdir()
        (folder / "studio.db").write_bytes(packed)
        store = Project.open(folder).store
        assert differences(seen, what_is_seen.taken_back(store, reviewer)) == []


@pytest.mark.parametrize("schema", range(4, SCHEMA_VERSION))
@pytest.mark.parametrize("file", OLDEST, ids=named)
def test_a_file_that_stopped_on_the_way_comes_forward_too(
    file: Path, schema: int, tmp_path: Path
) -> None:
    old = unpacked(file, tmp_path / "old")
    db = database.connect(old.db)
    with database.write(db) as conn:
        migrations().apply(database.for_migrations(db), stop_before=STEPS[schema][0])
        conn.execute(f"PRAGMA user_version={schema}")
    db.close()
    assert differences(old.seen["everything"], seen_now(old.folder)) == []
