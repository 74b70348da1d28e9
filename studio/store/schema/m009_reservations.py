"""What a call may take at most: written down before it is made, kept until its answer is stored.

A row of ``reservations`` also goes when the call is known to be unpaid. What is left of a process
that was killed, and of calls that were lost, counts as spent.
"""

SCRIPT = """
CREATE TABLE reservations (
  id INTEGER PRIMARY KEY,
  job_id INTEGER REFERENCES jobs(id),      -- NULL for a preview
  request_sha TEXT NOT NULL,
  tokens INTEGER NOT NULL,                 -- at most, prompt and answer
  cost REAL,                               -- US dollars at most; NULL when unknown
  pid INTEGER,                             -- who waits for the answer; NULL once nobody does
  until REAL NOT NULL                      -- seconds since 1970, after which nobody does
);
CREATE INDEX reservations_job ON reservations(job_id);
CREATE INDEX reservations_open ON reservations(request_sha) WHERE pid IS NOT NULL;

-- Of calls whose endpoint did not say what they took; NULL where it did.
ALTER TABLE generations ADD COLUMN most_tokens INTEGER;
ALTER TABLE generations ADD COLUMN most_cost REAL;
-- Only jobs that may go on need to know it.
UPDATE generations SET most_tokens = json_extract(decoding, '$.max_tokens') + 64 + (
    SELECT sum(16 + length(CAST(c.text AS BLOB))) FROM json_each(generations.messages) m
    JOIN contents c ON c.id = json_extract(m.value, '$[1]'))
  WHERE (prompt_tokens IS NULL OR completion_tokens IS NULL)
  AND NOT (reason = 'error' AND finish_reason = 'error')
  AND job_id IN (SELECT id FROM jobs WHERE state != 'done');

-- It was called done.
UPDATE jobs SET state = 'failed',
    message = 'The cap was reached before the end of the run. What came in is stored.'
  WHERE state = 'done' AND kind = 'generate' AND json_extract(result, '$.stopped_by') = 'budget';
"""
