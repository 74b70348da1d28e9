"""Rounds with real keys: judging, editing, asking again, rounds, figures, and a whole real run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static
from typer.testing import CliRunner

from studio.cli.app import app as cli
from studio.jobs import queue
from studio.project import Project
from studio.records import Document
from studio.runs import JobState, RoundError
from studio.store import Store
from studio.tui.app import StudioApp
from studio.tui.dialogs.ask import Choose
from studio.tui.pane.plan_form import read_draft
from studio.tui.plots.curves import Curves
from studio.tui.rounds.form import DRAFT
from studio.tui.rounds.pane import RoundsPane
from studio.tui.rounds.plan import lacking
from studio.tui.widgets.bars import KeyBar
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.form import Form
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane
from studio.tui.widgets.virtual_rows import VirtualRows
from tests.support import labelled_project as rule
from tests.support import rounds
from tests.support.data import gold_pair, gold_query, gold_question, gold_text
from tests.support.hostile import HOSTILE, assert_harmless, storable
from tests.support.openai_server import OpenAIServer
from tests.support.tiny_encoder import bert_encoder
from tests.support.waiting import quiet, until_shown
from tests.support.work_time import slowness
from tests.tui.conftest import use_endpoint

SIZE = (120, 40)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Project]:
    """Labels and gold, and no run yet."""
    found = rounds.project(tmp_path / "opinions")
    yield found
    found.close()


def says(_body: dict[str, Any]) -> str:
    return "an even gentler film that wants no tears from anybody at all"


@pytest.fixture
def llm() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=says, token_s=0.02) as server:
        yield server


@pytest.fixture
def wired(made: Project, llm: OpenAIServer) -> Iterator[Project]:
    """The project with that server as its endpoint."""
    use_endpoint(made, llm.url)
    found = Project.open(made.path)
    yield found
    found.close()


def pane(app: StudioApp) -> RoundsPane:
    assert isinstance(app.screen, RoundsPane)
    return app.screen


def shown(app: StudioApp, name: str) -> str:
    return str(app.screen.query_one(f"#{name}", Static).visual)


def title(app: StudioApp, name: str) -> str:
    return str(app.screen.query_one(f"#{name}-section", Section).border_title)


def sheet(app: StudioApp) -> str:
    return str(app.screen.query_one("#error", TextPane)._body.visual)


def listed(app: StudioApp) -> list[tuple[str, ...]]:
    return [row.cells for row in app.screen.query_one("#additions", RowList).rows]


def errors(app: StudioApp) -> VirtualRows[Any]:
    return app.screen.query_one("#errors", VirtualRows)


def kept(project: Project, run: int, number: int) -> tuple[int, int]:
    """Of the texts that a round is the first to train on."""
    counts = project.store.records.run_counts(run)
    return counts[("extrapolation", number - 1) if number else ("seed", 0)]


async def ready(pilot: Pilot[int]) -> StudioApp:
    """Wait for the first error to be read whole."""
    app = pilot.app
    assert isinstance(app, StudioApp)
    await until_shown(pilot, lambda: "predicted" in sheet(app) or "right document" in sheet(app))
    return app


# -- what is shown --


async def test_errors_stand_beside_what_was_written_from_them(made: Project) -> None:
    rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        assert title(app, "errors") == "Errors of round 0: 5"
        assert errors(app).count == 5
        text = sheet(app)
        assert "label: pos (a positive opinion)" in text
        assert "predicted: neg (a negative opinion)" in text
        assert "confidence █ 93%" in text
        assert listed(app) == [("✓", "a gentle film that never asks for pity", "kept")]
        await pilot.press("j", "j", "j")
        await until_shown(pilot, lambda: listed(app)[:1] and listed(app)[0][2] == "copied")
        assert "waits for you" in title(app, "where")
        assert "A approves all 3 extrapolations" in shown(app, "next")


async def test_reasons_and_seed_texts_are_seen_as_they_are_written(made: Project) -> None:
    run = rounds.beginning(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = pilot.app
        assert isinstance(app, StudioApp)
        await until_shown(pilot, lambda: "why neg: two hours that felt like four" in sheet(app))
        assert title(app, "error") == "Reasons: 2"
        other = Project.open(made.path)
        rounds.seeded(other, run, 3)
        other.close()
        await until_shown(pilot, lambda: "seed text 2" in sheet(app))
        assert sheet(app).index("seed text 2") < sheet(app).index("seed text 0")
        assert title(app, "error") == "Seed texts: 3, the newest first"


async def test_an_error_that_nothing_was_written_from_says_which_key_asks(made: Project) -> None:
    rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("G")
        await until_shown(pilot, lambda: title(app, "error").startswith("Error 5"))
        assert listed(app) == []
        assert "n asks" in title(app, "additions")


async def test_what_a_worker_writes_streams_in_beside_the_error(made: Project) -> None:
    run = rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("G")
        await until_shown(pilot, lambda: title(app, "error").startswith("Error 5"))
        error = errors(app).current.id
        other = Project.open(made.path)
        item = rounds.extrapolated("one more remake", "neg", run, 0, 4, error)
        other.store.records.add([item])
        other.close()
        await until_shown(pilot, lambda: listed(app) == [("✓", "one more remake", "kept")])
        # The list beside it pages on its own.
        await until_shown(pilot, lambda: (one := errors(app).current) is not None and one.made == 1)


# -- judging --


async def test_a_approves_r_rejects_and_both_go_on(made: Project) -> None:
    run = rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("r", "a")
        await until_shown(pilot, lambda: title(app, "error").startswith("Error 3"))
        assert kept(made, run, 1) == (2, 2)
        assert made.store.records.run_reasons(run, "extrapolation", 0) == {"person": 1, "copied": 1}
        await pilot.press("k")
        await until_shown(pilot, lambda: listed(app) and listed(app)[0][2] == "approved")


async def test_keys_typed_fast_judge_one_error_after_the_other(made: Project) -> None:
    run = rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press(*"rrr")
        await until_shown(pilot, lambda: title(app, "error").startswith("Error 4"))
        assert kept(made, run, 1) == (0, 4)


async def test_a_dropped_one_can_be_let_in_and_undone(made: Project) -> None:
    run = rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("j", "j", "j")
        await until_shown(pilot, lambda: title(app, "error").startswith("Error 4"))
        await pilot.press("a")
        await until_shown(pilot, lambda: kept(made, run, 1) == (4, 0))
        await pilot.press("u")
        await until_shown(pilot, lambda: kept(made, run, 1) == (3, 1))
        await until_shown(pilot, lambda: title(app, "error").startswith("Error 4"))
        assert listed(app)[0][2] == "copied"
        await pilot.press("U")
        await until_shown(pilot, lambda: kept(made, run, 1) == (4, 0))


async def test_undo_finds_its_way_back_after_a_restart(made: Project) -> None:
    run = rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("r")
        await until_shown(pilot, lambda: kept(made, run, 1) == (2, 2))
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("j", "u")
        await until_shown(pilot, lambda: kept(made, run, 1) == (3, 1))
        await until_shown(pilot, lambda: title(app, "error").startswith("Error 1"))


async def test_judging_where_nothing_is_says_what_to_press(made: Project) -> None:
    rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("G", "a", "e")
        await pilot.pause()
        told = [one.text for one in app.said]
        assert any("n asks the LLM" in text for text in told)
        assert any("no extrapolation here to edit" in text for text in told)


async def test_an_edit_is_kept_and_undone(made: Project) -> None:
    rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=(80, 24)) as pilot:
        app = await ready(pilot)
        await pilot.press("e", *" indeed", "escape")
        await until_shown(pilot, lambda: listed(app)[0][1].endswith("pity indeed"))
        assert not app.screen.query_one("#edit-section").has_class("-open")
        await pilot.press("u")
        await until_shown(pilot, lambda: listed(app)[0][1].endswith("pity"))


async def test_a_note_on_an_extrapolation_is_shown_and_undone(made: Project) -> None:
    run = rounds.resting(made)
    item = next(made.store.records.of_stage(run, "extrapolation"))
    async with StudioApp(made, screen="rounds").run_test(size=(80, 24)) as pilot:
        app = await ready(pilot)
        await pilot.press("m", *"too mild", "escape")
        await until_shown(pilot, lambda: "❞ too mild" in sheet(app))
        assert "❞" in listed(app)[0][-1]
        assert made.store.records.get(item.id).note == "too mild"  # type: ignore[union-attr]
        await pilot.press("u")
        await pilot.pause(1)
        print([one.text for one in app.said], made.store.records.get(item.id))
        await until_shown(pilot, lambda: "❞" not in listed(app)[0][-1])


async def test_an_edit_of_somebody_else_meanwhile_is_told_of_and_kept(made: Project) -> None:
    run = rounds.resting(made)
    item = next(made.store.records.of_stage(run, "extrapolation"))
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("e", "!")
        other = Store(made.store.path)
        other.review.edit(item.id, "bo's words", "bo")
        other.close()
        await pilot.press("escape")
        await until_shown(pilot, lambda: listed(app)[0][1].endswith("pity!"))
        told = [one.text for one in app.said]
        assert any(f"Somebody else has edited record {item.id}" in text for text in told)
        await pilot.press("u")
        await until_shown(pilot, lambda: listed(app)[0][1] == "bo's words")


async def test_what_is_typed_outlives_a_kill(made: Project) -> None:
    run = rounds.resting(made)
    item = next(made.store.records.of_stage(run, "extrapolation"))
    made.store.drafts.set(f"review-edit:{item.id}:999999", "typed before the lights went out")
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await until_shown(pilot, lambda: listed(app) and "lights went out" in listed(app)[0][1])


async def test_quitting_writes_the_edit(made: Project) -> None:
    rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("e", "!", "ctrl+q")
        await pilot.pause()
        assert app.return_code == 0
    texts = [one.text for one in made.store.records.of_stage(1, "extrapolation")]
    assert "a gentle film that never asks for pity!" in texts


async def test_all_are_approved_and_the_run_goes_on(made: Project, no_workers: list[int]) -> None:
    run = rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("A")
        await until_shown(pilot, lambda: no_workers)
        job = queue.get(made, no_workers[0])
        assert (job.kind, job.params["run_id"]) == ("s3", run)
        assert made.store.runs.rounds(run)[0].stage == "merged"
        await until_shown(pilot, lambda: "worker starts" in shown(app, "now"))
        await pilot.press("A")
        await pilot.pause()
        assert len(no_workers) == 1


# -- asking again --


async def test_one_more_is_written_live_and_stored_once(wired: Project, llm: OpenAIServer) -> None:
    llm.token_s = 0.1  # so that a look comes in time, however busy the machine
    run = rounds.resting(wired)
    async with StudioApp(wired, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("n")
        await until_shown(
            pilot, lambda: listed(app)[-1][0] == "▶" and "gentler" in listed(app)[-1][1]
        )
        await until_shown(pilot, lambda: listed(app)[-1][2] == "kept")
        assert len(listed(app)) == 2
        added = [*wired.store.records.of_stage(run, "extrapolation")][-1]
        assert added.fields == {"text": says({}), "label": "pos"}
        assert added.place >= 5, "a place that the worker may still fill"
        generation = wired.store.generations.get(added.generation_id or 0)
        assert generation is not None
        assert generation.answer.text == says({})
        assert "begs for tears" in generation.request.messages[-1].content
        assert llm.paid.calls == 1


async def test_a_second_one_is_another_request_and_its_repetition_is_dropped(
    wired: Project, llm: OpenAIServer
) -> None:
    run = rounds.resting(wired)
    async with StudioApp(wired, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("n")
        await until_shown(pilot, lambda: len(listed(app)) == 2 and listed(app)[-1][2] == "kept")
        await pilot.press("n")
        await until_shown(
            pilot, lambda: len(listed(app)) == 3 and listed(app)[-1][2] == "duplicate"
        )
        assert llm.paid.calls == 2
        assert max(llm.paid.bodies.values()) == 1
        assert kept(wired, run, 1) == (4, 2)


async def test_what_is_too_near_gold_test_is_dropped(wired: Project, llm: OpenAIServer) -> None:
    wired.store.gold.add([gold_text(says({}) + " now", "pos", "test", "leak")])
    rounds.resting(wired)
    async with StudioApp(wired, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("n")
        await until_shown(
            pilot, lambda: len(listed(app)) == 2 and listed(app)[-1][2] == "test-leak"
        )


async def test_keys_do_not_wait_while_an_answer_streams(wired: Project, llm: OpenAIServer) -> None:
    rounds.resting(wired)
    async with StudioApp(wired, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        llm.stall(after=3)
        await pilot.press("n")
        await until_shown(
            pilot, lambda: listed(app)[-1][0] == "▶" and "gentler" in listed(app)[-1][1]
        )
        for place in (1, 2, 3, 2, 1, 0):
            await pilot.press("j" if place > errors(app).cursor else "k")
            assert errors(app).cursor == place, "keys wait for the stream"
        llm.release()
        await until_shown(pilot, lambda: listed(app)[-1][2] == "kept")


async def test_an_endpoint_that_is_down_is_told_and_nothing_is_stored(
    wired: Project, llm: OpenAIServer
) -> None:
    llm.always = "wrong-key"
    run = rounds.resting(wired)
    async with StudioApp(wired, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("n")
        await until_shown(pilot, lambda: any(one.bad for one in app.said))
        await until_shown(pilot, lambda: len(listed(app)) == 1)
        assert kept(wired, run, 1) == (3, 1)


async def test_a_round_that_was_trained_on_is_not_asked_again(wired: Project) -> None:
    rounds.two_rounds(wired)
    async with StudioApp(wired, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        assert "no round follows" in app.screen.query_one("#additions", RowList).empty
        await pilot.press("n")
        await until_shown(pilot, lambda: any("No round follows" in one.text for one in app.said))
        await pilot.press("left_square_bracket", "n")
        await until_shown(pilot, lambda: any("already trained" in one.text for one in app.said))


# -- reading --


async def test_words_that_differ_carry_signs(made: Project) -> None:
    rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("w")
        assert "a [-warm-] film that never [-begs-] for [-tears-]" in sheet(app)
        assert "a {+gentle+} film that never {+asks+} for {+pity+}" in sheet(app)
        await pilot.press("w")
        assert "[-" not in sheet(app)


async def test_brackets_walk_the_rounds(made: Project) -> None:
    rounds.two_rounds(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        assert title(app, "errors").startswith("Errors of round 2: 1")
        await pilot.press("left_square_bracket")
        await until_shown(
            pilot, lambda: title(app, "errors").startswith("Errors of round 1 of 2: 2")
        )
        await pilot.press("left_square_bracket")
        await until_shown(pilot, lambda: errors(app).count == 4)
        await pilot.press("left_square_bracket")
        await until_shown(pilot, lambda: any("first round" in one.text for one in app.said))
        await pilot.press("right_square_bracket", "right_square_bracket")
        await until_shown(pilot, lambda: title(app, "errors").startswith("Errors of round 2: 1"))


async def test_the_figures_have_the_rounds_the_curve_and_the_distances(made: Project) -> None:
    rounds.two_rounds(made)
    async with StudioApp(made, screen="rounds").run_test(size=(80, 24)) as pilot:
        app = await ready(pilot)
        await pilot.press("z")
        table = app.screen.query_one("#rounds", RowList)
        assert [row.cells[:5] for row in table.rows] == [
            ("0", "12", "4", ".333", ".303"),
            ("1", "15", "2", ".667", ".637"),
            ("2", "17", "1", ".833", ".803"),
        ]
        assert "validation 0.833" in app.screen.query_one(Curves).plain
        assert title(app, "curve") == "Accuracy by round"
        await pilot.press("k", "enter")
        await until_shown(pilot, lambda: title(app, "errors").startswith("Errors of round 1"))
        assert app.focused is not None
        assert app.focused.id == "errors"


async def test_how_near_is_measured_by_a_job_of_its_own(
    made: Project, no_workers: list[int]
) -> None:
    run = rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        assert "d measures" in app.screen.query_one("#gap", TextPane).plain
        await pilot.press("d")
        await until_shown(pilot, lambda: no_workers)
        job = queue.get(made, no_workers[0])
        assert (job.kind, job.params) == ("gap", {"run_id": run, "round": 0})
        await until_shown(
            pilot, lambda: "measuring" in app.screen.query_one("#gap", TextPane).plain
        )


async def test_another_run_can_be_looked_at(made: Project) -> None:
    rounds.two_rounds(made)
    rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        assert title(app, "where").startswith("Run 2")
        await pilot.press("o")
        await until_shown(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("j", "enter")
        await until_shown(pilot, lambda: isinstance(app.screen, RoundsPane))
        await until_shown(pilot, lambda: title(app, "where").startswith("Run 1"))
        await until_shown(pilot, lambda: errors(app).count == 1)


async def test_other_panes_lead_to_a_run(made: Project) -> None:
    rounds.two_rounds(made)
    rounds.resting(made)
    async with StudioApp(made, screen="jobs").run_test(size=SIZE) as pilot:
        app = pilot.app
        assert isinstance(app, StudioApp)
        await pilot.press("5")
        await until_shown(pilot, lambda: isinstance(app.screen, RoundsPane))
        await app.go("rounds", run=1)
        await until_shown(pilot, lambda: title(app, "where").startswith("Run 1"))


async def test_enter_on_a_run_s_job_leads_to_its_rounds(made: Project) -> None:
    run = rounds.two_rounds(made)
    rounds.resting(made)
    job = made.store.jobs.submit("s3", {"run_id": run})
    made.store.jobs.claim(job, os.getpid())
    made.store.jobs.finish(job, os.getpid(), JobState.DONE)
    async with StudioApp(made, screen="jobs").run_test(size=SIZE) as pilot:
        app = pilot.app
        assert isinstance(app, StudioApp)
        await quiet(pilot)
        await pilot.press("enter")
        await until_shown(pilot, lambda: isinstance(app.screen, RoundsPane))
        await until_shown(pilot, lambda: title(app, "where").startswith("Run 1"))


async def test_a_copy_takes_the_extrapolation_in_hand(made: Project) -> None:
    rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        assert pane(app).copy_text() == "a gentle film that never asks for pity"
        await pilot.press("z")
        assert "validation" in pane(app).copy_text()


# -- planning --


async def test_without_a_run_the_form_stands_in_front(made: Project) -> None:
    async with StudioApp(made, screen="rounds").run_test(size=(80, 24)) as pilot:
        app = pilot.app
        await until_shown(pilot, lambda: "calls for the seed" in shown(app, "outlook"))
        assert app.focused is not None
        assert app.focused.id == "form"
        assert "at most 12 in 2 rounds" in shown(app, "outlook")


async def test_s_starts_the_run_as_planned(made: Project, no_workers: list[int]) -> None:
    async with StudioApp(made, screen="rounds").run_test(size=(80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, StudioApp)
        await pilot.press("j", "j", "j", "enter", *["backspace"] * 3, *"40", "escape", "s")
        await until_shown(pilot, lambda: no_workers)
        params = queue.get(made, no_workers[0]).params
        assert (params["method"], params["seed_records"], params["rounds"]) == ("s3", 40, 2)
        assert (params["approve"], params["kind"]) == ("person", "head")
        await until_shown(pilot, lambda: "worker starts" in shown(app, "now"))
        assert read_draft(made.store.drafts.get(DRAFT))["seed_records"] == "40"
        await pilot.press("s")
        assert app.screen.query_one(Form).values["seed_records"] == "40"
        await pilot.press("escape")
        assert not pane(app).has_class("-planning")


async def test_a_paid_run_without_a_cap_is_told_of_before_it_starts(
    made: Project, no_workers: list[int]
) -> None:
    with OpenAIServer() as server:
        use_endpoint(made, server.url)
        paid = Project.open(made.path)
        app = StudioApp(paid, screen="rounds")
        async with app.run_test(size=(80, 24)) as pilot:
            await quiet(pilot)
            await until_shown(pilot, lambda: "cost unknown" in shown(app, "outlook"))
            await pilot.press("s")
            await quiet(pilot)
            assert not no_workers
            assert "no cap is set" in [one.text for one in app.said][-1]
            # The cursor stands where the cap is typed.
            await pilot.press("enter", *"0.5", "escape", "s")
            await until_shown(pilot, lambda: no_workers)
            assert queue.get(paid, no_workers[0]).params["budget_usd"] == 0.5
        paid.close()


async def test_a_second_press_starts_it_without_a_cap(made: Project, no_workers: list[int]) -> None:
    with OpenAIServer() as server:
        use_endpoint(made, server.url)
        paid = Project.open(made.path)
        async with StudioApp(paid, screen="rounds").run_test(size=(80, 24)) as pilot:
            await pilot.press("s")
            await quiet(pilot)
            assert not no_workers
            await pilot.press("s")
            await until_shown(pilot, lambda: no_workers)
        paid.close()


async def test_a_faulty_line_is_marked_and_nothing_starts(
    made: Project, no_workers: list[int]
) -> None:
    async with StudioApp(made, screen="rounds").run_test(size=(80, 24)) as pilot:
        app = pilot.app
        await pilot.press("j", "j", "j", "enter", *"xx", "escape", "s")
        await pilot.pause()
        assert "type a whole number from 1" in shown(app, "outlook")
        assert not no_workers


async def test_o_lists_what_a_line_can_be(made: Project) -> None:
    async with StudioApp(made, screen="rounds").run_test(size=(80, 24)) as pilot:
        app = pilot.app
        await pilot.press("o")
        await until_shown(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("j", "enter")
        await until_shown(pilot, lambda: isinstance(app.screen, RoundsPane))
        await until_shown(pilot, lambda: app.screen.query_one(Form).values["method"] == "zerogen")


async def test_what_a_run_will_do_is_told_for_its_method(made: Project) -> None:
    async with StudioApp(made, screen="rounds").run_test(size=(120, 40)) as pilot:
        for said in (
            "For each error the LLM writes one more like it",
            "Nothing is written from that",
            "then as many in each of 2 rounds",
        ):
            await until_shown(pilot, lambda said=said: said in shown(pilot.app, "outlook"))  # type: ignore[misc]
            await pilot.press("right")


async def test_a_project_without_labels_or_gold_says_the_commands(
    tmp_path: Path, no_workers: list[int]
) -> None:
    empty = Project.create(tmp_path / "empty", title="Empty", task="nli")
    async with StudioApp(empty, screen="rounds").run_test(size=(80, 24)) as pilot:
        app = pilot.app
        await pilot.pause()
        text = app.screen.query_one("#lacks", TextPane).plain
        assert "studio labels set" in text
        assert "studio gold import FILE --split validation" in text
        assert "studio import FILE" in text
        await pilot.press("s")
        await pilot.pause()
        assert not no_workers
    empty.close()


async def test_one_key_stops_a_run_and_goes_on(made: Project, no_workers: list[int]) -> None:
    run = rounds.resting(made, approve="all")
    job = made.store.jobs.submit("s3", {"run_id": run})
    made.store.jobs.claim(job, os.getpid())
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await until_shown(pilot, lambda: "x stops it" in shown(app, "next"))
        await pilot.press("x")
        await until_shown(pilot, lambda: made.store.jobs.is_cancelled(job))
        made.store.jobs.finish(job, os.getpid(), JobState.CANCELLED)
        pane(app).store_changed()
        await until_shown(pilot, lambda: "x resumes" in shown(app, "next"))
        await pilot.press("x")
        await until_shown(pilot, lambda: no_workers == [job])


# -- other tasks, other texts --


def test_the_commands_that_bring_what_is_lacking_are_there(tmp_path: Path) -> None:
    for task in ("classification", "nli", "qa", "retrieval"):
        made = Project.create(tmp_path / task, task=task)
        lines = "\n".join(lacking(made)).splitlines()
        made.close()
        commands = [line.split()[1:] for line in lines if line.startswith("    studio ")]
        assert commands
        for command in commands:
            options = [word for word in command if word.startswith("--")]
            verbs = command[: 2 if command[0] in ("gold", "labels") else 1]
            told = CliRunner().invoke(cli, [*verbs, "--help"], env={"COLUMNS": "200"})
            assert told.exit_code == 0, command
            assert all(option in told.output for option in options), command


async def test_the_path_of_queries_is_not_offered_where_labels_train(made: Project) -> None:
    rounds.resting(made)
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        assert "Run the path" not in str(app.screen.query_one(KeyBar).render())
        await pilot.press("ctrl+r")
        await until_shown(pilot, lambda: app.screen.has_class("-planning"))
        assert isinstance(app.screen, RoundsPane)


def search_project(folder: Path) -> tuple[Project, list[int]]:
    """Three rules and a query that finds the first of them too late; the rules' rows."""
    made = Project.create(folder, title="Search", task="retrieval")
    store = made.store
    store.documents.begin_import()
    store.documents.stage([Document(f"d-{n}", f"Rule {n}", f"Text of rule {n}") for n in range(3)])
    store.documents.commit_import()
    rows = [store.documents.by_outside_id(f"d-{n}") for n in range(3)]
    ids = [row.id for row in rows if row is not None]
    store.gold.add([gold_query("q-1", "which rule is the first", "validation", {ids[0]: 1})])
    query = store.gold.all("validation")[0]
    run = store.runs.add("s3", rounds.params())
    first = store.runs.begin_round(run, 0)
    detail = {"rank": 17, "confusers": ids[1:]}
    store.runs.set_errors(first.id, [RoundError(first.id, query.id, str(ids[1]), 0.61, detail)])
    store.runs.update_round(first.id, stage="scored", validation={"ndcg@10": 0.4})
    return made, ids


async def test_retrieval_shows_the_rank_and_the_hard_negatives(tmp_path: Path) -> None:
    made, _ = search_project(tmp_path / "search")
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        row = errors(app).current
        assert (row.text, row.gold, row.predicted) == ("which rule is the first", "d-0", "d-1")
        text = sheet(app)
        assert "rank 17" in text
        assert "the right document · d-0" in text
        assert "a hard negative: ranked before it · d-2" in text
        assert title(app, "curve") == "nDCG@10 by round"
    made.close()


async def test_one_more_query_is_written_for_the_right_document(
    tmp_path: Path, llm: OpenAIServer
) -> None:
    made, ids = search_project(tmp_path / "search")
    use_endpoint(made, llm.url)
    made.close()
    made = Project.open(tmp_path / "search")
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        await pilot.press("n")
        await until_shown(pilot, lambda: listed(app) and listed(app)[-1][2] == "kept")
        [added] = made.store.records.of_error(1)
        assert (added.text, added.document_id) == (says({}), ids[0])
        generation = made.store.generations.get(added.generation_id or 0)
        assert generation is not None
        asked = generation.request.messages[-1].content
        assert "Text of rule 0" in asked
        assert "which rule is the first" in asked
    made.close()


async def test_the_context_stands_with_a_question(tmp_path: Path) -> None:
    made = Project.create(tmp_path / "qa", title="Questions", task="qa")
    passage = "租客搬走后，房东应当在十日内退还押金。"
    item = gold_question("何时退还押金？", ("十日内",), passage, "validation", "q-1")
    made.store.gold.add([item])
    run = made.store.runs.add("s3", rounds.params(kind="finetune"))
    first = made.store.runs.begin_round(run, 0)
    gold = made.store.gold.all("validation")[0]
    made.store.runs.set_errors(first.id, [RoundError(first.id, gold.id, "押金", 0.4)])
    made.store.runs.update_round(first.id, stage="scored", validation={"em": 0.0, "f1": 0.2})
    async with StudioApp(made, screen="rounds").run_test(size=(80, 24)) as pilot:
        app = await ready(pilot)
        assert "房东应当在十日内" in sheet(app)
        assert "answer: 十日内" in sheet(app)
    made.close()


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=list(HOSTILE))
async def test_hostile_texts_change_nothing_on_the_terminal(tmp_path: Path, hostile: str) -> None:
    text = storable(hostile)
    made = rounds.project(tmp_path / "opinions")
    item = gold_pair("bad " + text, "pos", "context " + text, "validation", "h" + text[:50])
    made.store.gold.add([item])
    run = made.store.runs.add("s3", rounds.params())
    wrong = rounds.scored(made, run, 0, (6,), records=1, stage="extrapolated")
    rounds.written(made, run, 0, wrong, [("new " + text, "")])
    async with StudioApp(made, screen="rounds").run_test(size=(80, 24)) as pilot:
        app = await ready(pilot)
        for keys in ("", "w", "z", "ze"):
            await pilot.press(*keys)
            await quiet(pilot)
            assert_harmless(app)
        value = app.screen.query_one("#edit", Editor).value
        assert value == "new " + text
    made.close()


# -- speed --


async def test_fifty_thousand_errors_open_at_once(made: Project) -> None:
    """See tests/benchmarks/rounds_scale.py for the figures; this one is generous."""
    many(made, 50_000)
    began, slow = time.process_time(), slowness()
    async with StudioApp(made, screen="rounds").run_test(size=SIZE) as pilot:
        app = await ready(pilot)
        assert time.process_time() - began < 3 * slow
        assert errors(app).count == 50_000
        await pilot.press("G")
        await until_shown(pilot, lambda: title(app, "error").startswith("Error 50,000"))


def many(made: Project, count: int) -> int:
    """A round with so many errors."""
    made.store.gold.add(
        gold_text(f"validation text number {n} of many", "pos", "validation", f"m-{n}")
        for n in range(count)
    )
    run = made.store.runs.add("s3", rounds.params())
    first = made.store.runs.begin_round(run, 0)
    gold = [one for one in made.store.gold.all("validation") if one.outside_id[:1] == "m"]
    made.store.runs.set_errors(first.id, (RoundError(first.id, one.id, "neg", 0.7) for one in gold))
    made.store.runs.update_round(first.id, stage="scored", validation={"accuracy": 0.1})
    return run


# -- a real run --


async def test_a_whole_run_from_one_key_to_the_next_round(
    tmp_path: Path,
) -> None:
    tiny = bert_encoder(tmp_path / "tiny")
    with OpenAIServer(words=rule.words) as server:
        project = rule.make(tmp_path / "near", server.url)
        project.store.drafts.set(DRAFT, f'{{"seed": "12", "rounds": "1", "base": "{tiny}"}}')
        try:
            async with StudioApp(project, screen="rounds").run_test(size=SIZE) as pilot:
                app = pilot.app
                assert isinstance(app, StudioApp)
                await pilot.press("s", "s")
                await until_shown(pilot, lambda: "waits for you" in title(app, "where"))
                await ready(pilot)
                assert listed(app)[0][2] in ("kept", "duplicate")
                await pilot.press("n")
                await until_shown(pilot, lambda: len(listed(app)) == 2)
                await until_shown(pilot, lambda: listed(app)[-1][0] != "▶")
                await pilot.press("r", "d")
                await until_shown(pilot, lambda: "cosine" in gap_of(app))
                assert "gold covered" in gap_of(app)
                await pilot.press("A")
                await until_shown(
                    pilot, lambda: "Ended: the one round is done" in shown(app, "now")
                )
                table = app.screen.query_one("#rounds", RowList)
                assert [row.cells[0] for row in table.rows] == ["0", "1"]
                assert max(server.paid.bodies.values()) == 1
        finally:
            end_workers(project)
            project.close()


def gap_of(app: StudioApp) -> str:
    return app.screen.query_one("#gap", TextPane).plain


def end_workers(project: Project) -> None:
    for job in queue.all_jobs(project):
        if job.state in (JobState.RUNNING, JobState.WAITING) and job.pid not in (None, os.getpid()):
            os.kill(job.pid or 0, signal.SIGKILL)
