"""Examples with real keys: writing, saving, switching, undoing, searching."""

from __future__ import annotations

import pytest
from textual.widgets import Static

from studio.project import Project
from studio.records import Answer, Example, Message, Request
from studio.store import Store
from studio.store.generations import Finished
from studio.tui.app import StudioApp
from studio.tui.widgets.corpus import CorpusSearch
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane


def queries(project: Project) -> list[str]:
    return [example.query for example in project.store.examples.all()]


def listed(app: StudioApp) -> list[str]:
    return [row.cells[1] for row in app.screen.query_one("#examples", RowList).rows]


@pytest.fixture
def app(project: Project) -> StudioApp:
    return StudioApp(project, screen="examples")


async def test_typing_is_written_within_300_milliseconds(app: StudioApp, project: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e", *" 汉字?")
        await pilot.pause(0.45)
        assert queries(project)[0] == "can i write off the spare room i work in 汉字?"
        assert listed(app)[0].endswith("汉字?")


async def test_leaving_the_field_writes_at_once(app: StudioApp, project: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e", "!", "escape")
        assert queries(project)[0].endswith("work in!")
        assert isinstance(app.focused, RowList)


async def test_going_to_another_pane_writes_at_once(app: StudioApp, project: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e", "!")
        app.action_jobs()
        await pilot.pause()
        assert queries(project)[0].endswith("work in!")


async def test_moving_to_another_example_writes_the_first(app: StudioApp, project: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e", "!", "escape", "j")
        await pilot.pause()
        assert queries(project)[0].endswith("work in!")
        assert app.screen.query_one("#query", Editor).value == queries(project)[1]


async def test_space_switches_off_and_u_switches_on_again(app: StudioApp, project: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("space")
        assert not project.store.examples.all()[0].enabled
        await pilot.press("u")
        assert project.store.examples.all()[0].enabled


async def test_delete_can_be_undone(app: StudioApp, project: Project) -> None:
    before = queries(project)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("j", "x")
        assert queries(project) == [before[0], before[2]]
        await pilot.press("u")
        assert queries(project) == before


async def test_moving_changes_the_order_and_can_be_undone(app: StudioApp, project: Project) -> None:
    before = queries(project)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("J")
        assert queries(project) == [before[1], before[0], before[2]]
        await pilot.press("K")
        assert queries(project) == before
        await pilot.press("u", "u")
        assert queries(project) == before


async def test_a_chinese_word_of_two_characters_finds_its_document(
    app: StudioApp, project: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("slash", *"退货")
        await pilot.press("enter")
        await pilot.pause(0.3)
        found = app.screen.query_one(CorpusSearch).current
        assert found is not None
        assert found.outside_id == "z-1"
        assert "无理由退货" in app.screen.query_one("#found-document", TextPane).plain


async def test_enter_on_a_document_makes_an_example_to_write(
    app: StudioApp, project: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("slash", *"deposit_nowhere")
        await pilot.pause(0.4)
        assert app.screen.query_one(CorpusSearch).current is None
        app.screen.query_one("#search").value = "押金"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press(*"押金何时退")
        await pilot.press("escape")
        made = project.store.examples.all()[-1]
        assert made.query == "押金何时退"
        assert "押金" in made.document_text
        await pilot.press("u")
        assert len(queries(project)) == 3


async def test_n_makes_an_example_for_the_document_in_hand(
    app: StudioApp, project: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.3)
        await pilot.press("n")
        assert len(queries(project)) == 4
        assert app.focused is app.screen.query_one("#query")


async def test_the_document_of_an_example_can_be_edited(app: StudioApp, project: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("E", "pagedown", "end", "!", "escape")
        first = project.store.examples.all()[0]
        assert first.document_text.endswith("!")
        document = project.store.documents.by_outside_id("t-1")
        assert document is not None
        assert not document.text.endswith("!")


async def test_length_is_shown_against_the_norm(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        title = app.screen.query_one("#query-section", Section).border_title
        assert "10 words" in str(title)
        assert "norm 4–20" in str(title)


async def test_a_copied_query_is_remarked_as_one_types(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        editor = app.screen.query_one("#query", Editor)
        editor.clear()
        editor.insert("A room used only for paid work at home is deductible by area.")
        await pilot.pause()
        assert "!" in str(app.screen.query_one("#remarks", Static).render())


async def test_what_an_example_helped_to_make_is_counted(project: Project) -> None:
    store = project.store
    first = store.examples.all()[0]
    shots = store.shot_sets.save([first.revision_id])
    request = Request((Message("user", "x"),), "m", document_id=2, shot_set_id=shots)
    store.generations.save([Finished(request, Answer("a query"), "", ("a query", "another"))])
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.4)
        title = str(app.screen.query_one("#uses-section", Section).border_title)
        assert "2 records" in title
        assert "2 kept (100%)" in title
        assert "another" in app.screen.query_one("#uses", TextPane).plain


async def test_an_example_of_another_program_appears(app: StudioApp, project: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        other = Store(project.store.path)
        other.examples.add([Example("text", "from elsewhere")])
        other.close()
        await pilot.pause(0.8)
        assert "from elsewhere" in listed(app)


async def test_what_one_types_is_not_overwritten_by_another_program(
    app: StudioApp, project: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e", "!")
        other = Store(project.store.path)
        other.examples.add([Example("text", "from elsewhere")])
        other.close()
        await pilot.pause(0.8)
        assert app.screen.query_one("#query", Editor).value.endswith("!")


async def test_a_document_of_ten_megabytes_is_shown_and_kept_whole(project: Project) -> None:
    huge = "x" * 10_000_000
    added = project.store.examples.add([Example(huge, "what is this")])
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("G", "e", "!", "escape")
        await pilot.pause()
        kept = project.store.examples.get(added[0])
        assert kept is not None
        assert kept.query == "what is this!"
        assert kept.document_text == huge


async def test_control_characters_survive_an_edit(project: Project) -> None:
    text = "a\x1b[31m\u202eb\x00c\r\nd\u2028e\tf"
    added = project.store.examples.add([Example("document " + text, "query " + text)])
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("G", "e", "!", "escape")
        kept = project.store.examples.get(added[0])
        assert kept is not None
        assert kept.query == f"query {text}!"
        assert kept.document_text == "document " + text


async def test_an_empty_project_says_what_to_do(tmp_path) -> None:
    empty = Project.create(tmp_path / "empty")
    app = StudioApp(empty, screen="examples")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.3)
        await pilot.press("e", "E", "space", "x", "J", "n", "u")
        assert "Press / to find a document" in app.screen.query_one("#examples", RowList).empty
    empty.close()
