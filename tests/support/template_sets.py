"""Sets of templates, put together."""

from __future__ import annotations

from collections.abc import Sequence

from studio.prompting.template_set import MemberText


def set_text(members: Sequence[MemberText]) -> str:
    """The text of a set."""
    return "\n".join(f"=== share {one.share:g}\n{one.text.strip()}\n" for one in members)
