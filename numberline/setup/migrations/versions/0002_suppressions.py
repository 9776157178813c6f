"""What was suppressed, by whom and when: what `numberline suppress list` and `stats` read.

The workers go by the records on the topic batches alone; published_at says that they were acknowledged.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE suppression_changes (
    change_id uuid PRIMARY KEY,
    place integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    user_id text,
    removed boolean NOT NULL,
    source text NOT NULL,
    count integer NOT NULL,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);
COMMENT ON COLUMN suppression_changes.user_id IS 'for this user alone; null: for everybody';

CREATE TABLE suppression_numbers (
    change_id uuid NOT NULL REFERENCES suppression_changes,
    area_code smallint NOT NULL,
    numbers bytea NOT NULL,
    PRIMARY KEY (change_id, area_code)
);
COMMENT ON COLUMN suppression_numbers.numbers IS 'serialized roaring bitmap of (nxx - 200) * 10000 + line';
"""


def upgrade() -> None:
    """Create both tables."""
    op.execute(TABLES)
