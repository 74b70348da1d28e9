"""The running score of the Prompt pane: every figure with its n, its range and its price."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.events import Key

from studio.project import Project
from studio.tui.app import StudioApp
from studio.tui.prompt import score
from studio.tui.prompt.column import LIVE_OFF
from studio.tui.prompt.sampling import Outcome
from tests.support.openai_server import OpenAIServer
from tests.support.prompt_pane import score_of, settled, states, streams, title_of
from tests.support.waiting import quiet, until_shown
from tests.support.work_time import slowness

GOOD = Outcome(("how do i deduct a room",), "", "raw", 0.001, hit=True)
LONG_ANSWER = "what about " + " ".join(f"word{n}" for n in range(800))


@pytest.fixture
def app(wired: Project) -> StudioApp:
    return StudioApp(wired, screen="prompt")


@pytest.fixture
def slow_llm() -> Iterator[OpenAIServer]:
    with OpenAIServer(token_s=0.2, words=lambda _body: LONG_ANSWER) as server:
        yield server


def wire(project: Project, *servers: OpenAIServer, price: float | None = None) -> Project:
    lines = ['endpoint = "s0"']
    for number, server in enumerate(servers):
        lines += [f"[endpoints.s{number}]", f'base_url = "{server.url}"', 'model = "stand-in"']
        lines += [f"price_in = {price}", f"price_out = {price}"] if price is not None else []
    (project.path / "studio.toml").write_text("\n".join(lines), "utf-8")
    return Project.open(project.path)


def test_an_interval_is_honest_about_few_and_about_all() -> None:
    assert score.rate(3, 3) == "3/3 100% (44–100)"
    assert score.rate(90, 100) == "90/100 90% (83–94)"
    assert score.rate(0, 0) == "—"
    assert score.wilson(0, 0) == (0.0, 1.0)


def test_differences_that_luck_makes_are_called_luck() -> None:
    assert score.mcnemar(0, 0) == 1.0
    assert score.mcnemar(1, 2) == 1.0
    assert score.mcnemar(0, 6) == pytest.approx(0.03125)


def test_the_price_of_1000_kept_follows_what_is_kept() -> None:
    lost = replace(GOOD, hit=False)
    assert score.cost([GOOD, GOOD]) == "$1.00 (1.00–2.92)"
    assert score.cost([GOOD, lost]).startswith("$2.00")
    assert score.cost([lost]) == "none kept yet"
    assert score.cost([replace(GOOD, cost=None)]) == "price unknown"
    assert score.cost([replace(GOOD, cost=0.0)]) == "0, it is free"
    assert score.cost([]) == "—"


def test_repeated_queries_and_word_pairs_are_told() -> None:
    assert score.distinct(["how do i", "how do i"]) == "1/2 · word pairs 50%"
    assert score.distinct(["押金", "退货"]) == "2/2 · word pairs 100%"
    assert score.distinct(["网"]) == "1/1"


def test_two_sides_are_told_apart_only_by_what_both_were_asked() -> None:
    first = {(1, 0): GOOD, (2, 0): replace(GOOD, hit=False), (3, 0): GOOD}
    second = {(1, 0): GOOD, (2, 0): GOOD}
    shown = next(m for m in score.measures([first, second], []) if m.name == "found by it alone")
    assert shown.values == ("0", "1 · p = 1.00, luck?", "")


def test_the_table_is_aligned_by_cells_whatever_the_script() -> None:
    side = {
        (1, 0): replace(GOOD, texts=("网上买的衣服",)),
        (2, 0): replace(GOOD, texts=("押金 🧾",)),
    }
    examples = ["怎么退", "how"]
    heads = ["n = 2", "v1 房东不退押金怎么办呢这个名字很长很长", "your examples"]
    lines = score.table(score.measures([side], examples), heads, 60)
    assert all(cell_len(line) <= 60 for line in lines)
    words = next(line for line in lines if line.startswith("words"))
    column = cell_len(lines[0].partition("your examples")[0])
    assert cell_len(words[: words.index("2.0")]) == column


async def test_the_pane_says_that_n_3_is_too_few(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await until_shown(pilot, lambda: "3/3" in score_of(app).partition("round trip")[2][:30])
        assert "n = 3: too few to judge by" in title_of(app, "score-section")
        for name in ("parsed", "words", "first words", "distinct", "$ per 1,000 kept"):
            assert name in score_of(app)
        assert "price unknown" in score_of(app)


async def test_m_asks_about_further_documents_behind_the_scenes(
    app: StudioApp, llm: OpenAIServer
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        shown = [cell.sha for cell in streams(app).cells]
        assert "m asks 2 more (price unknown)" in title_of(app, "score-section")
        await pilot.press("m")
        await until_shown(pilot, lambda: "n = 5" in title_of(app, "score-section"))
        assert llm.paid.calls == 5
        assert [cell.sha for cell in streams(app).cells] == shown
        await pilot.press("m")
        await quiet(pilot)
        assert llm.paid.calls == 5


async def test_what_more_costs_is_said_before_it_is_asked(project: Project) -> None:
    with OpenAIServer() as server:
        opened = wire(project, server, price=10.0)
        app = StudioApp(opened, screen="prompt")
        async with app.run_test(size=(120, 40)) as pilot:
            await until_shown(pilot, lambda: set(states(app)) == {LIVE_OFF})
            # What has a price is not asked because a pane was opened.
            assert server.paid.calls == 0
            await pilot.press("p")
            await settled(pilot)
            await until_shown(pilot, lambda: "asks 2 more" in title_of(app, "score-section"))
            title = title_of(app, "score-section")
            most = float(title.partition("at most $")[2].partition(")")[0])
            before = opened.store.generations.spent().cost
            await pilot.press("m")
            await until_shown(pilot, lambda: server.paid.calls == 5)
            await until_shown(pilot, lambda: "n = 5" in title_of(app, "score-section"))
            after = opened.store.generations.spent().cost
            assert before is not None
            assert after is not None
            assert 0 < after - before <= most
            assert "$" in score_of(app).partition("$ per 1,000 kept")[2]
        opened.close()


@pytest.mark.parametrize("key", ["escape", "p"])
async def test_more_can_be_stopped_and_closes_its_connections(
    project: Project, slow_llm: OpenAIServer, key: str
) -> None:
    opened = wire(project, slow_llm)
    app = StudioApp(opened, screen="prompt")
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, lambda: slow_llm.in_flight == 3)
        await pilot.press("p")
        await until_shown(pilot, lambda: slow_llm.in_flight == 0)
        await pilot.press("m")
        await until_shown(pilot, lambda: slow_llm.in_flight >= 3)
        assert "under way · esc stops" in title_of(app, "score-section")
        await pilot.press(key)
        await until_shown(pilot, lambda: slow_llm.in_flight == 0)
        assert streams(app).busy == 0
    opened.close()


async def test_the_score_outlives_a_restart(wired: Project, llm: OpenAIServer) -> None:
    for _ in range(2):
        app = StudioApp(wired, screen="prompt")
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            await pilot.press("m")
            await until_shown(pilot, lambda app=app: "n = 5" in title_of(app, "score-section"))
    assert llm.paid.calls == 5


async def test_an_answer_without_a_query_is_counted_with_its_reason(project: Project) -> None:
    with OpenAIServer(words=lambda _body: "") as server:
        app = StudioApp(wire(project, server), screen="prompt")
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            await until_shown(pilot, lambda: "3 empty" in score_of(app))
            assert "0/3 0% (0–56)" in score_of(app)
            assert "✗ no query: empty" in str(app.screen.query_one("#stream-0")._body.render())  # type: ignore[attr-defined]


async def test_a_failed_call_is_no_outcome_and_is_asked_again(
    wired: Project, llm: OpenAIServer
) -> None:
    llm.fail_next("error", "error", "error")
    app = StudioApp(wired, screen="prompt")
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, lambda: all("stand-in" in state for state in states(app)))
        assert "No generation" in score_of(app)
        await pilot.press("r")
        await settled(pilot)
        assert llm.paid.calls == 3
        assert streams(app).cells[0].planned.request.draw == 0  # type: ignore[union-attr]


async def test_keys_answer_while_six_columns_stream(project: Project) -> None:
    """50 tokens a second each: the median key takes no more than 50 ms of work."""
    with OpenAIServer(token_s=0.02, words=lambda _body: LONG_ANSWER) as server:
        opened = wire(project, server)
        first = opened.store.prompts.all()[0].template.replace("= 64", "= 900")
        opened.store.prompts.save("x", first + "\nBe brief.", "brief")
        opened.store.drafts.set("prompt", first)
        # However long the keys take here, no answer comes to its end before them.
        server.stall(after=LONG_ANSWER.count(" ") - 50)
        app = StudioApp(opened, screen="prompt")
        async with app.run_test(size=(120, 40)) as pilot:
            await quiet(pilot)
            await pilot.press("c", "enter")
            await until_shown(pilot, lambda: states(app, 2).count("streaming") == 6)
            times = [await key_time(app, "l") for _ in range(30)]
            assert states(app, 2).count("streaming") == 6
            assert sorted(times)[15] < 0.1 * slowness()
        opened.close()


async def key_time(app: StudioApp, key: str) -> float:
    """Processor seconds of the screens until the key has moved the focus."""
    before, started = app.focused, time.thread_time()
    app.post_message(Key(key, key))
    while app.focused is before:
        await asyncio.sleep(0.0005)
    taken = time.thread_time() - started
    await asyncio.sleep(0.03)
    return taken
