"""What users may ask for: `numberline quota` writes it, the workers read it once a second."""

from alembic import op

revision = "0006"
down_revision = "0005"

TABLE = """
CREATE TABLE quotas (
    user_id text PRIMARY KEY,
    numbers_a_day bigint CHECK (numbers_a_day >= 0),
    tasks_at_once integer CHECK (tasks_at_once >= 0),
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN quotas.user_id IS '*: for every user without a row';
COMMENT ON COLUMN quotas.numbers_a_day IS 'null: no bound, as of tasks_at_once';
"""


def upgrade() -> None:
    """Create the table: no user has a bound yet."""
    op.execute(TABLE)
