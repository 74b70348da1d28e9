"""Requests through a real server's Batch API, whatever becomes of them there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from studio.calls import Answer, Decoding, Message, Request, Reservation
from studio.llm.batch_run import BatchRun
from studio.llm.budget import Budget, Claim, NoLedger
from studio.llm.client import LLMClient
from studio.llm.engine import Concurrency, Order, RunStats
from studio.llm.failures import CallFailed
from studio.llm.prices import in_batches
from studio.records import StudioError
from studio.settings import Endpoint
from studio.store.batches import KnownBatch
from tests.support.batches import FULL, StandInBatches
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import PATIENCE_S, until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_LOOK_S", "TICK_S", "FULL_S"):
        monkeypatch.setattr(f"studio.llm.batch_run.{name}", 0.02)
    for name in ("TICK_S", "LOOK_S"):
        monkeypatch.setattr(f"studio.llm.batch_sending.{name}", 0.02)


class BatchesInMemory(NoLedger):
    """A ledger and a book in memory."""

    def __init__(self, elsewhere: int = 0) -> None:
        self.elsewhere = elsewhere
        """Claims that another process has first."""
        self.planned: list[list[str]] = []
        self.open: dict[str, KnownBatch] = {}
        self.lost_: list[bool] = []

    async def claim(self, calls: Sequence[tuple[Request, Reservation, Endpoint]]) -> list[Claim]:
        found = [Claim.OURS] * len(calls)
        if self.elsewhere:
            self.elsewhere -= 1
            found[0] = Claim.ELSEWHERE
        return found

    def lost(self, request: Request, *, paid: bool) -> None:
        self.lost_.append(paid)

    async def known(self) -> list[KnownBatch]:
        return list(self.open.values())

    async def plan(self, name: str, requests: Sequence[str]) -> None:
        self.planned.append(list(requests))
        calls = {sha: (0, Reservation(100, None)) for sha in requests}
        self.open[name] = KnownBatch(name, "", calls)

    async def sent(self, name: str, outside_id: str) -> None:
        self.open[name] = replace(self.open[name], outside_id=outside_id)

    async def leave(self) -> None:
        pass

    async def end(self, name: str) -> None:
        del self.open[name]


def requests(count: int) -> list[Request]:
    turns = [Message("user", f"document {number} about permits") for number in range(count)]
    return [Request((turn,), "stand-in", Decoding(max_tokens=8)) for turn in turns]


async def run(
    server: OpenAIServer,
    wanted: Iterable[Request],
    *,
    kept: BatchesInMemory | None = None,
    budget: Budget | None = None,
    on_answer: Callable[[Request, Answer], None] = lambda request, answer: None,
    notes: list[str] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    on_pace: Callable[[Concurrency], Order] = lambda pace: Order(),
    most: int = 0,
    on_most: Callable[[int], None] = lambda most: None,
    **changes: Any,
) -> RunStats:
    endpoint = Endpoint("here", server.url, "stand-in", timeout_s=PATIENCE_S)
    kept = kept or BatchesInMemory()
    async with LLMClient(in_batches(replace(endpoint, **changes)), None) as client:
        stats = await BatchRun(
            iter(wanted),
            client,
            kept,
            kept,
            budget or Budget(),
            on_answer,
            should_stop,
            should_stop,
            (notes if notes is not None else []).append,
            on_pace,
            most,
            on_most,
        ).drive()
    assert should_stop() or not kept.open
    return stats


@pytest.mark.parametrize(("name", "most"), [("MOST_REQUESTS", 3), ("MOST_BYTES", 900)])
async def test_files_hold_no_more_than_the_server_takes(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    monkeypatch.setattr(f"studio.llm.batch_api.{name}", most)
    kept, answers = BatchesInMemory(), list[tuple[Request, Answer]]()
    stats = await run(
        server, requests(10), kept=kept, on_answer=lambda r, a: answers.append((r, a))
    )
    assert stats.answered == 10
    assert [len(names) for names in kept.planned] == [3, 3, 3, 1]
    assert server.batches
    assert max(map(len, server.batches.files.values())) < 2000
    assert {request.sha for request, _ in answers} == {request.sha for request in requests(10)}
    assert set(server.paid.bodies.values()) == {1}


async def test_a_cap_holds_at_the_price_of_batches(server: OpenAIServer) -> None:
    answers: list[Answer] = []
    prices = {"price_in": 2.0, "price_out": 4.0, "batch_share": 0.5}
    budget = Budget(cap_usd=0.0005)
    stats = await run(
        server, requests(60), budget=budget, on_answer=lambda r, a: answers.append(a), **prices
    )
    paid = (server.paid.prompt_tokens * 1.0 + server.paid.completion_tokens * 2.0) / 1e6
    assert stats.stopped_by == "budget"
    assert 0.0003 < paid <= 0.0005
    assert sum(answer.cost or 0 for answer in answers) == pytest.approx(paid)
    assert budget.reserved_tokens == 0


async def test_what_fails_again_and_again_is_given_up(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.fail_next(None, "broken", "broken", "missing")
    kept, answers = BatchesInMemory(), list[Answer]()
    stats = await run(server, requests(2), kept=kept, on_answer=lambda r, a: answers.append(a))
    assert (stats.answered, stats.failed, stats.retries) == (1, 1, 2)
    assert [answer.finish_reason for answer in answers] == ["stop", "error"]
    assert kept.lost_ == [False] * 3


@pytest.mark.parametrize(
    "odd",
    [
        {"id": None},
        {"id": {}, "data": 3},
        {"data": ["x"]},
        {"data": [{"id": "x", "metadata": []}, {"id": "y", "metadata": "z"}]},
        {"request_counts": 3},
        {"errors": "none"},
        {"errors": {"data": ["none"]}},
    ],
)
async def test_an_answer_of_another_shape_is_said_to_be_one(
    server: OpenAIServer, batches: StandInBatches, monkeypatch: pytest.MonkeyPatch, odd: Any
) -> None:
    monkeypatch.setattr("studio.llm.batch_sending.MOST_TRIES", 1)
    batches.odd = odd
    with pytest.raises(CallFailed, match=r"The server's answer (names no|is not one of a Batch)"):
        await run(server, requests(2))


async def test_lines_of_another_shape_are_asked_again(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.fail_next("odd", "odder")
    assert (await run(server, requests(3))).answered == 3
    assert len(batches.made) == 2


async def test_a_refused_request_is_told_at_once(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.fail_next(None, "refused")
    answers: list[Answer] = []
    stats = await run(server, requests(2), on_answer=lambda r, a: answers.append(a))
    assert (stats.failed, len(batches.made)) == (1, 1)
    assert "context window" in answers[1].error


async def test_a_spent_quota_ends_the_run_after_what_came_is_taken(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.fail_next("no-quota", "no-quota")
    answers: list[Answer] = []
    with pytest.raises(StudioError, match="quota is spent"):
        await run(server, requests(5), on_answer=lambda r, a: answers.append(a))
    assert len(answers) == 3


async def test_a_server_that_is_full_is_asked_later(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.refuses_next, notes = FULL, list[str]()
    assert (await run(server, requests(5), notes=notes)).answered == 5
    assert any("Too many tokens are enqueued" in note for note in notes)


async def test_a_batch_that_is_larger_than_the_queue_is_halved(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.takes, kept, notes = 3, BatchesInMemory(), list[str]()
    assert (await run(server, requests(11), kept=kept, notes=notes)).answered == 11
    assert {len(names) for names in kept.planned} == {11, 5, 2, 1}
    assert set(server.paid.bodies.values()) == {1}
    assert any("takes no 11 requests at once, fewer are sent" in note for note in notes)


async def test_what_a_server_took_is_told_and_is_where_the_next_run_begins(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.takes, kept, told = 3, BatchesInMemory(), list[int]()
    await run(server, requests(11), on_most=told.append)
    assert told == [5, 2]
    await run(server, requests(11)[::-1], kept=kept, most=told[-1])
    assert [len(names) for names in kept.planned] == [2, 2, 2, 2, 2, 1]


async def test_a_server_that_takes_not_even_one_request_ends_the_run(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.takes = 0
    with pytest.raises(StudioError, match=r"did not take the batch: Too many tokens"):
        await run(server, requests(3))


async def test_a_batch_that_is_not_taken_ends_the_run(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    message = f"Line 1 is\nno JSON for sk-{'x' * 20} {'y' * 999}"
    batches.refuses_next = {"code": "invalid_json_line", "message": message}
    budget = Budget()
    with pytest.raises(StudioError, match=r"did not take the batch: Line 1 is no JSON") as refused:
        await run(server, requests(5), budget=budget)
    assert "sk-x" not in str(refused.value)
    assert len(str(refused.value)) < 500
    assert budget.reserved_tokens == 0


async def test_a_batch_whose_id_was_lost_on_the_way_is_found_by_its_name(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.drops_next = True
    assert (await run(server, requests(5))).answered == 5
    assert len(batches.made) == 1


async def test_a_batch_that_is_not_listed_yet_is_made_once_where_the_server_heeds_its_key(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.drops_next, batches.lists, batches.heeds_keys = True, False, True
    assert (await run(server, requests(5))).answered == 5
    assert (len(batches.made), set(server.paid.bodies.values())) == (1, {1})
    # One file for both calls, and one of answers.
    assert len(batches.files) == 2


@pytest.mark.parametrize("gone", ["made", "files"])
async def test_what_a_server_forgets_is_paid_and_asked_again(
    server: OpenAIServer, batches: StandInBatches, gone: str
) -> None:
    kept, budget, notes = BatchesInMemory(), Budget(), list[str]()
    batches.forgets_next = gone
    assert (await run(server, requests(5), kept=kept, budget=budget, notes=notes)).answered == 5
    assert kept.lost_ == [True] * 5
    assert budget.spent_tokens > server.paid.prompt_tokens + server.paid.completion_tokens
    assert budget.reserved_tokens == 0


async def test_what_another_process_asks_is_waited_for(server: OpenAIServer) -> None:
    assert (await run(server, requests(5), kept=BatchesInMemory(elsewhere=2))).answered == 5
    assert server.paid.calls == 5


async def test_a_batch_that_is_made_after_a_stop_is_paid_once(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.holds, kept, budget = "making", BatchesInMemory(), Budget()
    with pytest.raises(StudioError, match="Stopped while a batch was being sent"):
        await run(
            server,
            requests(5),
            kept=kept,
            budget=budget,
            should_stop=lambda: batches.is_holding,
        )
    assert (len(kept.open), kept.lost_, batches.made) == (1, [], {})
    assert budget.reserved_tokens > 0
    batches.holds = ""
    until(lambda: batches.made)
    assert (await run(server, requests(5), kept=kept)).answered == 5
    assert (len(batches.made), set(server.paid.bodies.values())) == (1, {1})


async def test_a_batch_that_is_made_while_a_person_stops_is_cancelled(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    batches.holds, kept = "telling", BatchesInMemory()
    with pytest.raises(StudioError, match="Stopped while a batch was being sent"):
        await run(server, requests(5), kept=kept, should_stop=lambda: batches.is_holding)
    batches.holds = ""
    assert [batch.status for batch in batches.made.values()] == ["cancelling"]
    assert [batch.outside_id for batch in kept.open.values()] == list(batches.made)


async def test_a_batch_that_has_ended_is_not_cancelled(
    server: OpenAIServer, batches: StandInBatches
) -> None:
    kept, answers = BatchesInMemory(), list[Answer]()
    stats = await run(
        server,
        requests(5),
        kept=kept,
        on_answer=lambda r, a: answers.append(a),
        should_stop=lambda: len(answers) == 2,
    )
    assert stats.stopped_by == "asked"
    assert [batch.status for batch in batches.made.values()] == ["completed"]


@pytest.mark.parametrize(("most", "cap"), [(3, None), (50, 600)])
async def test_a_pause_ends_no_run(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, most: int, cap: int | None
) -> None:
    monkeypatch.setattr("studio.llm.batch_api.MOST_REQUESTS", most)
    monkeypatch.setattr("studio.llm.batch_run.MOST_OPEN", 1)
    kept, ticks = BatchesInMemory(), [0]

    def paused(pace: Concurrency) -> Order:
        ticks[0] += bool(kept.planned)
        return Order(paused=1 <= ticks[0] < 12)

    budget = Budget(cap_tokens=cap)
    stats = await run(server, requests(10), kept=kept, budget=budget, on_pace=paused)
    assert (stats.answered, stats.stopped_by) == (10, "")
    assert len(kept.planned) > 1


def test_the_embedded_model_has_no_batches() -> None:
    with pytest.raises(StudioError, match="no Batch API"):
        in_batches(Endpoint("embedded:x", model="x", embedded=True))
