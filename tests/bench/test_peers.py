"""What the peers say and what is there, where numbers are few: one thousands block, nine tenths of it asked for."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bench.errors import BenchError
from bench.peers import sql
from bench.peers.process import program
from bench.peers.tables import NARROW, WIDE, Tables
from embedded import Kafka, Postgres

QUANTITY = 900
AREA_CODE = "212"
TABLES = """
CREATE SCHEMA peers;
CREATE TABLE peers.numbers (number bigint PRIMARY KEY, batch_id integer NOT NULL, prefix_id integer NOT NULL);
CREATE TABLE peers.batches (
    task_id uuid, batch_no integer, batch_id integer GENERATED ALWAYS AS IDENTITY, user_id text, area_code smallint,
    count integer, prefix_version integer, PRIMARY KEY (task_id, batch_no)
);
CREATE TABLE peers.blocks (
    block_id integer PRIMARY KEY, prefix_id integer NOT NULL, area_code text, exchange text, thousands text,
    carrier text, state text, country text, timezone text, line_type text
);
INSERT INTO peers.blocks VALUES (1, 7, '212', '234', '5', 'A carrier', 'NY', 'US', 'America/New_York', 'wireless');
"""


@pytest.fixture
def database_url(postgres_server: Postgres) -> Iterator[str]:
    """A database with the tables of the peers and one thousands block."""
    url = postgres_server.create_database("bench-peers")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)
        yield url
        connection.execute("DROP SCHEMA peers CASCADE")


async def test_a_django_service_reports_what_its_table_refused(database_url: str, tmp_path: Path) -> None:
    """And the statement, looped, is exact in the same table."""
    async with program("django_service.web", database_url, "", tmp_path) as running:
        with psycopg.connect(database_url, autocommit=True) as connection:
            tables = Tables(connection)
            assert await running.generate(QUANTITY, [AREA_CODE]) == QUANTITY
            assert 500 < tables.count(WIDE) < 700  # 1000 (1 - (1 - 1/1000)^900) = 594
            tables.empty()
            assert sql.generate_wide(connection, QUANTITY, [AREA_CODE]) == QUANTITY
            assert tables.count(WIDE) == QUANTITY
            row = connection.execute("SELECT * FROM peers.phone_number LIMIT 1").fetchone()
    assert row is not None
    assert row[1].startswith("+12122345")
    assert row[2:8] == ("212", "234", "A carrier", "NY", "US", "America/New_York")


def test_the_statement_is_looped_until_none_is_missing(database_url: str) -> None:
    """In narrow rows too, which hold what ours hold."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert sql.generate_narrow(connection, QUANTITY, [AREA_CODE]) == QUANTITY
        assert Tables(connection).count(NARROW) == QUANTITY
        query = "SELECT min(number) / 1000, max(number) / 1000, min(prefix_id), max(prefix_id) FROM peers.numbers"
        assert connection.execute(query).fetchone() == (12122345, 12122345, 7, 7)


async def test_the_pipeline_on_quix_streams_is_exact_and_opened_again(
    kafka_server: Kafka, database_url: str, tmp_path: Path
) -> None:
    """As in each repetition: with topics and state of its own, on the tables that are there."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for number in range(2):
            state = tmp_path / str(number)
            state.mkdir()
            async with program("quix_pipeline", database_url, kafka_server.bootstrap_servers, state) as running:
                assert await running.generate(QUANTITY, [AREA_CODE]) == QUANTITY
            assert Tables(connection).count(NARROW) == QUANTITY
            connection.execute("TRUNCATE peers.numbers")


async def test_a_peer_that_ends_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    """Not a figure."""
    with pytest.raises(BenchError, match=r"faker_copy ended:\n(.|\n)*connection"):
        async with program("faker_copy", "postgresql://nobody@127.0.0.1:1/none", "", tmp_path):
            pass
