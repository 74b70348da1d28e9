"""What a run brings is written on a thread of its own, which waits for room and for others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.jobs import writing
from studio.jobs.writing import RowWriter
from studio.records import StudioError
from studio.store import Store
from studio.store.faults import DiskFull
from tests.support.project import call, fill


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store.create(tmp_path / "studio.db")
    fill(found, ["a document"])
    return found


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def writer(
    store: Store, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RowWriter]:
    monkeypatch.setattr(writing, "RETRY_S", 0.02)
    found = RowWriter(store.path, stop)
    yield found
    stop.set()
    found.close()


def save(store: Store) -> None:
    store.generations.save([call()])


def test_a_file_that_another_program_holds_is_waited_for(store: Store, writer: RowWriter) -> None:
    held = threading.Event()
    told: list[str] = []
    writer.on_held = lambda why, _: (told.append(why), held.set())  # type: ignore[func-returns-value]
    with store.write():
        step = writer.submit(save)
        assert held.wait(20)
        assert not step.done()
    assert step.result(20) is None
    assert "is locked by another program" in told[0]
    assert len(store.generations.answered([call().request.sha])) == 1


def test_a_full_disk_is_waited_for_and_nothing_is_lost(store: Store, writer: RowWriter) -> None:
    told: list[str] = []

    def make_room(why: str, its: Store) -> None:
        told.append(why)
        if len(told) == 3:
            its.db.conn.execute("PRAGMA max_page_count=100000")

    def fill_up(its: Store) -> None:
        pages = its.db.conn.execute("PRAGMA page_count").fetchone()[0]
        its.db.conn.execute(f"PRAGMA max_page_count={pages}")

    def save_much(its: Store) -> None:
        its.generations.save(call(content=f"{n} " * 4000, text=f"query {n}") for n in range(8))

    writer.on_held = make_room
    writer.submit(fill_up)
    assert writer.submit(save_much).result(20) is None
    assert len(told) == 3
    assert "is full" in told[0]
    assert store.generations.spent().calls == 8


def test_who_does_not_want_to_wait_gets_the_reason(
    store: Store, writer: RowWriter, stop: threading.Event
) -> None:
    def never(its: Store) -> None:
        raise DiskFull("The disk is full.")

    writer.on_held = lambda why, _: stop.set()
    with pytest.raises(StudioError, match="full"):
        writer.submit(never).result(20)
