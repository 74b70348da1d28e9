"""Review with real keys: deciding, ranges, bulk, undo, filters, thresholds, provenance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Static

from studio.calls import Answer, Message, Request
from studio.project import Project
from studio.records import Verdict
from studio.store import Store
from studio.store.generations import Finished
from studio.store.review_shapes import ReviewRow, View
from studio.tui.app import StudioApp
from studio.tui.plots.histogram import Histogram
from studio.tui.records.filter_dialog import FilterDialog
from studio.tui.review.bulk_dialog import BulkDialog
from studio.tui.review.pane import ReviewPane
from studio.tui.review.threshold import ThresholdDialog
from studio.tui.widgets.editor import Editor, Field
from studio.tui.widgets.text_pane import Section, TextPane
from studio.tui.widgets.virtual_rows import VirtualRows
from tests.support.data import queries_of, query_for
from tests.support.waiting import quiet, until_shown

QUERIES = (
    ("is the spare room deductible", 1, 1.0),
    ("can i deduct meals with clients 🍜", 2, 1.0),
    ("网购的衣服可以无理由退货吗", 6, 2.0),
    ("房东多久退还押金", 7, 5.0),
    ("what licence does a café need ☕", 8, 3.0),
    ("trips to work", 3, 9.0),
    ("limit for gifts per person", 4, 1.0),
    ("do donations lower the tax", 5, 1.0),
)


@pytest.fixture(autouse=True)
def anna(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_REVIEWER", "anna")


@pytest.fixture
def reviewed(project: Project) -> Project:
    """Eight records, each out of a call of its own, each with a rank of the round trip."""
    judge(project, QUERIES)
    return project


def judge(project: Project, queries: tuple[tuple[str, int, float], ...]) -> None:
    store = project.store
    shots = store.shot_sets.save([store.examples.all()[0].revision_id])
    for number, (text, document_id, _rank) in enumerate(queries):
        request = Request(
            (Message("user", f"Write a query for document {document_id}"),),
            "stand-in",
            document_id=document_id,
            prompt_id=1,
            shot_set_id=shots,
            seed=number,
        )
        answer = Answer(f"Query: {text}", prompt_tokens=90, completion_tokens=9, endpoint="here")
        store.generations.save([Finished(request, answer, "", queries_of(request, text))])
    first = store.records.count() - len(queries) + 1
    store.verdicts.add(
        Verdict(first + n, "round-trip", rank <= 3, rank, "" if rank <= 3 else "round-trip")
        for n, (_text, _document, rank) in enumerate(queries)
    )


@pytest.fixture
def app(reviewed: Project) -> StudioApp:
    return StudioApp(reviewed, screen="review")


def rows(app: StudioApp) -> VirtualRows[ReviewRow]:
    return app.screen_stack[0].query_one("#records", VirtualRows)


def here(app: StudioApp) -> int:
    row = rows(app).current
    return row.id if row else 0


def words(project: Project) -> list[str]:
    """Each record's last word: + accepted, - rejected, . undecided."""
    window = project.store.review.open(View())
    found = [{"accepted": "+", "rejected": "-", "": "."}[row.word] for row in window.at(0, 100)]
    window.close()
    return found


def title(app: StudioApp) -> str:
    return str(app.screen_stack[0].query_one("#records-section", Section).border_title)


def beside(app: StudioApp) -> str:
    return app.screen_stack[0].query_one("#provenance", TextPane).plain


def lines(app: StudioApp) -> list[str]:
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]


def said(app: StudioApp) -> list[str]:
    return [notice.text for notice in app.said]


async def opened(pilot: Pilot[int]) -> None:
    app = pilot.app
    assert isinstance(app, StudioApp)
    await until_shown(pilot, lambda: rows(app).current is not None)


# -- one key a record --


async def test_one_key_accepts_and_goes_on(app: StudioApp, reviewed: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("a", "r", "a")
        assert "".join(words(reviewed)) == "+-+....."
        assert here(app) == 4
        assert not reviewed.store.records.get(2).kept  # type: ignore[union-attr]


async def test_a_held_key_decides_each_record_once_and_in_order(
    app: StudioApp, reviewed: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        for key in "arrarara":
            event = events.Key(key, key)
            event.set_sender(app)
            app.post_message(event)
        await until_shown(pilot, lambda: "." not in words(reviewed))
        assert "".join(words(reviewed)) == "+--+-+-+"


async def test_a_decision_goes_past_those_that_are_decided(
    app: StudioApp, reviewed: Project
) -> None:
    reviewed.store.review.accept([2, 3], "anna")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("a")
        assert here(app) == 4
        await pilot.press("G", "a")
        assert here(app) == 4, "after the last one it goes on from the top"


async def test_when_all_are_decided_it_says_so(app: StudioApp, reviewed: Project) -> None:
    reviewed.store.review.accept(range(2, 9), "anna")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("a")
        assert any("All of these are decided" in words for words in said(app))


async def test_the_row_shows_the_decision_with_symbol_and_word(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("a", "r")
        await quiet(pilot)
        text = "\n".join(lines(app))
        assert "✓  accepted" in text
        assert "✗  rejected" in text
        assert "-  round-trip" in text


async def test_flag_and_flag_again(app: StudioApp, reviewed: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("f")
        assert here(app) == 1
        assert rows(app).current.flagged  # type: ignore[union-attr]
        assert "⚑" in lines(app)[4]
        await pilot.press("f")
        assert not rows(app).current.flagged  # type: ignore[union-attr]


async def test_clear_takes_the_word_back(app: StudioApp, reviewed: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("r", "k", "c")
        assert "".join(words(reviewed)) == "........"
        assert reviewed.store.records.get(1).kept  # type: ignore[union-attr]


async def test_n_goes_to_undecided_ones_without_deciding(app: StudioApp, reviewed: Project) -> None:
    reviewed.store.review.accept([2, 3, 5], "anna")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("n")
        assert here(app) == 4
        await pilot.press("n", "n")
        assert here(app) == 7
        await pilot.press("N", "N")
        assert here(app) == 4
        await pilot.press("N")
        assert here(app) == 1
        assert "".join(words(reviewed)) == ".++.+..."


# -- editing --


async def test_editing_in_place_is_one_edit_and_one_undo(app: StudioApp, reviewed: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("e", *" 吗?", "escape")
        assert reviewed.store.records.get(1).text == f"{QUERIES[0][0]} 吗?"  # type: ignore[union-attr]
        assert app.focused is rows(app)
        assert "吗?" in rows(app).current.text  # type: ignore[union-attr]
        assert "✎" in lines(app)[4]
        await pilot.press("u")
        assert reviewed.store.records.get(1).text == QUERIES[0][0]  # type: ignore[union-attr]


async def test_typing_in_a_record_survives_a_kill(reviewed: Project) -> None:
    """What was typed 300 ms ago is a draft in the file; the next start makes an edit of it."""
    app = StudioApp(reviewed, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("e", "!")
        await quiet(pilot)
        drafts = reviewed.store.drafts.starting("review-edit:")
        assert [*drafts.values()] == [QUERIES[0][0] + "!"]
        pane = app.screen
        assert isinstance(pane, ReviewPane)
        pane._edit._open = None  # As if the process had ended here: nothing is flushed.
    assert reviewed.store.records.get(1).text == QUERIES[0][0]  # type: ignore[union-attr]
    again = StudioApp(reviewed, screen="review")
    async with again.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await until_shown(pilot, lambda: not reviewed.store.drafts.starting("review-edit:"))
        assert reviewed.store.records.get(1).text == QUERIES[0][0] + "!"  # type: ignore[union-attr]


async def test_leaving_the_pane_while_editing_writes_the_edit(
    app: StudioApp, reviewed: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("e", "!")
        app.action_jobs()
        await quiet(pilot)
        assert reviewed.store.records.get(1).text == QUERIES[0][0] + "!"  # type: ignore[union-attr]


async def test_an_empty_record_is_refused_and_the_field_stays(
    app: StudioApp, reviewed: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("e")
        app.screen.query_one("#edit", Editor).clear()
        await pilot.press("space", "escape")
        assert any("without text" in words for words in said(app))
        assert app.screen.query_one("#edit-section").has_class("-open")
        assert reviewed.store.records.get(1).text == QUERIES[0][0]  # type: ignore[union-attr]
        await pilot.press("x", "escape")
        assert not app.screen.query_one("#edit-section").has_class("-open")


async def test_an_edit_of_somebody_else_meanwhile_is_told_of_and_kept(
    app: StudioApp, reviewed: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("e", "!")
        other = Store(reviewed.store.path)
        other.review.edit(1, "bo's words", "bo")
        other.close()
        await pilot.press("escape")
        assert reviewed.store.records.get(1).text == QUERIES[0][0] + "!"  # type: ignore[union-attr]
        assert any("Somebody else has edited record 1" in words for words in said(app))
        await pilot.press("u")
        assert reviewed.store.records.get(1).text == "bo's words"  # type: ignore[union-attr]


async def side_says(app: StudioApp, pilot: Pilot[object], words: str) -> None:
    await until_shown(pilot, lambda: words in app.screen.query_one(TextPane).plain)


async def test_a_note_is_written_with_one_key_shown_found_and_undone(
    app: StudioApp, reviewed: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("j", "m", *"ask bo 吗", "escape")
        assert reviewed.store.records.get(2).note == "ask bo 吗"  # type: ignore[union-attr]
        assert app.focused is rows(app)
        await side_says(app, pilot, "❞ ask bo 吗")
        await until_shown(pilot, lambda: "❞" in lines(app)[5])
        await pilot.press("d", *["left"], "enter")
        await until_shown(pilot, lambda: rows(app).count == 1)
        assert "with a note" in title(app)
        await pilot.press("u")
        assert reviewed.store.records.get(2).note == ""  # type: ignore[union-attr]
        assert any("Undone: Wrote a note on record 2" in words for words in said(app))


async def test_tab_goes_on_from_the_fields_to_the_note(app: StudioApp, reviewed: Project) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("e", "!", "tab", *"why", "escape")
        record = reviewed.store.records.get(1)
        assert record is not None
        assert (record.text, record.note) == (QUERIES[0][0] + "!", "why")


async def test_a_note_under_way_survives_a_kill(reviewed: Project) -> None:
    app = StudioApp(reviewed, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("m", *"half")
        await quiet(pilot)
        assert [*reviewed.store.drafts.starting("review-edit:").values()] == ["half"]
        pane = app.screen
        assert isinstance(pane, ReviewPane)
        pane._edit._open = None  # As if the process had ended here: nothing is flushed.
    again = StudioApp(reviewed, screen="review")
    async with again.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await until_shown(pilot, lambda: not reviewed.store.drafts.starting("review-edit:"))
        record = reviewed.store.records.get(1)
        assert record is not None
        assert (record.note, record.text) == ("half", QUERIES[0][0])


# -- ranges, marks, bulk --


async def test_a_range_is_decided_with_one_key(app: StudioApp, reviewed: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("j", "v", "j", "j")
        assert "Range of 3" in title(app)
        assert [line[0] for line in lines(app)[4:9]] == [" ", "┃", "┃", "┃", " "]
        await pilot.press("r")
        assert "".join(words(reviewed)) == ".---...."
        assert here(app) == 5
        assert "Range" not in title(app)
        await pilot.press("u")
        assert "".join(words(reviewed)) == "........"


async def test_esc_leaves_a_range_as_it_was(app: StudioApp, reviewed: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("v", "j", "escape", "f")
        window = reviewed.store.review.open(View(verdict="flagged"))
        assert window.count() == 1
        window.close()


async def test_marked_records_are_decided_after_a_preview(
    app: StudioApp, reviewed: Project
) -> None:
    reviewed.store.review.reject([3], "bo")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("space", "j", "space", "space")
        assert "3 marked" in title(app)
        await pilot.press("A")
        await until_shown(pilot, lambda: "3 records" in "\n".join(lines(app)))
        text = "\n".join(lines(app))
        assert "2 undecided" in text
        assert "1 rejected by a person: change sides" in text
        assert QUERIES[2][0] in text
        assert "".join(words(reviewed)) == "..-....."
        await pilot.press("enter")
        await until_shown(pilot, lambda: "".join(words(reviewed)) == "+.++....")


async def test_bulk_takes_all_that_is_shown_and_esc_leaves_it(
    app: StudioApp, reviewed: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("R")
        await until_shown(pilot, lambda: "8 records" in "\n".join(lines(app)))
        await pilot.press("escape")
        assert not isinstance(app.screen, BulkDialog)
        assert "".join(words(reviewed)) == "........"
        await pilot.press("slash", *"退", "enter")
        await until_shown(pilot, lambda: rows(app).count == 2)
        await pilot.press("R")
        await until_shown(pilot, lambda: "2 records" in "\n".join(lines(app)))
        await pilot.press("enter")
        await until_shown(pilot, lambda: "".join(words(reviewed)) == "..--....")
        await pilot.press("F")
        await until_shown(pilot, lambda: "2 records" in "\n".join(lines(app)))
        await pilot.press("enter")
        await until_shown(pilot, lambda: any("Flagged 2" in words for words in said(app)))


# -- undo --


async def test_undo_and_redo_of_everything_and_after_a_restart(reviewed: Project) -> None:
    app = StudioApp(reviewed, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("a", "r", "v", "j", "a", "f")
        assert "".join(words(reviewed)) == "+-++...."
    again = StudioApp(reviewed, screen="review")
    async with again.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("u", "u")
        assert "".join(words(reviewed)) == "+-......"
        await pilot.press("u", "u")
        assert "".join(words(reviewed)) == "........"
        assert here(again) == 1
        assert any("Undone: Accepted record 1" in words for words in said(again))
        await pilot.press("u")
        assert any("nothing to undo" in words for words in said(again))
        await pilot.press("U", "U", "U", "U")
        assert "".join(words(reviewed)) == "+-++...."


async def test_undo_goes_back_to_the_record(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("j", "j", "a", "G", "u")
        assert here(app) == 3


# -- which records --


async def test_search_finds_chinese_words_as_one_types(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("slash", *"押金")
        await until_shown(pilot, lambda: rows(app).count == 1)
        assert "“押金”" in title(app)
        await pilot.press("escape")
        assert app.focused is rows(app)
        await pilot.press("x")
        await until_shown(pilot, lambda: rows(app).count == 8)
        assert here(app) == 4, "the cursor stays on its record"
        assert app.screen.query_one("#search", Field).value == ""


async def test_a_search_without_hits_says_which_key_shows_all(app: StudioApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("slash", *"zzzz", "enter")
        await until_shown(pilot, lambda: rows(app).count == 0)
        await quiet(pilot)
        assert "x shows all again" in "\n".join(lines(app))
        await pilot.press("a", "r", "f", "e", "space", "v", "n", "N", "A", "c", "j", "G", "enter")
        await pilot.press("escape", "x")
        await until_shown(pilot, lambda: rows(app).count == 8)


async def test_the_filter_dialog_narrows_by_verdict_and_score(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("d")
        await until_shown(pilot, lambda: "8 records" in "\n".join(lines(app)))
        await pilot.press(*["right"] * 3)
        await until_shown(pilot, lambda: "2 records" in "\n".join(lines(app)))
        await pilot.press("enter")
        await until_shown(pilot, lambda: rows(app).count == 2)
        assert "dropped" in title(app)
        await pilot.press("d")
        await until_shown(pilot, lambda: "2 records" in "\n".join(lines(app)))
        await pilot.press("x", "j", "j", "j", "j", "right", "tab", *"2", "tab", *"5", "enter")
        await until_shown(pilot, lambda: rows(app).count == 3)
        assert "round-trip 2–5" in title(app)


async def test_every_line_of_the_filter_dialog_filters(app: StudioApp, reviewed: Project) -> None:
    job = reviewed.store.jobs.submit("generate", {})
    with reviewed.store.write() as conn:
        conn.execute("UPDATE records SET job_id = ? WHERE id IN (1, 2)", (job,))
    async with app.run_test(size=(120, 40)) as pilot:
        for moves, count in ((1, 2), (2, 8), (3, 2)):
            await opened(pilot)
            await pilot.press("d")
            await until_shown(pilot, lambda: "8 records" in "\n".join(lines(app)))
            await pilot.press(*["j"] * moves, "right", "enter")
            await until_shown(pilot, lambda: rows(app).count == count)  # noqa: B023
            await pilot.press("x")
            await until_shown(pilot, lambda: rows(app).count == 8)


async def test_a_score_that_is_no_number_is_refused_in_words(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("d")
        await until_shown(pilot, lambda: "8 records" in "\n".join(lines(app)))
        await pilot.press("tab", *"much", "enter")
        assert "is no number" in "\n".join(lines(app))
        assert isinstance(app.screen, FilterDialog)
        await pilot.press(*["backspace"] * 4, "1", "enter")
        assert "Choose whose score" in "\n".join(lines(app))
        await pilot.press("escape")
        assert isinstance(app.screen, ReviewPane)


async def test_sorting_keeps_the_record(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("s")
        await until_shown(pilot, lambda: "oldest first" in "\n".join(lines(app)))
        await pilot.press("j", "enter")
        await until_shown(pilot, lambda: "newest first" in title(app))
        assert here(app) == 1
        assert rows(app).cursor == 7
        await pilot.press("s")
        await until_shown(pilot, lambda: "highest score first" in "\n".join(lines(app)))
        await pilot.press("g", *["j"] * 4, "enter")
        await until_shown(pilot, lambda: "highest score first" in title(app))
        await pilot.press("g")
        await until_shown(pilot, lambda: here(app) == 6)


# -- thresholds --


async def test_a_threshold_moves_with_a_live_histogram(app: StudioApp, reviewed: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await until_shown(pilot, lambda: "kept 6" in "\n".join(lines(app)))
        assert isinstance(app.screen, ThresholdDialog)
        assert app.screen.query_one(Histogram)._bins
        await pilot.press("right", "right")
        await until_shown(pilot, lambda: "kept 7 (+1)" in "\n".join(lines(app)))
        assert "dropped 1" in "\n".join(lines(app))
        await pilot.press("enter")
        await until_shown(pilot, lambda: reviewed.store.records.counts().kept == 7)
        await until_shown(pilot, lambda: "kept" in lines(app)[7])
        await pilot.press("u")
        await until_shown(pilot, lambda: reviewed.store.records.counts().kept == 6)


async def test_a_threshold_can_be_left_as_it_was(app: StudioApp, reviewed: Project) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await until_shown(pilot, lambda: "kept 6" in "\n".join(lines(app)))
        await pilot.press("H", "L", "l", "h", "left", "x")
        await until_shown(pilot, lambda: "≤ 3 " in "\n".join(lines(app)))
        await pilot.press("left", "escape")
        assert reviewed.store.records.counts().kept == 6
        assert reviewed.store.review.last_changes(1) == []


async def test_without_scores_the_thresholds_say_what_to_do(project: Project) -> None:
    project.store.records.add([query_for(document_id=1, text="a query")])
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await until_shown(pilot, lambda: "No filter has stored a score" in "\n".join(lines(app)))
        await pilot.press("right", "enter", "escape")
        assert isinstance(app.screen, ReviewPane)


# -- beside the table --


async def test_the_side_shows_the_whole_provenance(app: StudioApp, reviewed: Project) -> None:
    reviewed.store.records.add([query_for(document_id=1, text="may i deduct my spare room")])
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await until_shown(pilot, lambda: "A room used only for paid work" in beside(app))
        assert "may i deduct my spare room" in beside(app)
        await pilot.press("z")
        for part in ("question-answering v1 → stand-in", "here", "Raw answer", "Query: is the",
                     "Shots (1)", "can i write off", "Request · user", "90 tokens in, 9 out",
                     "cost unknown"):  # fmt: skip
            assert part in beside(app)
        await pilot.press("z")
        assert "✓ keeps  round-trip  score 1" in beside(app)
        assert "No person has touched it" in beside(app)
        await pilot.press("z")
        assert "may i deduct my spare room" in beside(app)
        await pilot.press("z")
        assert "A room used only" in beside(app)
        await pilot.press("Z")
        assert "similar words" in beside(app)


async def test_the_words_of_the_query_are_marked_in_the_document(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("j", "j")
        await until_shown(pilot, lambda: "网购商品" in beside(app))
        strips = app.screen._compositor.render_strips()
        marked = "".join(
            segment.text
            for strip in strips
            for segment in strip
            if segment.style is not None and segment.style.underline
        )
        assert "网购" in marked
        assert "无理由退货" in marked
        assert "定制" not in marked


async def test_history_and_agreement_stand_beside_the_record(
    app: StudioApp, reviewed: Project
) -> None:
    review = reviewed.store.review
    review.accept([1, 2, 3], "bo")
    review.reject([4], "bo")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("g", "a", "g", "j", "a", "g", "j", "j", "r", "g", "j", "j", "j", "r")
        await pilot.press("g", "z", "z")
        await until_shown(pilot, lambda: "anna accepted" in beside(app))
        assert "bo accepted" in beside(app)
        await until_shown(pilot, lambda: "Cohen's kappa 0.50 over 4 records" in beside(app))


async def test_the_side_scrolls_from_the_table_and_takes_the_keys(app: StudioApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("z")
        await until_shown(pilot, lambda: "Raw answer" in beside(app))
        pane = app.screen.query_one("#provenance", TextPane)
        await pilot.press("J")
        await quiet(pilot)
        assert pane.scroll_offset.y > 0
        await pilot.press("K", "K")
        await quiet(pilot)
        assert pane.scroll_offset.y == 0
        await pilot.press("enter", "j")
        assert app.focused is pane
        await pilot.press("escape")
        assert app.focused is rows(app)


async def test_copying_takes_the_record_whole(app: StudioApp, reviewed: Project) -> None:
    long = "word " * 2_000
    reviewed.store.records.add([query_for(document_id=1, text=long)])
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("G")
        await until_shown(pilot, lambda: here(app) == 9)
        pane = app.screen
        assert isinstance(pane, ReviewPane)
        assert pane.copy_text() == long
        await until_shown(pilot, lambda: "Home office" in beside(app))
        await pilot.press("enter")
        assert "Home office" in pane.copy_text()


# -- the session --


async def test_the_session_counts_decided_and_left(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("a", "a", "r")

        def counted() -> bool:
            told = str(app.screen.query_one("#session", Static).render())
            return "anna: 3 decided (2 ✓ 1 ✗) · 5 left" in told

        await until_shown(pilot, counted)


# -- others --


async def test_new_records_of_another_process_wait_for_a_key(
    app: StudioApp, reviewed: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("j")
        other = Store(reviewed.store.path)
        other.records.add([query_for(document_id=1, text="from elsewhere")])
        other.close()
        await until_shown(pilot, lambda: "new or changed rows: . shows them" in title(app))
        assert rows(app).count == 8
        await pilot.press("full_stop")
        await until_shown(pilot, lambda: rows(app).count == 9)
        assert here(app) == 2
        assert "elsewhere" not in title(app)


async def test_a_decision_of_another_studio_appears_within_a_second(
    app: StudioApp, reviewed: Project
) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from studio.store import Store;"
        "s = Store(Path(sys.argv[1])); s.review.reject([2], 'bo'); s.close()"
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        subprocess.run([sys.executable, "-c", code, str(reviewed.store.path)], check=True)
        await until_shown(pilot, lambda: "✗" in lines(app)[5])
        assert here(app) == 1


async def test_one_s_own_decisions_are_no_news(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("a", "r")
        await pilot.pause(0.8)
        assert "elsewhere" not in title(app)


async def test_views_can_be_changed_while_rows_are_being_read(
    app: StudioApp, reviewed: Project
) -> None:
    reviewed.store.records.add(query_for(document_id=1, text=f"record {n}") for n in range(5_000))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        for _ in range(6):
            for key in ("G", "full_stop", "g", "ctrl+d"):
                event = events.Key(key, key if len(key) == 1 else None)
                event.set_sender(app)
                app.post_message(event)
        await quiet(pilot)
        await until_shown(pilot, lambda: rows(app).current is not None)
        assert app.is_running


# -- coming from elsewhere --


async def test_other_panes_lead_to_a_record_or_a_search(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await app.go("review", search="押金")
        await until_shown(pilot, lambda: rows(app).count == 1)
        assert app.screen.query_one("#search", Field).value == "押金"
        await app.go("review", record=6)
        await until_shown(pilot, lambda: rows(app).count == 8 and here(app) == 6)
        assert app.screen.query_one("#search", Field).value == ""


async def test_from_another_pane_too(reviewed: Project) -> None:
    app = StudioApp(reviewed, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await app.go("review", record=6)
        await until_shown(pilot, lambda: isinstance(app.screen, ReviewPane) and here(app) == 6)


# -- nothing yet --


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Project]:
    made = Project.create(tmp_path / "empty")
    yield made
    made.close()


async def test_without_records_it_leads_to_generate(empty: Project) -> None:
    app = StudioApp(empty, screen="review")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, lambda: "3 goes to Generate" in "\n".join(lines(app)))
        await pilot.press(*"arfceunNUvs", "escape", *"d", "escape", "t", "escape", *"zxJKG.")
        await pilot.press("A", "escape", "space", "enter")
        assert app.is_running


async def test_records_that_come_into_an_empty_project_are_shown_at_once(
    project: Project,
) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, lambda: "No record yet" in "\n".join(lines(app)))
        other = Store(project.store.path)
        other.records.add([query_for(document_id=1, text="the first one")])
        other.close()
        await until_shown(pilot, lambda: "the first one" in "\n".join(lines(app)))
