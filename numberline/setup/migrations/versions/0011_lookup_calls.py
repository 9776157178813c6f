"""That a provider is being asked about a number is a fact as well, so that nobody asks, and pays, a second time."""

from alembic import op

revision = "0011"
down_revision = "0010"

TABLE = """
CREATE TABLE lookup_calls (
    task_id uuid NOT NULL,
    batch_no integer NOT NULL,
    number bigint NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (task_id, batch_no, number)
);
COMMENT ON TABLE lookup_calls IS
    'A number that a provider is asked about: written before the call, never changed; its answer is in lookups.';
"""


def upgrade() -> None:
    """Create the table: what was asked before has its answer."""
    op.execute(TABLE)
