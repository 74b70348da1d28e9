"""A server that answers every chat request after a while, as cheaply as aiohttp can.

``python -m tests.benchmarks.quick_server [--latency 0.2] [--sigma 0]`` prints its address. Waits
are log-normal around the latency, with ``sigma`` of their logarithm. ``GET /v1/seen`` tells the
moments of the first and the last call (seconds since the epoch), how many there were, and how many
of them were asked before; ``GET /v1/bodies`` gives the bodies that came in.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from dataclasses import dataclass, field

from aiohttp import web

# fmt: off
WORDS = ("permit", "shed", "yard", "fence", "roof", "wall", "gate", "pump", "valve", "cable",
         "meter", "river", "bridge", "garden", "cellar", "attic", "boiler", "window", "drain",
         "ladder")
# fmt: on
REMARKS = 85
"""Words behind the query: with it, about a hundred tokens."""


@dataclass
class QuickServer:
    """What it answers, and what it has seen."""

    latency_s: float
    sigma: float
    bodies: list[bytes] = field(default_factory=list)
    first: float = 0.0
    last: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(1))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.endswith("/seen"):
            twice = len(self.bodies) - len(set(self.bodies))
            seen = {"first": self.first, "last": self.last, "calls": len(self.bodies)}
            return web.json_response(seen | {"twice": twice})
        if request.path.endswith("/bodies"):
            return web.json_response([body.decode() for body in self.bodies])
        if request.path.endswith("/forget"):
            # Who comes next waits the same again.
            self.bodies, self.first, self.random = [], 0.0, random.Random(1)
            return web.Response()
        body = await request.read()
        self.last = time.time()
        self.first = self.first or self.last
        self.bodies.append(body)
        answer = self.answer(len(self.bodies))
        await asyncio.sleep(self.latency_s * self.random.lognormvariate(0.0, self.sigma))
        return web.Response(body=answer, content_type="application/json")

    def answer(self, number: int) -> bytes:
        """A query that no other call gets, and a remark behind it."""
        said = " ".join(WORDS[(number + 5 * place) % 20] for place in range(4))
        remark = " ".join(WORDS[(number + place) % 20] for place in range(REMARKS))
        message = {
            "role": "assistant",
            "content": f"which {said} is meant by {number}\n\n({remark})",
        }
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 400, "completion_tokens": 100, "total_tokens": 500}
        reply = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1}
        return json.dumps(reply | {"model": "quick", "choices": [choice], "usage": usage}).encode()


async def _serve(server: QuickServer) -> None:
    runner = web.ServerRunner(web.Server(server.handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    host, port = runner.addresses[0][:2]
    print(json.dumps({"url": f"http://{host}:{port}/v1"}), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--sigma", type=float, default=0.0)
    asked = parser.parse_args()
    asyncio.run(_serve(QuickServer(asked.latency, asked.sigma)))


if __name__ == "__main__":
    main()
