"""Prompt with real keys: drafts, lints, versions, live streams, score, and never paying twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Static

from studio.project import Project
from studio.prompting.builtin import builtin
from studio.records import Example
from studio.tui.app import StudioApp
from studio.tui.dialogs.ask import AskText, Choose
from studio.tui.prompt.pick_document import PickDocument
from studio.tui.prompt.versions import Versions
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.text_pane import Section, TextPane
from tests.support.openai_server import OpenAIServer
from tests.support.prompt_pane import settled, states, title_of
from tests.support.waiting import quiet, until_shown
from tests.tui.conftest import use_endpoint


@pytest.fixture
def app(wired: Project) -> StudioApp:
    return StudioApp(wired, screen="prompt")


@pytest.fixture
def slow_llm() -> Iterator[OpenAIServer]:
    with OpenAIServer(token_s=0.3) as server:
        yield server


async def test_three_documents_stream_side_by_side(app: StudioApp, llm: OpenAIServer) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert llm.paid.calls == 3
        titles = {str(app.screen.query_one(f"#column-{n}", Section).border_title) for n in range(3)}
        assert len(titles) == 3


async def test_an_unchanged_input_is_never_paid_again(wired: Project, llm: OpenAIServer) -> None:
    for _ in range(2):
        app = StudioApp(wired, screen="prompt")
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            found = set(states(app))
    assert llm.paid.calls == 3
    assert found == {"stored"}


async def test_a_preview_makes_no_records_and_answers_no_run(
    wired: Project, app: StudioApp
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert wired.store.records.count() == 0
        assert wired.store.generations.reasons() == {}
        assert len(wired.store.generations.with_reason("preview")) == 3


async def test_a_change_cancels_what_streams(project: Project, slow_llm: OpenAIServer) -> None:
    use_endpoint(project, slow_llm.url)
    opened = Project.open(project.path)
    app = StudioApp(opened, screen="prompt")
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, lambda: "streaming" in states(app))
        await pilot.press("e", "x")
        await pilot.pause()
        assert "streaming" not in states(app)
        workers = [worker for worker in app.workers if worker.group == "stream"]
        await until_shown(pilot, lambda: all(worker.is_finished for worker in workers))
    opened.close()


async def test_r_draws_again_and_the_score_grows(app: StudioApp, llm: OpenAIServer) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("r")
        await settled(pilot)
        await pilot.pause()
        assert llm.paid.calls == 6
        await until_shown(pilot, lambda: "n = 6" in title_of(app, "score-section"))


async def test_n_goes_to_the_next_documents(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        before = str(app.screen.query_one("#column-0", Section).border_title)
        await pilot.press("n")
        await settled(pilot)
        assert str(app.screen.query_one("#column-0", Section).border_title) != before


async def test_live_can_be_switched_off(app: StudioApp, llm: OpenAIServer) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("p", "r")
        await quiet(pilot)
        assert llm.paid.calls == 3
        assert "Live is off" in states(app)[0]


async def test_without_a_document_that_has_no_example_it_says_so(wired: Project) -> None:
    for document in [*wired.store.documents.all()]:
        wired.store.examples.add([Example(document.text, "a query", document_id=document.id)])
    app = StudioApp(wired, screen="prompt")
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, lambda: states(app)[0].startswith("Each document has an example"))


async def test_the_rendered_prompt_of_each_document_can_be_read(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        first = app.screen.query_one("#rendered", TextPane).plain
        assert "── instruction" in first
        assert "tokens" in str(app.screen.query_one("#rendered-section", Section).border_title)
        await pilot.press("l")
        await pilot.pause()
        assert app.screen.query_one("#rendered", TextPane).plain != first


async def test_what_was_cut_is_noted(wired: Project) -> None:
    example = wired.store.examples.all()[0]
    from dataclasses import replace

    wired.store.examples.edit(replace(example, document_text="long " * 400))
    app = StudioApp(wired, screen="prompt")
    template = builtin("question-answering").replace("document_words = 128", "document_words = 5")
    wired.store.drafts.set("prompt", template)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "cut to 5" in str(app.screen.query_one("#rendered-section", Section).border_title)


async def test_a_draft_is_kept_and_becomes_the_next_version(app: StudioApp, wired: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        editor = app.screen.query_one("#template", Editor)
        await pilot.press("e")
        editor.move_cursor(editor.document.end)
        await pilot.press(*" Be brief. 简短")
        await quiet(pilot)
        draft = wired.store.drafts.get("prompt")
        assert draft is not None
        assert draft.endswith("简短")
        await pilot.press("escape", "w")
        await pilot.pause()
        assert isinstance(app.screen, AskText)
        await pilot.press(*"shorter", "enter")
        await pilot.pause()
        latest = wired.store.prompts.latest()
        assert latest is not None
        assert (latest.version, latest.note) == (2, "shorter")
        assert wired.store.drafts.get("prompt") is None


async def test_a_faulty_template_is_remarked_by_line_and_not_sent(
    app: StudioApp, wired: Project, llm: OpenAIServer
) -> None:
    wired.store.drafts.set("prompt", builtin("question-answering") + "\n{{ documnet }}")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        remarks = str(app.screen.query_one("#template-remarks", Static).render())
        assert "unknown placeholder" in remarks
        assert "document" in remarks
        await pilot.press("w")
        await pilot.pause()
        assert not isinstance(app.screen, AskText)
        assert llm.paid.calls == 0


async def test_an_old_version_can_be_taken_back(app: StudioApp, wired: Project) -> None:
    first = wired.store.prompts.latest()
    wired.store.prompts.save("generic", builtin("generic"), "another way")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("v")
        await pilot.pause()
        assert isinstance(app.screen, Versions)
        await pilot.press("j")
        await pilot.pause()
        assert "-" in app.screen.query_one("#diff", TextPane)._body.render().plain  # type: ignore[union-attr]
        await pilot.press("enter")
        await pilot.pause()
        assert first is not None
        assert app.screen.query_one("#template", Editor).value == first.template
        assert wired.store.drafts.get("prompt") == first.template


async def test_a_bundled_template_can_be_started_from(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t")
        await pilot.pause()
        assert isinstance(app.screen, Choose)
        await pilot.press("enter")
        await pilot.pause()
        names = app.screen.query_one("#template", Editor).value
        assert 'name = "argument-counter"' in names


async def test_a_document_can_be_picked_by_its_words(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("slash")
        await quiet(pilot)
        assert isinstance(app.screen, PickDocument)
        app.screen.query_one("#search").focus()
        await pilot.press(*"押金", "enter")
        await quiet(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert "z-2" in str(app.screen.query_one("#column-0", Section).border_title)


async def test_another_endpoint_can_be_chosen(app: StudioApp, llm: OpenAIServer) -> None:
    with OpenAIServer(models=("other",)) as other:
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            await pilot.press("o")
            await pilot.pause()
            app.screen.query_one("#answer").value = f"{other.url} other"  # type: ignore[attr-defined]
            await pilot.press("enter")
            await quiet(pilot)
            await settled(pilot)
            assert other.paid.calls == 3


async def test_an_endpoint_that_is_down_is_told_in_the_columns(
    project: Project,
) -> None:
    use_endpoint(project, "http://127.0.0.1:9/v1")
    opened = Project.open(project.path)
    app = StudioApp(opened, screen="prompt")
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, lambda: all(s not in ("", "streaming") for s in states(app)))
        assert all("stand-in" in state for state in states(app))
        assert opened.store.generations.reasons() == {}
    opened.close()


async def test_a_wrong_key_is_told_in_the_columns(project: Project) -> None:
    with OpenAIServer(api_key="right") as server:
        use_endpoint(project, server.url)
        opened = Project.open(project.path)
        app = StudioApp(opened, screen="prompt")
        async with app.run_test(size=(120, 40)) as pilot:
            await until_shown(pilot, lambda: all(s not in ("", "streaming") for s in states(app)))
            assert "key" in states(app)[0]
        opened.close()


async def test_on_a_small_screen_z_shows_the_rendered_prompt(app: StudioApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert not app.screen.query_one("#rendered-section").display
        await pilot.press("z")
        await pilot.pause()
        assert app.screen.query_one("#rendered-section").display


async def test_too_few_examples_are_told(wired: Project) -> None:
    for example in wired.store.examples.all():
        wired.store.examples.delete(example.id)
    app = StudioApp(wired, screen="prompt")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        assert "at least 2 examples" in states(app)[0]


async def test_a_model_that_cannot_write_the_language_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "none"))
    project.store.prompts.save("generic-zh", builtin("generic-zh"), "")
    app = StudioApp(project, screen="prompt")
    async with app.run_test(size=(80, 24)) as pilot:
        warning = app.screen.query_one("#warning", Static)
        await until_shown(pilot, lambda: warning.display)
        said = str(warning.render())
        assert "smollm2-135m writes English, not Chinese" in said
        assert "embedded:qwen2.5-coder-1.5b" in said
        await pilot.press("t")
        await quiet(pilot)
        await pilot.press("enter")
        await until_shown(pilot, lambda: not warning.display)


async def test_many_keys_in_one_breath_are_all_kept(app: StudioApp, wired: Project) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await pilot.press("e")
        editor = app.screen.query_one("#template", Editor)
        editor.move_cursor(editor.document.end)
        typed = " Kurz und klar, bitte, und auf Deutsch."
        await pilot.press(*typed)
        await pilot.press("escape")
        draft = wired.store.drafts.get("prompt")
        assert draft is not None
        assert draft.endswith(typed)


async def test_h_goes_back_to_the_column_before(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("h")
        assert app.focused is not None
        assert app.focused.id == "stream-2"
