"""Calls: stored durably with their records, never twice; failed ones can be asked again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from studio.calls import Answer, Decoding, Message, Request
from studio.store import Store
from studio.store.generations import Finished
from tests.support.data import queries_of, query_for
from tests.support.project import call, fill

FAILED = Answer("", finish_reason="error", error="The server said 500 three times.")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "studio.db")
    fill(store, ["a document"])
    return store


def job(store: Store) -> int:
    return store.jobs.submit("generate", {})


def texts(store: Store) -> list[str]:
    return [record.text for record in store.records.all()]


def test_a_call_comes_back_as_it_was(store: Store) -> None:
    request = Request(
        (Message("system", "be brief"), Message("user", "消费者")),
        model="m",
        decoding=Decoding(temperature=0.2, stop=("\n", "##"), presence_penalty=0.5),
        seed=7,
        document_id=1,
        draw=2,
        note="the document was cut",
    )
    answer = Answer("a query", "stop", 100, 5, 80, 0.001, 1.5, "local")
    number = job(store)
    [row] = store.generations.save(
        [Finished(request, answer, "", queries_of(request, "a query"))], number
    )
    stored = store.generations.get(row)
    assert stored is not None
    assert (stored.request, stored.answer, stored.job_id) == (request, answer, number)
    assert stored.request.sha == request.sha


def test_a_call_makes_its_records(store: Store) -> None:
    number = job(store)
    [row] = store.generations.save([call(texts=("one", "two"))], number)
    found = list(store.records.all())
    assert [(r.text, r.generation_id, r.document_id, r.job_id) for r in found] == [
        ("one", row, 1, number),
        ("two", row, 1, number),
    ]


def test_an_equal_request_is_never_stored_twice(store: Store) -> None:
    first, second = job(store), job(store)
    assert store.generations.save([call("one"), call("two")], first) == [1, 1]
    assert store.generations.save([call("three")], second) == [1]
    assert texts(store) == ["one"]
    assert store.generations.spent().calls == 1
    stored = store.generations.answer_of(call().request.sha)
    assert stored is not None
    assert stored.text == "one"


def test_a_stored_answer_makes_records_for_another_run_once(store: Store) -> None:
    run = store.runs.add("promptagator", {})
    asked = call("one")
    again = replace(asked, records=(query_for(1, "one", run_id=run, stage="queries"),))
    [row] = store.generations.save([asked])
    assert store.generations.save([again, again]) == [row, row]
    assert [record.run_id for record in store.records.of_generation(row)] == [None, run]


def test_stored_answers_are_looked_up_together(store: Store) -> None:
    rows = store.generations.save([call("one"), call("two", draw=1), call(draw=2, reason="empty")])
    shas = [call(draw=number).request.sha for number in range(4)]
    failed = call(draw=3, answer=FAILED, reason="error")
    store.generations.save([failed])
    assert store.generations.stored(shas) == dict(zip(shas[:3], rows, strict=True))


def test_another_draw_is_another_request(store: Store) -> None:
    assert len(store.generations.save([call(draw=0), call(draw=1)])) == 2


def test_answered_tells_which_requests_need_not_be_paid(store: Store) -> None:
    store.generations.save([call(draw=0)])
    known, new = call(draw=0).request.sha, call(draw=1).request.sha
    assert store.generations.answered([known, new]) == {known}


def test_a_failed_call_counts_as_no_answer(store: Store) -> None:
    store.generations.save([call(answer=FAILED, reason="error")])
    sha = call().request.sha
    assert store.generations.answered([sha]) == set()
    assert store.generations.answer_of(sha) is None


def test_the_answer_of_another_job_takes_the_place_of_a_failed_call(store: Store) -> None:
    first, second = job(store), job(store)
    store.generations.save([call(answer=FAILED, reason="error")], first)
    store.generations.save([call("paid for")], second)
    assert texts(store) == ["paid for"]
    assert store.generations.reasons() == {}


def test_a_resumed_job_forgets_its_failed_calls_and_no_others(store: Store) -> None:
    mine, other = job(store), job(store)
    store.generations.save([call(draw=0, answer=FAILED, reason="error")], mine)
    store.generations.save([call(draw=1, answer=FAILED, reason="error")], other)
    store.generations.save([call(draw=2, reason="empty")], mine)
    assert store.generations.forget_errors(mine) == 1
    assert store.generations.reasons() == {"error": 1, "empty": 1}
    assert store.generations.reasons(mine) == {"empty": 1}


def test_each_text_is_stored_once(store: Store) -> None:
    store.generations.save([call(content="the same", draw=draw) for draw in range(5)])
    with closing(sqlite3.connect(store.path)) as conn, conn:
        sql = "SELECT count(*) FROM contents WHERE text IN ('the same', 'a query')"
        assert conn.execute(sql).fetchone() == (2,)


def test_an_answer_that_utf8_cannot_hold_loses_no_other(store: Store) -> None:
    odd = "half \ud83d a pair"
    saved = store.generations.save(
        [
            call("good", draw=0),
            call(draw=1, answer=Answer(odd, error=odd, finish_reason=odd), texts=(odd,)),
            call("nul \0 inside", draw=2, content=odd),
        ]
    )
    assert len(saved) == 3
    assert texts(store) == ["good", "half ? a pair", "nul \0 inside"]


def test_calls_are_stored_together_or_not_at_all(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.generations.save([call(draw=0), call(draw=1, document_id=99)])
    assert store.generations.spent().calls == 0
    assert texts(store) == []


def test_what_was_spent_adds_up(store: Store) -> None:
    number = job(store)
    answers = [Answer("q", "stop", 10, 2, 8, 0.25), Answer("q", "stop", 20, 3, None, 0.5)]
    store.generations.save([call(draw=n, answer=a) for n, a in enumerate(answers)], number)
    spent = store.generations.spent(number)
    assert (spent.calls, spent.prompt_tokens, spent.completion_tokens) == (2, 30, 5)
    assert (spent.cached_tokens, spent.cost) == (8, 0.75)


def test_an_unknown_price_makes_the_sum_unknown_but_a_failed_call_does_not(store: Store) -> None:
    store.generations.save([call(draw=0), call(draw=1, answer=FAILED, reason="error")])
    assert store.generations.spent().cost == 0.01
    store.generations.save([call(draw=2, answer=Answer("q", cost=None))])
    assert store.generations.spent().cost is None


def test_nothing_spent_is_zero(store: Store) -> None:
    assert store.generations.spent(job(store)).cost == 0


def test_reasons_are_counted_and_shown_by_sample(store: Store) -> None:
    store.generations.save([call("one two", draw=n, reason="copied") for n in range(3)])
    store.generations.save([call("", draw=9, reason="empty")])
    assert store.generations.reasons() == {"copied": 3, "empty": 1}
    samples = store.generations.with_reason("copied", limit=2)
    assert [sample["answer"] for sample in samples] == ["one two"] * 2


def test_records_from_outside_need_no_call(store: Store) -> None:
    store.generations.save([call()])
    assert store.records.add([query_for(document_id=1, text="from elsewhere")]) == [2]
    assert [record.generation_id for record in store.records.all()] == [1, None]
