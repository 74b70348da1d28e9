"""`studio serve`: only who has the link gets in; what is typed in a page is kept."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from yarl import URL

from studio.project import Project
from studio.records import StudioError
from studio.tui.dialogs.tour import STEPS
from tests.support.waiting import PATIENCE_S, asleep_until

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")


@dataclass
class Served:
    """A running server."""

    process: subprocess.Popen[str]
    link: URL

    @property
    def root(self) -> URL:
        return self.link.with_query(None)


@contextmanager
def serving(project: Path, **environment: str) -> Iterator[Served]:
    process = subprocess.Popen(
        [sys.executable, "-m", "studio", "serve", "-p", str(project), "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    yield Served(process, URL(json.loads(process.stdout.readline())["url"]))
    process.kill()
    process.wait()


@pytest.fixture
def served(project: Project) -> Iterator[Served]:
    project.close()
    with serving(project.path) as running:
        yield running


@pytest.fixture(scope="module")
def at_the_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all who are turned away: none of them changes anything."""
    home = tmp_path_factory.mktemp("door")
    Project.create(home / "tax").close()
    names = ("STUDIO_CONFIG", "STUDIO_DATA", "STUDIO_CACHE", "STUDIO_STATE")
    with serving(home / "tax", **{name: str(home / name.lower()) for name in names}) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    """Keeps cookies as a browser does, also for an address without a name."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def enter(browser: aiohttp.ClientSession, served: Served) -> URL:
    """Follow the link; the page's address."""
    async with browser.get(served.link) as answer:
        assert answer.status == 200
        return answer.url


class Page:
    """What a browser's terminal would show."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        import pyte

        self._socket = socket
        self._screen = pyte.Screen(100, 30)
        self._stream = pyte.ByteStream(self._screen)

    async def wait(self, text: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while text not in "\n".join(self._screen.display):
            assert time.monotonic() < end, "\n".join(self._screen.display)
            try:
                piece = await self._socket.receive(timeout=0.5)
            except TimeoutError:
                continue
            if piece.type is aiohttp.WSMsgType.BINARY:
                self._stream.feed(piece.data.replace(b"\x1b[>", b"\x1b[?"))

    async def press(self, keys: str) -> None:
        await self._socket.send_json(["stdin", keys])


async def test_the_link_opens_the_page_and_leaves_no_token_in_the_address(
    served: Served, browser: aiohttp.ClientSession
) -> None:
    page = await enter(browser, served)
    assert "token" not in str(page)
    async with browser.get(page) as answer:
        text = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    assert "Studio — tax" in text
    assert "http://" not in text
    assert "https://" not in text
    assert "frame-ancestors 'none'" in policy
    for file in ("static/js/textual.js", "static/css/xterm.css"):
        async with browser.get(page / file) as answer:
            assert answer.status == 200
    (cookie,) = list(browser.cookie_jar)
    assert cookie["httponly"]
    assert cookie["path"] == page.path.rstrip("/")


@pytest.mark.parametrize("query", ["", "token=", "token=wrong", "token=%00"])
async def test_a_missing_or_wrong_token_is_refused(
    at_the_door: Served, browser: aiohttp.ClientSession, query: str
) -> None:
    async with browser.get(at_the_door.root.with_query(query)) as answer:
        assert answer.status == 403
        assert "whole link" in await answer.text()


@pytest.mark.parametrize("path", ["", "ws", "static/js/textual.js"])
async def test_without_the_cookie_not_even_the_page_s_own_path_answers(
    at_the_door: Served, browser: aiohttp.ClientSession, path: str
) -> None:
    page = await enter(browser, at_the_door)
    async with aiohttp.ClientSession() as stranger, stranger.get(page / path) as answer:
        assert answer.status == 403
    wrong = {"studio": "wrong"}
    async with aiohttp.ClientSession(cookies=wrong) as stranger, stranger.get(page) as answer:
        assert answer.status == 403


async def test_the_websocket_is_refused_without_the_cookie(
    at_the_door: Served, browser: aiohttp.ClientSession
) -> None:
    page = await enter(browser, at_the_door)
    async with aiohttp.ClientSession() as stranger:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await stranger.ws_connect(page / "ws")
    assert caught.value.status == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example"])
async def test_a_name_that_was_pointed_here_is_refused(
    at_the_door: Served, browser: aiohttp.ClientSession, host: str
) -> None:
    page = await enter(browser, at_the_door)
    for url in (at_the_door.link, page):
        async with browser.get(url, headers={"Host": host}) as answer:
            assert answer.status == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_websocket_from_another_page_is_refused(
    at_the_door: Served, browser: aiohttp.ClientSession, origin: str
) -> None:
    page = await enter(browser, at_the_door)
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await browser.ws_connect(page / "ws", headers={"Origin": origin})
    assert caught.value.status == 403


async def test_a_tunnel_s_own_port_is_no_stranger(
    at_the_door: Served, browser: aiohttp.ClientSession
) -> None:
    async with browser.get(at_the_door.link, headers={"Host": "localhost:9999"}) as answer:
        assert answer.status == 200


async def test_the_program_runs_in_the_page_and_what_is_typed_is_kept(
    served: Served, browser: aiohttp.ClientSession, project: Project
) -> None:
    page = await enter(browser, served)
    origin = {"Origin": str(page.origin())}
    async with browser.ws_connect(
        (page / "ws").with_query(width=100, height=30), headers=origin
    ) as socket:
        shown = Page(socket)
        await shown.wait(f"1 of {len(STEPS)}")
        await shown.press("\x1b")
        await asyncio.sleep(0.5)
        await shown.press("e")
        await shown.press("XYZ")
        await shown.wait("XYZ")
    opened = Project.open(project.path)
    await asleep_until(lambda: "XYZ" in opened.store.examples.all()[0].query)
    opened.close()


async def test_a_server_that_is_killed_leaves_no_program_behind(
    served: Served, browser: aiohttp.ClientSession
) -> None:
    page = await enter(browser, served)
    async with browser.ws_connect((page / "ws").with_query(width=100, height=30)) as socket:
        await Page(socket).wait(f"1 of {len(STEPS)}")
        (child,) = children(served.process.pid)
        os.kill(served.process.pid, signal.SIGKILL)
        await asleep_until(lambda: not Path(f"/proc/{child}").exists(), "it outlives its server")


async def test_ctrl_c_ends_server_and_pages(served: Served, browser: aiohttp.ClientSession) -> None:
    page = await enter(browser, served)
    async with browser.ws_connect((page / "ws").with_query(width=100, height=30)) as socket:
        await Page(socket).wait(f"1 of {len(STEPS)}")
        served.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(served.process.wait, PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("told", "drawn"),
    [
        ((100_000, 100_000), (640, 240)),
        ((0, -5), (1, 1)),
        (("x", None), (80, 24)),
        ((120, 40), (120, 40)),
    ],
)
async def test_no_page_is_larger_than_a_screen(
    told: tuple[int, int], drawn: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from textual_serve import server
    from textual_serve.app_service import AppService

    from studio.tui.page.server import BoundedService

    assert server.AppService is BoundedService  # type: ignore[attr-defined, unused-ignore]
    seen = []

    async def note(self: object, width: int, height: int) -> None:
        seen.append((width, height))

    monkeypatch.setattr(AppService, "start", note)
    monkeypatch.setattr(AppService, "set_terminal_size", note)
    service = object.__new__(BoundedService)
    await service.start(*told)
    await service.set_terminal_size(*told)
    assert seen == [drawn, drawn]


def test_a_port_that_is_taken_is_said(project: Project) -> None:
    from studio.tui.page.server import listen

    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StudioError, match="cannot be listened on"):
            listen("127.0.0.1", port)


def test_only_loopback_goes_without_a_warning(project: Project) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "studio", "serve", "--host", "0.0.0.0", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    _, said = process.communicate(timeout=PATIENCE_S)
    assert "can act as you" in said
    assert "ssh -L" in said


def children(pid: int) -> list[int]:
    """The processes that it started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]
