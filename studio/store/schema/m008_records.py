"""Records with named fields; one gold table; the type, stage and batch of each record.

The first field of a record stays in ``text``, where full-text search and Review's windows have it;
the others stand in ``fields`` as JSON, under the names of the record type. Notes on the way to
records (S3's reasons for a label) are records of a type of their own.
"""

RECORD_FIELDS = """
ALTER TABLE records ADD COLUMN type TEXT NOT NULL DEFAULT 'query';    -- record_types.name
ALTER TABLE records ADD COLUMN fields TEXT NOT NULL DEFAULT '{}';     -- JSON, all but the first
ALTER TABLE records ADD COLUMN stage TEXT NOT NULL DEFAULT '';        -- of the run's method
ALTER TABLE records ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN part INTEGER NOT NULL DEFAULT 0;       -- its number in the answer
ALTER TABLE records ADD COLUMN parent_id INTEGER REFERENCES records(id);

-- What the project's task makes; records without a run were all made for documents.
CREATE TEMP TABLE task_now AS SELECT coalesce(
  (SELECT json_extract(value, '$') FROM main.settings WHERE key = 'task'), 'retrieval') AS name;
CREATE TEMP TABLE type_now AS SELECT CASE name
    WHEN 'classification' THEN 'text' WHEN 'nli' THEN 'pair' WHEN 'qa' THEN 'question'
    ELSE 'query' END AS name,
  CASE name WHEN 'nli' THEN 'premise' ELSE 'context' END AS context FROM task_now;

DROP INDEX records_place;
UPDATE records SET
  type = (SELECT name FROM type_now),
  fields = json_patch('{}', json_object(
    'label', nullif(label, ''), 'answer', nullif(answer, ''), (SELECT context FROM type_now),
    (SELECT text FROM contents WHERE id = context_id))),
  stage = CASE WHEN round = 0 THEN 'seed' ELSE 'extrapolation' END,
  batch = max(round - 1, 0)
WHERE run_id IS NOT NULL;
ALTER TABLE records DROP COLUMN label;
ALTER TABLE records DROP COLUMN context_id;
ALTER TABLE records DROP COLUMN answer;
ALTER TABLE records DROP COLUMN round;
CREATE UNIQUE INDEX records_place ON records(run_id, stage, batch, place, part)
  WHERE run_id IS NOT NULL;

INSERT INTO records(type, fields, text, run_id, stage, place, generation_id, created)
  SELECT 'note', json_object('label', n.label), n.text, n.run_id, 'rationales',
    row_number() OVER (PARTITION BY n.run_id ORDER BY n.id) - 1, n.generation_id, runs.created
  FROM rationales n JOIN runs ON runs.id = n.run_id ORDER BY n.id;
DROP TABLE rationales;
ALTER TABLE runs ADD COLUMN finished_stages TEXT NOT NULL DEFAULT '[]';   -- JSON
UPDATE runs SET finished_stages = '["rationales", "seed"]'
  WHERE id IN (SELECT run_id FROM rounds);
"""

RECORD_INDEXES = """
-- The narrow copy of the table, by which any filter of Review walks, knows the type too.
DROP INDEX records_review;
CREATE INDEX records_review ON records(
  id, person, kept, reason, flagged, edited, document_id, job_id, generation_id, type);
DROP INDEX records_kept;
CREATE INDEX records_kept ON records(type, kept);
DROP INDEX records_dropped;
CREATE INDEX records_dropped ON records(type, reason) WHERE kept = 0;
DROP INDEX records_decided;
CREATE INDEX records_decided ON records(type) WHERE person = 1;

CREATE TABLE record_types (                -- of the records that are there, or once were added
  name TEXT PRIMARY KEY,
  fields TEXT NOT NULL,                    -- JSON: the names in order, the first is the text
  noun TEXT NOT NULL,
  nouns TEXT NOT NULL,
  context TEXT NOT NULL,                   -- the field that the text is about
  is_trained_on INTEGER NOT NULL
) WITHOUT ROWID;
WITH known(name, fields, noun, nouns, context, is_trained_on) AS (VALUES
  ('query', '["query"]', 'query', 'queries', '', 1),
  ('text', '["text", "label"]', 'text', 'texts', '', 1),
  ('pair', '["hypothesis", "label", "premise"]', 'hypothesis', 'hypotheses', 'premise', 1),
  ('question', '["question", "answer", "context"]', 'question', 'questions', 'context', 1),
  ('note', '["text", "label"]', 'note', 'notes', '', 0))
INSERT INTO record_types SELECT * FROM known
  WHERE EXISTS (SELECT 1 FROM records WHERE records.type = known.name);

-- '' is the first field; the fields of examples are those besides query and document_text.
ALTER TABLE record_edits ADD COLUMN field TEXT NOT NULL DEFAULT '';
ALTER TABLE example_revisions ADD COLUMN type TEXT NOT NULL DEFAULT 'query';
ALTER TABLE example_revisions ADD COLUMN fields TEXT NOT NULL DEFAULT '{}';
"""

GOLD = """
CREATE TABLE gold (
  id INTEGER PRIMARY KEY,
  outside_id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,                      -- the type of record that it is gold for
  split TEXT NOT NULL CHECK (split IN ('validation', 'test')),
  text TEXT NOT NULL,                      -- the first field
  fields TEXT NOT NULL DEFAULT '{}',       -- JSON, the others
  other_answers TEXT NOT NULL DEFAULT '[]',    -- JSON
  origin TEXT NOT NULL DEFAULT '',
  sha TEXT UNIQUE                          -- of text and context: a text in one split only
);
CREATE INDEX gold_split ON gold(split, id);

INSERT INTO gold(id, outside_id, type, split, text, origin)
  SELECT id, outside_id, 'query', split, text, origin FROM gold_queries;
CREATE TEMP TABLE item_gold AS SELECT id AS old, id + CASE
    WHEN id IN (SELECT id FROM main.gold) THEN (SELECT max(max(i.id), (SELECT max(id)
      FROM main.gold)) FROM main.gold_items i) ELSE 0 END AS new FROM main.gold_items;
INSERT INTO gold
  SELECT m.new, CASE WHEN i.outside_id IN (SELECT outside_id FROM gold)
      THEN i.outside_id || '~' || m.new ELSE i.outside_id END,
    CASE t.name WHEN 'query' THEN 'text' ELSE t.name END, i.split, i.text,
    json_patch('{}', json_object('label', nullif(i.label, ''),
      'answer', json_extract(i.answers, '$[0]'), t.context, nullif(i.context, ''))),
    CASE WHEN json_array_length(i.answers) THEN json_remove(i.answers, '$[0]') ELSE '[]' END,
    i.origin, i.sha
  FROM gold_items i JOIN item_gold m ON m.old = i.id CROSS JOIN type_now t;

CREATE TABLE gold_judged (
  gold_id INTEGER NOT NULL REFERENCES gold(id) ON DELETE CASCADE,
  document_id INTEGER NOT NULL REFERENCES documents(id),
  grade INTEGER NOT NULL DEFAULT 1,
  origin TEXT NOT NULL DEFAULT 'import',   -- or 'search'
  reviewer TEXT NOT NULL DEFAULT '',
  marked TEXT NOT NULL DEFAULT '',         -- ISO 8601, UTC
  PRIMARY KEY (gold_id, document_id)
) WITHOUT ROWID;
INSERT INTO gold_judged
  SELECT query_id, document_id, grade, origin, reviewer, marked FROM gold_relevant;
DROP TABLE gold_relevant;
ALTER TABLE gold_judged RENAME TO gold_relevant;

-- An error may outlive its gold (that has become an example): what was written from it stays.
UPDATE errors SET gold_id = (SELECT new FROM item_gold WHERE old = gold_id)
  WHERE (SELECT name FROM type_now) != 'query' AND gold_id IN (SELECT old FROM item_gold);
ALTER TABLE errors RENAME COLUMN said TO predicted;
PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET sql = replace(
  sql, 'gold_id INTEGER NOT NULL,', 'gold_id INTEGER REFERENCES gold(id) ON DELETE SET NULL,'
) WHERE type = 'table' AND name = 'errors';
PRAGMA writable_schema=RESET;
UPDATE errors SET gold_id = NULL WHERE gold_id NOT IN (SELECT id FROM gold);
CREATE INDEX errors_gold ON errors(gold_id);
DROP TABLE gold_queries;
DROP TABLE gold_items;
DROP TABLE temp.item_gold;
DROP TABLE temp.type_now;
DROP TABLE temp.task_now;
"""

CHANGES = """
ALTER TABLE deeds RENAME TO changes;
ALTER TABLE verdicts RENAME COLUMN deed_id TO change_id;
ALTER TABLE record_flags RENAME COLUMN deed_id TO change_id;
ALTER TABLE record_edits RENAME COLUMN deed_id TO change_id;
DROP INDEX deeds_reviewer;
DROP INDEX deeds_created;
DROP INDEX deeds_undone;
DROP INDEX deeds_stamp;
DROP INDEX deeds_filter;
DROP INDEX verdicts_deed;
DROP INDEX record_flags_deed;
DROP INDEX record_edits_deed;
CREATE INDEX changes_reviewer ON changes(reviewer, id);
CREATE INDEX changes_created ON changes(reviewer, created);
CREATE INDEX changes_undone ON changes(reviewer) WHERE state = 'undone';
CREATE INDEX changes_stamp ON changes(stamp);
CREATE INDEX changes_filter ON changes(filter) WHERE filter != '';
CREATE INDEX verdicts_change ON verdicts(change_id) WHERE change_id IS NOT NULL;
CREATE INDEX record_flags_change ON record_flags(change_id);
CREATE INDEX record_edits_change ON record_edits(change_id);
"""

HINTS = """
-- As in a large project: nearly all records are of one type, few of one run or error.
ANALYZE sqlite_master;
INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES
  ('verdicts', 'verdicts_change', '100000 1000'),
  ('records', 'records_kept', '1000000 1000000 500000'),
  ('records', 'records_dropped', '500000 500000 50000'),
  ('records', 'records_place', '100000 10000 5000 1000 1 1');
ANALYZE sqlite_master;
"""

SCRIPT = RECORD_FIELDS + RECORD_INDEXES + GOLD + CHANGES + HINTS
