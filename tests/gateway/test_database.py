"""The gateway beside tables that are not those of its version."""

import pytest

from embedded import Postgres
from gateway.database import Database
from pipeline.errors import Unavailable


async def test_a_table_that_is_not_there_yet_is_no_defect(
    postgres_server: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    """Clients are told to come again, and whoever runs it what to run."""
    database = Database(postgres_server.create_database("gateway_before_init"), 1)
    try:
        with pytest.raises(Unavailable, match=r"^no tables of this version: run `numberline init`$"):
            await database.rows("SELECT * FROM quotas", {})
    finally:
        await database.close()
    assert 'relation "quotas" does not exist' in caplog.text
