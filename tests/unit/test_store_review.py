"""Views of Review: what is shown, in which order, and what stays put while it is decided."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from studio.records import StudioError, Verdict
from studio.store import Store
from studio.store import review_ids as finding
from studio.store.review_shapes import View
from studio.store.review_window import Window
from tests.support.data import labelled, query_for
from tests.support.project import call
from tests.support.reviewing import TEXTS, many, reviewed


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return reviewed(tmp_path)


def shown(store: Store, **view: object) -> list[int]:
    """The ids of a view in order, whether they are read at once or one by one."""
    window = store.review.open(View(**view))  # type: ignore[arg-type]
    count = window.count()
    ids = [row.id for row in window.at(0, 1_000)]
    assert ids == list(window.ids())
    assert ids == [row.id for place in range(count) for row in window.at(place, 1)]
    assert [window.position_of(record) for record in ids] == list(range(count))
    window.close()
    return ids


def test_an_empty_project_has_an_empty_view(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "empty.db")
    window = store.review.open(View())
    assert (window.count(), window.at(0, 10), window.next_undecided(-1)) == (0, [], None)
    assert window.position_of(1) is None


def test_everything_is_shown_in_order_and_backwards(store: Store) -> None:
    assert shown(store) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert shown(store, sort="-id") == [8, 7, 6, 5, 4, 3, 2, 1]


def test_a_row_says_all_that_the_table_shows(store: Store) -> None:
    store.review.reject([1], "Ada", "person")
    store.review.flag([1], "Ada")
    [row] = store.review.open(View(filter="round-trip")).at(0, 1)
    assert (row.id, row.document_id, row.document_outside_id, row.text) == (1, 1, "d1", TEXTS[0])
    assert (row.kept, row.reason, row.word) == (False, "person", "rejected")
    assert (row.flagged, row.edited) == (True, False)
    assert (row.score, row.scores) == (1.0, {"length": 1.0, "round-trip": 1.0})


@pytest.mark.parametrize(
    ("verdict", "ids"),
    [
        ("all", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("undecided", [3, 4, 6, 7, 8]),
        ("kept", [2, 5]),
        ("dropped", [1, 3, 4, 6, 7, 8]),
        ("accepted", [2, 5]),
        ("rejected", [1]),
        ("flagged", [3, 4]),
        ("edited", [6]),
    ],
)
def test_records_are_chosen_by_their_last_word(store: Store, verdict: str, ids: list[int]) -> None:
    review = store.review
    review.reject([1], "Ada")
    review.accept([2, 5], "Ada")
    review.flag([3, 4], "Ada")
    review.edit(6, "another text", "Ada")
    assert shown(store, verdict=verdict) == ids


def test_conditions_hold_together(store: Store) -> None:
    assert shown(store, reason="round-trip") == [2, 3, 4, 6, 7]
    assert shown(store, reason="too-long") == [8]
    assert shown(store, reason="round-trip", document_id=1) == [3, 7]
    assert shown(store, reason="round-trip", document_id=1, search="学习") == []
    assert shown(store, document_id=2) == [2, 4, 6, 8]
    assert shown(store, document_id=77) == []


def test_records_are_chosen_by_prompt_version_and_job(store: Store) -> None:
    first, second = store.prompts.save("a", "one"), store.prompts.save("a", "two")
    job = store.jobs.submit("generate", {})
    store.generations.save([call("asked one", prompt_id=first.id, content="1")], job)
    store.generations.save([call("asked two", prompt_id=second.id, content="2")], job)
    assert shown(store, prompt_id=first.id) == [9]
    assert shown(store, prompt_id=second.id) == [10]
    assert shown(store, job_id=job) == [9, 10]
    uses = [(use.version, use.calls) for use in store.review.prompts()]
    assert uses == [(second.version, 1), (first.version, 1)]


def test_scores_bound_the_view_and_order_it(store: Store) -> None:
    trip = {"filter": "round-trip"}
    assert shown(store, **trip, score_from=2) == [2, 3, 6, 7]
    assert shown(store, **trip, score_from=2, score_to=2) == [2, 6]
    assert shown(store, **trip, score_to=1, search="water") == [1]
    assert shown(store, **trip, score_from=2, sort="-id") == [7, 6, 3, 2]
    assert shown(store, **trip, score_from=2, sort="-score") == [7, 3, 6, 2]


def test_records_without_a_score_come_last_in_either_order(store: Store) -> None:
    assert shown(store, filter="round-trip", sort="score") == [4, 1, 5, 2, 6, 3, 7, 8]
    assert shown(store, filter="round-trip", sort="-score") == [7, 3, 6, 2, 5, 1, 4, 8]
    assert shown(store, filter="round-trip", sort="score", search="deep") == [1, 8]
    assert shown(store, filter="unknown", sort="score") == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_order_by_score_without_a_filter_is_that_of_the_ids(store: Store) -> None:
    assert shown(store, sort="score") == [1, 2, 3, 4, 5, 6, 7, 8]


def test_texts_are_ordered_without_regard_to_case(store: Store) -> None:
    assert shown(store, sort="text")[:5] == [7, 5, 6, 8, 1]
    assert shown(store, sort="length") == sorted(range(1, 9), key=lambda n: len(TEXTS[n - 1]))
    assert shown(store, sort="document") == [1, 3, 5, 7, 2, 4, 6, 8]
    assert shown(store, sort="document", search="water") == [1, 8]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("water", [1, 8]),
        ("WATER deep", [1, 8]),
        ("water lake", [1]),
        ("lake bridge", []),
        ("水库", [3]),
        ("水", [3]),
        ("中文难", [4]),
        ("学习 难", [4]),
        ("🦊", [5]),
        ('"', [6]),
        ('"NEAR(fox,', [6]),
        ("NEAR(", [6]),
        ("OR", [6, 7]),
        ("OR NOT *", [6]),
        ("*", [6]),
        ("fox*", []),
        ("%", [7]),
        ("_", [7]),
        ("100%", [7]),
        ("\\", [7]),
        ("text: water", []),
        ("-water", []),
        ("dee\0lake", [1]),
        ("\0", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("  ", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("\ud800", []),
        ("'; DROP TABLE records", []),
        ("water " * 500, [1, 8]),
        ("w" * 100_000, []),
        ("{a b c}:^(", []),
        ("\u202ewater", []),
        ("a\u0301bc", []),
    ],
)
def test_words_are_found_whatever_characters_they_have(
    store: Store, words: str, ids: list[int]
) -> None:
    assert shown(store, search=words) == ids


def test_an_edited_text_is_found_and_its_former_one_is_not(store: Store) -> None:
    store.review.edit(1, "quite another 湖泊 matter", "Ada")
    assert shown(store, search="湖泊") == [1]
    assert shown(store, search="lake") == []
    store.review.undo("Ada")
    assert shown(store, search="lake") == [1]


def test_a_decided_row_stays_in_its_place_and_shows_its_new_state(store: Store) -> None:
    window = store.review.open(View(verdict="undecided"))
    store.review.reject([2], "Ada")
    assert window.count() == 8
    assert window.at(1, 1)[0].word == "rejected"
    assert shown(store, verdict="undecided") == [1, 3, 4, 5, 6, 7, 8]


def test_the_next_undecided_row_is_the_next_without_a_persons_word(store: Store) -> None:
    for view in (View(), View(sort="-id"), View(verdict="undecided"), View(sort="length")):
        window = store.review.open(view)
        ids = list(window.ids())
        store.review.accept([ids[1], ids[2]], "Ada")
        assert window.next_undecided(-1) == 0
        assert window.next_undecided(0) == 3
        store.review.accept(ids[3:], "Ada")
        assert window.next_undecided(0) is None
        while store.review.undo("Ada"):
            pass


def test_a_record_that_comes_later_is_not_in_an_open_window(store: Store) -> None:
    window = store.review.open(View())
    store.review.accept(range(1, 9), "Ada")
    many(store, 1)
    assert window.count() == 8
    assert window.next_undecided(-1) is None
    assert window.position_of(9) is None


def test_a_window_is_stale_when_others_change_what_it_shows(store: Store) -> None:
    window = store.review.open(View())
    store.review.accept([1], "Ada")
    store.review.undo("Ada")
    store.values.set("title", "another")
    assert not window.stale()
    many(store, 1)
    assert window.stale()
    assert window.stale()
    assert not store.review.open(View()).stale()


def test_a_window_is_stale_when_filters_judge(store: Store) -> None:
    window = store.review.open(View())
    store.verdicts.add([Verdict(1, "copy", kept=True)])
    assert window.stale()


def test_a_window_is_stale_when_another_program_decides(store: Store) -> None:
    window = store.review.open(View())
    code = (
        "import sys; from pathlib import Path; from studio.store import Store;"
        "Store(Path(sys.argv[1])).review.accept([2], 'Bob')"
    )
    subprocess.run([sys.executable, "-c", code, str(store.path)], check=True)
    assert window.stale()
    assert window.at(1, 1)[0].word == "accepted"


def test_a_window_outlives_the_store_that_opened_it(store: Store) -> None:
    window = store.review.open(View(search="water"))
    store.close()
    assert [row.id for row in window.at(0, 5)] == [1, 8]


def test_a_position_beyond_the_end_gives_nothing(store: Store) -> None:
    window = store.review.open(View(reason="round-trip"))
    assert window.at(5, 10) == []
    assert window.at(77, 10) == []
    assert [row.id for row in window.at(-3, 2)] == [2, 3]


def test_a_long_view_is_found_in_parts_in_the_same_order(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "FIRST", 3)
    monkeypatch.setattr(finding, "BATCH", 2)
    many(store, 50)
    by_text = sorted(store.records.page(limit=100), key=lambda r: (r.text.lower(), r.id))
    assert shown(store, sort="text") == [record.id for record in by_text]
    assert shown(store, verdict="undecided") == list(range(1, 59))
    assert shown(store, filter="round-trip", sort="score")[:8] == [4, 1, 5, 2, 6, 3, 7, 8]


def test_a_closed_window_stops_looking(store: Store) -> None:
    many(store, 20_000)
    window = store.review.open(View(sort="text"))
    window.close()
    window._ids.wait(None)
    assert window.known()[1]


def test_records_with_gaps_between_their_ids_are_shown_too(store: Store) -> None:
    conn = store.db.conn
    conn.execute("INSERT INTO records(id, document_id, text, created) VALUES (20, 1, 'far', '')")
    assert shown(store) == [1, 2, 3, 4, 5, 6, 7, 8, 20]
    assert store.review.open(View()).next_undecided(7) == 8


def test_a_preview_says_what_a_bulk_would_touch_and_touches_nothing(store: Store) -> None:
    store.review.accept([2], "Ada")
    store.review.reject([3], "Ada")
    touch = store.review.preview_bulk(View(reason="round-trip"))
    assert (touch.count, touch.undecided, touch.accepted, touch.rejected) == (3, 3, 0, 0)
    touch = store.review.preview_bulk(range(1, 9))
    assert (touch.count, touch.undecided, touch.accepted, touch.rejected) == (8, 6, 1, 1)
    assert [row.id for row in touch.sample] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert store.review.preview_bulk([77]).count == 0


def test_provenance_holds_all_that_made_a_record(store: Store) -> None:
    prompt = store.prompts.save("question", "a template")
    job = store.jobs.submit("generate", {})
    store.generations.save([call("how wide is the river", prompt_id=prompt.id)], job)
    store.records.add([query_for(1, "how wide is the river delta")])
    store.review.accept([9], "Ada")
    store.review.clear([9], "Bob")
    store.review.edit(9, "how wide is the old river", "Ada")
    found = store.review.provenance(9)
    assert found.call is not None
    assert (found.call.prompt_name, found.call.prompt_version) == ("question", 1)
    assert found.call.messages[0].content == "a document"
    assert found.call.answer == "how wide is the river"
    assert found.document.text == "about water"
    decisions = [(item.reviewer, item.word, item.undone) for item in found.decisions]
    assert decisions == [("Ada", "accepted", False), ("Bob", "cleared", False)]
    assert [(edit.before, edit.after) for edit in found.edits] == [
        ("how wide is the river", "how wide is the old river")
    ]
    assert {record.id for record in found.siblings} == {1, 3, 5, 7, 10}
    assert found.neighbours[0].id == 10
    assert found.verdicts == ()
    assert store.review.provenance(1).call is None


def test_provenance_of_no_record_is_said_in_one_sentence(store: Store) -> None:
    with pytest.raises(StudioError, match="There is no record 77"):
        store.review.provenance(77)


def test_neighbours_share_words_in_scripts_without_spaces_too(store: Store) -> None:
    store.records.add([query_for(1, "水库的水有多少")])
    record = store.records.get(3)
    assert record is not None
    assert [found.id for found in store.review.neighbours(record)] == [9]


def test_records_about_no_document_are_shown(store: Store) -> None:
    store.records.add([labelled("good", "praise")])
    [row] = store.review.open(View(type="text")).at(0, 1)
    assert (row.document_id, row.document_outside_id, row.label) == (None, "", "praise")
    assert store.review.provenance(9).document.id == 0


def test_two_windows_are_read_from_two_threads(store: Store) -> None:
    many(store, 3_000)
    wrong: list[object] = []

    def read(window: Window) -> None:
        pages = ((place, window.at(place, 50)) for place in range(0, 3_000, 50))
        wrong.extend(place for place, page in pages if len(page) != 50)

    shared = store.review.open(View(verdict="undecided"))
    threads = [threading.Thread(target=read, args=(shared,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_reasons_are_counted(store: Store) -> None:
    assert store.review.reasons() == {"round-trip": 5, "too-long": 1}
