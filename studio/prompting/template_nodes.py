"""Parts of a Jinja2 template as a person writes them, in place of the names of its classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import nodes

TAGS = {
    "Assign": "set",
    "AssignBlock": "set",
    "CallBlock": "call",
    "FilterBlock": "filter",
    "FromImport": "from",
    "ScopedEvalContextModifier": "autoescape",
}
"""Statements whose tag is not the class's name in small letters."""
EXPRESSIONS = {
    "Concat": "~",
    "CondExpr": "… if … else …",
    "Dict": "{…: …}",
    "Getitem": "…[…]",
    "List": "[…]",
    "Test": "is …",
    "Tuple": "…, …",
}


def written(node: nodes.Node) -> str:
    """How a node is written, such as ``{% for %}``, ``**`` or ``range()``."""
    from jinja2 import nodes

    kind = type(node).__name__
    if isinstance(node, nodes.Stmt):
        return f"{{% {TAGS.get(kind, kind.lower())} %}}"
    if isinstance(node, nodes.BinExpr | nodes.UnaryExpr):
        return node.operator
    if isinstance(node, nodes.Getattr):
        return f".{node.attr}"
    if isinstance(node, nodes.Call):
        called = node.node
        name = getattr(called, "name", "") or f".{getattr(called, 'attr', '')}"
        return f"{name.rstrip('.')}()"
    return EXPRESSIONS.get(kind, kind)
