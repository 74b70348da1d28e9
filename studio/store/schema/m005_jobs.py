"""Jobs that can be paused and changed while they run, and that show what they do."""

SCRIPT = """
ALTER TABLE jobs ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;      -- asked for by a person
ALTER TABLE jobs ADD COLUMN concurrency INTEGER;  -- a person's word under way; NULL: as submitted
ALTER TABLE jobs ADD COLUMN live TEXT NOT NULL DEFAULT '{}';        -- JSON: figures for screens
ALTER TABLE jobs ADD COLUMN deleted TEXT NOT NULL DEFAULT '';       -- what was deleted of it, when

CREATE INDEX generations_job_reason ON generations(job_id, reason) WHERE reason != '';
"""
