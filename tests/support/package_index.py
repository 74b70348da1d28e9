"""A package index and a model hub on loopback, for fetching without the outside world."""

from __future__ import annotations

import collections
import hashlib
import io
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def wheel(package: str, version: str, members: dict[str, bytes]) -> tuple[str, bytes]:
    """A wheel's file name and bytes. It has no code, only members."""
    stem = f"{package.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"{stem}-py3-none-any.whl", out.getvalue()


class PackageIndex:
    """Serves ``/simple/PACKAGE/`` and ``/REPO/resolve/REVISION/PATH``; a context manager."""

    def __init__(self) -> None:
        self.wheels: dict[str, tuple[str, bytes]] = {}
        self.hub_files: dict[str, bytes] = {}
        self.downloads: collections.Counter[str] = collections.Counter()
        """How often each wheel or hub file was asked for."""
        self.slow: set[str] = set()
        """Packages whose wheel trickles so slowly that it never ends."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    def __enter__(self) -> PackageIndex:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, package: str, version: str, members: dict[str, bytes]) -> None:
        self.wheels[package] = wheel(package, version, members)

    def env(self) -> dict[str, str]:
        """What makes pip use this index and no other, and leaves the hub out."""
        return {
            "PIP_INDEX_URL": f"{self.url}/simple",
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_FIND_LINKS": "",
            "PIP_RETRIES": "0",
            "HF_HUB_OFFLINE": "1",
        }

    def _handler(index: PackageIndex) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def log_message(self, *_: object) -> None:
                """Tests are quiet."""

            def _answer(self, *, body: bool) -> None:
                kind, content, slow = index._content(self.path, count=body)
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind or "text/plain")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("X-Repo-Commit", "0" * 40)
                self.end_headers()
                if body and slow:
                    self._trickle(content)
                elif body:
                    self.wfile.write(content)

            def _trickle(self, content: bytes) -> None:
                for at in range(len(content)):
                    self.wfile.write(content[at : at + 1])
                    time.sleep(0.5)

        return Handler

    def _content(self, path: str, *, count: bool) -> tuple[str, bytes, bool]:
        parts = path.split("?")[0].strip("/").split("/")
        if path == "/":
            return "text/plain", b"here", False
        if parts[0] == "simple" and parts[-1] in self.wheels:
            name, _ = self.wheels[parts[-1]]
            link = f'<html><body><a href="/wheels/{name}">{name}</a></body></html>'
            return "text/html", link.encode(), False
        if parts[0] == "wheels":
            for package, (name, content) in self.wheels.items():
                if name == parts[-1]:
                    self.downloads[package] += count
                    return "application/octet-stream", content, package in self.slow
        if (name := path.strip("/")) in self.hub_files:
            self.downloads[name] += count
            return "application/octet-stream", self.hub_files[name], False
        return "", b"nothing here", False
