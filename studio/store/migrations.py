"""The schema, as numbered migrations. An old file walks through all it lacks; none is edited."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from studio.store.schema import (
    m004_review,
    m005_jobs,
    m006_gold,
    m007_rounds,
    m008_records,
    m009_reservations,
    m010_gold_sources,
    m011_record_notes,
    m012_prompts_aside,
    m013_answers,
    m014_record_details,
    m015_batches,
)

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

M001 = """
CREATE TABLE settings (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL                      -- JSON
) WITHOUT ROWID;

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  params TEXT NOT NULL,                    -- JSON
  state TEXT NOT NULL DEFAULT 'waiting',
  done INTEGER NOT NULL DEFAULT 0,
  total INTEGER,
  message TEXT NOT NULL DEFAULT '',
  result TEXT NOT NULL DEFAULT '{}',       -- JSON
  created TEXT NOT NULL,
  started TEXT NOT NULL DEFAULT '',
  finished TEXT NOT NULL DEFAULT '',
  heartbeat REAL NOT NULL DEFAULT 0,       -- unix time
  pid INTEGER,
  cancel_requested INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE job_points (                  -- curves: loss, validation score, rate
  id INTEGER PRIMARY KEY,
  job_id INTEGER NOT NULL REFERENCES jobs(id),
  name TEXT NOT NULL,
  step REAL NOT NULL,
  value REAL NOT NULL
);
CREATE INDEX job_points_job ON job_points(job_id, name, step);

CREATE TABLE contents (                    -- each text once: messages and answers
  id INTEGER PRIMARY KEY,
  sha TEXT NOT NULL UNIQUE,
  text TEXT NOT NULL
);

CREATE TABLE sources (                     -- long documents that were cut into passages
  id INTEGER PRIMARY KEY,
  outside_id TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL DEFAULT '',
  text TEXT NOT NULL,
  sha TEXT NOT NULL UNIQUE
);
CREATE TABLE documents (
  id INTEGER PRIMARY KEY,
  outside_id TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL DEFAULT '',
  text TEXT NOT NULL,
  sha TEXT NOT NULL UNIQUE,
  source_id INTEGER REFERENCES sources(id),
  position INTEGER NOT NULL DEFAULT 0,
  job_id INTEGER REFERENCES jobs(id)
);
CREATE INDEX documents_source ON documents(source_id, position) WHERE source_id IS NOT NULL;
CREATE VIRTUAL TABLE documents_fts USING fts5(
  title, text, content='documents', content_rowid='id', tokenize='trigram'
);
CREATE TRIGGER documents_fts_insert AFTER INSERT ON documents BEGIN
  INSERT INTO documents_fts(rowid, title, text) VALUES (new.id, new.title, new.text);
END;
CREATE TRIGGER documents_fts_delete AFTER DELETE ON documents BEGIN
  INSERT INTO documents_fts(documents_fts, rowid, title, text)
  VALUES ('delete', old.id, old.title, old.text);
END;

CREATE TABLE gold_queries (
  id INTEGER PRIMARY KEY,
  outside_id TEXT NOT NULL UNIQUE,
  text TEXT NOT NULL,
  split TEXT NOT NULL CHECK (split IN ('validation', 'test')),
  origin TEXT NOT NULL DEFAULT 'import'
);
CREATE TABLE gold_relevant (
  query_id INTEGER NOT NULL REFERENCES gold_queries(id) ON DELETE CASCADE,
  document_id INTEGER NOT NULL REFERENCES documents(id),
  grade INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (query_id, document_id)
) WITHOUT ROWID;

CREATE TABLE examples (
  id INTEGER PRIMARY KEY,
  revision_id INTEGER,                     -- the wording in force
  enabled INTEGER NOT NULL DEFAULT 1,
  position INTEGER NOT NULL DEFAULT 0,
  tags TEXT NOT NULL DEFAULT '',
  deleted TEXT                             -- when; NULL while it is there
);
CREATE TABLE example_revisions (
  id INTEGER PRIMARY KEY,
  example_id INTEGER NOT NULL REFERENCES examples(id),
  document_id INTEGER REFERENCES documents(id),
  document_text TEXT NOT NULL,
  query TEXT NOT NULL,
  created TEXT NOT NULL
);
CREATE INDEX example_revisions_example ON example_revisions(example_id);

CREATE TABLE prompts (
  id INTEGER PRIMARY KEY,
  version INTEGER NOT NULL UNIQUE,
  name TEXT NOT NULL,
  template TEXT NOT NULL,
  sha TEXT NOT NULL UNIQUE,
  note TEXT NOT NULL DEFAULT '',
  created TEXT NOT NULL
);
CREATE TABLE drafts (                      -- what was typed and is not yet a version
  key TEXT PRIMARY KEY,
  text TEXT NOT NULL,
  updated TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE shot_sets (
  id INTEGER PRIMARY KEY,
  sha TEXT NOT NULL UNIQUE                 -- of the ordered revision ids
);
CREATE TABLE shots (
  shot_set_id INTEGER NOT NULL REFERENCES shot_sets(id),
  position INTEGER NOT NULL,
  revision_id INTEGER NOT NULL REFERENCES example_revisions(id),
  PRIMARY KEY (shot_set_id, position)
) WITHOUT ROWID;
CREATE INDEX shots_revision ON shots(revision_id);

CREATE TABLE generations (
  id INTEGER PRIMARY KEY,
  request_sha TEXT NOT NULL UNIQUE,        -- an equal request is never paid twice
  job_id INTEGER REFERENCES jobs(id),
  prompt_id INTEGER REFERENCES prompts(id),
  document_id INTEGER REFERENCES documents(id),
  shot_set_id INTEGER REFERENCES shot_sets(id),
  draw INTEGER NOT NULL DEFAULT 0,
  endpoint TEXT NOT NULL DEFAULT '',
  model TEXT NOT NULL,
  decoding TEXT NOT NULL,                  -- JSON
  seed INTEGER NOT NULL,
  messages TEXT NOT NULL,                  -- JSON: [[role, contents.id], …]
  answer_id INTEGER REFERENCES contents(id),
  note TEXT NOT NULL DEFAULT '',
  finish_reason TEXT NOT NULL DEFAULT '',
  prompt_tokens INTEGER,
  completion_tokens INTEGER,
  cached_tokens INTEGER,
  cost REAL,                               -- US dollars; NULL when unknown
  latency_s REAL NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  error TEXT NOT NULL DEFAULT '',
  created TEXT NOT NULL
);
CREATE INDEX generations_job ON generations(job_id);
CREATE INDEX generations_document ON generations(document_id);

CREATE TABLE records (
  id INTEGER PRIMARY KEY,
  generation_id INTEGER REFERENCES generations(id),
  document_id INTEGER NOT NULL REFERENCES documents(id),
  job_id INTEGER REFERENCES jobs(id),
  text TEXT NOT NULL,
  kept INTEGER NOT NULL DEFAULT 1,         -- the last word, kept in step with the verdicts
  reason TEXT NOT NULL DEFAULT '',
  created TEXT NOT NULL
);
CREATE INDEX records_document ON records(document_id);
CREATE INDEX records_generation ON records(generation_id);
CREATE INDEX records_kept ON records(kept, id);
CREATE INDEX records_job ON records(job_id);
CREATE VIRTUAL TABLE records_fts USING fts5(
  text, content='records', content_rowid='id', tokenize='trigram'
);
CREATE TRIGGER records_fts_insert AFTER INSERT ON records BEGIN
  INSERT INTO records_fts(rowid, text) VALUES (new.id, new.text);
END;

CREATE TABLE verdicts (
  id INTEGER PRIMARY KEY,
  record_id INTEGER NOT NULL REFERENCES records(id),
  filter TEXT NOT NULL,
  kept INTEGER NOT NULL,
  score REAL,
  reason TEXT NOT NULL DEFAULT '',
  job_id INTEGER REFERENCES jobs(id),
  created TEXT NOT NULL,
  undone INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX verdicts_record ON verdicts(record_id, filter, id);
CREATE INDEX verdicts_filter ON verdicts(filter, undone, score);

CREATE TABLE snapshots (
  id INTEGER PRIMARY KEY,
  sha TEXT NOT NULL UNIQUE,                -- of the ordered record ids
  count INTEGER NOT NULL,
  note TEXT NOT NULL DEFAULT '',
  created TEXT NOT NULL
);
CREATE TABLE snapshot_records (
  snapshot_id INTEGER NOT NULL REFERENCES snapshots(id),
  record_id INTEGER NOT NULL REFERENCES records(id),
  PRIMARY KEY (snapshot_id, record_id)
) WITHOUT ROWID;

CREATE TABLE models (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  path TEXT NOT NULL,
  base TEXT NOT NULL,
  parent_id INTEGER REFERENCES models(id),
  snapshot_id INTEGER REFERENCES snapshots(id),
  job_id INTEGER REFERENCES jobs(id),
  settings TEXT NOT NULL DEFAULT '{}',
  scores TEXT NOT NULL DEFAULT '{}',
  created TEXT NOT NULL
);
CREATE TABLE evaluations (
  id INTEGER PRIMARY KEY,
  job_id INTEGER REFERENCES jobs(id),
  model_id INTEGER REFERENCES models(id),
  system TEXT NOT NULL,                    -- bm25, base, trained
  split TEXT NOT NULL,
  gold TEXT NOT NULL,                      -- what the gold queries are
  metrics TEXT NOT NULL,                   -- JSON: name → mean
  per_query TEXT NOT NULL,                 -- JSON: outside query id → name → value
  created TEXT NOT NULL
);
"""

M002 = """
CREATE TABLE document_names (              -- what the latest import calls passages of other ids
  outside_id TEXT NOT NULL,
  document_id INTEGER NOT NULL REFERENCES documents(id),
  part INTEGER NOT NULL DEFAULT 0,         -- 1: the name of a long document that it is a part of
  PRIMARY KEY (outside_id, document_id)
) WITHOUT ROWID;
CREATE INDEX records_reason ON records(kept, reason);

-- The full-text index is filled after an import, in short transactions, by Documents.index_next.
DROP TRIGGER documents_fts_insert;
INSERT INTO documents_fts(documents_fts, rank) VALUES ('hashsize', 16777216);
"""

M003 = """
CREATE INDEX generations_shot_set ON generations(shot_set_id);
"""


STEPS: Final = (
    ("m001_the_path", M001),
    ("m002_names", M002),
    ("m003_shots", M003),
    ("m004_review", m004_review.SCRIPT),
    ("m005_jobs", m005_jobs.SCRIPT),
    ("m006_gold", m006_gold.SCRIPT),
    ("m007_rounds", m007_rounds.SCRIPT),
    ("m008_records", m008_records.SCRIPT),
    ("m009_reservations", m009_reservations.SCRIPT),
    ("m010_gold_sources", m010_gold_sources.SCRIPT),
    ("m011_record_notes", m011_record_notes.SCRIPT),
    ("m012_prompts_aside", m012_prompts_aside.SCRIPT),
    ("m013_answers", m013_answers.SCRIPT),
    ("m014_record_details", m014_record_details.SCRIPT),
    ("m015_batches", m015_batches.SCRIPT),
)
"""Name → what it does, in order. A released one is never edited."""

SCHEMA_VERSION = len(STEPS)
"""Stored in ``PRAGMA user_version``."""


def migrations() -> Migrations:
    """All migrations in order; sqlite-utils records which a file has had."""
    from sqlite_utils.migrations import Migrations

    steps = Migrations("studio")
    for name, script in STEPS:
        steps(name=name)(_step(split_statements(script)))
    return steps


def _step(statements: list[str]) -> Callable[[Database], None]:
    def run(db: Database) -> None:
        for statement in statements:
            db.conn.execute(statement)

    return run


def split_statements(script: str) -> list[str]:
    """The statements of an SQL script (``executescript`` would commit the open transaction)."""
    import sqlite3

    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if current.strip() and sqlite3.complete_statement(current):
            statements.append(current.strip())
            current = ""
    return statements
