"""Generate with real keys: the plan and its draft, the estimate, a real run and its changes."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key
from textual.widgets import Static

from studio import servers
from studio.calls import Answer, Message, Request
from studio.jobs import queue
from studio.project import Project
from studio.records import Document
from studio.runs import JobState
from studio.store import Store
from studio.store.generations import Finished
from studio.tui.app import StudioApp
from studio.tui.dialogs.ask import Choose
from studio.tui.generate.form import DRAFT
from studio.tui.jobs.start import StartDialog
from studio.tui.pane.plan_form import read_draft
from studio.tui.widgets.form import Form
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane
from tests.support.data import queries_of
from tests.support.hostile import HOSTILE, storable, walk
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import quiet, until_shown
from tests.tui.conftest import use_endpoint

JobMaker = Callable[..., int]
LIVE = {
    "asked": 1200,
    "answered": 732,
    "records": 698,
    "tokens_in": 412_300,
    "tokens_out": 18_200,
    "tokens_cached": 204_000,
    "cost": 0.0413,
    "reasons": {"empty": 20, "no-label": 14},
    "in_flight": 8,
    "limit": 8,
    "most": 16,
    "ceiling": 64,
    "answers_s": 3.6,
    "queries_s": [1.0, 2.0, 3.0, 4.0],
    "tokens_s": [100.0, 2000.0],
}


@pytest.fixture
def slow() -> Iterator[OpenAIServer]:
    with OpenAIServer(latency_s=0.15) as server:
        yield server


@pytest.fixture
def long_run(project: Project, slow: OpenAIServer) -> Iterator[Project]:
    """A project whose plan takes a minute at one call at a time; real workers."""
    use_endpoint(project, slow.url)
    store = project.store
    store.documents.begin_import()
    store.documents.stage([Document(f"x-{n}", "", f"Rule {n} covers sheds") for n in range(60)])
    store.documents.commit_import()
    store.drafts.set(DRAFT, '{"documents": "all", "draws": "8", "concurrency": "2"}')
    opened = Project.open(project.path)
    yield opened
    for job in queue.all_jobs(opened):
        if job.state in (JobState.RUNNING, JobState.WAITING) and job.pid not in (None, os.getpid()):
            os.kill(job.pid or 0, 9)
    opened.close()


def shown(app: StudioApp, name: str) -> str:
    return str(app.screen.query_one(f"#{name}", Static).visual)


def title(app: StudioApp, name: str) -> str:
    return str(app.screen.query_one(f"#{name}", Section).border_title)


def focus_of(app: StudioApp) -> str | None:
    return app.focused.id if app.focused is not None else None


def live_job(job: JobMaker, **values: Any) -> int:
    values = {"live": json.dumps(LIVE), "pid": os.getpid(), "heartbeat": time.time(), **values}
    return job("generate", JobState.RUNNING, **values)


# -- the plan --


async def test_the_plan_says_what_it_will_take(wired: Project) -> None:
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, lambda: "tokens" in shown(app, "outlook"))
        text = shown(app, "outlook")
        assert "calls    40, estimated from 5 rendered prompts" in text
        assert "cost     unknown: the endpoint has no prices in the settings" in text
        assert "time     unknown until a run" in text
        assert focus_of(app) == "form"


async def test_the_endpoint_is_tested_with_one_key(wired: Project) -> None:
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        await pilot.press("t")
        await until_shown(pilot, lambda: any("answers as" in m.text for m in app.said))


async def test_a_stage_counts_what_it_writes_itself(project: Project, job: JobMaker) -> None:
    live = json.dumps(LIVE | {"stage": "tasks"})
    live_job(job, live=live)
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, lambda: "tasks    698 " in shown(app, "figures"))
        assert "queries" not in shown(app, "figures")


async def test_a_changed_line_is_estimated_anew_and_kept_as_a_draft(wired: Project) -> None:
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j", "enter", "2", "enter", "j", "enter", "3", "escape")
        await until_shown(pilot, lambda: "calls    6," in shown(app, "outlook"))
        assert focus_of(app) == "form"
        draft = read_draft(wired.store.drafts.get(DRAFT))
        assert (draft["documents"], draft["queries_per_document"]) == ("2", "3")
    again = StudioApp(wired, screen="generate")
    async with again.run_test(size=(80, 24)):
        assert again.screen.query_one(Form).values["documents"] == "2"


async def test_keys_typed_fast_all_arrive(wired: Project, no_workers: list[int]) -> None:
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for key in ("j", "j", "enter", *"meals", "enter", "enter", "2", "escape", "s"):
            # All at once, as a slow link hands them over.
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until_shown(pilot, lambda: no_workers)
        assert app.screen.query_one(Form).values["search"] == "meals"
        assert app.screen.query_one(Form).values["queries_per_document"] == "2"


async def test_arrows_walk_from_field_to_field(wired: Project) -> None:
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j", "enter", "down", "down")
        assert focus_of(app) == "field-queries_per_document"
        await pilot.press("up")
        assert focus_of(app) == "field-search"


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("documents", "many", "type a whole number from 1"),
        ("queries_per_document", "0", "type a whole number from 1"),
        ("temperature", "9", "type a number from 0 to 2"),
        ("budget_usd", "lots", "type a number from 0"),
        ("budget_tokens", "-1", "type a whole number from 1"),
        ("max_concurrency", "9" * 40, "type a whole number from 1"),
        ("endpoint", "http://x", "choose its model with"),
    ],
)
async def test_a_wrong_value_is_said_beside_its_line_and_nothing_starts(
    wired: Project, no_workers: list[int], name: str, typed: str, said: str
) -> None:
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(120, 30)) as pilot:
        app.screen.query_one(Form).put(name, typed)
        await pilot.press("s")
        await pilot.pause()
        line = app.screen.query_one(f"#line-{name} .form-hint", Static)
        assert said in str(line.visual)
        fields = app.screen.query_one(Form).fields
        label = next(one.option.label for one in fields if one.name == name)
        assert shown(app, "outlook").startswith(label)
        assert no_workers == []


async def test_a_server_and_a_cap_are_the_persons_once_they_are_typed(wired: Project) -> None:
    import json

    given, typed = "http://given.example/v1", "http://typed.example/v1"
    wired.store.drafts.set(DRAFT, json.dumps({"endpoint": f"{given} m", "budget_usd": "9"}))
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(120, 30)) as pilot:
        await quiet(pilot)
        form = app.screen.query_one(Form)
        form.put("endpoint", f"{given} another")
        await pilot.pause()
        assert not servers.are_named([given])
        assert not wired.was_said("budget_usd = 9.0")
        form.put("endpoint", f"{typed} m")
        form.put("budget_usd", "7")
        await pilot.pause()
        assert servers.are_named([typed])
        assert wired.was_said("budget_usd = 7.0")
        form.put("endpoint", "http://me:hunter22@box/v1 m")
        app.flush_all()
        assert "hunter22" not in (wired.store.drafts.get(DRAFT) or "")


async def test_what_a_plan_lacks_is_said_where_the_estimate_stands(wired: Project) -> None:
    wired.store.drafts.set(DRAFT, '{"usd": "2"}')
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, lambda: "a cap in dollars cannot hold" in shown(app, "outlook"))
        assert "calls" not in shown(app, "outlook")
        app.screen.query_one(Form).put("budget_usd", "")
        app.screen.query_one(Form).put("search", "zzzz")
        await until_shown(pilot, lambda: "No document matches 'zzzz'" in shown(app, "outlook"))
        assert "calls" not in shown(app, "outlook")


async def test_a_cap_below_the_estimate_is_told(wired: Project) -> None:
    wired.store.drafts.set(DRAFT, '{"tokens": "500"}')
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, lambda: "The cap will stop it at about" in shown(app, "outlook"))
        shares = re.search(r"at about (\d+)–(\d+)% of its requests", shown(app, "outlook"))
        assert shares is not None
        assert 0 < int(shares[1]) <= int(shares[2]) < 100


async def test_an_empty_project_says_what_to_do(tmp_path: Path) -> None:
    empty = Project.create(tmp_path / "empty")
    app = StudioApp(empty, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, lambda: "no prompt yet" in shown(app, "outlook"))
        assert "2 writes one" in title(app, "form-section")
        await pilot.press("s")
        await pilot.pause()
        assert empty.store.jobs.all() == []
    empty.close()


async def test_the_endpoint_is_chosen_from_a_list(wired: Project) -> None:
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("o")
        await until_shown(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("j", "enter")
        await until_shown(pilot, lambda: not isinstance(app.screen, Choose))
        assert app.screen.query_one(Form).values["endpoint"].startswith("embedded:")


async def test_an_address_alone_lists_the_models_that_are_served_there(wired: Project) -> None:
    app = StudioApp(wired, screen="generate")
    with OpenAIServer(models=("lark-8b", "wren-1b")) as server:
        async with app.run_test(size=(100, 30)) as pilot:
            form = app.screen.query_one(Form)
            form.go_to("endpoint")
            await pilot.press("enter", "ctrl+u", *server.url, "enter")
            await until_shown(pilot, lambda: any("offers 2 models" in m.text for m in app.said))
            await pilot.press("k", "right", "right")
            assert form.values["endpoint"] == f"{server.url} wren-1b"


async def test_another_studios_draft_shows_up(wired: Project) -> None:
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        other = Store(wired.store.path)
        other.drafts.set(DRAFT, '{"documents": "2"}')
        other.close()
        await until_shown(pilot, lambda: "calls    16," in shown(app, "outlook"))
        assert app.screen.query_one(Form).values["documents"] == "2"


@pytest.mark.parametrize("key", ["s", "ctrl+g"])
async def test_one_key_starts_the_run_with_the_typed_params(
    wired: Project, no_workers: list[int], key: str
) -> None:
    typed = '{"documents": "4", "draws": "2", "temperature": "0.3", "tokens": "9000", '
    wired.store.drafts.set(DRAFT, typed + '"concurrency": "5"}')
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        await pilot.pause()
        made = wired.store.jobs.all()[0]
        assert no_workers == [made.id]
        wanted = {
            "documents": 4,
            "queries_per_document": 2,
            "temperature": 0.3,
            "budget_tokens": 9000,
            "max_concurrency": 5,
            "endpoint": "stand-in",
        }
        assert wanted.items() <= made.params.items()
        assert "waiting" in title(app, "figures-section")


async def test_enter_on_the_last_line_starts_too(wired: Project, no_workers: list[int]) -> None:
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("G", "enter")
        await pilot.pause()
        assert len(no_workers) == 1


# -- the run --


async def test_a_run_of_any_terminal_is_watched(project: Project, job: JobMaker) -> None:
    job_id = live_job(job, params={"budget_usd": 2.0})
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        text = shown(app, "figures")
        assert title(app, "figures-section") == f"generate {job_id} · ● running"
        assert "61%  732 of 1,200 calls · 2 min left" in text or "130 s left" in text
        assert "698 · 95% of the answers parsed · 2.5/s ▃▅▇█" in text
        assert "412,300 in, 18,200 out, 204,000 cached" in text
        assert "$0.0413 of at most $2.00" in text
        assert "8 in flight, at most 16 at a time (+ −) · 8 now, more as" in text
        assert "p pauses" in shown(app, "next")


async def test_a_batch_is_chosen_estimated_and_started_by_keys(
    wired: Project, no_workers: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STUDIO_CONFIG", str(tmp_path))
    (tmp_path / "prices.toml").write_text('["127.0.0.1"]\nbatch = 0.5\n"stand-in" = [1.0, 2.0]\n')
    app = StudioApp(wired, screen="generate")
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, lambda: "prices of yours" in shown(app, "outlook"))
        whole = re.search(r"cost +\$(\S+)", shown(app, "outlook"))
        await pilot.press("G", "k", "k", "right")
        await until_shown(pilot, lambda: "halved for a batch" in shown(app, "outlook"))
        half = re.search(r"cost +\$(\S+)", shown(app, "outlook"))
        assert whole and half  # noqa: PT018
        assert float(half[1]) == pytest.approx(float(whole[1]) / 2, rel=0.02)
        await pilot.press("s")
        await until_shown(pilot, lambda: no_workers)
    assert queue.get(wired, no_workers[0]).params["engine"] == "batch"


async def test_a_batch_says_how_far_it_is(project: Project, job: JobMaker) -> None:
    import json

    live = json.dumps({**LIVE, "answered": 0, "note": "in the batch: 120 of 500 done"})
    live_job(job, params={"engine": "batch"}, live=live)
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "calls    in the batch: 120 of 500 done" in shown(app, "figures")
        assert "x cancels the batch" in shown(app, "next")
        await pilot.press("plus")
        assert "its server decides" in list(app.said)[-1].text


async def test_a_run_that_begins_elsewhere_comes_to_the_front(
    project: Project, job: JobMaker
) -> None:
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        live_job(job)
        app.screen.store_changed()  # type: ignore[attr-defined]
        await pilot.pause()
        assert focus_of(app) == "newest"
        await pilot.press("n")
        assert focus_of(app) == "form"
        assert "w watches it" in shown(app, "last")
        await pilot.press("w")
        assert focus_of(app) == "newest"


async def test_dropped_answers_are_shown_by_reason(project: Project, job: JobMaker) -> None:
    job_id = live_job(job)
    for number, (reason, answer) in enumerate(
        [("empty", ""), ("no-label", "Sure! Here is 税务"), ("no-label", "I cannot do that")]
    ):
        request = Request((Message("user", f"x{number}"),), "m", document_id=number + 1)
        project.store.generations.save([Finished(request, Answer(answer), reason, ())], job_id)
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("d")
        answers = app.screen.query_one("#answers", TextPane)
        await until_shown(pilot, lambda: "(an empty answer)" in answers.plain)
        await pilot.press("j")
        await until_shown(pilot, lambda: "I cannot do that" in answers.plain)
        assert "t-2 · ended by stop\nSure! Here is 税务" in answers.plain
        assert title(app, "stream-section") == "Newest answers dropped as no-label"
        await pilot.press("enter")
        assert focus_of(app) == "answers"
        await pilot.press("escape")
        assert focus_of(app) == "drops"
        await pilot.press("escape")
        assert focus_of(app) == "newest"


async def test_new_queries_stream_by_and_enter_opens_one_in_review(
    project: Project, job: JobMaker
) -> None:
    job_id = live_job(job)
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(120, 40)) as pilot:
        newest = app.screen.query_one("#newest", RowList)
        for number in range(3):
            request = Request((Message("user", f"q{number}"),), "m", document_id=1)
            made = Finished(request, Answer("a"), "", queries_of(request, f"query {number} 🍜"))
            project.store.generations.save([made], job_id)
            app.screen.store_changed()  # type: ignore[attr-defined]
            await until_shown(pilot, lambda n=number: len(newest.rows) == n + 1)
        assert newest.rows[0].cells == ("query 2 🍜", "Home office")
        assert newest.cursor == 0
        await pilot.press("enter")
        await quiet(pilot)
        assert app.current_mode == "review"


async def test_a_run_is_started_paused_changed_and_cancelled_by_keys(
    long_run: Project, slow: OpenAIServer
) -> None:
    app = StudioApp(long_run, screen="generate")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        await until_shown(pilot, lambda: slow.calls > 4)
        await pilot.press("p")
        await until_shown(pilot, lambda: title(app, "figures-section").endswith("‖ paused"))
        await until_shown(pilot, lambda: "0 in flight" in shown(app, "figures"))
        calls = slow.calls
        await pilot.pause(2)
        assert slow.calls == calls
        assert "p goes on" in shown(app, "next")
        await pilot.press("p")
        await until_shown(pilot, lambda: slow.calls > calls)
        assert slow.most_in_flight == 2
        await pilot.press("plus", "plus", "plus")
        await until_shown(pilot, lambda: slow.in_flight == 6)
        await pilot.press("minus", "minus", "minus", "minus")
        job_id = long_run.store.jobs.all()[0].id
        assert queue.get(long_run, job_id).concurrency == 1
        await pilot.press("c")
        await until_shown(pilot, lambda: "cancelled" in title(app, "figures-section"))
        assert "r goes on" in shown(app, "next")
        calls = slow.calls
        await pilot.press("r")
        await until_shown(pilot, lambda: slow.calls > calls)
        assert max(slow.paid.bodies.values()) == 1
        await pilot.press("c")
        await until_shown(pilot, lambda: "cancelled" in title(app, "figures-section"))


async def test_concurrency_stops_at_what_the_endpoint_allows(
    project: Project, job: JobMaker
) -> None:
    job_id = live_job(job, concurrency=64)
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("plus")
        assert "the most that the endpoint" in list(app.said)[-1].text
        project.store.jobs.set_concurrency(job_id, 1)
        app.screen.store_changed()  # type: ignore[attr-defined]
        await pilot.press("minus")
        assert "the fewest" in list(app.said)[-1].text


async def test_a_dead_worker_shows_by_itself_and_r_resumes(
    project: Project, job: JobMaker, no_workers: list[int]
) -> None:
    job_id = live_job(job, pid=2**22 - 1)
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("w")
        await until_shown(pilot, lambda: "interrupted" in title(app, "figures-section"))
        assert "no stored answer is paid again" in shown(app, "next")
        await pilot.press("r")
        assert no_workers == [job_id]


async def test_the_last_run_stays_with_its_result_and_what_comes_next(
    project: Project, job: JobMaker
) -> None:
    result = {
        "requests": 40,
        "generated": 31,
        "generation_drops": {"empty": 9},
        "spent": {"prompt_tokens": 900, "completion_tokens": 80, "cost": None},
    }
    done = job("generate", JobState.DONE, result=result)
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert f"generate {done} · ✓ done · 31 queries" in shown(app, "last")
        assert "f filters the queries · 4 reviews them" in shown(app, "last")
        await pilot.press("w")
        assert "31 · 78% of the answers parsed" in shown(app, "figures")
        assert "unknown" in shown(app, "figures")
        await pilot.press("f")
        await until_shown(pilot, lambda: isinstance(app.screen, StartDialog))


async def test_a_failed_run_says_why_where_it_is_watched(project: Project, job: JobMaker) -> None:
    failed = job("generate", JobState.FAILED, message="The endpoint 税务 is down.")
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await app.go("generate", job=failed)
        await quiet(pilot)
        assert "The endpoint 税务 is down. Fix that, then r" in shown(app, "next")


async def test_a_run_that_met_its_cap_says_how_to_go_on(project: Project, job: JobMaker) -> None:
    capped = {"generated": 3, "stopped_by": "budget"}
    params = {"budget_usd": 0.0145}
    job("generate", JobState.FAILED, result=capped, message="The cap was reached.", params=params)
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("w")
        assert "The cap was reached. r goes on with a higher cap" in shown(app, "next")
        await pilot.press("r", *"0.0145", "enter")
        assert "It reached $0.0145: type more." in str(app.screen.query_one("#hint").render())


async def test_faulty_figures_of_a_strangers_file_do_no_harm(
    project: Project, job: JobMaker
) -> None:
    import json

    live = {"asked": "x", "answered": [], "reasons": {"a": "b"}, "queries_s": ["x"], "cost": {}}
    job("generate", JobState.CANCELLED, live=json.dumps(live))
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("w")
        assert "unknown" in shown(app, "figures")


# -- text from outside --


async def test_hostile_text_in_queries_answers_notes_and_messages(
    project: Project, job: JobMaker
) -> None:
    import json

    texts = [storable(text) for text in HOSTILE.values()]
    together = "".join(text[:60] for text in texts)
    store = project.store
    store.documents.begin_import()
    store.documents.stage([Document("id" + text[:300], text, "text " + text) for text in texts])
    store.documents.commit_import()
    store.drafts.set(DRAFT, json.dumps({"search": together, "endpoint": together}))
    live = {**LIVE, "note": together, "reasons": {text[:50]: 3 for text in texts}}
    job_id = live_job(job, live=json.dumps(live), message=together)
    for number, text in enumerate(texts):
        for reason in ("", text[:50]):
            request = Request((Message("user", f"{number} {reason}"),), "m", document_id=9 + number)
            made = Finished(
                request, Answer(text), reason, () if reason else queries_of(request, text)
            )
            store.generations.save([made], job_id)
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await walk(pilot, "d", *"jjjjjjjjjjjjjjj", "enter", "escape", "escape", *"jjj", "n", "j")
        await walk(pilot, "enter", "escape", "j", "j", "enter", "escape")
        with store.write() as conn:
            conn.execute("UPDATE jobs SET state = 'failed' WHERE id = ?", (job_id,))
        app.screen.store_changed()  # type: ignore[attr-defined]
        await walk(pilot, "w", "question_mark")
        assert store.records.newest_of_job(job_id, 1)[0].text == texts[-1]
