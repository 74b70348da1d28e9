"""Which prompt versions a person works with, beside those that methods brought for themselves."""

SCRIPT = """
ALTER TABLE prompts ADD COLUMN chosen INTEGER;   -- in which order; NULL: a method's own, aside
UPDATE prompts SET chosen = version;
"""
