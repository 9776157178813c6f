"""Counts of a user's numbers by state, operating company, line type and area code, without reading the numbers.

The store writes the counts of a batch with its marker, as one row of batch_counts. Workers fold such rows into
user_counts, now and then. What is true at any moment is the sum of both, and of the numbers whose block has another
holder since, by their newest verdict: the view number_counts.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE TABLE batch_counts (
    batch_id integer PRIMARY KEY,
    user_id text NOT NULL,
    counts jsonb NOT NULL
);
COMMENT ON TABLE batch_counts IS
    'A stored batch that is not folded into user_counts yet: counts is {attribute: {value: numbers}}.';
CREATE INDEX batch_counts_user ON batch_counts (user_id);

CREATE TABLE user_counts (
    user_id text NOT NULL,
    attribute text NOT NULL,
    value text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (user_id, attribute, value)
) WITH (fillfactor = 50); -- the same rows again and again
COMMENT ON COLUMN user_counts.attribute IS 'area_code, carrier, line_type or state; an empty value: it has none';

CREATE VIEW number_counts AS
SELECT user_id, attribute, value, sum(count)::bigint AS count
FROM (
    SELECT user_id, attribute, value, count FROM user_counts
    UNION ALL
    SELECT b.user_id, a.key, v.key, v.value::bigint
    FROM batch_counts b, jsonb_each(b.counts) AS a, jsonb_each(a.value) AS v
    UNION ALL
    SELECT b.user_id, a.attribute, coalesce(a.value, ''), a.count
    FROM verdicts v
    JOIN batches b USING (batch_id)
    JOIN numbers n USING (number)
    JOIN prefixes stored ON stored.prefix_id = n.prefix_id
    LEFT JOIN prefixes judged ON judged.prefix_id = v.prefix_id,
    LATERAL (
        VALUES
            ('carrier', stored.carrier, -1), ('carrier', judged.carrier, 1),
            ('line_type', stored.line_type, -1), ('line_type', judged.line_type, 1),
            ('state', stored.state, -1), ('state', judged.state, 1)
    ) AS a (attribute, value, count)
    WHERE v.prefix_id IS NOT NULL
) AS parts
GROUP BY user_id, attribute, value
HAVING sum(count) <> 0;
CREATE INDEX verdicts_moved ON verdicts (batch_id) WHERE prefix_id IS NOT NULL;

INSERT INTO user_counts (user_id, attribute, value, count)
SELECT held.user_id, a.attribute, coalesce(a.value, ''), sum(held.count)
FROM (
    SELECT user_id, prefix_id, count(*) FROM numbers JOIN batches USING (batch_id) GROUP BY user_id, prefix_id
) AS held
JOIN prefixes p USING (prefix_id),
LATERAL (
    VALUES ('area_code', p.area_code::text), ('carrier', p.carrier), ('line_type', p.line_type), ('state', p.state)
) AS a (attribute, value)
GROUP BY held.user_id, a.attribute, coalesce(a.value, '');
"""


def upgrade() -> None:
    """Add the tables, and count what is held."""
    op.execute(TABLES)
