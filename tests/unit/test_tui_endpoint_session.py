"""Calls of people who look on: stored at once, and never made twice by two terminals."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.calls import Answer, Decoding, Message, Request, Reservation
from studio.project import Project
from studio.records import StudioError
from studio.store.generations import Finished
from studio.store.reservations import PlannedCall
from studio.tui.pane.endpoint_session import EndpointSession, stream_once
from tests.support.openai_server import OpenAIServer
from tests.support.small_projects import make_project
from tests.support.waiting import asleep_until

REQUEST = Request((Message("user", "a document about sheds"),), "stand-in", Decoding(max_tokens=8))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: OpenAIServer) -> Project:
    for name in ("STUDIO_CONFIG", "STUDIO_DATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return make_project(tmp_path / "project", "retrieval", server.url)


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Another terminal's process."""
    found = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield found
    found.kill()
    found.wait()


async def asked(project: Project) -> Answer:
    session = EndpointSession(project)
    try:
        async for piece in stream_once(session, REQUEST, "preview"):
            if isinstance(piece, Answer):
                return piece
        raise AssertionError("no answer")
    finally:
        await session.close()


def rows(project: Project, where: str = "1") -> int:
    sql = f"SELECT count(*) FROM reservations WHERE {where}"
    return int(project.store.db.conn.execute(sql).fetchone()[0])


async def test_an_answer_is_stored_and_asked_once(project: Project, server: OpenAIServer) -> None:
    first, again = await asked(project), await asked(project)
    assert first.text == again.text
    assert server.paid.calls == 1
    assert rows(project) == 0
    assert project.store.generations.reasons() == {}


async def test_what_another_terminal_asks_is_waited_for(
    project: Project, server: OpenAIServer, other: subprocess.Popen[bytes]
) -> None:
    [row] = project.store.reservations.claim([PlannedCall(REQUEST.sha, Reservation(9, None), 60)])
    project.store.db.conn.execute("UPDATE reservations SET pid = ?", (other.pid,))
    waiting = asyncio.create_task(asked(project))
    looks = project.store.data_version()
    await asyncio.sleep(0.5)
    assert not waiting.done()
    assert project.store.data_version() == looks
    theirs = Answer("theirs", "stop", 3, 1)
    project.store.generations.save([Finished(REQUEST, theirs, "preview", reserved=row)])
    assert (await waiting).text == "theirs"
    assert server.calls == 0


async def test_a_call_that_is_left_may_be_billed(project: Project, server: OpenAIServer) -> None:
    server.stall(after=1)
    leaving = asyncio.create_task(asked(project))
    await asleep_until(lambda: server.calls == 1)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await asleep_until(lambda: rows(project, "pid IS NULL") == 1)
    assert project.store.generations.spent().untold_calls == 1


async def test_a_call_that_was_refused_is_not(project: Project, server: OpenAIServer) -> None:
    server.always = "wrong-key"
    with pytest.raises(StudioError, match=r"wants a key \(HTTP 401\)"):
        await asked(project)
    await asleep_until(lambda: rows(project) == 0)
