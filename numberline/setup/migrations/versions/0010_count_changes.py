"""Counts by verdict and by newest holder are kept as those by area code are: what each step changes, folded.

batch_counts, one row a stored batch, becomes count_changes: the store leaves a row a batch, and judging one of what
the numbers counted before and one of what they count since (agents/tally.py). The view number_counts is the sum of
user_counts and of these; neither batches nor verdicts are read for it.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

CHANGES = """
CREATE TABLE count_changes (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL,
    counts jsonb NOT NULL
);
COMMENT ON TABLE count_changes IS
    'A change that is not folded into user_counts yet: counts is {attribute: {value: numbers more, or less}}.';
CREATE INDEX count_changes_user ON count_changes (user_id);
COMMENT ON COLUMN user_counts.attribute IS
    'area_code, carrier, line_type, state or verdict; an empty value: it has none';

CREATE TEMPORARY TABLE counted ON COMMIT DROP AS
SELECT user_id, attribute, value, count FROM number_counts
UNION ALL
SELECT user_id, 'verdict', coalesce(reason, ''), sum(count)::bigint FROM verdict_counts GROUP BY user_id, reason;
DELETE FROM user_counts;
INSERT INTO user_counts (user_id, attribute, value, count) SELECT user_id, attribute, value, count FROM counted;

DROP VIEW number_counts;
DROP TABLE batch_counts;
DROP INDEX verdicts_moved;

CREATE VIEW number_counts AS
SELECT user_id, attribute, value, sum(count)::bigint AS count
FROM (
    SELECT user_id, attribute, value, count FROM user_counts
    UNION ALL
    SELECT c.user_id, a.key, v.key, v.value::bigint
    FROM count_changes c, jsonb_each(c.counts) AS a, jsonb_each(a.value) AS v
) AS parts
GROUP BY user_id, attribute, value
HAVING sum(count) <> 0;
"""


def upgrade() -> None:
    """Count what is held, and change how it is counted."""
    op.execute(CHANGES)
