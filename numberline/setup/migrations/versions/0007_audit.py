"""The audit trail, which the workers write from the topic audit, and its view."""

from alembic import op

revision = "0007"
down_revision = "0006"

TABLE = """
CREATE TABLE audit_records (
    record_id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    outcome text NOT NULL,
    details jsonb NOT NULL
);
COMMENT ON TABLE audit_records IS 'Who asked for what, and what came of it. Rows are only added.';
CREATE INDEX audit_records_at ON audit_records (at DESC, record_id);
CREATE INDEX audit_records_actor ON audit_records (actor, at DESC, record_id);
CREATE VIEW audit AS SELECT at, actor, action, subject, outcome, details, record_id FROM audit_records;
"""


def upgrade() -> None:
    """Create table, indexes and view."""
    op.execute(TABLE)
