"""All versions of the template, each with its difference to the text in the editor."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.content import Content

from studio.records import Prompt
from studio.tui.safe_text import content
from studio.tui.screens.pane import Dialog
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section, TextPane

COLUMNS = (Column("version", 7, "right"), Column("saved", 16), Column("name", 22), Column("note"))


class Versions(Dialog):
    """Gives back the template of the chosen version, or None."""

    def __init__(self, versions: Sequence[Prompt], draft: str) -> None:
        super().__init__()
        self._versions = {str(prompt.id): prompt for prompt in versions}
        self._draft = draft

    def compose(self) -> ComposeResult:
        """List above, difference below."""
        title = "Versions — enter takes one into the editor, esc closes"
        with Section(classes="dialog tall").titled(title):
            yield RowList(
                COLUMNS, empty="No version yet. w saves the draft as one.", id="versions-list"
            )
            with Section(id="versions-diff").titled("From the version to the editor"):
                yield TextPane(id="diff")

    def on_mount(self) -> None:
        """Fill it."""
        rows = [
            Row(str(p.id), (f"v{p.version}", p.created[:16].replace("T", " "), p.name, p.note))
            for p in self._versions.values()
        ]
        self.query_one(RowList).show(rows)
        self.query_one(RowList).focus()

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        if event.row is not None:
            template = self._versions[event.row.key].template
            self.query_one("#diff", TextPane).put(difference(template, self._draft))

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if event.row is not None:
            self.dismiss(self._versions[event.row.key].template)


def difference(old: str, new: str) -> Content:
    """The lines that differ with their neighbours; changed words stand out in their lines."""
    if old == new:
        return content("The same text.", "$success")
    return Content("\n").join(_lines(old.splitlines(), new.splitlines()))


def _lines(old: list[str], new: list[str]) -> Iterator[Content]:
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for group in matcher.get_grouped_opcodes(2):
        yield content(f"line {group[0][3] + 1}", "$secondary")
        for tag, a_from, a_to, b_from, b_to in group:
            if tag == "equal":
                yield from (content(f"  {line}") for line in old[a_from:a_to])
            else:
                yield from _changed(old[a_from:a_to], new[b_from:b_to])


def _changed(old: list[str], new: list[str]) -> Iterator[Content]:
    for before, after in zip(old, new, strict=False):
        yield _marked("- ", before, after, "$error")
        yield _marked("+ ", after, before, "$success")
    yield from (content(f"- {line}", "$error") for line in old[len(new) :])
    yield from (content(f"+ {line}", "$success") for line in new[len(old) :])


def _marked(mark: str, line: str, other: str, tone: str) -> Content:
    """A line with the words that the other one lacks in reverse."""
    words, others = _words(line), _words(other)
    parts: list[Any] = [(mark, tone)]
    matcher = difflib.SequenceMatcher(a=words, b=others, autojunk=False)
    for tag, a_from, a_to, _b_from, _b_to in matcher.get_opcodes():
        style = tone if tag == "equal" else f"{tone} reverse"
        parts.append(content("".join(words[a_from:a_to]), style))
    return Content.assemble(*parts)


def _words(line: str) -> list[str]:
    import re

    # A Chinese character is a word of its own; so is each run of spaces.
    return re.findall(r"[\u2e80-\u9fff]|[^\W\u2e80-\u9fff]+|\s+|.", line)
