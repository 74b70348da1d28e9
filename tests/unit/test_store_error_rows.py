"""Errors as a list pages them: gold beside, what came of each, any page of any round."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.project import Project
from tests.support import rounds


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Project]:
    found = rounds.project(tmp_path / "opinions")
    yield found
    found.close()


def test_a_row_has_its_gold_and_what_came_of_it(made: Project) -> None:
    rounds.resting(made)
    rows = made.store.runs.error_rows(made.store.runs.rounds(1)[0].id)
    assert [(row.text[:6], row.gold, row.predicted) for row in rows[:2]] == [
        ("a warm", "pos", "neg"),
        ("两个小时像一", "pos", "neg"),
    ]
    assert [(row.made, row.kept) for row in rows] == [(1, 1), (1, 1), (1, 1), (1, 0), (0, 0)]


def test_pages_follow_each_other_within_their_round(made: Project) -> None:
    rounds.two_rounds(made)
    runs = made.store.runs
    for one in runs.rounds(1):
        ids = runs.error_ids(one.id)
        assert [*ids] == [error.id for error in runs.errors(one.id)]
        paged, after = [], 0
        while page := runs.error_rows(one.id, after, 2):
            paged += [row.id for row in page]
            after = page[-1].id
        assert paged == [*ids]


def test_errors_between_which_others_stand_are_found_too(made: Project) -> None:
    runs = made.store.runs
    run = runs.add("s3", rounds.params())
    rounds.scored(made, run, 0, (0, 1, 2), records=1, stage="scored")
    rounds.scored(made, run, 1, (0, 1), records=1, stage="scored")
    first, second = runs.rounds(run)
    with made.store.write() as conn:
        conn.execute("UPDATE errors SET id = 100 WHERE id = ?", (runs.error_ids(second.id)[0],))
        conn.execute("UPDATE errors SET id = 101 WHERE id = ?", (runs.error_ids(first.id)[2],))
    assert [*runs.error_ids(first.id)] == [error.id for error in runs.errors(first.id)]
    assert [row.id for row in runs.error_rows(first.id)] == [*runs.error_ids(first.id)]


def test_a_round_without_errors_has_no_row(made: Project) -> None:
    run = made.store.runs.add("s3", rounds.params())
    round_ = made.store.runs.begin_round(run, 0)
    assert [*made.store.runs.error_ids(round_.id)] == []
    assert made.store.runs.error_rows(round_.id) == []
