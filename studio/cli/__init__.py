"""Headless verbs, thin: parse, call, print. A table for people, ``--json`` for programs."""

VERBS = (
    "new", "import", "examples", "prompt", "generate", "filter", "judge", "categories", "train",
    "rerank", "tune", "evaluate", "passkey", "search", "gold", "labels", "s3", "jobs", "export",
    "lineage", "models", "doctor", "demo", "serve", "keys",
)  # fmt: skip
"""Every verb, in the order of the path; known without loading one."""
