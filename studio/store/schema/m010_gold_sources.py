"""Gold says whether it was a long document that it named, or one of its passages.

What older files hold is taken for a document's name where all of its passages are judged.
"""

SCRIPT = """
-- The long document by whose name the passage was judged; NULL where the passage itself was named.
ALTER TABLE gold_relevant ADD COLUMN source_id INTEGER REFERENCES sources(id);
CREATE INDEX document_names_parts ON document_names(document_id) WHERE part;

CREATE TEMP TABLE named AS
  SELECT r.gold_id, d.source_id FROM gold_relevant r JOIN documents d ON d.id = r.document_id
  WHERE d.source_id IS NOT NULL GROUP BY r.gold_id, d.source_id
  HAVING count(*) > 1 AND count(*) = (SELECT count(*) FROM documents p
    WHERE p.source_id = d.source_id);
CREATE INDEX temp.named_gold ON named(gold_id, source_id);
UPDATE gold_relevant SET source_id = (SELECT n.source_id FROM temp.named n
    JOIN documents d ON d.source_id = n.source_id
    WHERE n.gold_id = gold_relevant.gold_id AND d.id = gold_relevant.document_id);
-- A passage that stands in several documents belongs to the first one, whoever was named.
UPDATE gold_relevant SET source_id = (SELECT n.source_id FROM temp.named n
    JOIN sources s ON s.id = n.source_id
    JOIN document_names m ON m.outside_id = s.outside_id AND m.part
    WHERE n.gold_id = gold_relevant.gold_id AND m.document_id = gold_relevant.document_id)
  WHERE source_id IS NULL;
DROP TABLE temp.named;
"""
