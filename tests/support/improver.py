"""A corpus of look-alikes, and an LLM that writes well only by a wording that says how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.jobs import setup
from studio.project import Project
from studio.records import Document, Example
from tests.support import small_corpus
from tests.support.project import fill

TOLD = "Name the plant and its place."
"""What makes queries good."""


def words(body: dict[str, Any]) -> str:
    """A wording where one is asked for; else a query."""
    first, last = (str(body["messages"][n]["content"]) for n in (0, -1))
    if "You improve" in first:
        assert "That is: it finds the document at place" in last, last
        return f"They are too vague.\n-----\n{TOLD} Write the query only.\n-----"
    if TOLD not in first:
        return "how is it kept"
    return small_corpus.question(
        next(row["_id"] for row in small_corpus.rows() if row["text"] in last)
    )


def words_in_vain(body: dict[str, Any]) -> str:
    """A wording that is no template, whatever is asked."""
    return (
        "{{ nothing" if "You improve" in str(body["messages"][0]["content"]) else "how is it kept"
    )


def make_project(folder: Path, url: str) -> Project:
    """64 documents of which two at a time share a plant or a place."""
    project = Project.create(folder, title="Plants")
    fill(project.store, [Document(r["_id"], "", r["text"]) for r in small_corpus.rows()])
    project.store.examples.add(
        Example(f"A passage on item {number}.", f"what is item {number}") for number in range(3)
    )
    setup.save_template(project)
    project.close()
    (folder / "studio.toml").write_text(
        f'endpoint = "rule"\n[endpoints.rule]\nbase_url = "{url}"\nmodel = "stand-in"\n', "utf-8"
    )
    return Project.open(folder)
