"""Two columns: the editor's prompt against a version, an endpoint or a temperature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from studio.project import Project
from studio.prompting.builtin import builtin
from studio.tui.app import StudioApp
from studio.tui.prompt.compare import Compare, contrast_of
from studio.tui.prompt.template import TemplatePart
from tests.support.hostile import assert_harmless, storable
from tests.support.openai_server import OpenAIServer
from tests.support.prompt_pane import AT_ONCE, score_of, settled, states, streams, title_of
from tests.support.waiting import quiet, until_shown
from tests.tui.test_prompt_score import LONG_ANSWER

BOTH = {"sides": 2}


@pytest.fixture
def llm() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        server.keep_requests = True
        yield server


@pytest.fixture
def two_versions(wired: Project) -> Project:
    wired.store.prompts.save("x", builtin("question-answering") + " Be brief.", "brief 简短")
    return wired


@pytest.fixture
def app(two_versions: Project) -> StudioApp:
    return StudioApp(two_versions, screen="prompt")


async def compare(pilot: Any, *keys: str) -> None:
    """Open the box and press these keys in it."""
    await pilot.press("c")
    await quiet(pilot)
    assert isinstance(pilot.app.screen, Compare)
    await pilot.press(*keys)


def asked(llm: OpenAIServer) -> dict[str, list[dict[str, Any]]]:
    """Requests by the last document, in the order of coming."""
    found: dict[str, list[dict[str, Any]]] = {}
    for body in llm.requests:
        found.setdefault(body["messages"][-1]["content"], []).append(body)
    return found


async def test_a_version_differs_in_the_prompt_alone(app: StudioApp, llm: OpenAIServer) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await compare(pilot, "enter")
        await settled(pilot, **BOTH)
        pairs = asked(llm)
        assert len(pairs) == 3
        for one, other in pairs.values():
            assert one["seed"] == other["seed"]
            assert one["messages"][1:] == other["messages"][1:]
            assert one["messages"][0] != other["messages"][0]
        assert title_of(app, "column-0").startswith("A · ")
        assert title_of(app, "column-3").startswith("B · ")
        heads = str(app.screen.query_one("#sides").render())  # type: ignore[attr-defined]
        assert "A v2 brief 简短" in heads
        assert "B v1 first try" in heads


async def test_a_temperature_differs_in_itself_alone(app: StudioApp, llm: OpenAIServer) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await compare(pilot, "tab", "0", ".", "2", "enter")
        await settled(pilot, **BOTH)
        for one, other in asked(llm).values():
            assert (one.pop("temperature"), other.pop("temperature")) == (0.7, 0.2)
            assert one == other


async def test_an_endpoint_gets_the_very_same_requests(app: StudioApp, llm: OpenAIServer) -> None:
    with OpenAIServer(models=("other",)) as second:
        second.keep_requests = True
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            await compare(pilot, "tab")
            app.screen.query_one("#other").value = f"{second.url} other"  # type: ignore[attr-defined]
            await pilot.press("enter")
            await settled(pilot, **BOTH)
            assert second.paid.calls == llm.paid.calls == 3
            for body, (same,) in zip(second.requests, asked(llm).values(), strict=True):
                assert {**body, "model": ""} == {**asked(llm)[body["messages"][-1]["content"]][0],
                                                 "model": ""}  # fmt: skip
                assert same["model"] == "stand-in"


async def test_two_endpoints_with_one_model_name_are_refused(
    app: StudioApp, llm: OpenAIServer
) -> None:
    with OpenAIServer() as second:
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            await compare(pilot, "tab")
            app.screen.query_one("#other").value = f"{second.url} stand-in"  # type: ignore[attr-defined]
            await pilot.press("enter")
            await until_shown(pilot, lambda: "Both endpoints call" in states(app, 2)[3])
            assert states(app) == ["stored"] * 3 or states(app) == ["done"] * 3
            assert second.calls == 0


async def test_an_unknown_endpoint_is_told_in_its_column(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await compare(pilot, "tab", *"nowhere", "enter")
        await until_shown(pilot, lambda: "no endpoint 'nowhere'" in states(app, 2)[3])
        assert streams(app).cells[0].outcome is not None


async def test_the_templates_own_temperature_is_refused(app: StudioApp, llm: OpenAIServer) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await compare(pilot, "tab", "0", ".", "7", "enter")
        await until_shown(pilot, lambda: "0.7 already" in states(app, 2)[3])
        assert llm.paid.calls == 3


@pytest.mark.parametrize("typed", ["", "9", "-1"])
def test_no_contrast_comes_of_nonsense(typed: str) -> None:
    assert contrast_of(typed) is None


async def test_nonsense_is_told_in_the_box(app: StudioApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await compare(pilot, "tab", "9", "enter")
        assert "from 0 to 2" in str(app.screen.query_one("#hint").render())  # type: ignore[attr-defined]
        await pilot.press("escape")
        await pilot.pause()
        assert len(streams(app).sides) == 1


async def test_neither_column_is_paid_again_also_after_a_restart(
    two_versions: Project, llm: OpenAIServer
) -> None:
    for _ in range(2):
        app = StudioApp(two_versions, screen="prompt")
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            await compare(pilot, "enter")
            await settled(pilot, **BOTH)
            found = states(app, 2)
    assert llm.paid.calls == 6
    assert all(count == 1 for count in llm.paid.bodies.values())
    assert found == ["stored"] * 6


async def test_equal_requests_of_two_versions_are_paid_once(
    wired: Project, llm: OpenAIServer
) -> None:
    renamed = builtin("question-answering").replace('about = "', 'about = "Only renamed: ')
    wired.store.prompts.save("x", renamed, "renamed")
    app = StudioApp(wired, screen="prompt")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await compare(pilot, "enter")
        await settled(pilot, **BOTH)
        assert llm.paid.calls == 3


async def test_saving_a_draft_asks_nothing_anew(app: StudioApp, llm: OpenAIServer) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.screen.query_one(TemplatePart).take(builtin("generic"))
        await pilot.press("r")
        await until_shown(
            pilot, lambda: streams(app).sides[0].variant.template == builtin("generic")
        )
        await settled(pilot)
        paid = llm.paid.calls
        await pilot.press("w", "enter")
        await until_shown(pilot, lambda: streams(app).sides[0].variant.name.startswith("v3"))
        await settled(pilot)
        assert llm.paid.calls == paid


async def test_a_change_closes_the_connections_of_both_columns(project: Project) -> None:
    with OpenAIServer(token_s=0.1, words=lambda _body: LONG_ANSWER) as slow:
        (project.path / "studio.toml").write_text(
            f'endpoint = "s"\n[endpoints.s]\nbase_url = "{slow.url}"\nmodel = "stand-in"\n', "utf-8"
        )
        opened = Project.open(project.path)
        long = builtin("question-answering").replace("max_tokens = 64", "max_tokens = 900")
        opened.store.prompts.save("x", long, "long")
        opened.store.prompts.save("x", long + " Be brief.", "brief")
        app = StudioApp(opened, screen="prompt")
        async with app.run_test(size=(120, 40)) as pilot:
            await quiet(pilot)
            await compare(pilot, "enter")
            await until_shown(pilot, lambda: slow.in_flight == 6)
            await pilot.press("e", "x")
            await until_shown(pilot, lambda: slow.in_flight == 0)
            assert "streaming" not in states(app, 2)
        opened.close()


async def test_the_scores_stand_side_by_side_over_the_same_requests(
    app: StudioApp, llm: OpenAIServer
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("m")
        await until_shown(pilot, lambda: "n = 5" in title_of(app, "score-section"))
        await compare(pilot, "enter")
        await settled(pilot, **BOTH)
        await until_shown(pilot, lambda: "n = 3" in title_of(app, "score-section"))
        lines = score_of(app).splitlines()
        assert "A v2 brief" in lines[0]
        assert "B v1 first try" in lines[0]
        assert lines[1].count("3/3") == 2
        assert "found by it alone" in score_of(app)
        # m first evens out what only one side was asked.
        await pilot.press("m")
        await until_shown(pilot, lambda: "n = 5" in title_of(app, "score-section"))
        assert llm.paid.calls == 10


async def test_comparing_ends_with_nothing(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await compare(pilot, "enter")
        await settled(pilot, **BOTH)
        await compare(pilot, "g", "enter")
        await settled(pilot)
        assert not app.screen.query_one("#column-3").display


async def test_l_and_h_walk_over_both_columns(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await compare(pilot, "enter")
        await settled(pilot, **BOTH)
        seen = []
        for key in ("l", "l", "h", "h", "h"):
            await pilot.press(key)
            seen.append(app.focused.id)  # type: ignore[union-attr]
        assert seen == ["stream-3", "stream-1", "stream-3", "stream-0", "stream-5"]
        # The rendered prompt is that of the column with the focus.
        assert " Be brief." not in app.screen.query_one("#rendered").plain  # type: ignore[attr-defined]


async def test_at_80x24_the_template_shows_while_it_is_written(app: StudioApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await compare(pilot, "enter")
        await settled(pilot, **BOTH)
        editors, score = app.screen.query_one("#editors"), app.screen.query_one("#score-section")
        assert (editors.display, score.display) == (False, True)
        await pilot.press("e")
        await pilot.pause()
        assert (editors.display, score.display) == (True, False)
        await pilot.press("escape")
        await pilot.pause()
        assert (editors.display, score.display) == (False, True)


@pytest.mark.parametrize("hostile", AT_ONCE, ids=["all", "long"])
async def test_hostile_answers_and_notes_are_harmless(project: Project, hostile: str) -> None:
    with OpenAIServer(words=lambda _body: "Question: " + hostile) as server:
        text = storable(hostile)
        (project.path / "studio.toml").write_text(
            f'endpoint = "s"\n[endpoints.s]\nbase_url = "{server.url}"\nmodel = "stand-in"\n',
            "utf-8",
        )
        opened = Project.open(project.path)
        opened.store.prompts.save(text, builtin("question-answering") + " Be brief.", text)
        app = StudioApp(opened, screen="prompt")
        async with app.run_test(size=(80, 24)) as pilot:
            await quiet(pilot)
            await pilot.press("c")
            await quiet(pilot)
            assert_harmless(app)
            await pilot.press("enter")
            await settled(pilot, **BOTH)
            assert_harmless(app)
            await pilot.press("l", "e")
            await quiet(pilot)
            assert_harmless(app)
        opened.close()
