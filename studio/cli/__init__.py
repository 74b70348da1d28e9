"""Headless verbs, thin: parse, call, print. A table for people, ``--json`` for programs."""
