"""Answers of lookup providers: facts of the step lookup, and a cache for later tasks."""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
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


def upgrade() -> None:
    """Create the table."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop it: what was paid for would be asked again."""
    op.execute("DROP TABLE lookups")
