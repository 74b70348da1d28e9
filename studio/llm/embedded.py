"""The parent's side of the embedded LLM: start the server process, know its address, stop it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import selectors
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from studio import child
from studio.records import StudioError
from studio.settings import Endpoint

GGUF_MAGIC = b"GGUF"
START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 5.0
CALL_TIMEOUT_S = 600.0
INSTALL_HINT = 'install it with: pip install "studio[embedded]"'


def default_threads() -> int:
    """One less than the cores, at least 1: llama.cpp's threads spin and starve when they share."""
    return max(1, usable_cores() - 1)


def usable_cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class EmbeddedServer:
    """A context manager around one embedded server process.

    ``context`` is the window of one request in tokens; each of the ``parallel`` slots has it.
    ``threads`` 0 means :func:`default_threads`. Starting blocks for the load (0.6 s for 100 MB,
    5 s for 1 GB): in an event loop, call :meth:`start` in a thread.
    """

    def __init__(
        self,
        gguf: Path,
        threads: int = 0,
        parallel: int = 4,
        context: int = 2048,
        *,
        name: str = "",
        log: Path | None = None,
    ) -> None:
        self.gguf = gguf
        self.threads = threads or default_threads()
        self.parallel = parallel
        self.context = context
        self.name = name or gguf.stem
        self.log = log or Path(os.devnull)
        self.key = secrets.token_urlsafe(24)
        self.base_url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> EmbeddedServer:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def endpoint(self) -> Endpoint:
        """Where the running server answers; its key is :attr:`key`."""
        return Endpoint(
            name=f"embedded:{self.name}",
            base_url=self.base_url,
            model=self.name,
            embedded=True,
            max_concurrency=self.parallel,
            price_in=0.0,
            price_out=0.0,
            context_window=self.context,
            timeout_s=CALL_TIMEOUT_S,
        )

    @property
    def pid(self) -> int | None:
        """The server's process, None before the start and after the stop."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> EmbeddedServer:
        """Start and wait until it answers. Raises StudioError with the reason when it cannot."""
        refuse_unusable(self.gguf)
        process = self._process = self._spawn()
        try:
            self._write_key(process)
            self.base_url = str(self._announcement(process)["base_url"])
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop it and wait until it is gone; harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _spawn(self) -> subprocess.Popen[bytes]:
        # Its own session: ctrl+c at the terminal is for the studio, which then stops it.
        return subprocess.Popen(
            self._command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _command(self) -> list[str]:
        options = {
            "--gguf": self.gguf.resolve(),
            "--name": self.name,
            "--threads": self.threads,
            "--parallel": self.parallel,
            "--context": self.context,
            "--log": self.log.absolute(),
            "--parent": os.getpid(),
        }
        flat = [str(part) for pair in options.items() for part in pair]
        return child.python("studio.llm.embedded_server", *flat)

    def _write_key(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(self.key.encode() + b"\n")
            process.stdin.flush()

    def _announcement(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        line = _line_within(process, START_TIMEOUT_S)
        if line:
            return dict(json.loads(line))
        raise StudioError(
            f"The embedded model {self.name} did not start: {self._why()}. "
            f"The log is {self.log}; check the file {self.gguf} and the free memory."
        )

    def _why(self) -> str:
        """What llama.cpp last said of its failure, else how the process ended."""
        with contextlib.suppress(OSError):
            for line in reversed(self.log.read_text("utf-8", "replace").splitlines()[-40:]):
                if "error loading model: " in line:
                    return line.split("error loading model: ", 1)[1]
        code = self._process.poll() if self._process else None
        return "it took too long" if code is None else f"its process ended with status {code}"


def refuse_unusable(gguf: Path) -> None:
    """Raise StudioError when the runtime is missing or the file is not a GGUF model."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise StudioError(f"The embedded LLM needs the package xllamacpp; {INSTALL_HINT}.")
    try:
        with gguf.open("rb") as file:
            magic = file.read(len(GGUF_MAGIC))
    except OSError as error:
        raise StudioError(f"The model file {gguf} cannot be read: {error.strerror}.") from error
    if magic != GGUF_MAGIC:
        raise StudioError(f"{gguf} is not a GGUF model file; fetch it with `studio models pull`.")


def _line_within(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The next line of its stdout, empty when it ends or the time is over."""
    assert process.stdout is not None
    deadline = time.monotonic() + seconds
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n") and time.monotonic() < deadline:
            if selector.select(timeout=0.25):
                chunk = os.read(process.stdout.fileno(), 4096)
                if not chunk:
                    process.wait(STOP_TIMEOUT_S)
                    return b""
                line += chunk
    return line if line.endswith(b"\n") else b""
