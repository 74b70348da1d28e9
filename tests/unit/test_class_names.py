"""A class name stands once in the program: whoever reads it knows which one is meant."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import studio


def test_no_two_files_have_a_class_of_the_same_name() -> None:
    root = Path(studio.__file__).parent
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(root.rglob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            # Classes inside classes are named with their owner, such as ``RowList.Moved``.
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(root)))
    assert places["Store"] == ["store/__init__.py"]
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
