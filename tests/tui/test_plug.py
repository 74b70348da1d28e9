"""Pulling the plug while typing and while the preview streams: what was seen is in the store.

Review has the same, for decisions and edits, in ``tests/e2e/test_review_kill.py``.
"""

from __future__ import annotations

import string
import sys
from collections.abc import Callable
from typing import Any

import pytest

from studio.project import Project
from studio.tui import memory
from studio.tui.pane import autosave
from tests.support.openai_server import OpenAIServer
from tests.support.plug import WAYS, pull
from tests.support.screen import Screen
from tests.support.waiting import until
from tests.tui.conftest import use_endpoint

LOST_S = 0.3
"""Typing younger than this may be lost, to a kill only."""
TYPED = string.ascii_uppercase
KEY_S = 0.06


@pytest.fixture(autouse=True)
def toured() -> None:
    memory.keep(toured=True)


def started(project: Project, shows: str = "spare room") -> Screen:
    """The program in its first pane, Examples, or in the one that was left, which shows so."""
    project.close()
    screen = Screen([sys.executable, "-m", "studio", str(project.path)])
    screen.wait(lambda seen: shows in seen.text and "Quit" in seen.text)
    screen.settle(0.5)
    return screen


def type_on(screen: Screen) -> None:
    """Type without a pause."""
    for letter in TYPED:
        screen.press(letter)
        screen.settle(KEY_S)


def letters_in(text: str) -> int:
    """How many of the typed letters stand there, from the first on."""
    return max(n for n in range(len(TYPED) + 1) if TYPED[:n] in text)


def letters_stored(project: Project, stored: Callable[[Project], str]) -> int:
    """How many are in the project's file, whatever the program still holds."""
    opened = Project.open(project.path)
    try:
        return letters_in(stored(opened))
    finally:
        opened.close()


def query_stored(project: Project) -> str:
    return project.store.examples.all()[0].query


def draft_stored(project: Project) -> str:
    return project.store.drafts.get("prompt") or ""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("keys", "stored"),
    [(("e",), query_stored), (("2", "p", "e"), draft_stored)],
    ids=["a query", "a template"],
)
def test_what_was_typed(
    project: Project,
    llm: OpenAIServer,
    keys: tuple[str, ...],
    stored: Callable[[Project], str],
    way: str,
) -> None:
    use_endpoint(project, llm.url)
    with started(project) as screen:
        for key in keys:
            screen.press(key)
            screen.settle(0.7)
        type_on(screen)
        if way == "killed":
            screen.wait(lambda _: letters_stored(project, stored) > 10)
            standing = letters_stored(project, stored)
        else:
            screen.wait(lambda seen: letters_in(seen.text) > 10)
            standing = letters_in(screen.text)
        pull(screen, way)
    assert standing > 10
    assert letters_stored(project, stored) >= standing


def test_typing_waits_no_longer_than_that_for_its_place_in_the_store() -> None:
    assert autosave.DELAY_S <= LOST_S


def speaking(body: dict[str, Any]) -> str:
    """Short for one document, and long for all others."""
    if "Donations" in str(body["messages"][-1]["content"]):
        return "Question: who may give"
    return "Question: " + " ".join(f"word{n}" for n in range(400))


@pytest.mark.parametrize("way", WAYS)
def test_answers_that_stood_on_the_screen_and_what_was_typed_beside_them(
    project: Project, way: str
) -> None:
    with OpenAIServer(token_s=0.05, words=speaking) as server:
        use_endpoint(project, server.url)
        with started(project) as screen:
            screen.press("2")
            screen.wait(lambda seen: "who may give" in seen.text and "BM25" in seen.text)
            screen.wait(lambda seen: "word5" in seen.text)
            assert server.in_flight > 0
            pull(screen, way)
        until(lambda: server.in_flight == 0)
        paid = server.paid.calls
        with started(project, "Template") as screen:
            screen.wait(lambda seen: "who may give" in seen.text and "stored" in seen.text)
        asked_again = server.paid.calls - paid
    # The two that were cut off are asked again; the one that was there is not paid twice.
    assert asked_again <= 2
