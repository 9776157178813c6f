"""The schemas of events, so that processes of an older release can read what newer ones write."""

from alembic import op

revision = "0012"
down_revision = "0011"

TABLE = """
CREATE TABLE event_schemas (
    fingerprint bytea PRIMARY KEY,
    name text NOT NULL,
    schema json NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE event_schemas IS
    'Avro schemas by CRC-64-AVRO fingerprint, those of every release that ran numberline init; never changed.';
"""


def upgrade() -> None:
    """Create the table; `numberline init` fills it."""
    op.execute(TABLE)
