"""Batches at a provider, and a claim's number that no later claim gets again.

A job goes on with the batches that it knows, whatever was killed; the calls in one are rows of
``reservations`` until their answers are stored.
"""

SCRIPT = """
CREATE TABLE batches (
  id INTEGER PRIMARY KEY,
  job_id INTEGER NOT NULL REFERENCES jobs(id),
  name TEXT NOT NULL UNIQUE,               -- ours, sent along: it is found again by that
  address TEXT NOT NULL,                   -- base URL of the server that has it
  outside_id TEXT NOT NULL DEFAULT '',     -- the server's; empty until it was told
  ended INTEGER NOT NULL DEFAULT 0,        -- 1 once its answers were all taken in
  created TEXT NOT NULL
);
CREATE INDEX batches_open ON batches(job_id) WHERE NOT ended;

CREATE TABLE claims (
  id INTEGER PRIMARY KEY AUTOINCREMENT,    -- the order of claims, also after rows have gone
  job_id INTEGER REFERENCES jobs(id),      -- NULL for a preview
  request_sha TEXT NOT NULL,
  tokens INTEGER NOT NULL,                 -- at most, prompt and answer
  cost REAL,                               -- US dollars at most; NULL when unknown
  pid INTEGER,                             -- who waits for the answer; NULL once nobody does
  until REAL NOT NULL,                     -- seconds since 1970, after which nobody does
  batch_id INTEGER REFERENCES batches(id)  -- whoever waits: its answer comes with that batch
);
INSERT INTO claims SELECT *, NULL FROM reservations;
DROP TABLE reservations;
ALTER TABLE claims RENAME TO reservations;
CREATE INDEX reservations_job ON reservations(job_id);
CREATE INDEX reservations_request ON reservations(request_sha);
CREATE INDEX reservations_batch ON reservations(batch_id) WHERE batch_id IS NOT NULL;
"""
