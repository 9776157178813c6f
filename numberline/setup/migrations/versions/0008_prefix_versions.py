"""What an import says of a version of the prefix data, and the rate centre of a row.

origin: shipped, import or rollback. counts: country -> state -> line type -> thousands blocks. changes: country ->
added, withdrawn, moved, amended -> thousands blocks, against the version before. deleted_at: from then on Kafka no
longer has it; its rows stay, for numbers refer to them.
"""

from alembic import op

revision = "0008"
down_revision = "0007"

COLUMNS = """
ALTER TABLE prefix_versions
    ADD COLUMN origin text NOT NULL DEFAULT 'shipped',
    ADD COLUMN as_of date,
    ADD COLUMN area_codes text[] NOT NULL DEFAULT '{}',
    ADD COLUMN counts jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN changes jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN deleted_at timestamptz;
ALTER TABLE prefixes ADD COLUMN rate_center text;
-- a version's rows lie together, so a few pages of index find them among those of all versions
CREATE INDEX prefixes_version ON prefixes USING brin (version);
UPDATE prefix_versions v SET area_codes =
    (SELECT coalesce(array_agg(DISTINCT p.area_code::text), '{}') FROM prefixes p WHERE p.version = v.version);
ALTER TABLE prefix_versions ALTER COLUMN origin DROP DEFAULT;
"""


def upgrade() -> None:
    """Add the columns."""
    op.execute(COLUMNS)
