"""Examples of instructions with real keys: three texts, written, saved, undone, found again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Static

from studio.calls import Answer, Message, Request
from studio.jobs import setup
from studio.project import Project
from studio.records import INSTRUCTION, Gold, Record
from studio.store import Store
from studio.store.generations import Finished
from studio.tui.app import StudioApp
from studio.tui.dialogs.conflict import ConflictDialog
from studio.tui.pane.corpus_search import CorpusSearch
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane
from tests.support import instructions
from tests.support.waiting import quiet, until_shown
from tests.tui.test_terminal import Terminal

SIZE = (120, 40)
NEW = ("Say what a rake is for.", "a garden", "It gathers leaves.")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Four seeds, and the template of the task."""
    made = Project.create(tmp_path / "p", title="Help desk", task="instructions")
    made.store.examples.add(instructions.seeds())
    setup.save_template(made)
    yield made
    made.close()


@pytest.fixture
def app(project: Project) -> StudioApp:
    return StudioApp(project, screen="examples")


def written(project: Project) -> list[tuple[str, str, str]]:
    """Instruction, input and output of each seed."""
    found = (example.texts for example in project.store.examples.all())
    return [(one["instruction"], one["input"], one["output"]) for one in found]


def remarks(app: StudioApp) -> str:
    return str(app.screen.query_one("#remarks", Static).render())


def drawn(app: StudioApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)


def editors(app: StudioApp) -> list[str]:
    return [editor.value for editor in app.screen.query(Editor)]


async def test_n_begins_a_seed_and_tab_goes_from_text_to_text(
    app: StudioApp, project: Project
) -> None:
    before = written(project)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("n")
        await until_shown(pilot, lambda: app.focused is app.screen.query_one("#instruction"))
        await pilot.press(*NEW[0], "tab", *NEW[1], "tab", *NEW[2])
        assert app.focused is app.screen.query_one("#output")
        await pilot.press("escape")
        await quiet(pilot)
        assert written(project) == [*before, NEW]
        assert project.store.examples.all()[-1].type == INSTRUCTION
        assert isinstance(app.focused, RowList)
        assert "✓ nothing to remark" in remarks(app)
        row = app.screen.query_one("#examples", RowList).rows[-1].cells
        assert row[1:7] == (NEW[0], "", "6", "", "2", "3")
        # The list alone tells that one has no input.
        assert app.screen.query_one("#examples", RowList).rows[0].cells[5] == ""
        await pilot.press("u")
        assert written(project) == before
        await pilot.press("U")
        assert written(project) == [*before, NEW]


async def test_nothing_speaks_of_queries_or_a_corpus(app: StudioApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await quiet(pilot)
        assert not app.screen.query(CorpusSearch)
        titles = [str(one.border_title) for one in app.screen.query(Section)]
        assert "Instruction · 12 words · 13 tokens · norm 4–150 · on" in titles
        assert "Input · empty" in titles
        for word in ("quer", "corpus", "document"):
            assert word not in drawn(app).lower()
        await pilot.press("slash", *"opposite", "enter")
        await quiet(pilot)
        rows = app.screen.query_one("#examples", RowList).rows
        assert [row.cells[1] for row in rows] == ["Give the opposite of the word."]
        await pilot.press("escape", "question_mark")
        await quiet(pilot)
        of_the_pane, _, _ = app.screen.query_one("#help", TextPane).plain.partition("Everywhere")
        assert "write the selected example" in of_the_pane
        assert "quer" not in of_the_pane.lower()


async def test_the_filter_reads_input_and_output(app: StudioApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        for words, found in (("pond deep", 1), ("beam", 0), ("late", 3)):
            await pilot.press("f")
            app.screen.query_one("#filter").value = ""  # type: ignore[attr-defined]
            await pilot.press(*words, "enter")
            shown = app.screen.query_one("#examples", RowList).rows
            assert shown[0].key == str(found + 1), words


async def test_enter_edits_the_instruction_and_capital_e_the_output(
    app: StudioApp, project: Project
) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("enter", "!", "escape", "E", "end", "?", "escape")
        await quiet(pilot)
        instruction, given, output = instructions.SEEDS[0]
        assert written(project)[0] == (f"{instruction}!", given, f"{output}?")


async def test_a_duplicate_has_all_texts_and_goes_with_undo(
    app: StudioApp, project: Project
) -> None:
    before = written(project)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("j", "D")
        await quiet(pilot)
        assert written(project) == [*before[:2], before[1], *before[2:]]
        assert "gives it another instruction" in [*app.said][-1].text
        await pilot.press("space", "K", "x", "u", "u", "u", "u")
        assert written(project) == before


async def test_remarks_name_what_is_wrong_with_a_seed(app: StudioApp, project: Project) -> None:
    project.store.gold.add([Gold(INSTRUCTION, {"instruction": "Name a sea now."}, "test", "g1")])
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("n", *"Draw")
        await quiet(pilot)
        said = remarks(app)
        assert "! “draw” is on the prompt's blacklist" in said
        assert "▼ 1 words; the prompt's usual instruction has 4 at least." in said
        assert "∅ No output yet" in said
        await pilot.press("tab", "tab", "x")
        await quiet(pilot)
        assert "∅" not in remarks(app)
        await pilot.press("escape", "n", *"name a SEA now")
        await quiet(pilot)
        assert "★ This is gold: test has it (g1)." in remarks(app)
        await pilot.press("escape", "u", "u")


async def test_an_empty_project_says_how_to_begin(tmp_path: Path) -> None:
    empty = Project.create(tmp_path / "empty", task="instructions")
    app = StudioApp(empty, screen="examples")
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        said = app.screen.query_one("#examples", RowList).empty
        assert "Press n and write one: instruction, input and output" in said
        await pilot.press("e", "space", "x", "J", "u", "w", "d")
        assert "Press n to write one." in "".join(told.text for told in app.said)
        assert empty.store.examples.all() == []
    empty.close()


async def test_what_a_seed_helped_to_make_is_listed(project: Project) -> None:
    store = project.store
    shots = store.shot_sets.save([store.examples.all()[0].revision_id])
    request = Request((Message("user", "x"),), "m", shot_set_id=shots)
    made = Record(INSTRUCTION, {"instruction": "Name a hoe.", "output": "A hoe."})
    store.generations.save([Finished(request, Answer("a"), "", (made,))])
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=SIZE) as pilot:
        await quiet(pilot)
        assert app.screen.query_one("#made", RowList).rows[0].cells[1] == "Name a hoe."
        await pilot.press("r", "enter")
        await until_shown(pilot, lambda: app.current_mode == "review")


async def test_a_field_that_another_studio_wrote_meanwhile_is_asked_about(
    app: StudioApp, project: Project
) -> None:
    other = Store(project.store.path)
    seed = other.examples.all()[1]
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("j", "e", "tab")
        editor = app.screen.query_one("#input", Editor)
        other.examples.reword(seed.worded({"output": "theirs"}), seed)
        editor.insert("Mine. ")
        await until_shown(pilot, lambda: other.drafts.starting("example/") != {})
        await pilot.press("escape")
        await until_shown(pilot, lambda: isinstance(app.screen, ConflictDialog))
        texts = [str(pane.query_one(Static).render()) for pane in app.screen.query(TextPane)]
        assert "Mine. " in texts[0]
        assert "theirs" in texts[1]
        await pilot.press("b")
        await quiet(pilot)
        _, second, third, *_ = written(project)
        assert second == (seed.query, seed.texts["input"], "theirs")
        assert third == (seed.query, f"Mine. {seed.texts['input']}", seed.texts["output"])
        await pilot.press("u")
        draft = project.store.example_drafts.all()[seed.id]
        assert draft.texts["input"] == third[1]
    other.close()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_a_seed_outlives_the_program(project: Project, number: int) -> None:
    project.store.examples.delete(1)
    terminal = Terminal(project.path)
    try:
        terminal.expect("Helped to make")
        terminal.press("n")
        terminal.expect("Leave the field")
        terminal.press("ABC\tDEF\tGHI")
        if number == signal.SIGKILL:
            terminal.wait(lambda: written(project)[-1][2].endswith("GHI"))
        else:
            terminal.expect("GHI")
        os.kill(terminal.child.pid, number)
        terminal.end()
        assert written(project)[-1] == ("ABC", "DEF", "GHI")
    finally:
        terminal.child.close(force=True)


async def test_a_draft_of_a_killed_studio_is_found_and_decided_on(project: Project) -> None:
    from studio.tui.examples.writer import ExampleWriter

    store = project.store
    seed = store.examples.all()[0]
    killed = ExampleWriter(store, "killed")
    killed.open(seed)
    store.examples.edit(replace(seed, query="Their own words."))
    killed.write({"input": "my own input"})
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=SIZE) as pilot:
        await quiet(pilot)
        assert "d compares" in remarks(app)
        await pilot.press("d")
        await until_shown(pilot, lambda: isinstance(app.screen, ConflictDialog))
        await pilot.press("m")
        await quiet(pilot)
        assert editors(app) == [seed.query, "my own input", seed.texts["output"]]
        assert written(project)[0] == (seed.query, "my own input", seed.texts["output"])
