"""Notes that people write on records; what is in force stands in ``records.note``."""

SCRIPT = """
ALTER TABLE records ADD COLUMN note TEXT NOT NULL DEFAULT '';
CREATE INDEX records_noted ON records(id) WHERE note != '';

CREATE TABLE record_notes (
  id INTEGER PRIMARY KEY,
  record_id INTEGER NOT NULL REFERENCES records(id),
  change_id INTEGER NOT NULL REFERENCES changes(id),
  note TEXT NOT NULL,                      -- '': taken off
  undone INTEGER NOT NULL DEFAULT 0,
  created TEXT NOT NULL
);
CREATE INDEX record_notes_record ON record_notes(record_id, id);
CREATE INDEX record_notes_change ON record_notes(change_id);
"""
