"""Headless verbs, thin: parse, call, print. A table for people, ``--json`` for programs."""

VERBS = (
    "new", "import", "examples", "prompt", "generate", "filter", "train", "evaluate", "search",
    "jobs", "export", "lineage", "models", "doctor", "demo",
)  # fmt: skip
"""Every verb, in the order of the path; known without loading one."""
