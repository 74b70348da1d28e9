"""What each system answered, kept beside its scores."""

SCRIPT = """
ALTER TABLE evaluations ADD COLUMN answers TEXT NOT NULL DEFAULT '{}';   -- JSON: gold id → text
"""
