"""What the file that a record was brought in with said of it besides its fields."""

SCRIPT = """
ALTER TABLE records ADD COLUMN details TEXT NOT NULL DEFAULT '{}';   -- JSON: name → anything
"""
