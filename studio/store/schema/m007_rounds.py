"""Labelled tasks and S3's rounds: labels, gold items, runs, rationales, rounds, errors.

Records of these tasks have no document, so the column may be empty from here on. SQLite can drop a
NOT NULL only by writing the table anew or by changing the stored words of the schema; the latter
does not touch a million rows, and its manual names this very case as safe.
"""

SCRIPT = """
PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET sql = replace(
  sql, 'document_id INTEGER NOT NULL REFERENCES documents(id)',
  'document_id INTEGER REFERENCES documents(id)'
) WHERE type = 'table' AND name = 'records';
PRAGMA writable_schema=RESET;

CREATE TABLE labels (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  wording TEXT NOT NULL DEFAULT '',
  position INTEGER NOT NULL
);
CREATE TABLE gold_items (
  id INTEGER PRIMARY KEY,
  outside_id TEXT NOT NULL UNIQUE,
  split TEXT NOT NULL CHECK (split IN ('validation', 'test')),
  text TEXT NOT NULL,
  context TEXT NOT NULL DEFAULT '',
  label TEXT NOT NULL DEFAULT '',
  answers TEXT NOT NULL DEFAULT '[]',      -- JSON
  origin TEXT NOT NULL DEFAULT '',
  sha TEXT NOT NULL UNIQUE                 -- of text and context: one item in one split only
);
CREATE INDEX gold_items_split ON gold_items(split, id);

CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  method TEXT NOT NULL,
  params TEXT NOT NULL,                    -- JSON
  created TEXT NOT NULL
);
CREATE TABLE rationales (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs(id),
  label TEXT NOT NULL,
  text TEXT NOT NULL,
  generation_id INTEGER REFERENCES generations(id),
  UNIQUE (run_id, label, text)
);
CREATE TABLE rounds (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs(id),
  number INTEGER NOT NULL,
  stage TEXT NOT NULL DEFAULT 'new',
  records INTEGER NOT NULL DEFAULT 0,
  errors INTEGER,
  validation TEXT NOT NULL DEFAULT '{}',   -- JSON
  test TEXT NOT NULL DEFAULT '{}',         -- JSON
  seconds TEXT NOT NULL DEFAULT '{}',      -- JSON
  model_path TEXT NOT NULL DEFAULT '',
  UNIQUE (run_id, number)
);
CREATE TABLE errors (
  id INTEGER PRIMARY KEY,
  round_id INTEGER NOT NULL REFERENCES rounds(id),
  gold_id INTEGER NOT NULL,                -- gold_items, or gold_queries for retrieval
  said TEXT NOT NULL,
  confidence REAL NOT NULL,
  detail TEXT NOT NULL DEFAULT '{}',       -- JSON
  UNIQUE (round_id, gold_id)
);

ALTER TABLE records ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE records ADD COLUMN context_id INTEGER REFERENCES contents(id);
ALTER TABLE records ADD COLUMN answer TEXT NOT NULL DEFAULT '';
ALTER TABLE records ADD COLUMN run_id INTEGER REFERENCES runs(id);
ALTER TABLE records ADD COLUMN round INTEGER;
ALTER TABLE records ADD COLUMN place INTEGER;
ALTER TABLE records ADD COLUMN error_id INTEGER REFERENCES errors(id);
CREATE UNIQUE INDEX records_place ON records(run_id, round, place) WHERE run_id IS NOT NULL;
CREATE INDEX records_error ON records(error_id) WHERE error_id IS NOT NULL;
ALTER TABLE generations ADD COLUMN purpose TEXT NOT NULL DEFAULT '';
"""
