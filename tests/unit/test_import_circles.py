"""No file imports itself by way of others, not even inside a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import studio

ALLOWED: tuple[frozenset[str], ...] = ()
"""Circles that are still to be opened; none may be added and none may grow."""


def modules(root: Path) -> dict[str, ast.Module]:
    """Every file of a package by its dotted name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text("utf-8"))
    return found


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(module, name in it or nothing) of every import, except those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for other in node.orelse:
                yield from imports(other)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import: the circles cannot be told"
            yield from ((node.module or "", alias.name) for alias in node.names)
        else:
            yield from imports(node)


def graph(root: Path) -> dict[str, set[str]]:
    """File → the files of the same package that it imports anywhere."""
    known = modules(root)
    edges: dict[str, set[str]] = {}
    for name, tree in known.items():
        targets = {
            f"{module}.{part}" if f"{module}.{part}" in known else module
            for module, part in imports(tree)
        }
        edges[name] = (targets & known.keys()) - {name}
    return edges


def circles(edges: dict[str, set[str]]) -> set[frozenset[str]]:
    """The largest sets of files that all reach each other."""
    reached = {name: reachable(edges, name) for name in edges}
    found = {
        frozenset(other for other in reached[name] if name in reached[other]) for name in edges
    }
    return found - {frozenset()}


def reachable(edges: dict[str, set[str]], start: str) -> set[str]:
    """What a file imports, and what that imports, and so on."""
    found: set[str] = set()
    waiting = [*edges[start]]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += edges[name]
    return found


def test_no_file_imports_itself_by_way_of_others() -> None:
    edges = graph(Path(studio.__file__).parent)
    assert "studio.records" in edges["studio.store.db"] | edges["studio.store.review"]
    new = [sorted(c) for c in circles(edges) if not any(c <= allowed for allowed in ALLOWED)]
    assert not new, "these files import each other in a circle; move the shared part down"


def test_imports_inside_functions_count_and_those_of_type_checkers_do_not(tmp_path: Path) -> None:
    package = tmp_path / "house"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "roof.py").write_text("from house import wall\nimport house.floor\n")
    (package / "wall.py").write_text("def lean():\n    from house.roof import beam\n")
    (package / "floor.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.roof import beam\n"
    )
    assert circles(graph(package)) == {frozenset({"house.roof", "house.wall"})}
