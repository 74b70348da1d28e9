"""Reviewing in a real terminal when the plug is pulled: no decision is lost, nor typing."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from studio.project import Project
from studio.records import Document
from studio.store import Store
from studio.store.review_shapes import View
from tests.support.data import query_for
from tests.support.plug import WAYS, pull
from tests.support.project import fill
from tests.support.screen import Screen

COUNT = 300


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = Project.create(tmp_path / "tax")
    fill(made.store, [Document("d1", "Home office", "A room used only for paid work.")])
    made.store.records.add(query_for(document_id=1, text=f"query {n}") for n in range(COUNT))
    made.close()
    return tmp_path / "tax"


def started(project: Path, tmp_path: Path) -> Screen:
    folders = {
        name: str(tmp_path / name) for name in ("STUDIO_CONFIG", "STUDIO_DATA", "STUDIO_STATE")
    }
    (tmp_path / "STUDIO_STATE").mkdir()
    screen = Screen(
        [sys.executable, "-m", "studio", str(project)],
        environment={**folders, "STUDIO_REVIEWER": "anna", "HOME": str(tmp_path)},
    )
    screen.wait(lambda seen: "Examples" in seen.text)
    screen.settle(0.7)
    screen.press("escape")
    screen.settle(0.3)
    screen.press("4")
    screen.wait(lambda seen: "query 1 " in seen.text)
    return screen


def words(project: Path) -> list[str]:
    """What was decided, in the order of the records."""
    store = Store.create(project / "studio.db")
    window = store.review.open(View())
    try:
        return [row.word for row in window.at(0, COUNT) if row.word]
    finally:
        window.close()
        store.close()


def drafted(project: Path) -> str:
    """The edit under way, as far as it is stored."""
    store = Store.create(project / "studio.db")
    try:
        return "".join(store.drafts.starting("review-edit:").values())
    finally:
        store.close()


def told(screen: Screen) -> int:
    """Decisions that the screen speaks of."""
    found = re.search(r"anna: (\d+) decided", screen.text)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("way", WAYS)
def test_every_decision_that_was_seen_is_kept(project: Path, tmp_path: Path, way: str) -> None:
    script = ["a", "a", "r"] * 20
    with started(project, tmp_path) as screen:
        for key in script:
            screen.press(key)
            screen.settle(0.01)
        screen.wait(lambda seen: told(seen) >= 5)
        seen = max(told(screen), len(re.findall("✓  accepted|✗  rejected", screen.text)))
        pull(screen, way)
    kept = words(project)
    assert len(kept) >= seen >= 5
    assert kept == [{"a": "accepted", "r": "rejected"}[key] for key in script[: len(kept)]]


@pytest.mark.parametrize("way", WAYS)
def test_an_edit_under_way_is_kept(project: Path, tmp_path: Path, way: str) -> None:
    with started(project, tmp_path) as screen:
        screen.press("e")
        screen.wait(lambda seen: "esc finishes" in seen.text)
        os.write(screen.child.child_fd, " 汉字".encode())
        screen.wait(lambda seen: seen.text.count("汉") >= 1)
        if way == "killed":
            # A kill leaves no time: what is stored by then is kept.
            screen.wait(lambda _: drafted(project).endswith("汉字"))
        pull(screen, way)
    if way == "killed":
        (tmp_path / "STUDIO_STATE").rename(tmp_path / "before")
        with started(project, tmp_path) as screen:
            screen.wait(lambda seen: "taken over" in seen.text)
    store = Store.create(project / "studio.db")
    record = store.records.get(1)
    store.close()
    assert record is not None
    assert record.text == "query 0 汉字"
