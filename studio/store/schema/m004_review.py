"""What a person decides in Review: deeds that can be undone whole, flags, edits, order.

A deed is one thing that a person did, to one record or to a million. All it changed is written as
rows that carry its number (verdicts, flags, edits); undo marks these rows, redo unmarks them.
"""

SCRIPT = """
CREATE TABLE deeds (
  id INTEGER PRIMARY KEY,
  reviewer TEXT NOT NULL,
  kind TEXT NOT NULL,                      -- accept, reject, clear, flag, unflag, edit, threshold
  state TEXT NOT NULL,                     -- doing, done, undoing, undone, redoing, gone
  words TEXT NOT NULL,                     -- what was done, as a person is told
  count INTEGER NOT NULL DEFAULT 0,        -- records changed so far
  asked INTEGER NOT NULL DEFAULT 0,        -- records that were to be changed
  record_id INTEGER REFERENCES records(id), -- when it was about one
  filter TEXT NOT NULL DEFAULT '',         -- whose threshold was moved
  better TEXT NOT NULL DEFAULT '',         -- which end of its scores it keeps: low, high
  warning TEXT NOT NULL DEFAULT '',
  stamp INTEGER NOT NULL,                  -- grows with every do, undo and redo in the file
  process TEXT NOT NULL,                   -- the program that did the latest of them
  created TEXT NOT NULL
);
CREATE INDEX deeds_reviewer ON deeds(reviewer, id);
CREATE INDEX deeds_created ON deeds(reviewer, created);
CREATE INDEX deeds_undone ON deeds(reviewer) WHERE state = 'undone';
CREATE INDEX deeds_stamp ON deeds(stamp);
CREATE INDEX deeds_filter ON deeds(filter) WHERE filter != '';

ALTER TABLE verdicts ADD COLUMN reviewer TEXT NOT NULL DEFAULT '';
ALTER TABLE verdicts ADD COLUMN deed_id INTEGER REFERENCES deeds(id);
-- 1: the person takes the word back, so that the filters decide again.
ALTER TABLE verdicts ADD COLUMN clears INTEGER NOT NULL DEFAULT 0;
-- 1: the latest verdict of its filter on its record that is not undone.
ALTER TABLE verdicts ADD COLUMN in_force INTEGER NOT NULL DEFAULT 1;
UPDATE verdicts SET in_force = 0 WHERE undone = 1 OR id NOT IN
  (SELECT max(id) FROM verdicts WHERE undone = 0 GROUP BY record_id, filter);
DROP INDEX verdicts_filter;
CREATE INDEX verdicts_in_force ON verdicts(filter, score, record_id, kept) WHERE in_force = 1;
CREATE INDEX verdicts_deed ON verdicts(deed_id) WHERE deed_id IS NOT NULL;
-- Only records on which people spoke more than once: where two may agree or not.
CREATE INDEX verdicts_second_word ON verdicts(record_id)
  WHERE filter = 'person' AND in_force = 0 AND undone = 0;

-- person, 1: the last word is that of one.
ALTER TABLE records ADD COLUMN person INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN flagged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN edited INTEGER NOT NULL DEFAULT 0;
UPDATE records SET person = 1 WHERE id IN
  (SELECT record_id FROM verdicts WHERE in_force = 1 AND filter = 'person');
-- A narrow copy of the table, in order: any filter of Review is one quick walk through it.
CREATE INDEX records_review ON records(
  id, person, kept, reason, flagged, edited, document_id, job_id, generation_id);
CREATE INDEX records_decided ON records(kept) WHERE person = 1;
-- Each index is written anew with each decision, so there are few; this one had all the records.
DROP INDEX records_reason;
CREATE INDEX records_dropped ON records(reason) WHERE kept = 0;
CREATE INDEX generations_prompt ON generations(prompt_id);

CREATE TABLE record_flags (
  id INTEGER PRIMARY KEY,
  record_id INTEGER NOT NULL REFERENCES records(id),
  deed_id INTEGER NOT NULL REFERENCES deeds(id),
  flagged INTEGER NOT NULL,
  undone INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX record_flags_record ON record_flags(record_id, id);
CREATE INDEX record_flags_deed ON record_flags(deed_id);

CREATE TABLE record_edits (
  id INTEGER PRIMARY KEY,
  record_id INTEGER NOT NULL REFERENCES records(id),
  deed_id INTEGER NOT NULL REFERENCES deeds(id),
  before TEXT NOT NULL,
  after TEXT NOT NULL,
  undone INTEGER NOT NULL DEFAULT 0,
  created TEXT NOT NULL
);
CREATE INDEX record_edits_record ON record_edits(record_id, id);
CREATE INDEX record_edits_deed ON record_edits(deed_id);

CREATE TRIGGER records_fts_update AFTER UPDATE OF text ON records BEGIN
  INSERT INTO records_fts(records_fts, rowid, text) VALUES ('delete', old.id, old.text);
  INSERT INTO records_fts(rowid, text) VALUES (new.id, new.text);
END;

-- What ANALYZE finds in a large project: few verdicts per record, many per filter. Without it
-- SQLite guesses the opposite, and looks one record's verdicts up among all of a filter's.
ANALYZE sqlite_master;
INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES
  ('verdicts', 'verdicts_record', '2000000 2 1 1'),
  ('verdicts', 'verdicts_in_force', '2000000 500000 500 1 1'),
  ('verdicts', 'verdicts_deed', '100000 1000'),
  ('verdicts', 'verdicts_second_word', '10000 2');
ANALYZE sqlite_master;
"""
