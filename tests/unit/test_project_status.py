"""How far a project is, read without opening it, and what comes next in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from studio.project import DATABASE, Project
from studio.records import Document, Example
from studio.store import db as database
from studio.store.migrations import migrations
from studio.store.project_status import ProjectStatus, project_status
from studio.tui.home.next_step import next_step, path_so_far

NEW = ProjectStatus("retrieval", 0, 0, 0, 0, False, 0, 0, False)
FAR = ProjectStatus("retrieval", 25, 3, 26, 14, True, 1, 2, True)


def test_a_project_is_counted_while_it_is_open_elsewhere(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "town")
    assert project_status(project.path / DATABASE) == NEW
    project.store.documents.begin_import()
    project.store.documents.stage([Document("a", "", "one"), Document("b", "", "two")])
    project.store.documents.commit_import()
    project.store.examples.add([Example("one", "which?"), Example("two", "what?", enabled=False)])
    assert project_status(project.path / DATABASE) == replace(NEW, documents=2, examples=1)
    project.close()


def test_what_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    assert project_status(tmp_path / "none.db") is None
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "other.db").write_bytes(b"not a database at all" * 99)
    assert project_status(tmp_path / "other.db") is None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (NEW, "how the documents come in, or why they did not"),
        (replace(NEW, documents=25), "Examples: write two queries"),
        (replace(NEW, documents=25, examples=3), "Generate: an LLM writes"),
        (replace(FAR, is_filtered=False, models=0), "filters all"),
        (replace(FAR, models=0), "trains on the 14 kept"),
        (replace(FAR, gold=0), "mark right documents"),
        (replace(FAR, is_scored=False), "scores the model"),
        (FAR, "has the scores"),
        (replace(FAR, task="qa"), "Rounds shows what is still wrong"),
    ],
)
def test_each_state_leads_on(found: ProjectStatus, words: str) -> None:
    assert words in next_step(found, lambda name: f"<{name}>")


def test_the_path_so_far_tells_what_is_there_and_what_is_not() -> None:
    assert path_so_far(NEW) == "· no document   · no example   · no query   · no model   · no gold"
    assert path_so_far(FAR) == (
        "✓ 25 documents   ✓ 3 examples   ✓ 26 queries   ✓ 14 kept   ✓ 1 model   ✓ 2 gold"
    )


def test_a_file_of_an_older_studio_is_counted_without_a_migration(tmp_path: Path) -> None:
    for version, step in ((6, "m007_rounds"), (7, "m008_records")):
        path = tmp_path / f"{version}.db"
        db = database.connect(path, create=True)
        with database.write(db) as conn:
            migrations().apply(database.for_migrations(db), stop_before=step)
            conn.execute(f"PRAGMA user_version={version}")
            conn.execute(
                "INSERT INTO gold_queries(outside_id, text, split) VALUES ('a', 'q', 'test')"
            )
            conn.execute("INSERT INTO documents(outside_id, text, sha) VALUES ('d', 'x', 's')")
            conn.execute("INSERT INTO records(document_id, text, created) VALUES (1, 'q', '')")
        db.close()
        found = project_status(path)
        assert found == replace(NEW, documents=1, records=1, kept=1, gold=1)
        assert project_status(path) == found
