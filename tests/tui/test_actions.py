"""One registry feeds bindings, footer, palette, help and README."""

from __future__ import annotations

import subprocess
import sys

import pytest
from textual.screen import Screen

from studio.tui.actions import (
    ACTIONS,
    BY_ID,
    PANES,
    SCOPES,
    bindings,
    in_scope,
    key_names,
    key_table,
)
from studio.tui.app import StudioApp
from studio.tui.keymap import LOST_IN_TMUX
from studio.tui.navigation import new_pane
from studio.tui.pane.base import Dialog, Pane
from studio.tui.pane.recalled_field import RecalledField
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import TextPane

OWNERS = {
    "app": (StudioApp,),
    "list": (RowList,),
    "field": (Pane, Dialog),
    "recall": (RecalledField,),
    "text": (TextPane,),
    **{scope: (type(new_pane(scope, None)),) for scope in PANES},
}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_has_a_method_where_it_is_done(action) -> None:
    for owner in OWNERS[action.scope]:
        assert callable(getattr(owner, f"action_{action.method}", None))


def test_ids_are_unique() -> None:
    assert len(BY_ID) == len(ACTIONS)


@pytest.mark.parametrize("scope", SCOPES)
def test_no_two_actions_of_a_scope_share_a_key(scope) -> None:
    keys = [key for action in in_scope(scope) for key in action.keys]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("action", [a for a in ACTIONS if a.keys], ids=lambda action: action.id)
def test_no_action_has_only_keys_that_terminals_swallow(action) -> None:
    assert not all(key in LOST_IN_TMUX for key in action.keys)


def test_no_pane_hides_a_key_that_works_everywhere() -> None:
    everywhere = {key for action in in_scope("app") for key in action.keys}
    for scope in (*PANES, "list", "recall", "text"):
        own = {key for action in in_scope(scope) for key in action.keys}
        assert not own & everywhere


def test_bindings_carry_the_ids_that_the_keymap_names() -> None:
    assert {binding.id for binding in bindings("jobs")} == {a.id for a in in_scope("jobs")}


def test_the_table_for_the_readme_lists_every_action() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "studio.tui.actions"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == key_table()
    assert done.stdout.count("\n") == len(ACTIONS) + 2


def test_keys_are_named_as_people_read_them() -> None:
    assert key_names(("question_mark", "ctrl+r", "slash")) == "? ^r /"


@pytest.mark.parametrize("scope", PANES)
def test_no_pane_overrides_an_action_of_textual(scope) -> None:
    for action in in_scope(scope):
        assert not hasattr(Screen, f"action_{action.method}")
