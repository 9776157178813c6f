"""The view phone_numbers says which batch a number was stored with.

Numbers in the order of (batch_id, number_value) keep that order for good: what pages and exports go by.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

VIEW = """
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
    b.batch_id
FROM numbers n
JOIN batches b USING (batch_id)
LEFT JOIN verdicts v ON v.number = n.number
LEFT JOIN prefixes p ON p.prefix_id = coalesce(v.prefix_id, n.prefix_id);
COMMENT ON COLUMN phone_numbers.batch_id IS
    'the batch it was stored with; numbers in the order of (batch_id, number_value) keep that order for good';
"""


def upgrade() -> None:
    """Add the column."""
    op.execute(VIEW)
