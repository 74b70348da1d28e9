"""Examples with real keys: writing, saving, switching, undoing, searching."""

from __future__ import annotations

import pytest
from textual.widgets import Static

from studio.calls import Answer, Message, Request
from studio.project import Project
from studio.records import Example
from studio.store import Store
from studio.store.generations import Finished
from studio.tui.app import StudioApp
from studio.tui.pane.corpus_search import CorpusSearch
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane
from tests.support.data import queries_of
from tests.support.waiting import quiet


def queries(project: Project) -> list[str]:
    return [example.query for example in project.store.examples.all()]


def listed(app: StudioApp) -> list[str]:
    return [row.cells[1] for row in app.screen.query_one("#examples", RowList).rows]


def remarks(app: StudioApp) -> str:
    return str(app.screen.query_one("#remarks", Static).render())


def cells(app: StudioApp, title: str) -> list[str]:
    """The column of the list that has this title."""
    rows = app.screen.query_one("#examples", RowList)
    place = next(n for n, column in enumerate(rows.columns) if column.title == title)
    return [row.cells[place] for row in rows.rows]


def marks(app: StudioApp) -> list[str]:
    """The marks of the remarks that are not about length."""
    return [row.cells[6] for row in app.screen.query_one("#examples", RowList).rows]


@pytest.fixture
def app(project: Project) -> StudioApp:
    return StudioApp(project, screen="examples")


async def test_typing_is_written_within_300_milliseconds(app: StudioApp, project: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e", *" 汉字?")
        await quiet(pilot)
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


async def test_moving_goes_past_what_a_filter_hides(app: StudioApp, project: Project) -> None:
    before = queries(project)
    project.store.examples.tag(1, add=["mine"], drop=[])
    project.store.examples.tag(3, add=["mine"], drop=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f", *"#mi", "enter", "J")
        assert queries(project) == [before[1], before[2], before[0]]
        assert listed(app) == [before[2], before[0]]


async def test_t_edits_the_tags(app: StudioApp, project: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t", *"#Home, office HOME 税务", "enter")
        await pilot.pause()
        assert project.store.examples.all()[0].tags == "Home office 税务"
        assert cells(app, "tags")[0] == "Home office 税务"
        await pilot.press("t")
        await pilot.press(*["backspace"] * 9, *"x", "enter")
        await pilot.pause()
        assert project.store.examples.all()[0].tags == "Home x"
        await pilot.press("u")
        assert project.store.examples.all()[0].tags == "Home office 税务"
        await pilot.press("u")
        assert project.store.examples.all()[0].tags == ""


async def test_esc_leaves_the_tags_as_they_were(app: StudioApp, project: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t", *"home", "escape", "u")
        assert project.store.examples.all()[0].tags == ""


async def test_duplicate_stands_below_and_can_be_undone(app: StudioApp, project: Project) -> None:
    project.store.examples.tag(1, add=["home"], drop=[])
    before = queries(project)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("D")
        assert queries(project) == [before[0], before[0], before[1], before[2]]
        await quiet(pilot)
        assert marks(app) == ["≈", "≈", "", "¿"]
        await pilot.press("e", "?", "escape")
        made = project.store.examples.all()[1]
        assert (made.query, made.tags) == (before[0] + "?", "home")
        await pilot.press("u")
        assert queries(project) == before
        await pilot.press("U")
        assert queries(project)[1] == before[0] + "?"


async def test_the_filter_finds_words_tags_and_chinese(app: StudioApp, project: Project) -> None:
    project.store.examples.tag(2, add=["gifts"], drop=[])
    before = queries(project)
    async with app.run_test(size=(120, 40)) as pilot:
        for words, found in (
            ("#gi", [before[1]]),
            ("退货", [before[2]]),
            ("SPARE room", [before[0]]),
            ("deductible", before[:2]),
            ("#nothing", []),
        ):
            await pilot.press("f")
            app.screen.query_one("#filter").value = ""  # type: ignore[attr-defined]
            await pilot.press(*words, "enter")
            assert listed(app) == found, words
        assert "Esc shows all" in app.screen.query_one("#examples", RowList).empty
        await pilot.press("escape")
        assert listed(app) == before


async def test_esc_in_the_filter_shows_all_again(app: StudioApp, project: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f", *"spare", "escape")
        assert listed(app) == queries(project)
        assert not app.screen.query_one("#filter").display
        assert isinstance(app.focused, RowList)


async def test_undo_takes_back_everything_in_turn_also_after_a_restart(
    app: StudioApp, project: Project
) -> None:
    def state() -> list[tuple[str, bool, str]]:
        return [(e.query, e.enabled, e.tags) for e in project.store.examples.all()]

    before = state()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("D", "space", "J", "t", *"new", "enter")
        await pilot.pause()
        await pilot.press("x", "k", "x", "space")
        await pilot.pause()
    after = state()
    assert after != before
    again = StudioApp(project, screen="examples")
    async with again.run_test(size=(120, 40)) as pilot:
        await pilot.press(*"uuuuuuu")
        assert state() == before
        await pilot.press("u", *"UUUUUUU")
        assert state() == after
        await pilot.press(*"uuuuuuu")
        assert state() == before


async def test_lengths_are_flagged_in_the_list(project: Project) -> None:
    project.store.examples.add([Example("x", "why"), Example("x", "many " * 30)])
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        rows = app.screen.query_one("#examples", RowList).rows
        assert [row.cells[4] for row in rows] == ["", "", "", "▼", "▲"]
        assert cells(app, "words") == ["10", "8", "12", "1", "30"]
        assert cells(app, "tokens")[0] == "10"
        await pilot.press("G")
        await quiet(pilot)
        assert "▲ 30 words; the prompt's usual query has 20 at most." in remarks(app)
        title = app.screen.query_one("#query-section", Section).border_title
        assert "30 words ▲ too long" in str(title)


async def test_a_bad_example_shows(project: Project) -> None:
    store = project.store
    good, bad, _ = store.examples.all()
    for example, kept in ((good, 36), (bad, 5)):
        shots = store.shot_sets.save([example.revision_id])
        for n in range(40):
            message = Message("user", f"{example.id} {n}")
            request = Request((message,), "m", document_id=2, shot_set_id=shots)
            store.generations.save(
                [Finished(request, Answer("q"), "", queries_of(request, f"q{n}"))]
            )
        with store.write() as conn:
            conn.execute(
                "UPDATE records SET kept = 0 WHERE id > (SELECT max(id) FROM records) - ?",
                (40 - kept,),
            )
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("j")
        await quiet(pilot)
        rows = app.screen.query_one("#examples", RowList).rows
        assert [row.cells[-2:] for row in rows] == [("90%", ""), ("12%", "✗"), ("", "")]
        assert "✗ kept 12% against 51% of all" in remarks(app)


async def test_enter_on_a_record_opens_it_in_review(project: Project) -> None:
    store = project.store
    shots = store.shot_sets.save([store.examples.all()[0].revision_id])
    request = Request((Message("user", "x"),), "m", document_id=2, shot_set_id=shots)
    store.generations.save(
        [Finished(request, Answer("a query"), "", queries_of(request, "a query"))]
    )
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("r")
        assert app.focused is app.screen.query_one("#made")
        await pilot.press("escape")
        assert app.focused is app.screen.query_one("#examples")
        await pilot.press("r", "enter")
        await quiet(pilot)
        assert app.current_mode == "review"


async def test_another_pane_leads_to_an_example(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await app.go("examples", example=2)
        await quiet(pilot)
        assert app.screen.query_one("#query", Editor).value == queries(project)[1]


async def test_a_chinese_word_of_two_characters_finds_its_document(
    app: StudioApp, project: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("slash", *"退货")
        await pilot.press("enter")
        await quiet(pilot)
        found = app.screen.query_one(CorpusSearch).current
        assert found is not None
        assert found.outside_id == "z-1"
        assert "无理由退货" in app.screen.query_one("#found-document", TextPane).plain


async def test_enter_on_a_document_makes_an_example_to_write(
    app: StudioApp, project: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("slash", *"deposit_nowhere")
        await quiet(pilot)
        assert app.screen.query_one(CorpusSearch).current is None
        app.screen.query_one("#search").value = "押金"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await quiet(pilot)
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
        await quiet(pilot)
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
        await quiet(pilot)
        assert "= 100% of the query is copied" in remarks(app)
        assert marks(app)[0] == "="


async def test_what_an_example_helped_to_make_is_counted(project: Project) -> None:
    store = project.store
    first = store.examples.all()[0]
    shots = store.shot_sets.save([first.revision_id])
    request = Request((Message("user", "x"),), "m", document_id=2, shot_set_id=shots)
    store.generations.save(
        [Finished(request, Answer("a query"), "", queries_of(request, "a query", "another"))]
    )
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        title = str(app.screen.query_one("#uses-section", Section).border_title)
        assert title == "Helped to make 2 · kept 100% against 100% of all"
        made = app.screen.query_one("#made", RowList).rows
        assert [row.cells[1] for row in made] == ["another", "a query"]


async def test_an_example_of_another_program_appears(app: StudioApp, project: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        other = Store(project.store.path)
        other.examples.add([Example("text", "from elsewhere")])
        other.close()
        await quiet(pilot)
        assert "from elsewhere" in listed(app)


async def test_what_one_types_is_not_overwritten_by_another_program(
    app: StudioApp, project: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e", "!")
        other = Store(project.store.path)
        other.examples.add([Example("text", "from elsewhere")])
        other.close()
        await quiet(pilot)
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
        await quiet(pilot)
        await pilot.press("e", "E", "space", "x", "J", "n", "u")
        assert "Press / to find a document" in app.screen.query_one("#examples", RowList).empty
    empty.close()
