"""The views say in which rate centre a number's block is, where the prefix data knows it."""

from alembic import op

revision = "0009"
down_revision = "0008"

VIEWS = """
CREATE OR REPLACE VIEW phone_numbers AS
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
    v.external_error,
    b.batch_id,
    p.rate_center
FROM numbers n
JOIN batches b USING (batch_id)
LEFT JOIN verdicts v ON v.number = n.number
LEFT JOIN prefixes p ON p.prefix_id = coalesce(v.prefix_id, n.prefix_id);

CREATE OR REPLACE VIEW validations AS
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
    n.external_error,
    p.rate_center
FROM validation_numbers n
JOIN validation_batches r USING (run_batch)
LEFT JOIN prefixes p USING (prefix_id);
"""


def upgrade() -> None:
    """Add the column to both."""
    op.execute(VIEWS)
