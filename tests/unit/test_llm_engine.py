"""The engine against a real HTTP server that misbehaves."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from studio.calls import Answer, Decoding, Message, Request, Reservation
from studio.llm import engine
from studio.llm.budget import Budget, Claim
from studio.llm.client import LLMClient, clients_for
from studio.llm.engine import RunStats
from studio.llm.failures import CallFailed
from studio.llm.limiter import START_LIMIT, TRIAL, AdaptiveLimiter
from studio.llm.slowness import Slowness
from studio.records import StudioError
from studio.settings import Endpoint
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import PATIENCE_S, asleep_until

Results = dict[str, Answer]


@pytest.fixture(autouse=True)
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.llm.limiter.BACKOFF_BASE_S", 0.01)
    monkeypatch.setattr("studio.llm.engine.POLL_S", 0.02)


def endpoint(*servers: OpenAIServer, **changes: object) -> Endpoint:
    first, *rest = (server.url for server in servers)
    settings = {"model": "stand-in", "timeout_s": PATIENCE_S, **changes}
    return Endpoint("here", base_url=first, extra_base_urls=tuple(rest), **settings)  # type: ignore[arg-type]


def requests(count: int, draws: int = 1, max_tokens: int = 8) -> Iterator[Request]:
    for document in range(count):
        turn = (Message("user", f"document number {document} about permits"),)
        for draw in range(draws):
            yield Request(
                turn, "stand-in", Decoding(max_tokens=max_tokens), draw, document, draw=draw
            )


class Book:
    """A ledger in memory, with what others do."""

    def __init__(self, others: dict[int, list[Claim]] | None = None) -> None:
        self.others = others or {}
        """Document → whose its request is at each look before it is ours."""
        self.open: set[str] = set()
        self.written: list[int] = []
        """How many calls were written down at once."""
        self.sent: list[str] = []
        self.known_: list[int | None] = []
        self.lost_: list[bool] = []
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        """What happens while calls after the first ones are written down."""

    async def claim(self, calls: Sequence[tuple[Request, Reservation, Endpoint]]) -> list[Claim]:
        if self.meanwhile and self.written:
            await self.meanwhile()
        found = []
        for request, _, _ in calls:
            looks = self.others.get(request.document_id or 0, [])
            found.append(looks.pop(0) if looks else Claim.OURS)
        ours = [c[0].sha for c, claim in zip(calls, found, strict=True) if claim is Claim.OURS]
        self.open.update(ours)
        self.written.append(len(ours))
        return found

    def sending(self, request: Request) -> None:
        assert request.sha in self.open
        self.sent.append(request.sha)

    def known(self, request: Request) -> None:
        self.known_.append(request.document_id)

    def lost(self, request: Request, *, paid: bool) -> None:
        self.open.remove(request.sha)
        self.lost_.append(paid)


async def run(
    where: Endpoint,
    wanted: Iterable[Request],
    *,
    budget: Budget | None = None,
    on_answer: Callable[[Request, Answer], None] = lambda request, answer: None,
    should_stop: Callable[[], bool] = lambda: False,
    max_concurrency: int = 16,
    notes: list[str] | None = None,
    on_pace: Callable[[engine.Concurrency], engine.Order] | None = None,
    ledger: Book | None = None,
) -> RunStats:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(client) for client in clients_for(where, None)]
        return await engine.run(
            wanted,
            clients,
            budget=budget or Budget(),
            on_answer=on_answer,
            should_stop=should_stop,
            max_concurrency=max_concurrency,
            on_note=(notes if notes is not None else []).append,
            on_pace=on_pace,
            ledger=ledger,
        )


async def test_every_request_is_answered_and_paid_once(server: OpenAIServer) -> None:
    answers: list[tuple[Request, Answer]] = []
    stats = await run(endpoint(server), requests(50), on_answer=lambda r, a: answers.append((r, a)))
    assert (stats.answered, stats.failed, stats.stopped_by) == (50, 0, "")
    assert sorted(request.document_id or 0 for request, _ in answers) == list(range(50))
    assert set(server.paid.bodies.values()) == {1}
    assert sum(answer.prompt_tokens or 0 for _, answer in answers) == server.paid.prompt_tokens


async def test_no_requests_end_at_once(server: OpenAIServer) -> None:
    assert (await run(endpoint(server), [])).answered == 0


@pytest.mark.parametrize("fault", ["busy", "overloaded", "error", "reset", "truncated", "nonsense"])
async def test_passing_trouble_is_tried_again(server: OpenAIServer, fault: str) -> None:
    server.fail_next(fault, fault, None, fault)  # type: ignore[arg-type]
    stats = await run(endpoint(server), requests(10))
    assert (stats.answered, stats.failed, stats.retries) == (10, 0, 3)


async def test_a_hanging_call_is_given_up_and_made_again(server: OpenAIServer) -> None:
    server.fail_next("hang")
    stats = await run(endpoint(server, timeout_s=1.0), requests(4))
    assert stats.answered == 4
    assert stats.retries == server.calls - 4 >= 1


async def test_a_refused_request_fails_alone(server: OpenAIServer) -> None:
    server.fail_next(None, "too-long")
    got: list[Answer] = []
    wanted = endpoint(server, max_concurrency=1)
    stats = await run(wanted, requests(5), on_answer=lambda r, a: got.append(a))
    assert (stats.answered, stats.failed) == (4, 1)
    assert [a.finish_reason for a in got].count("error") == 1
    assert "context window" in got[1].error


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("wrong-key", "refused the key"),
        ("missing-model", "no such model"),
        ("quota", "quota"),
    ],
)
async def test_what_no_further_call_can_mend_ends_the_run_at_once(
    server: OpenAIServer, fault: str, sentence: str
) -> None:
    server.always = fault  # type: ignore[assignment]
    with pytest.raises(StudioError, match=sentence):
        await run(endpoint(server), requests(1000))
    assert server.calls <= 36


Body = dict[str, Any]


def answer_some(server: OpenAIServer, odd: Callable[[Body, int], web.Response | None]) -> None:
    """Let ``odd`` answer the calls that it has an answer for; it gets their body and number."""
    numbers = itertools.count(1)

    async def reply(_: web.Request, body: Body | None) -> web.Response | None:
        return odd(body, next(numbers)) if body else None

    server.reply = reply


def failure(status: int, said: str) -> web.Response:
    return web.json_response({"error": {"message": said}}, status=status)


@pytest.mark.parametrize(
    ("status", "said", "reason"),
    [
        (403, "Forbidden by a rule of the firewall", "error"),
        (404, "The model is being swapped", "error"),
        (403, "Your input was flagged by moderation", "content_filter"),
        (400, "Filtered by our content policy", "content_filter"),
    ],
)
@pytest.mark.parametrize("at_a_time", [1, 8])
async def test_a_document_that_is_denied_fails_alone(
    server: OpenAIServer, status: int, said: str, reason: str, at_a_time: int
) -> None:
    def odd(body: Body, _: int) -> web.Response | None:
        flagged = "number 0 " in str(body["messages"])
        return failure(status, said) if flagged else None

    answer_some(server, odd)
    got: dict[int | None, Answer] = {}
    stats = await run(
        endpoint(server),
        requests(12),
        max_concurrency=at_a_time,
        on_answer=lambda r, a: got.update({r.document_id: a}),
    )
    assert (stats.answered, stats.failed) == (11, 1)
    assert (got[0].finish_reason, said in got[0].error) == (reason, True)


async def test_what_is_denied_once_is_tried_again(server: OpenAIServer) -> None:
    answer_some(server, lambda _, number: failure(404, "Swapped") if number == 3 else None)
    stats = await run(endpoint(server), requests(12))
    assert (stats.answered, stats.failed, stats.retries) == (12, 0, 1)


async def test_a_run_of_one_document_that_is_denied_says_why(server: OpenAIServer) -> None:
    server.always = "missing-model"
    with pytest.raises(StudioError, match="no such model"):
        await run(endpoint(server), requests(1))


async def test_a_model_that_loads_is_waited_for(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.llm.limiter.BACKOFF_MOST_S", 0.01)
    answer_some(server, lambda _, n: failure(503, "Loading model") if n <= 40 else None)
    notes: list[str] = []
    stats = await run(endpoint(server, max_concurrency=2), requests(3), notes=notes)
    assert (stats.answered, stats.failed) == (3, 0)
    assert "loads its model (HTTP 503): Loading model" in notes[0]


async def test_a_server_that_is_always_busy_ends_the_run(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.llm.engine.BUSY_PATIENCE_S", 0.3)
    server.always = "busy"
    with pytest.raises(StudioError, match=r"is busy .* It has answered nothing for"):
        await run(endpoint(server), requests(3))


async def test_a_request_that_alone_is_always_too_much_is_given_up(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.llm.limiter.BACKOFF_MOST_S", 0.01)

    def odd(body: Body, _: int) -> web.Response | None:
        return failure(529, "Busy") if "number 0 " in str(body["messages"]) else None

    answer_some(server, odd)
    stats = await run(endpoint(server), requests(400), max_concurrency=2)
    assert (stats.answered, stats.failed) == (399, 1)


async def test_a_pause_of_a_day_is_not_waited_for(server: OpenAIServer) -> None:
    server.always, server.retry_after = "busy", 86_400
    with pytest.raises(StudioError, match=r"a pause of 24 h .*`studio jobs resume`"):
        await run(endpoint(server), requests(100))
    assert server.calls <= 16


async def test_a_server_that_only_errs_ends_the_run_after_a_while(server: OpenAIServer) -> None:
    server.always = "error"
    with pytest.raises(StudioError, match=r"20 failures in a row.*HTTP 500"):
        await run(endpoint(server), requests(1000))


async def test_a_server_that_is_down_ends_the_run_soon() -> None:
    with OpenAIServer() as gone:
        pass
    with pytest.raises(StudioError, match="Nothing answers"):
        await run(endpoint(gone), requests(1000))


async def test_retry_after_holds_every_call_back(server: OpenAIServer) -> None:
    server.fail_next("busy", retry_after=0.5)
    notes: list[str] = []
    loop = asyncio.get_running_loop()
    started = loop.time()
    await run(endpoint(server, max_concurrency=1), requests(3), notes=notes)
    assert loop.time() - started >= 0.5
    assert server.calls == 4
    assert "Going on with 1 call at a time" in notes[0]


async def test_it_finds_what_the_server_bears() -> None:
    with OpenAIServer(latency_s=0.01, max_in_flight=6) as server:
        stats = await run(endpoint(server), requests(300), max_concurrency=64)
    assert (stats.answered, stats.failed) == (300, 0)
    assert stats.retries < 100


async def test_it_uses_all_that_it_may() -> None:
    with OpenAIServer() as server:
        server.hold()

        def order(pace: engine.Concurrency) -> engine.Order:
            if pace.in_flight == pace.limit or server.calls == 110:
                server.let_go()
            return engine.Order()

        await run(endpoint(server), requests(110), max_concurrency=32, on_pace=order)
        assert server.most_in_flight == 32


async def test_requests_a_minute_are_heeded(server: OpenAIServer) -> None:
    stats = await run(endpoint(server, requests_per_minute=600.0), requests(14))
    # Ten at once, and then one each tenth of a second.
    assert (stats.answered, server.calls) == (14, 14)
    assert stats.seconds > 0.3


async def test_a_slow_call_holds_up_no_other(server: OpenAIServer) -> None:
    server.fail_next("hold")
    ended: list[int | None] = []

    def on_answer(request: Request, answer: Answer) -> None:
        ended.append(request.document_id)
        if len(ended) == 59:
            server.release()

    await run(endpoint(server), requests(60), on_answer=on_answer)
    assert len(ended) == 60


async def test_several_servers_share_the_work() -> None:
    with OpenAIServer(latency_s=0.01) as one, OpenAIServer(latency_s=0.01) as two:
        await run(endpoint(one, two), requests(100))
        assert one.paid.calls + two.paid.calls == 100
        assert min(one.paid.calls, two.paid.calls) > 20


async def test_when_one_of_several_servers_is_gone_the_others_do_its_work() -> None:
    with OpenAIServer() as gone:
        pass
    with OpenAIServer() as alive:
        stats = await run(endpoint(gone, alive), requests(60))
        assert (stats.answered, stats.failed, alive.paid.calls) == (60, 0, 60)


async def test_requests_are_pulled_only_when_they_can_go_out_soon(server: OpenAIServer) -> None:
    pulled, most_ahead, done = 0, 0, 0

    def counted() -> Iterator[Request]:
        nonlocal pulled
        for request in requests(500, draws=1):
            pulled += 1
            yield request

    def on_answer(request: Request, answer: Answer) -> None:
        nonlocal done, most_ahead
        done += 1
        most_ahead = max(most_ahead, pulled - done)

    await run(endpoint(server), counted(), on_answer=on_answer, max_concurrency=4)
    assert done == 500
    assert most_ahead <= 4 * (engine.LOOKAHEAD_PER_CALL + 1)


class Watching(LLMClient):
    """Notes, at each start of a call, whether a call for the same document is in flight."""

    def __init__(self, where: Endpoint) -> None:
        super().__init__(where, None)
        self.flying: list[int | None] = []
        self.clashes: list[bool] = []

    async def complete(self, request: Request) -> Answer:
        self.clashes.append(request.document_id in self.flying)
        self.flying.append(request.document_id)
        try:
            return await super().complete(request)
        finally:
            self.flying.remove(request.document_id)


async def test_a_document_waits_for_its_earlier_draw_while_others_are_left(
    server: OpenAIServer,
) -> None:
    async with Watching(endpoint(server, max_concurrency=4)) as client:
        await engine.run(
            requests(8, draws=6),
            [client],
            budget=Budget(),
            on_answer=lambda request, answer: None,
            should_stop=lambda: False,
            max_concurrency=4,
        )
    assert len(client.clashes) == 48
    assert not any(client.clashes[:24])


async def test_a_stop_is_taken_soon_and_calls_in_flight_may_end() -> None:
    answered = 0

    def on_answer(request: Request, answer: Answer) -> None:
        nonlocal answered
        answered += 1

    with OpenAIServer(latency_s=0.05) as server:
        stats = await run(
            endpoint(server),
            requests(10_000),
            on_answer=on_answer,
            should_stop=lambda: answered >= 20,
        )
        assert stats.stopped_by == "asked"
        assert answered == server.paid.calls < 200


async def test_a_stop_does_not_wait_for_a_hanging_call(server: OpenAIServer) -> None:
    server.always = "hang"
    stats = await run(endpoint(server), requests(5), should_stop=lambda: server.in_flight == 5)
    assert stats.stopped_by == "asked"
    assert server.in_flight == 5


async def test_a_failing_store_stops_the_run(server: OpenAIServer) -> None:
    def full(request: Request, answer: Answer) -> None:
        raise StudioError("The disk is full.")

    with pytest.raises(StudioError, match="disk is full"):
        await run(endpoint(server), requests(1000), on_answer=full)
    assert server.paid.calls <= 32


async def test_a_cap_is_never_passed_and_nearly_used_up(server: OpenAIServer) -> None:
    budget = Budget(cap_tokens=2000)
    stats = await run(endpoint(server), requests(10_000), budget=budget)
    paid = server.paid.prompt_tokens + server.paid.completion_tokens
    assert stats.stopped_by == "budget"
    assert 1800 < paid <= 2000
    assert budget.spent_tokens == paid
    assert budget.reserved_tokens == 0


async def test_each_call_is_written_down_before_it_is_made(server: OpenAIServer) -> None:
    book = Book()
    server.fail_next("error", "reset")

    def on_answer(request: Request, answer: Answer) -> None:
        book.open.remove(request.sha)

    server.hold()

    def order(pace: engine.Concurrency) -> engine.Order:
        assert server.calls <= sum(book.written)
        server.let_go()
        return engine.Order()

    await run(endpoint(server), requests(40), ledger=book, on_answer=on_answer, on_pace=order)
    assert sum(book.written) == server.calls == 42
    assert book.written[0] == 16 + 8
    assert sorted(book.lost_) == [False, True]
    assert not book.open


async def test_what_others_ask_is_waited_for_and_what_they_stored_is_taken(
    server: OpenAIServer,
) -> None:
    later = [Claim.ELSEWHERE, Claim.ELSEWHERE]
    book = Book({1: [*later, Claim.ANSWERED], 2: [Claim.ANSWERED], 3: [*later]})
    budget = Budget(cap_tokens=1_000_000)
    stats = await run(endpoint(server), requests(6), ledger=book, budget=budget)
    assert sorted(book.known_) == [1, 2]
    assert (stats.answered, server.paid.calls) == (4, 4)
    assert budget.reserved_tokens == 0


async def test_a_free_slot_waits_for_no_claim(server: OpenAIServer) -> None:
    book = Book()
    book.meanwhile = partial(asleep_until, lambda: server.calls >= 3)
    stats = await run(endpoint(server), requests(9), max_concurrency=2, ledger=book)
    assert (stats.answered, stats.most_in_flight, book.written[0]) == (9, 2, 3)


async def test_calls_go_out_in_the_order_of_their_claims(server: OpenAIServer) -> None:
    book, wanted = Book(), [request.sha for request in requests(30)]
    await run(endpoint(server), requests(30), ledger=book)
    assert book.sent == wanted


async def test_what_is_claimed_and_not_sent_is_given_back(server: OpenAIServer) -> None:
    book, budget = Book(), Budget()

    def full(request: Request, answer: Answer) -> None:
        book.open.remove(request.sha)
        raise StudioError("The disk is full.")

    server.fail_next(None, "hold")
    where = endpoint(server)
    asked = run(where, requests(9), budget=budget, on_answer=full, max_concurrency=2, ledger=book)
    with pytest.raises(StudioError, match="disk is full"):
        await asked
    # The one that was held is given up, and may be billed.
    assert (book.written, sorted(book.lost_), book.open) == ([3], [False, True], set())
    assert (server.calls, budget.reserved_tokens) == (2, 0)


async def test_a_paused_run_has_nothing_claimed(server: OpenAIServer) -> None:
    book, paused = Book(), True
    server.hold()

    def order(pace: engine.Concurrency) -> engine.Order:
        nonlocal paused
        server.let_go()
        if pace.in_flight == 0 and server.calls:
            assert not book.open
            paused = False
            server.release()
        return engine.Order(paused=paused and server.calls > 0)

    asked = run(
        endpoint(server),
        requests(9),
        max_concurrency=2,
        ledger=book,
        on_answer=lambda request, answer: book.open.remove(request.sha),
        on_pace=order,
    )
    assert (await asked).answered == 9
    assert not paused


@pytest.mark.parametrize("error", [StudioError("The file is gone."), asyncio.CancelledError()])
async def test_what_cannot_be_written_down_is_given_back(
    server: OpenAIServer, error: BaseException
) -> None:
    async def fails() -> None:
        if isinstance(error, StudioError):
            raise error
        asked.cancel()
        await asyncio.Event().wait()

    book, budget = Book(), Budget()
    book.meanwhile = fails
    where = endpoint(server)
    asked = asyncio.ensure_future(
        run(where, requests(9), budget=budget, max_concurrency=1, ledger=book)
    )
    with pytest.raises(type(error)):
        await asked
    assert (book.written, server.calls, budget.reserved_tokens) == ([2], 2, 0)


async def test_an_answer_is_timed_from_when_its_call_goes_out(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[float] = []
    back: list[float] = []

    class Watched(Slowness):
        def sent(self, now: float, limit: float) -> None:
            sent.append(now)

        def answered(self, sent_at: float, now: float, limit: float) -> float:
            back.append(sent_at)
            return limit

    monkeypatch.setattr("studio.llm.limiter.Slowness", Watched)
    await run(endpoint(server), requests(20), ledger=Book({1: [Claim.ELSEWHERE] * 2}))
    assert len(sent) == 20
    assert sorted(back) == sent


async def test_a_server_that_heeds_no_limit_is_expected_to_do_so_again() -> None:
    budget = Budget(cap_tokens=1000)
    [asked] = list(requests(1))
    reservation = budget.reserve(asked, endpoint_without_server())
    assert reservation is not None
    budget.settle(reservation, Answer("q", "stop", 2 * reservation.tokens, 0))
    left = 1000 - 2 * reservation.tokens
    fitting = 0
    while budget.reserve(asked, endpoint_without_server()) is not None:
        fitting += 1
    assert fitting == left // (2 * reservation.tokens)


def endpoint_without_server() -> Endpoint:
    return Endpoint("nowhere", base_url="http://127.0.0.1:9/v1", model="stand-in")


async def test_work_that_may_be_billed_counts_against_the_cap(server: OpenAIServer) -> None:
    server.always = "reset-after-work"
    budget = Budget(cap_tokens=3000)
    stats = await run(endpoint(server), requests(1000), budget=budget)
    assert stats.stopped_by == "budget"
    assert server.paid.prompt_tokens + server.paid.completion_tokens <= budget.spent_tokens <= 3000


async def test_a_cost_cap_without_prices_is_refused_before_any_call(server: OpenAIServer) -> None:
    with pytest.raises(StudioError, match="price of here is unknown"):
        await run(endpoint(server), requests(5), budget=Budget(cap_usd=1.0))
    assert server.calls == 0


async def test_the_cost_is_unknown_without_prices_and_exact_with_them(
    server: OpenAIServer,
) -> None:
    answers: list[Answer] = []
    await run(endpoint(server), requests(5), on_answer=lambda request, a: answers.append(a))
    assert [answer.cost for answer in answers] == [None] * 5
    answers.clear()
    priced = endpoint(server, price_in=1.0, price_out=2.0)
    await run(priced, requests(5), on_answer=lambda request, a: answers.append(a))
    for answer in answers:
        assert answer.prompt_tokens is not None
        assert answer.completion_tokens is not None
        cost = (answer.prompt_tokens + 2 * answer.completion_tokens) / 1e6
        assert answer.cost == pytest.approx(cost)
    assert len(answers) == 5


def test_a_lane_climbs_fast_then_falls_by_half_once_per_burst() -> None:
    limiter = AdaptiveLimiter(LLMClient(Endpoint("x", max_concurrency=64), None), most=64)
    for _ in range(100):
        fill(limiter, now=1.0)
        limiter.went_well(sent_at=0.5)
    assert limiter.limit == 64
    busy = CallFailed("busy", "busy")
    assert limiter.congested(busy, sent_at=1.0, now=2.0)
    assert not limiter.congested(busy, sent_at=1.5, now=2.1)
    assert limiter.limit == 32
    # Until it is known that fewer calls help, nothing more is tried.
    for _ in range(TRIAL):
        fill(limiter, now=2.6)
        assert limiter.limit == 32
        limiter.went_well(sent_at=2.5, now=2.6)
    fill(limiter, now=3.0)
    limiter.went_well(sent_at=2.9, now=3.1)
    assert 32 < limiter.limit < 33


def test_a_lane_that_is_not_full_does_not_climb() -> None:
    limiter = AdaptiveLimiter(LLMClient(Endpoint("x", max_concurrency=64), None), most=64)
    fill(limiter, now=1.0)
    limiter.in_flight = 1
    assert limiter.has_room(2.0)
    limiter.went_well(sent_at=1.5)
    assert limiter.limit == START_LIMIT


def fill(limiter: AdaptiveLimiter, now: float) -> None:
    limiter.in_flight = int(limiter.limit)
    assert not limiter.has_room(now)


async def test_a_cancelled_run_leaves_no_task_behind(server: OpenAIServer) -> None:
    server.always = "hang"
    running = asyncio.create_task(run(endpoint(server), requests(20)))
    await asleep_until(lambda: server.in_flight)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(asyncio.all_tasks()) == 1


async def test_a_pause_lets_calls_end_and_sends_nothing_new(server: OpenAIServer) -> None:
    server.latency_s = 0.05
    resting: list[int] = []

    def order(pace: engine.Concurrency) -> engine.Order:
        paused = server.calls >= 12 and len(resting) < 10
        if paused and not pace.in_flight:
            resting.append(server.calls)
        return engine.Order(paused=paused)

    stats = await run(endpoint(server), requests(60), max_concurrency=4, on_pace=order)
    assert (stats.answered, stats.stopped_by) == (60, "")
    assert len(resting) == 10
    assert len(set(resting)) == 1
    assert resting[0] < 60


async def test_the_concurrency_can_change_under_way(server: OpenAIServer) -> None:
    server.hold()
    most: dict[int, int] = {}

    def order(pace: engine.Concurrency) -> engine.Order:
        wanted = 2 if server.calls < 40 else 6 if server.calls < 120 else 1
        most[wanted] = max(most.get(wanted, 0), server.in_flight)
        assert pace.in_flight <= pace.ceiling == 64
        if server.in_flight >= wanted or server.calls == 140:
            server.let_go()
        return engine.Order(concurrency=wanted)

    stats = await run(endpoint(server), requests(140), max_concurrency=2, on_pace=order)
    assert stats.answered == 140
    assert stats.most_in_flight == 6
    assert (most[2], most[6]) == (2, 6)
