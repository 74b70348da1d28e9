"""What the README says of keys and files is what the program has."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from studio.cli.app import app
from studio.tui.actions import key_table

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_key_table_is_the_registry_s() -> None:
    block = README.split("<!-- keys", 1)[1].split("-->", 1)[1].split("<!-- /keys -->", 1)[0]
    assert block.strip() == key_table().strip()


def test_every_local_link_and_picture_is_there() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / unquote(link)).exists()]


def test_every_verb_that_it_names_exists() -> None:
    verbs = {command.name for command in app.registered_commands}
    verbs |= {group.name for group in app.registered_groups}
    named = set(re.findall(r"^studio ([a-z]+) ", README, re.M)) - {"shop", "stays"}
    assert named
    assert named <= verbs
