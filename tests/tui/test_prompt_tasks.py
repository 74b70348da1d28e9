"""Prompt for every task: the method's own templates, remarks and stages, and what it is told of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from textual.pilot import Pilot
from textual.widgets import Static

from studio.jobs.setup import templates_of
from studio.llm import refused_settings
from studio.project import Project
from studio.records import Document
from studio.tui.app import StudioApp
from studio.tui.dialogs.ask import Choose
from studio.tui.prompt.pick_document import PickDocument
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import TextPane
from tests.support.openai_server import OpenAIServer
from tests.support.prompt_pane import score_of, settled, streams, text_of, title_of
from tests.support.small_projects import add_gold, make_project, words
from tests.support.waiting import quiet, until_shown

SIZE = (120, 40)


@pytest.fixture
def rule() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=said) as server:
        yield server


def said(body: dict[str, Any]) -> str:
    """What questions need, too: the mark at their end."""
    text = words(body)
    return text if "\n" in text else f"{text.rstrip('?')}?"


def made(folder: Path, task: str, server: OpenAIServer) -> Project:
    project = make_project(folder, task, server.url)
    add_gold(project)
    return project


def head(app: StudioApp) -> str:
    return str(app.screen.query_one("#sides", Static).render())


def column(app: StudioApp, number: int = 0) -> str:
    return title_of(app, f"column-{number}")


async def stage(pilot: Pilot[int], name: str) -> None:
    """Go on until this stage is in view, with its answers."""
    app = pilot.app
    for _ in range(4):
        if f"▸ {name}" in head(app):  # type: ignore[arg-type]
            break
        before = head(app)  # type: ignore[arg-type]
        await pilot.press("s")
        await until_shown(pilot, lambda before=before: head(app) != before)  # type: ignore[arg-type,misc]
    await settled(pilot)


@pytest.mark.parametrize("task", ["classification", "nli", "qa"])
async def test_the_programs_own_template_has_no_remark_and_streams(
    tmp_path: Path, rule: OpenAIServer, task: str
) -> None:
    app = StudioApp(made(tmp_path / "p", task, rule), screen="prompt")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert "✓ no remarks" in str(app.screen.query_one("#template-remarks", Static).render())
        await stage(pilot, "seed")
        await until_shown(pilot, lambda: "3/3" in score_of(app))
        shown = score_of(app)
        assert "round trip" not in shown
        assert "your gold" in shown
        assert "examples" not in shown
        assert "quer" not in column(app).lower() + title_of(app, "score-section").lower()


async def test_columns_are_named_by_what_they_ask_for(tmp_path: Path, rule: OpenAIServer) -> None:
    app = StudioApp(made(tmp_path / "p", "nli", rule), screen="prompt")
    async with app.run_test(size=SIZE) as pilot:
        await stage(pilot, "seed")
        titles = [column(app, number) for number in range(3)]
        assert [title.partition(" · ")[0] for title in titles] == ["yes", "no", "yes"]
        assert all(" · p" in title for title in titles)


async def test_reasons_that_were_previewed_are_what_seed_texts_are_written_from(
    tmp_path: Path, rule: OpenAIServer
) -> None:
    app = StudioApp(made(tmp_path / "p", "classification", rule), screen="prompt")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert "▸ rationales" in head(app)
        assert [column(app, n).partition(" · ")[0] for n in range(2)] == ["near", "far"]
        first = streams(app).scores[0][0, 0].texts
        assert len(first) == 5
        await stage(pilot, "seed")
        rendered = app.screen.query_one("#rendered", TextPane).plain
        assert any(reason in rendered for reason in first)


async def test_without_reasons_the_seed_says_so(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", "classification", "http://127.0.0.1:9/v1")
    app = StudioApp(project, screen="prompt")
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, lambda: "▸ rationales" in head(app))
        await pilot.press("s")
        await until_shown(pilot, lambda: "▸ seed" in head(app))
        assert "no rationales yet" in head(app)


async def test_extrapolations_are_previewed_from_gold_validation(
    tmp_path: Path, rule: OpenAIServer
) -> None:
    project = made(tmp_path / "p", "classification", rule)
    app = StudioApp(project, screen="prompt")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await stage(pilot, "extrapolation")
        gold = project.store.gold.all("validation")[0]
        assert gold.label in column(app)
        assert gold.text in app.screen.query_one("#rendered", TextPane).plain
        assert project.store.records.count() == 0


async def test_a_picked_document_is_the_only_context(tmp_path: Path, rule: OpenAIServer) -> None:
    project = made(tmp_path / "p", "qa", rule)
    app = StudioApp(project, screen="prompt")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("slash")
        await quiet(pilot)
        assert isinstance(app.screen, PickDocument)
        app.screen.query_one("#search").focus()
        await pilot.press(*"orchard", "enter")
        await quiet(pilot)
        await pilot.press("enter")
        await until_shown(pilot, lambda: all("p5" in column(app, n) for n in range(3)))


async def test_templates_of_the_task_are_listed_and_no_others(
    tmp_path: Path, rule: OpenAIServer
) -> None:
    project = made(tmp_path / "p", "qa", rule)
    app = StudioApp(project, screen="prompt")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("t")
        await quiet(pilot)
        assert isinstance(app.screen, Choose)
        listed = [row.key for row in app.screen.query_one(RowList).rows]
        assert listed == list(templates_of(project.task))
        assert "question-answering" not in listed
        await pilot.press("j", "enter")
        await quiet(pilot)
        assert "task = " in app.screen.query_one("#template", Editor).value


async def test_what_a_model_refuses_is_told_once_above_the_columns(
    tmp_path: Path, rule: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_settings, "_known", {})

    async def reply(_: web.Request, body: dict[str, Any] | None) -> web.Response | None:
        if body is None or "temperature" not in body:
            return None
        error = {"message": "Unsupported parameter: 'temperature' is not supported here."}
        return web.json_response({"error": error}, status=400)

    rule.reply = reply
    app = StudioApp(made(tmp_path / "p", "classification", rule), screen="prompt")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await until_shown(pilot, lambda: "refuses temperature" in text_of(app, "warning"))
        await stage(pilot, "seed")
        assert text_of(app, "warning").count("refuses") == 1


async def test_a_demonstration_that_is_gold_is_told_and_not_sent(
    tmp_path: Path, rule: OpenAIServer
) -> None:
    project = made(tmp_path / "p", "classification", rule)
    gold = project.store.gold.all("test")[0]
    template = templates_of(project.task)["classification"]
    row = f'[[demonstrations]]\nlabel = "far"\ntext = "{gold.text.upper()}!"\n\n[[demonstrations]]'
    project.store.prompts.save("own", template.replace("[[demonstrations]]", row, 1))
    app = StudioApp(project, screen="prompt")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await stage(pilot, "seed")
        assert f"is gold: test has it ({gold.origin})" in text_of(app, "warning")
        assert gold.text.upper() not in app.screen.query_one("#rendered", TextPane).plain
        await pilot.press("1")
        await until_shown(pilot, lambda: "★ This is gold: test has it" in _demonstrations(app))
        assert _demonstrations(app).count("★") == 1


def _demonstrations(app: StudioApp) -> str:
    return app.screen.query_one("#demonstrations", TextPane).plain


async def test_a_template_of_another_task_is_remarked(tmp_path: Path, rule: OpenAIServer) -> None:
    from studio.prompting.builtin import builtin

    project = made(tmp_path / "p", "classification", rule)
    project.store.drafts.set("prompt", builtin("nli", "s3"))
    app = StudioApp(project, screen="prompt")
    async with app.run_test(size=SIZE) as pilot:
        await quiet(pilot)
        said = str(app.screen.query_one("#template-remarks", Static).render())
        assert "for the task nli" in said
        assert rule.paid.calls == 0


async def test_a_run_takes_what_previews_of_its_requests_were_answered(
    tmp_path: Path, rule: OpenAIServer
) -> None:
    """Stages are asked as a run asks them: the first reasons are paid once."""
    from studio.jobs.plans import Beginning, planned, run_row

    project = made(tmp_path / "p", "classification", rule)
    app = StudioApp(project, screen="prompt")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        sent = {cell.sha for cell in streams(app).cells[:3]}
    reopened = Project.open(tmp_path / "p")
    method, plan, _ = planned(reopened, run_row(reopened))
    asked = {ask.request.sha for ask in method.stages[0].ask(plan, 0, Beginning())}
    assert sent <= asked
    reopened.close()


async def test_a_method_from_outside_is_previewed_like_the_studios_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio import methods
    from tests.support import two_step

    two_step.install(tmp_path / "outside")
    monkeypatch.syspath_prepend(str(tmp_path / "outside"))
    methods.available.cache_clear()
    try:
        with OpenAIServer(words=two_step.words) as server:
            project = make_project(tmp_path / "p", "classification", server.url)
            project.store.drafts.set("prompt", two_step.TEMPLATE)
            app = StudioApp(project, screen="prompt")
            async with app.run_test(size=SIZE) as pilot:
                await until_shown(pilot, lambda: column(app, 1).startswith("far"))
                await until_shown(pilot, lambda: "done" in streams(app).cells[1].state)
                await stage_verses(pilot)
                assert "in the mood:" in app.screen.query_one("#rendered", TextPane).plain
    finally:
        methods.available.cache_clear()


async def stage_verses(pilot: Pilot[int]) -> None:
    await pilot.press("s")
    app = pilot.app
    await until_shown(pilot, lambda: "▸ verses" in head(app))  # type: ignore[arg-type]
    await settled(pilot)


def test_a_bench_goes_round_its_end() -> None:
    from studio.tui.prompt.sampling import Bench

    documents = tuple(Document(f"d{n}", "", "text") for n in range(4))
    assert Bench(documents, offset=3).window(documents) == [3, 0, 1]
    assert Bench(documents[:2]).window(documents[:2]) == [0, 1]
    assert Bench(()).window(()) == []
