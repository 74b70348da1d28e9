"""A page on loopback, on textual-serve: the program runs here, the browser only draws it.

Whoever reaches the page acts as the person who started it, so it asks for a secret: a token in the
link, then a cookie that only this server's own path gets (other ports of the machine share the
rest of a cookie's reach). ``Host`` must be an address and not a name, which keeps out pages of
others whose name was pointed here (DNS rebinding); ``Origin`` must be the page itself.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web
from textual_serve import server as textual_server
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int
from yarl import URL

from studio.records import StudioError

COOKIE = "studio"
NEEDS_LINK = "This page needs the whole link that `studio serve` printed.\n"
GOODBYE_S = 2.0
"""Seconds that open pages have to write what was typed when the server ends."""
MOST_COLUMNS, MOST_ROWS = 640, 240
"""A page of the smallest letters on a large screen; a program draws and keeps every cell."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises StudioError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise StudioError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}. "
            "Choose another with --port, or 0 for any free one."
        ) from error


class BoundedService(AppService):  # type: ignore[misc, unused-ignore]
    """The program behind one page, which is never larger than a screen whatever the page says."""

    async def start(self, width: int, height: int) -> None:
        """Start the program with this many columns and rows."""
        await super().start(*_bounded(width, height))

    async def set_terminal_size(self, width: int, height: int) -> None:
        """Tell the program about another size."""
        await super().set_terminal_size(*_bounded(width, height))


# Its server makes the services itself, by this name.
textual_server.AppService = BoundedService  # type: ignore[misc, attr-defined, unused-ignore]


def _bounded(width: object, height: object) -> tuple[int, int]:
    """Columns and rows that a program can draw; those of a plain terminal for what is no number."""
    columns, rows = to_int(str(width), 80), to_int(str(height), 24)
    return min(max(columns, 1), MOST_COLUMNS), min(max(rows, 1), MOST_ROWS)


class PageServer(Server):  # type: ignore[misc, unused-ignore]
    """Serves one command; every connection runs its own."""

    def __init__(self, command: str, listener: socket.socket, *, title: str) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(command, host=host, port=port, title=title)
        self.templates_path = Path(__file__).parent / "templates"
        self._listener = listener
        self._token = secrets.token_urlsafe(32)
        self._cookie = secrets.token_urlsafe(32)
        self._path = f"/studio-{secrets.token_hex(8)}"

    @property
    def link(self) -> str:
        """What a person opens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/?token={self._token}"

    def run(self) -> None:
        """Serve until ctrl+c or SIGTERM."""
        web.run_app(
            self._make_app(),
            sock=self._listener,
            print=None,
            access_log=None,
            shutdown_timeout=GOODBYE_S,
            loop=asyncio.new_event_loop(),
        )

    async def _make_app(self) -> web.Application:
        page = web.Application()
        aiohttp_jinja2.setup(page, loader=jinja2.FileSystemLoader(self.templates_path))
        page.add_routes(
            [
                web.get("/", self.handle_index),
                web.get("/ws", self.handle_websocket),
                web.static("/static", self.statics_path),
            ]
        )
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/", self._enter)
        app.add_subapp(self._path, page)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Nothing is answered before host, origin and secret are right."""
        if not _is_address(request.host) or not _is_own_origin(request):
            raise web.HTTPForbidden(text="This page is only for its own address.\n")
        if request.path != "/" and not _same(request.cookies.get(COOKIE, ""), self._cookie):
            raise web.HTTPForbidden(text=NEEDS_LINK)
        response = await handler(request)
        if not response.prepared:
            response.headers["Cache-Control"] = "no-store"
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        """Turn the link's token into the cookie, and take it out of the address bar."""
        if not _same(request.query.get("token", ""), self._token):
            raise web.HTTPForbidden(text=NEEDS_LINK)
        answer = web.HTTPSeeOther(f"{self._path}/")
        answer.set_cookie(COOKIE, self._cookie, path=self._path, httponly=True, samesite="Lax")
        return answer

    async def handle_index(self, request: web.Request) -> web.StreamResponse:  # type: ignore[override, unused-ignore]
        """The page: scripts of this server alone, nothing from elsewhere, in nobody's frame."""
        nonce = secrets.token_urlsafe(16)
        size = min(max(to_int(request.query.get("fontsize", "16"), 16), 6), 60)
        context = {"name": self.title, "font_size": size, "nonce": nonce}
        answer = aiohttp_jinja2.render_template("page.html", request, context)
        answer.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' "
            "'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
            f"connect-src 'self' ws://{request.host}; frame-ancestors 'none'; base-uri 'none'; "
            "form-action 'none'"
        )
        return answer


def _same(given: str, wanted: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _is_address(host: str) -> bool:
    """Whether a ``Host`` is localhost or an IP address; any port, for tunnels change it."""
    try:
        name = URL(f"http://{host}").host or ""
        return name == "localhost" or bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _is_own_origin(request: web.Request) -> bool:
    """Whether the request comes from the page itself, or from no page at all."""
    origin = request.headers.get("Origin")
    return origin is None or origin == f"{request.scheme}://{request.host}"
