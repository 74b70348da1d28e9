"""The embedded LLM as its own process: llama.cpp's OpenAI-compatible server on loopback.

``python -m studio.llm.embedded_server --gguf FILE --log FILE`` reads its API key as the first
line of stdin, loads the model, and prints one JSON line ``{"base_url": …, "pid": …}`` once the
server answers. It serves until stdin is closed or its parent is gone, so that a parent killed
with SIGKILL leaves nothing behind. All that the native code prints goes into the log file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from studio.folders import append_to

PROMPT_CACHE_MIB = 256
PARENT_POLL_S = 0.5


def main(argv: list[str] | None = None) -> None:
    """Serve one GGUF file until the parent is gone."""
    options = _options(argv)
    key = sys.stdin.readline().strip()
    announce = _silence(options.log)
    watch_parent(options.parent or os.getppid())
    server = _start(options, key)
    base_url = f"{server.listening_address}/v1"
    _await_health(server.listening_address)
    announce.write(json.dumps({"base_url": base_url, "pid": os.getpid()}) + "\n")
    announce.close()
    threading.Event().wait()


def watch_parent(parent: int) -> None:
    """End this process when stdin closes or the parent's pid changes.

    Both are watched: a forked sibling may hold the pipe open after the parent's death, and a
    parent that died before this line leaves no change of pid to be seen.
    """
    threading.Thread(target=_until_stdin_closes, daemon=True).start()
    threading.Thread(target=end_with_parent, args=(parent,), daemon=True).start()


def _until_stdin_closes() -> None:
    # The descriptor itself: a buffered reader may hold a lock that exit waits for.
    while os.read(0, 4096):
        pass
    os._exit(0)


def end_with_parent(parent: int) -> None:
    """End this process, at once and whatever it does, when it is no longer the parent's child."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_S)
    os._exit(0)


def _silence(log: Path) -> Any:
    """Point descriptors 1 and 2 at the log; return the old stdout for the one line that counts."""
    announce = os.fdopen(os.dup(1), "w", encoding="utf-8")
    target = append_to(log)
    for descriptor in (1, 2):
        os.dup2(target, descriptor)
    os.close(target)
    return announce


def _start(options: argparse.Namespace, key: str) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(options.gguf)
    params.model_alias = {options.name or options.gguf.stem}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.n_parallel = options.parallel
    # llama.cpp divides its context among the slots; ours is the window of one request.
    params.n_ctx = options.context * options.parallel
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.endpoint_slots = False
    params.ui = False
    params.verbosity = 1
    return xllamacpp.Server(params)


def _await_health(address: str) -> None:
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5) as reply:
                if reply.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server loaded its model but does not answer /health")


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--name", default="", help="the model's name in requests")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--context", type=int, default=2048, help="tokens per request")
    parser.add_argument("--log", type=Path, default=Path(os.devnull))
    parser.add_argument("--parent", type=int, default=0, help="the pid to live and die with")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
