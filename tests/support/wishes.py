"""What the new-project wizard is told in tests."""

from __future__ import annotations

import json
from pathlib import Path

from studio.tasks import TASKS
from studio.tui.home.new_project import Wish


def wish(tmp_path: Path, task: str = "retrieval", **changes: str) -> Wish:
    told = {"folder": str(tmp_path / "new"), "language": "en", "endpoint": "", **changes}
    return Wish(TASKS[task], "", **told)


def gold_file(tmp_path: Path) -> Path:
    """Twelve texts of two labels."""
    file = tmp_path / "gold.jsonl"
    rows = [{"text": f"stay number {n}", "label": "bad" if n % 2 else "good"} for n in range(12)]
    file.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return file


LABELLED = {"labels": "good=a good stay, bad=a bad stay", "about": "a guest's review"}
