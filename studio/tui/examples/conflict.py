"""Two wordings of one example: mine, unsaved, and the one that another studio has saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from textual.content import Content

from studio.records import Example
from studio.store.example_drafts import ExampleDraft
from studio.tui.dialogs.conflict import Choice, ConflictDialog
from studio.tui.safe_content import content
from studio.tui.word_diff import both_sides

NOTHING = content("(not written yet)", "$secondary")


def wordings_dialog(draft: ExampleDraft, theirs: Example, *, deleted: bool) -> ConflictDialog:
    """Asks which wording shall stay."""
    mine, saved = zip(*_sides(draft.texts, theirs.texts), strict=True)
    return ConflictDialog(
        "Two wordings of one example: which one shall stay?",
        (Content.assemble(*mine), Content.assemble(*saved)),
        _choices(deleted=deleted),
        later="mine stays as a draft, marked ≠ in the list",
        saved="Theirs — deleted elsewhere" if deleted else "Theirs — saved elsewhere",
    )


def _sides(mine: Mapping[str, str], saved: Mapping[str, str]) -> Iterator[tuple[Content, Content]]:
    """Text after text in both wordings, each but the first under its name."""
    first, *others = saved
    one, two = both_sides(mine[first], saved[first])
    yield one if one.plain.strip() else NOTHING, two if two.plain.strip() else NOTHING
    for name in others:
        if mine[name] or saved[name]:
            heading = Content.assemble("\n\n", content(name.capitalize(), "$secondary"), "\n")
            yield heading, heading
            yield both_sides(mine[name], saved[name])


def _choices(*, deleted: bool) -> list[tuple[Choice, str, str]]:
    mine = "it comes back on the list, worded so" if deleted else "it is saved in place of theirs"
    theirs = "it stays off the list" if deleted else "mine is let go"
    return [
        ("mine", "keep mine", f"{mine}; u undoes"),
        ("theirs", "take theirs", f"{theirs}; u undoes"),
        ("both", "keep both", "mine becomes an example of its own; u undoes"),
    ]
