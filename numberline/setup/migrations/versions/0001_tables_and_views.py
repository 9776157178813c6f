"""The tables that the worker writes, and the views that users read.

numbers is as narrow as it can be: COPY into it is where the pipeline spends most of its time. Its primary key is
the second lock against a number given out twice. The index on batch_id is a btree and not a BRIN, which would be
faster to fill: users page through a task's numbers, and beyond some tens of millions of rows PostgreSQL would
plan a BRIN query `ORDER BY number LIMIT 100` as a scan of the whole primary key (docs/storage.md).
"""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    partitions integer NOT NULL CHECK (partitions > 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE prefix_versions (
    version integer PRIMARY KEY,
    source text NOT NULL,
    sha256 bytea NOT NULL,
    first_prefix_id integer NOT NULL,
    rows integer NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);

CREATE TABLE prefixes (
    prefix_id integer PRIMARY KEY,
    version integer NOT NULL REFERENCES prefix_versions,
    area_code smallint NOT NULL,
    nxx smallint NOT NULL,
    blocks smallint NOT NULL,
    country text,
    state text,
    timezone text,
    carrier text,
    line_type text
);

CREATE TABLE batches (
    task_id uuid NOT NULL,
    batch_no integer NOT NULL,
    batch_id integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    user_id text NOT NULL,
    project_id text,
    area_code smallint NOT NULL,
    count integer NOT NULL,
    prefix_version integer NOT NULL,
    verdict text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (task_id, batch_no)
);
COMMENT ON TABLE batches IS
    'One row a batch, written with its numbers: it marks the batch as stored. Rows are never deleted.';
COMMENT ON COLUMN batches.verdict IS 'reason code of each of its numbers, where validation was asked for';
CREATE INDEX batches_user ON batches (user_id, batch_id);
CREATE INDEX batches_project ON batches (project_id, batch_id) WHERE project_id IS NOT NULL;

-- no foreign keys: the worker writes both sides, and a check a row would cost more than the row
CREATE TABLE numbers (
    number bigint PRIMARY KEY,
    batch_id integer NOT NULL,
    prefix_id integer NOT NULL
);
COMMENT ON COLUMN numbers.number IS 'E.164 without the plus sign: 1 and ten digits';
CREATE INDEX numbers_batch ON numbers (batch_id);

CREATE TABLE task_states (
    task_id uuid PRIMARY KEY,
    sequence integer NOT NULL,
    request_id text,
    user_id text NOT NULL,
    project_id text,
    task_name text,
    type text NOT NULL,
    status text NOT NULL,
    quantity integer NOT NULL,
    processed_items integer NOT NULL,
    succeeded integer NOT NULL,
    failed_items integer NOT NULL,
    batches_done integer NOT NULL,
    batches_total integer NOT NULL,
    current_step text NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    updated_at timestamptz NOT NULL,
    completed_at timestamptz,
    estimated_completion timestamptz,
    result_data jsonb,
    error jsonb
);
CREATE INDEX task_states_user ON task_states (user_id, created_at DESC, task_id);
CREATE INDEX task_states_active ON task_states (user_id) WHERE status IN ('pending', 'running');
"""

VIEWS = """
CREATE VIEW phone_numbers AS
SELECT
    '+' || n.number AS number,
    b.area_code::text AS area_code,
    p.nxx::text AS exchange,
    p.carrier,
    p.state,
    p.country,
    p.timezone,
    p.line_type,
    b.verdict = 'valid' AS is_valid,
    b.verdict AS validation_reason,
    CASE WHEN b.verdict IS NOT NULL THEN 'internal' END AS validation_source,
    CASE WHEN b.verdict IS NOT NULL THEN b.created_at END AS validated_at,
    b.task_id,
    b.user_id,
    b.project_id,
    b.prefix_version AS prefix_data_version,
    b.created_at,
    n.number AS number_value
FROM numbers n
JOIN batches b USING (batch_id)
JOIN prefixes p USING (prefix_id);
COMMENT ON COLUMN phone_numbers.number_value IS
    'the number as a bigint, 1 and ten digits: what to look one up by, for it is indexed';

CREATE VIEW tasks AS
SELECT
    task_id, request_id, user_id, project_id, task_name, type, status, quantity, processed_items, succeeded,
    failed_items,
    CASE WHEN quantity = 0 THEN 0 ELSE trunc(100.0 * processed_items / quantity, 2) END AS progress,
    batches_done, batches_total, current_step, created_at, started_at, completed_at, estimated_completion,
    result_data, error
FROM task_states;
"""


def upgrade() -> None:
    """Create everything."""
    op.execute(TABLES)
    op.execute(VIEWS)
