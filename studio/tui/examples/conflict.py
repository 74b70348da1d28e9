"""Two wordings of one example: mine, unsaved, and the one that another studio has saved."""

from __future__ import annotations

from textual.content import Content

from studio.records import Example
from studio.store.example_drafts import ExampleDraft
from studio.tui.dialogs.conflict import Choice, ConflictDialog
from studio.tui.safe_text import content
from studio.tui.word_diff import both_sides


def wordings_dialog(draft: ExampleDraft, theirs: Example, *, deleted: bool) -> ConflictDialog:
    """Asks which wording shall stay."""
    queries = both_sides(draft.query, theirs.query)
    texts = both_sides(draft.document_text, theirs.document_text)
    return ConflictDialog(
        "Two wordings of one example: which one shall stay?",
        (_whole(queries[0], texts[0]), _whole(queries[1], texts[1])),
        _choices(deleted=deleted),
        later="mine stays as a draft, marked ≠ in the list",
        saved="Theirs — deleted elsewhere" if deleted else "Theirs — saved elsewhere",
    )


def _whole(query: Content, text: Content) -> Content:
    head = query if query.plain.strip() else content("(not written yet)", "$secondary")
    return Content.assemble(head, "\n\n", content("Document", "$secondary"), "\n", text)


def _choices(*, deleted: bool) -> list[tuple[Choice, str, str]]:
    mine = "it comes back on the list, worded so" if deleted else "it is saved in place of theirs"
    theirs = "it stays off the list" if deleted else "mine is let go"
    return [
        ("mine", "keep mine", f"{mine}; u undoes"),
        ("theirs", "take theirs", f"{theirs}; u undoes"),
        ("both", "keep both", "mine becomes an example of its own; u undoes"),
    ]
