"""Gold that a person marks in Search: who marked a document, and when."""

SCRIPT = """
ALTER TABLE gold_relevant ADD COLUMN origin TEXT NOT NULL DEFAULT 'import';  -- or 'search'
ALTER TABLE gold_relevant ADD COLUMN reviewer TEXT NOT NULL DEFAULT '';
ALTER TABLE gold_relevant ADD COLUMN marked TEXT NOT NULL DEFAULT '';        -- ISO 8601, UTC
"""
