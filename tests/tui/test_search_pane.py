"""Search with real keys and the real process: asking, comparing, marking, undoing."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from studio.project import Project
from studio.records import Document, Example
from studio.runs import Model
from studio.tui.app import StudioApp
from studio.tui.search.dialogs import AskSplit, BrowseGold, SystemChoice
from studio.tui.search.pane import SearchPane
from studio.tui.search.ranking import RankingList
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane
from tests.support.data import gold_query, query_for
from tests.support.hostile import HOSTILE, assert_harmless, storable
from tests.support.openai_server import OpenAIServer
from tests.support.searcher import is_gone
from tests.support.tiny_encoder import TOPICS, static_encoder
from tests.support.waiting import quiet, until_shown


@pytest.fixture(autouse=True)
def only_bm25(project: Project) -> None:
    """An encoder that is refused at once: most of this needs BM25 alone."""
    project.store.values.set("encoder", "openai:none")


class Keys:
    """The pane, its keys, and what can be read of it."""

    def __init__(self, app: StudioApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def pane(self) -> SearchPane:
        pane = self.app.screen_stack[0]
        assert isinstance(pane, SearchPane)
        return pane

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, holds: Callable[[], object], what: str = "") -> None:
        await until_shown(self.pilot, holds, what)

    async def ask(self, query: str) -> None:
        """Type a query in place of the present one, and go to the results of BM25."""
        await self.press("slash", "end", "ctrl+u")
        await self.press(*["space" if letter == " " else letter for letter in query])
        await self.press("enter")
        await self.until(lambda: self.pane._is_answered, f"the answer to {query}")
        await self.pilot.pause()

    def ids(self, system: str = "bm25") -> list[str]:
        return [row.cells[3] for row in self.list(system).rows]

    def list(self, system: str) -> RankingList:
        return self.pane.query_one(f"#{system}", RankingList)

    def title(self, name: str) -> str:
        return str(self.pane.query_one(f"#{name}-section", Section).border_title)

    def gold(self) -> str:
        return str(self.pane.query_one("#asked-gold", Static).content)

    def warning(self) -> str:
        return str(self.pane.query_one("#same-words", Static).content)

    @property
    def document(self) -> TextPane:
        return self.pane.query_one("#hit", TextPane)

    async def split(self, *keys: str) -> None:
        """Answer the question for the split."""
        await self.until(lambda: isinstance(self.app.screen, AskSplit), "the question")
        await self.press(*keys, "enter")
        await self.until(lambda: not isinstance(self.app.screen, AskSplit), "the answer")


@asynccontextmanager
async def opened(project: Project, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Keys]:
    app = StudioApp(project, screen="search")
    async with app.run_test(size=size) as pilot:
        yield Keys(app, pilot)


def marked(project: Project) -> dict[str, dict[str, int]]:
    """Query → document → grade, of all gold of Search."""
    store = project.store
    queries = [*store.gold.all("validation"), *store.gold.all("test")]
    return {
        query.text: {store.documents.get(row).outside_id: g for row, g in query.relevant.items()}
        for query in queries
    }


# -- asking --


async def test_results_come_as_one_types(project: Project) -> None:
    async with opened(project) as keys:
        assert isinstance(keys.app.focused, type(keys.pane.query_one("#asked")))
        await keys.press(*"deductible")
        await keys.until(lambda: keys.ids(), "results while the field has the focus")
        assert set(keys.ids()) == {"t-1", "t-2", "t-4"}
        await keys.press("space", *"meals")
        await keys.until(lambda: keys.ids()[:1] == ["t-2"], "the new first")
        await keys.until(lambda: "🍜" in keys.document.plain, "its text")


async def test_keys_typed_fast_are_all_there_and_only_the_last_answer_stays(
    project: Project,
) -> None:
    async with opened(project) as keys:
        text = "gift meals commuting donations"
        await keys.ask(text)
        assert keys.pane._query == text
        assert set(keys.ids()) == {"t-2", "t-3", "t-4", "t-5"}


async def test_matching_words_are_marked_in_the_text_chinese_too(project: Project) -> None:
    async with opened(project) as keys:
        await keys.ask("网购商品退货")
        await keys.until(lambda: "七日" in keys.document.plain, "the document")
        body = keys.document.query_one(Static).content
        found = {body.plain[span.start : span.end] for span in body.spans}
        assert "网购商品" in found
        assert "退货" in found
        assert keys.ids()[0] == "z-1"


async def test_an_empty_query_says_what_to_do(project: Project) -> None:
    async with opened(project) as keys:
        await keys.until(lambda: "Type what a person would ask" in keys.document.plain)
        await keys.ask("meals")
        await keys.press("slash", "end", "ctrl+u", "escape")
        await keys.until(lambda: not keys.ids())
        await keys.until(lambda: "Type what a person would ask" in keys.document.plain)


async def test_a_system_that_is_not_there_says_why(project: Project) -> None:
    async with opened(project) as keys:
        await keys.until(lambda: "openai:MODEL@URL" in keys.list("base").empty)
        await keys.until(lambda: "6 opens Train" in keys.list("trained").empty)
        await keys.ask("nowhere")
        assert "No document shares a word" in keys.list("bm25").empty


async def test_plus_and_minus_change_how_many(project: Project) -> None:
    store = project.store
    store.documents.begin_import()
    store.documents.stage([Document(f"n{n}", "", f"a note {n}") for n in range(60)])
    store.documents.commit_import()
    async with opened(project) as keys:
        await keys.ask("note")
        assert len(keys.ids()) == 20
        await keys.press("plus")
        await keys.until(lambda: len(keys.ids()) == 50)
        await keys.press("minus", "minus", "minus")
        await keys.until(lambda: len(keys.ids()) == 10)


async def test_new_documents_are_found_without_asking_again(project: Project) -> None:
    async with opened(project) as keys:
        await keys.ask("zebra")
        store = project.store
        store.documents.begin_import()
        store.documents.stage([Document("new", "", "a zebra at home")])
        store.documents.commit_import()
        await keys.until(lambda: keys.ids() == ["new"])


async def test_the_document_can_be_read_and_copied(project: Project) -> None:
    async with opened(project) as keys:
        await keys.ask("meals")
        await keys.until(lambda: keys.document.plain.startswith("Meals"))
        await keys.press("enter")
        assert keys.document.has_focus
        assert keys.pane.copy_text().endswith("is deductible.")
        await keys.press("escape")
        assert keys.list("bm25").has_focus


async def test_the_pane_looks_the_same_after_another_one_was_shown(project: Project) -> None:
    """The style sheets of all panes that were shown hold at once."""
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(100, 30)) as pilot:
        keys = Keys(app, pilot)
        await keys.press("escape", "7")
        await keys.until(lambda: isinstance(keys.app.screen_stack[0], SearchPane))
        await keys.ask("meals")
        tops = [keys.pane.query_one(name).region.y for name in ("#asked", "#asked-gold", "#bm25")]
        assert tops == [2, 3, 5]
        assert keys.document.region.height > 5


# -- columns --


async def test_when_narrow_one_column_shows_and_its_name_always(project: Project) -> None:
    async with opened(project, (80, 24)) as keys:
        await keys.ask("meals")
        for key, here in (("tab", "base"), ("l", "trained"), ("l", "bm25"), ("h", "trained")):
            await keys.press(key)
            shown = [s for s in ("bm25", "base", "trained") if keys.list(s).region.area]
            assert shown == [here]
            assert "BM25" in keys.title(here)
            assert f"[{'BM25' if here == 'bm25' else here}" in keys.title(here)
        await keys.press("shift+tab", "left")
        assert keys.list("bm25").has_focus


async def test_tab_leads_from_the_query_to_the_results(project: Project) -> None:
    async with opened(project) as keys:
        await keys.press(*"meals", "tab")
        assert keys.list("bm25").has_focus


async def test_base_and_trained_stand_beside_with_rank_changes_and_the_same_document(
    project: Project, tmp_path: object
) -> None:
    """The whole comparison, with encoders that are real but tiny."""
    store = project.store
    store.documents.begin_import()
    topics = [Document(f"d{n}", "", f"the {t} of the {t}") for n, t in enumerate(TOPICS)]
    store.documents.stage(topics)
    store.documents.commit_import()
    base = static_encoder(project.models_dir / "base")
    store.values.set("encoder", str(base))
    for name in ("first", "second"):
        static_encoder(project.models_dir / name)
        store.models.add(Model(name, f"models/{name}", str(base)))
    async with opened(project) as keys:
        await keys.ask("violin")
        assert keys.ids() == ["d4"]
        await keys.until(lambda: len(keys.ids("trained")) == 20, "the trained model")
        assert keys.title("trained") == "trained second"
        assert keys.title("base").startswith("base ")
        assert keys.ids("base")[0] == "d4"
        assert {row.cells[2] for row in keys.list("trained").rows} == {"="}
        assert {row.cells[2] for row in keys.list("base").rows} == {""}
        assert keys.list("base").also == str(store.documents.by_outside_id("d4").id)
        assert "BM25 1  base 1  trained 1" in keys.title("hit")
        await keys.press("l", "j")
        assert keys.list("trained").current.key == keys.list("base").current.key
        assert "BM25 –  base 2  trained 2" in keys.title("hit")
        store.models.add(Model("third", "models/second", str(base)))
        await keys.until(lambda: keys.title("trained") == "trained third", "follows the newest")


async def choose(keys: Keys, *names: str) -> None:
    """Show or hide the systems that are called so, and close the box."""
    await keys.press("escape", "o")
    await keys.until(lambda: isinstance(keys.app.screen, SystemChoice), "the systems")
    listed = keys.app.screen.query_one(RowList)
    for name in names:
        place = [row.cells[1] for row in listed.rows].index(name)
        await keys.press("g", *["j"] * place, "enter")
    await keys.press("escape")
    await keys.until(lambda: keys.app.screen is keys.pane)
    await keys.pilot.pause()


async def test_any_number_of_systems_stand_side_by_side(project: Project) -> None:
    store = project.store
    base = static_encoder(project.models_dir / "base")
    store.values.set("encoder", str(base))
    for name in ("first", "second 花园"):
        static_encoder(project.models_dir / name)
        store.models.add(Model(name, f"models/{name}", str(base)))
    async with opened(project, (150, 40)) as keys:
        await keys.ask("donations")
        await choose(keys, "first", "hybrid")
        assert keys.pane.columns.names == ("bm25", "base", "trained", "hybrid", "model-1")
        await keys.until(lambda: len(keys.ids("model-1")) == 8, "the older model")
        await keys.until(lambda: len(keys.ids("hybrid")) == 8, "the sum")
        assert keys.title("model-1") == "first"
        assert all(keys.list(name).region.area for name in keys.pane.columns.names)
        await keys.until(lambda: "hybrid 1  first " in keys.title("hit"))
        await keys.press("h")
        assert keys.list("model-1").has_focus
        await choose(keys, "trained", "base", "BM25")
        assert keys.pane.columns.names == ("hybrid", "model-1")
        await keys.press("l", "slash", "end", "ctrl+u", *"meals", "enter")
        await keys.until(lambda: keys.pane._is_answered, "an answer without BM25")
        assert len(keys.ids("hybrid")) == 8
        await choose(keys, "hybrid", "first")
        assert keys.pane.columns.names == ("model-1",), "one always stays"


async def test_columns_that_do_not_fit_come_with_the_one_in_front(project: Project) -> None:
    async with opened(project, (101, 30)) as keys:
        await keys.ask("meals")
        await choose(keys, "hybrid")
        shown = [name for name in keys.pane.columns.names if keys.list(name).region.area]
        assert shown == ["bm25", "base", "trained"]
        assert "1 more: h l" in keys.title("trained")
        await keys.press("h")
        assert keys.list("hybrid").has_focus
        assert keys.list("hybrid").region.area
        assert not keys.list("bm25").region.area


async def test_what_is_not_trained_yet_says_so_among_the_systems(project: Project) -> None:
    async with opened(project) as keys:
        await keys.press("escape", "o")
        await keys.until(lambda: isinstance(keys.app.screen, SystemChoice))
        rows = {row.cells[1]: row.cells for row in keys.app.screen.query_one(RowList).rows}
        assert rows["trained"] == ("✓", "trained", "Nothing is trained yet.")
        assert rows["hybrid"][0] == ""


async def test_an_embedding_at_an_endpoint_begins_with_a_key(project: Project) -> None:
    with OpenAIServer() as server:
        project.store.values.set("encoder", f"openai:stand-in@{server.url}")
        async with opened(project) as keys:
            await keys.until(lambda: "E begins it" in keys.list("base").empty)
            await keys.ask("meals")
            assert server.calls == 0
            await keys.press("E")
            await keys.until(lambda: len(keys.ids("base")) == 8)
            assert keys.list("bm25").rows[0].cells[2][:1] in "↑↓="


# -- marking --


async def test_the_first_mark_asks_for_the_split_and_later_ones_do_not(project: Project) -> None:
    async with opened(project) as keys:
        await keys.ask("deductible")
        first, second, third = keys.ids()
        await keys.press("a")
        await keys.split("j")
        await keys.until(lambda: marked(project))
        await keys.press("r", "a")
        assert marked(project) == {"deductible": {first: 1, second: 0, third: 1}}
        assert [query.text for query in project.store.gold.all("test")] == ["deductible"]
        assert [row.cells[0] for row in keys.list("bm25").rows] == ["✓", "✗", "✓"]
        assert "test gold, marked in Search: ✓ 2 right  ✗ 1 wrong" in keys.gold()
        assert "test gold" in keys.title("asked")
        await keys.ask("donations")
        await keys.press("a")
        assert marked(project)["donations"] == {"t-5": 1}


async def test_marks_make_neither_examples_nor_records(project: Project) -> None:
    before = len(project.store.examples.all())
    async with opened(project) as keys:
        await keys.ask("meals")
        await keys.press("a")
        await keys.split()
        assert marked(project) == {"meals": {"t-2": 1}}
    assert len(project.store.examples.all()) == before
    assert list(project.store.records.all()) == []


async def test_leaving_the_question_marks_nothing(project: Project) -> None:
    async with opened(project) as keys:
        await keys.ask("meals")
        await keys.press("a")
        await keys.until(lambda: isinstance(keys.app.screen, AskSplit))
        await keys.press("escape")
        assert marked(project) == {}


async def test_undo_takes_marks_back_one_by_one_and_the_query_with_the_last(
    project: Project,
) -> None:
    async with opened(project) as keys:
        await keys.ask("deductible")
        first, second, _ = keys.ids()
        await keys.press("a")
        await keys.split()
        await keys.press("r", "g", "r")
        assert marked(project)["deductible"] == {first: 0, second: 0}
        await keys.press("u")
        assert marked(project)["deductible"] == {first: 1, second: 0}
        await keys.press("u")
        assert marked(project)["deductible"] == {first: 1}
        await keys.press("u", "u")
        assert marked(project) == {}
        assert "Not gold" in keys.gold()


async def test_x_takes_a_mark_off(project: Project) -> None:
    async with opened(project) as keys:
        await keys.ask("deductible")
        await keys.press("a")
        await keys.split()
        await keys.press("a", "g", "x")
        assert list(marked(project)["deductible"]) == [keys.ids()[1]]
        await keys.press("u")
        assert len(marked(project)["deductible"]) == 2


async def test_nothing_can_be_marked_without_a_query(project: Project) -> None:
    async with opened(project) as keys:
        await keys.press("escape", "a", "r", "x", "u")
        assert marked(project) == {}
        assert not isinstance(keys.app.screen, AskSplit)


async def test_s_changes_where_marks_go_and_takes_the_query_along(project: Project) -> None:
    async with opened(project) as keys:
        await keys.ask("meals")
        await keys.press("s")
        await keys.split()
        assert "validation gold" in keys.title("asked")
        await keys.press("a")
        await keys.until(lambda: project.store.gold.all("validation"))
        await keys.press("s")
        await keys.split("j")
        await keys.until(lambda: project.store.gold.all("test"))
        assert project.store.gold.all("validation") == []
        await keys.press("u")
        assert marked(project) == {}


async def test_imported_gold_shows_its_marks_and_stays_in_its_split(project: Project) -> None:
    row = project.store.documents.by_outside_id("t-2").id
    project.store.gold.add([gold_query("q7", "What of meals?", "test", {row: 2})])
    async with opened(project) as keys:
        await keys.until(lambda: "gold queries (1)" in keys.document.plain)
        await keys.ask("what of meals")
        await keys.until(lambda: "test gold, from import: ✓ 1 right" in keys.gold())
        assert keys.list("bm25").rows[0].cells[0] == "✓"
        assert "✓ right" in keys.title("hit")
        await keys.press("r")
        assert project.store.gold.named("q7").relevant == {row: 0}
        await keys.press("u")
        assert project.store.gold.named("q7").relevant == {row: 2}


async def test_a_marked_query_that_examples_or_records_ask_too_is_warned_of(
    project: Project,
) -> None:
    store = project.store
    shot = store.examples.add([Example("d", "Meals")])[0]
    store.records.add([query_for(2, "meals?")])
    async with opened(project) as keys:
        await keys.ask("meals")
        assert keys.warning() == ""
        await keys.press("a")
        await keys.split()
        await keys.until(lambda: keys.warning())
        assert f"Example {shot} asks the same" in keys.warning()
        assert "Kept record 1 asks the same" in keys.warning()
        assert [one.enabled for one in store.examples.all() if one.id == shot] == [False]
        assert keys.pane.query_one("#same-words").region.area
        await keys.press("u")
        await keys.until(lambda: not keys.warning())
        assert [one.enabled for one in store.examples.all() if one.id == shot] == [True]


async def test_marks_made_elsewhere_show_within_a_second(project: Project) -> None:
    other = Project.open(project.path)
    row = other.store.documents.by_outside_id("t-2").id
    async with opened(project) as keys:
        await keys.ask("meals")
        other.store.gold.add([gold_query("q", "meals", "validation", {row: 1})])
        await keys.until(lambda: keys.list("bm25").rows[0].cells[0] == "✓")
    other.close()


# -- gold queries --


@pytest.fixture
def with_gold(project: Project) -> Project:
    add = project.store.gold.add
    add([gold_query("v1", "meals with customers", "validation", {2: 1})])
    add([gold_query("t1", "押金", "test", {7: 1}), gold_query("t2", "a gift", "test", {4: 1})])
    add([gold_query("s1", "café licence", "validation", {8: 1}, origin="search")])
    return project


async def test_gold_is_browsed_narrowed_and_run(with_gold: Project) -> None:
    async with opened(with_gold) as keys:
        await keys.until(lambda: keys.pane._gold.queries)
        await keys.press("escape", "b")
        await keys.until(lambda: isinstance(keys.app.screen, BrowseGold))
        listed = keys.app.screen.query_one(RowList)
        await keys.until(lambda: [row.key for row in listed.rows] == ["v1", "s1"])
        await keys.press("s")
        assert [row.key for row in listed.rows] == ["t1", "t2"]
        await keys.press("s", "o", "o")
        assert [row.key for row in listed.rows] == ["s1"]
        await keys.press("o", "slash", *"押", "enter")
        assert [row.key for row in listed.rows] == ["t1"]
        await keys.press("enter")
        await keys.until(lambda: keys.ids() == ["z-2"])
        assert keys.list("bm25").rows[0].cells[0] == "✓"


async def test_escape_leaves_the_words_then_the_list(with_gold: Project) -> None:
    async with opened(with_gold) as keys:
        await keys.press("escape", "b")
        await keys.until(lambda: isinstance(keys.app.screen, BrowseGold))
        await keys.press("slash", "escape")
        assert isinstance(keys.app.screen, BrowseGold)
        await keys.press("escape")
        assert keys.app.screen is keys.pane


async def test_n_walks_through_the_gold_that_was_listed(with_gold: Project) -> None:
    async with opened(with_gold) as keys:
        await keys.until(lambda: keys.pane._gold.queries)
        await keys.press("escape", "n")
        assert keys.pane._query == "meals with customers"
        await keys.press("n")
        assert keys.pane._query == "café licence"
        await keys.press("n", "N")
        assert keys.pane._query == "café licence"
        await keys.until(lambda: keys.ids() == ["e-1"])


async def test_without_gold_the_list_says_how_to_get_some(project: Project) -> None:
    async with opened(project) as keys:
        await keys.press("escape", "n", "b")
        await keys.until(lambda: isinstance(keys.app.screen, BrowseGold))
        assert "--gold" in keys.app.screen.query_one(RowList).empty


async def test_other_panes_lead_to_a_query_and_to_a_gold_query(with_gold: Project) -> None:
    app = StudioApp(with_gold, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        keys = Keys(app, pilot)
        await app.go("search", query="donations")
        await keys.until(lambda: keys.ids() == ["t-5"])
        assert keys.list("bm25").has_focus
        await app.go("search", gold="t1")
        await keys.until(lambda: keys.ids() == ["z-2"])
        assert "test gold" in keys.gold()
        await app.go("search", gold="none")
        await quiet(pilot)
        assert keys.pane._query == "押金"


# -- the process --


async def test_a_killed_process_is_started_again_once_and_then_on_a_key(project: Project) -> None:
    async with opened(project) as keys:
        await keys.ask("meals")
        first = keys.pane.process.pid
        os.kill(first, signal.SIGKILL)
        await keys.until(lambda: keys.pane.process.pid not in (None, first), "another process")
        assert any("started in its place" in told.text for told in keys.app.said)
        await keys.ask("donations")
        assert keys.ids() == ["t-5"]
        os.kill(keys.pane.process.pid, signal.SIGKILL)
        await keys.until(lambda: "R starts it again" in keys.list("trained").empty)
        await keys.press("R")
        await keys.until(lambda: keys.pane.process.pid is not None)
        await keys.ask("gift")
        assert keys.ids() == ["t-4"]


async def test_the_process_ends_with_the_program(project: Project) -> None:
    async with opened(project) as keys:
        await keys.ask("meals")
        pid = keys.pane.process.pid
    assert is_gone(pid)


async def test_the_process_ends_when_another_project_is_opened(
    project: Project, tmp_path: object
) -> None:
    other = Project.create(project.path.parent / "other")
    other.close()
    async with opened(project) as keys:
        await keys.ask("meals")
        pid = keys.pane.process.pid
        await keys.press("0")
        await keys.app.open_project(other.path)
        assert is_gone(pid)


# -- hostile text --


async def test_hostile_documents_and_queries_are_harmless(project: Project) -> None:
    store = project.store
    texts = {f"g{n}": storable(text) for n, text in enumerate(HOSTILE.values())}
    store.documents.begin_import()
    for name, text in texts.items():
        store.documents.stage([Document(name + text[:300], text, f"findme {name} {text}")])
    store.documents.commit_import()
    rows = {name: row for row, name in enumerate(texts, 9)}
    for name, text in texts.items():
        gold = gold_query(name, f"findme {name} {text}", "validation", {rows[name]: 1})
        store.gold.add([gold])
    async with opened(project, (80, 24)) as keys:
        await keys.until(lambda: keys.pane._gold.queries)
        await keys.press("escape", "b")
        await keys.until(lambda: isinstance(keys.app.screen, BrowseGold))
        assert_harmless(keys.app)
        await keys.press("escape")
        for name, text in texts.items():
            keys.pane.open_at(gold=name)
            await keys.until(lambda name=name: keys.ids()[:1] and keys.ids()[0].startswith(name))
            await keys.until(lambda text=text: keys.document.plain.endswith(text), "its text")
            await keys.press("r", "u", "l", "h", "enter", "escape")
            assert_harmless(keys.app)
            assert store.gold.named(name).text == f"findme {name} {text}"
            assert store.gold.named(name).relevant == {rows[name]: 1}


async def test_a_document_of_ten_megabytes_is_shown_in_part_and_copied_whole(
    project: Project,
) -> None:
    store = project.store
    store.documents.begin_import()
    store.documents.stage([Document("big", "", "findme " + "x" * 10_000_000)])
    store.documents.commit_import()
    async with opened(project) as keys:
        await keys.ask("findme")
        await keys.until(lambda: len(keys.pane.copy_text()) > 10_000_000)
        assert_harmless(keys.app)
