"""Verdicts: stored batches are marked as judged, numbers that differ from their batch have a row.

A million held numbers are judged by updating the rows of their batches; rewriting a row a number would be many
times slower and would leave as many dead ones (docs/validation.md). Lists are runs of their own. Answers of
lookup providers are facts of the step lookup, and a cache for later tasks.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
ALTER TABLE batches
    ADD COLUMN verdict_version integer,
    ADD COLUMN judged_at timestamptz;
COMMENT ON COLUMN batches.verdict IS 'reason code of each of its numbers that has no row in verdicts';
COMMENT ON COLUMN batches.verdict_version IS
    'prefix data of the verdict; null: that of the batch, judged as it was made';

CREATE TABLE verdicts (
    number bigint PRIMARY KEY,
    batch_id integer NOT NULL,
    reason text NOT NULL,
    prefix_id integer,
    prefix_version integer NOT NULL,
    source text NOT NULL,
    judged_at timestamptz NOT NULL DEFAULT now(),
    external_line_type text,
    external_carrier text,
    external_error text
);
COMMENT ON TABLE verdicts IS
    'A held number whose newest verdict, or whose holder by it, is not what its batch and its own row say.';
COMMENT ON COLUMN verdicts.prefix_id IS 'where it differs from the one in numbers; -1: nobody holds its block now';
CREATE INDEX verdicts_batch ON verdicts (batch_id);

CREATE TABLE validation_batches (
    task_id uuid NOT NULL,
    batch_no integer NOT NULL,
    run_batch integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    user_id text NOT NULL,
    prefix_version integer NOT NULL,
    count integer NOT NULL DEFAULT 0,
    errors integer NOT NULL DEFAULT 0,
    reasons jsonb NOT NULL DEFAULT '{}',
    lookups jsonb NOT NULL DEFAULT '{}',
    judged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (task_id, batch_no)
);
COMMENT ON TABLE validation_batches IS
    'One row a batch of a validation, written with its verdicts: it marks the batch as judged. Never deleted.';

CREATE TABLE validation_numbers (
    run_batch integer NOT NULL,
    position integer NOT NULL,
    given text,
    number bigint,
    reason text NOT NULL,
    prefix_id integer,
    source text NOT NULL,
    external_line_type text,
    external_carrier text,
    external_error text,
    PRIMARY KEY (run_batch, position)
);
COMMENT ON TABLE validation_numbers IS 'The numbers of a list that was judged, in the order given.';

CREATE TABLE lookups (
    task_id uuid NOT NULL,
    batch_no integer NOT NULL,
    number bigint NOT NULL,
    provider text NOT NULL,
    cached boolean NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT now(),
    line_type text,
    carrier text,
    reason text,
    error text,
    PRIMARY KEY (task_id, batch_no, number)
);
COMMENT ON TABLE lookups IS
    'What a provider said of a number for a batch: a fact before it is reported, never changed.';
COMMENT ON COLUMN lookups.cached IS 'taken from an earlier answer for another batch, not asked again';
CREATE INDEX lookups_cache ON lookups (number, answered_at DESC) WHERE error IS NULL AND NOT cached;
"""

DROP_VIEW = "DROP VIEW phone_numbers"

VIEWS = """
CREATE VIEW phone_numbers AS
SELECT
    '+' || n.number AS number,
    b.area_code::text AS area_code,
    substr(n.number::text, 5, 3) AS exchange,
    p.carrier,
    p.state,
    p.country,
    p.timezone,
    p.line_type,
    coalesce(v.reason, b.verdict) = 'valid' AS is_valid,
    coalesce(v.reason, b.verdict) AS validation_reason,
    coalesce(v.source, CASE WHEN b.verdict IS NOT NULL THEN 'internal' END) AS validation_source,
    coalesce(v.judged_at, b.judged_at, CASE WHEN b.verdict IS NOT NULL THEN b.created_at END) AS validated_at,
    b.task_id,
    b.user_id,
    b.project_id,
    coalesce(v.prefix_version, b.verdict_version, b.prefix_version) AS prefix_data_version,
    b.created_at,
    n.number AS number_value,
    substr(n.number::text, 2, 7) AS block,
    v.external_line_type,
    v.external_carrier,
    v.external_error
FROM numbers n
JOIN batches b USING (batch_id)
LEFT JOIN verdicts v ON v.number = n.number
LEFT JOIN prefixes p ON p.prefix_id = coalesce(v.prefix_id, n.prefix_id);
COMMENT ON COLUMN phone_numbers.number_value IS
    'the number as a bigint, 1 and ten digits: what to look one up by, for it is indexed';

CREATE VIEW validations AS
SELECT
    r.task_id,
    r.user_id,
    n.position,
    n.given,
    '+' || n.number AS number,
    CASE WHEN n.number IS NOT NULL THEN nullif(
        min(n.position) OVER (PARTITION BY r.task_id, n.number), n.position
    ) END AS duplicate_of,
    n.reason = 'valid' AS is_valid,
    n.reason AS validation_reason,
    n.source AS validation_source,
    r.judged_at AS validated_at,
    p.carrier,
    p.line_type,
    p.state,
    p.country,
    p.timezone,
    substr(n.number::text, 2, 7) AS block,
    r.prefix_version AS prefix_data_version,
    n.external_line_type,
    n.external_carrier,
    n.external_error
FROM validation_numbers n
JOIN validation_batches r USING (run_batch)
LEFT JOIN prefixes p USING (prefix_id);
COMMENT ON COLUMN validations.duplicate_of IS
    'the first position of the same number in the run, where that is another';

CREATE VIEW verdict_counts AS
SELECT user_id, project_id, task_id, reason, sum(count)::bigint AS count
FROM (
    SELECT user_id, project_id, task_id, verdict AS reason, count FROM batches
    UNION ALL
    SELECT b.user_id, b.project_id, b.task_id, b.verdict, -1 FROM verdicts v JOIN batches b USING (batch_id)
    UNION ALL
    SELECT b.user_id, b.project_id, b.task_id, v.reason, 1 FROM verdicts v JOIN batches b USING (batch_id)
) AS changes
GROUP BY user_id, project_id, task_id, reason
HAVING sum(count) <> 0;
COMMENT ON VIEW verdict_counts IS
    'Held numbers by their newest verdict, null: none yet; counted by batches and not by numbers.';
"""


def upgrade() -> None:
    """Add verdicts and runs, and show them."""
    op.execute(TABLES)
    op.execute(DROP_VIEW)
    op.execute(VIEWS)
