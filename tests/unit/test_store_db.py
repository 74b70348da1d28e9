"""One SQLite file: made once, brought forward after a copy, written whole or not at all."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from studio.records import Document, StudioError
from studio.store import Store
from studio.store import db as database
from studio.store.migrations import SCHEMA_VERSION, migrations
from tests.support.project import fill
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as conn, conn:
        return int(conn.execute("PRAGMA user_version").fetchone()[0])


def old_file(path: Path) -> None:
    """A file as the first released schema wrote it, with one document only in its log."""
    db = database.connect(path, create=True)
    with database.write(db) as conn:
        migrations().apply(database.for_migrations(db), stop_before="m002_names")
        conn.execute("PRAGMA user_version=1")
    with database.write(db) as conn:
        conn.execute("INSERT INTO documents(outside_id, text, sha) VALUES ('old', 'a text', 'x')")
    # Closing would move the log into the file.
    _LEFT_OPEN.append(db)


_LEFT_OPEN: list[database.Database] = []


def python(code: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_new_file_has_the_newest_schema_and_a_log(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "studio.db")
    assert version_of(store.path) == SCHEMA_VERSION
    assert database.value(store.db, "PRAGMA journal_mode") == "wal"
    assert database.value(store.db, "PRAGMA foreign_keys") == 1


def test_the_schema_version_is_the_number_of_migrations(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "studio.db")
    db = database.for_migrations(store.db)
    assert len(migrations().applied(db)) == SCHEMA_VERSION
    assert migrations().pending(db) == []


def test_an_old_file_comes_forward_with_its_content(tmp_path: Path) -> None:
    old_file(tmp_path / "studio.db")
    store = Store.create(tmp_path / "studio.db")
    assert version_of(store.path) == SCHEMA_VERSION
    document = store.documents.by_outside_id("old")
    assert document is not None
    assert document.text == "a text"
    assert store.documents.search("text") == [document]


def test_an_old_file_is_copied_first_with_what_is_only_in_its_log(tmp_path: Path) -> None:
    old_file(tmp_path / "studio.db")
    Store.create(tmp_path / "studio.db")
    [copy] = tmp_path.glob("studio.backup-1-*")
    assert version_of(copy) == 1
    with closing(sqlite3.connect(copy)) as conn, conn:
        assert conn.execute("SELECT outside_id FROM documents").fetchall() == [("old",)]


def test_a_current_file_is_not_copied(tmp_path: Path) -> None:
    Store.create(tmp_path / "studio.db").close()
    Store.create(tmp_path / "studio.db").close()
    assert [item.name for item in tmp_path.iterdir()] == ["studio.db"]


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "studio.db"
    old_file(path)

    def broken() -> database.Migrations:
        steps = migrations()

        @steps()
        def m004_broken(db: database.Database) -> None:
            db.conn.execute("CREATE TABLE half_done (id)")
            db.conn.execute("INSERT INTO nowhere VALUES (1)")

        return steps

    db = database.connect(path, create=True)
    with pytest.raises(StudioError, match="no such table: nowhere"):
        database.migrate(db, path, broken, target=4)
    assert version_of(path) == 1
    tables = {row[0] for row in database.rows(db, "SELECT name FROM sqlite_master")}
    assert not tables & {"half_done", "document_names"}


def test_a_file_of_a_newer_studio_is_refused_in_one_sentence(tmp_path: Path) -> None:
    Store.create(tmp_path / "studio.db").close()
    with closing(sqlite3.connect(tmp_path / "studio.db")) as conn, conn:
        conn.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    with pytest.raises(StudioError, match=r"written by a newer studio.*Update the studio"):
        Store.create(tmp_path / "studio.db")


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "studio.db")) as conn, conn:
        conn.execute("CREATE TABLE recipes (name)")
    with pytest.raises(StudioError, match="belongs to another program"):
        Store.create(tmp_path / "studio.db")
    with closing(sqlite3.connect(tmp_path / "studio.db")) as conn, conn:
        assert [row[0] for row in conn.execute("SELECT name FROM sqlite_master")] == ["recipes"]


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda path: path.write_bytes(b"not SQLite at all, but long enough" * 40), "not a studio"),
        (lambda path: path.mkdir(), "cannot be opened"),
        (lambda path: path.symlink_to(path.parent / "gone" / "studio.db"), "cannot be opened"),
    ],
)
def test_what_cannot_be_opened_is_said_in_one_sentence(
    tmp_path: Path, prepare: object, sentence: str
) -> None:
    prepare(tmp_path / "studio.db")  # type: ignore[operator]
    with pytest.raises(StudioError, match=sentence) as caught:
        Store.create(tmp_path / "studio.db")
    assert str(tmp_path) in str(caught.value)


def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "studio.db")
    fill(store, (f"text {number} " * 50 for number in range(500)))
    store.close()
    content = bytearray((tmp_path / "studio.db").read_bytes())
    content[4096 * 3 :] = b"\xff" * len(content[4096 * 3 :])
    (tmp_path / "studio.db").write_bytes(content)
    with pytest.raises(StudioError, match=r"damaged|not a studio"):
        list(Store.create(tmp_path / "studio.db").documents.all())


def test_processes_that_make_the_same_file_at_once_make_one(tmp_path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from studio.store import Store
        Store.create(Path(sys.argv[1])).values.set(sys.argv[0], 1)
    """
    running = [python(code, tmp_path / "studio.db") for _ in range(4)]
    assert [process.communicate()[1] for process in running] == [""] * 4
    assert version_of(tmp_path / "studio.db") == SCHEMA_VERSION


def test_processes_that_bring_the_same_file_forward_at_once_copy_it_once(tmp_path: Path) -> None:
    old_file(tmp_path / "studio.db")
    code = """
        import sys
        from pathlib import Path
        from studio.store import Store
        assert Store(Path(sys.argv[1])).documents.count() == 1
    """
    running = [python(code, tmp_path / "studio.db") for _ in range(4)]
    assert [process.communicate()[1] for process in running] == [""] * 4
    assert len(list(tmp_path.glob("*.backup-1-*"))) == 1


def test_writers_in_two_processes_lose_nothing(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "studio.db")
    store.values.set("count", 0)
    code = """
        import sys
        from pathlib import Path
        from studio.store import Store
        store = Store(Path(sys.argv[1]))
        for _ in range(200):
            with store.write():
                store.values.set("count", store.values.get("count") + 1)
    """
    running = [python(code, store.path) for _ in range(2)]
    assert [process.communicate()[1] for process in running] == [""] * 2
    assert store.values.get("count") == 400


def test_a_writer_that_fails_takes_all_of_it_back(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "studio.db")

    def write_both() -> None:
        with store.write():
            store.values.set("one", 1)
            store.drafts.set("prompt", "half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_both()
    assert store.values.get("one") is None
    assert store.drafts.get("prompt") is None
    store.values.set("two", 2)
    assert store.values.get("two") == 2


def test_a_reader_sees_nothing_of_an_open_transaction(tmp_path: Path) -> None:
    store, reader = Store.create(tmp_path / "studio.db"), Store.create(tmp_path / "studio.db")
    with store.write():
        store.values.set("one", 1)
        assert reader.values.get("one") is None
    assert reader.values.get("one") == 1


def test_the_data_version_changes_when_another_connection_commits(tmp_path: Path) -> None:
    store, other = Store.create(tmp_path / "studio.db"), Store.create(tmp_path / "studio.db")
    before = store.data_version()
    store.values.set("mine", 1)
    assert store.data_version() == before
    other.values.set("theirs", 1)
    assert store.data_version() != before


def test_a_lock_that_is_never_given_up_is_said_in_one_sentence(tmp_path: Path) -> None:
    store, other = Store.create(tmp_path / "studio.db"), Store.create(tmp_path / "studio.db")
    other.db.conn.execute("PRAGMA busy_timeout=50")
    with store.write(), pytest.raises(StudioError, match="locked by another program"):
        other.values.set("one", 1)


def test_paid_answers_are_flushed_and_drafts_are_not(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "studio.db")
    level = "PRAGMA synchronous"
    with store.write(durable=True):
        assert database.value(store.db, level) == 2
    with store.write():
        assert database.value(store.db, level) == 1


def test_a_full_file_takes_the_step_back_and_says_so(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "studio.db")
    fill(store, ["first"])
    pages = database.value(store.db, "PRAGMA page_count")
    store.db.conn.execute(f"PRAGMA max_page_count={pages + 8}")
    with pytest.raises(StudioError, match=r"disk that holds .*studio.db is full.*Free some space"):
        fill(store, [Document(f"big{n}", "", f"{n} " * 3000) for n in range(50)])
    assert store.documents.count() == 1
    store.db.conn.execute("PRAGMA max_page_count=1000000")
    assert fill(store, ["first", "second"]).documents == 1


@pytest.mark.skipif(sys.platform != "linux", reason="limits of files are Linux's here")
def test_a_disk_that_takes_no_more_leaves_the_file_whole(tmp_path: Path) -> None:
    Store.create(tmp_path / "studio.db").close()
    code = """
        import resource, signal, sys
        from pathlib import Path
        from studio.records import StudioError
        from studio.store import Store
        store = Store(Path(sys.argv[1]))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
        try:
            for number in range(1000):
                store.drafts.set("prompt", str(number) * 100_000)
        except StudioError as error:
            print(error)
        kept = store.drafts.get("prompt")
        print(len(set(kept[-3:])) <= 3 and kept[-1] == str(number - 1)[-1])
    """
    out, err = python(code, tmp_path / "studio.db").communicate()
    assert err == ""
    sentence, kept = out.splitlines()
    assert sentence.startswith("The disk that holds")
    assert kept == "True"
    assert database.value(Store.create(tmp_path / "studio.db").db, "PRAGMA integrity_check") == "ok"


def test_a_backup_without_room_leaves_nothing(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "studio.db")
    with pytest.raises(StudioError, match="cannot be opened"):
        database.back_up(store.path, tmp_path / "gone" / "copy.db")
    assert not (tmp_path / "gone").exists()


def test_a_folder_that_is_read_only_is_said_in_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):
        made = subprocess.run(["chattr", "+i", folder], capture_output=True, check=False)
        if made.returncode:
            pytest.skip("this user may write everywhere, and the file system knows no +i")
    try:
        with pytest.raises(StudioError, match=r"cannot be (opened|written).*"):
            Store.create(folder / "studio.db")
    finally:
        subprocess.run(["chattr", "-i", folder], capture_output=True, check=False)
        folder.chmod(0o700)


def test_a_writer_that_is_killed_leaves_only_whole_transactions(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "studio.db")
    code = """
        import sys
        from pathlib import Path
        from studio.store import Store
        store = Store(Path(sys.argv[1]))
        number = 0
        while True:
            number += 1
            with store.write():
                store.values.set("left", number)
                store.values.set("right", number)
    """
    process = python(code, store.path)
    until(lambda: store.values.get("right"))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert store.values.get("left") == store.values.get("right") > 0


def test_text_that_utf8_cannot_hold_is_stored_with_a_mark() -> None:
    assert database.storable("plain") == "plain"
    assert database.storable("消费者") == "消费者"
    assert database.storable("a\ud800b") == "a?b"
