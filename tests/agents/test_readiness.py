"""What a worker says of itself at `/readyz`, and how it waits for servers."""

import urllib.error
import urllib.request

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from agents.database import Database, refusal
from agents.readiness import KAFKA, PARTITIONS, POSTGRESQL, Readiness, once_it_answers
from agents.status import serve_status
from embedded import Postgres
from pipeline.errors import DatabaseRefuses, RefusedToStart, Unavailable
from pipeline.metrics import WorkerMetrics
from pipeline.settings import Settings


def answer(port: int, path: str) -> tuple[int, str]:
    """Status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_readyz_says_what_is_missing() -> None:
    """A line for each thing; 200 when there is none. The metrics are on the same port."""
    readiness = Readiness()
    port = serve_status(CollectorRegistry(), readiness, Settings(metrics_port=0))
    readiness.lacks(KAFKA, "Kafka does not answer")
    assert answer(port, "/readyz") == (503, "this worker has no partitions yet\nKafka does not answer\n")
    readiness.has(KAFKA)
    readiness.has(PARTITIONS)
    assert answer(port, "/readyz") == (200, "ready\n")
    assert answer(port, "/healthz") == (200, "ok\n")
    assert answer(port, "/metrics")[0] == 200
    assert answer(port, "/else")[0] == 404


def test_a_worker_answers_at_an_address_of_ipv6() -> None:
    """As the gateway does: in a cluster of IPv6 alone it has no other. This one is also all of IPv4."""
    port = serve_status(CollectorRegistry(), Readiness(), Settings(host="::", metrics_port=0))
    assert answer(port, "/healthz") == (200, "ok\n")


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::", "[::]")])
def test_a_metrics_port_that_is_taken_is_named(host: str, shown: str) -> None:
    """With the variable that moves it."""
    port = serve_status(CollectorRegistry(), Readiness(), Settings(host=host, metrics_port=0))
    with pytest.raises(RefusedToStart) as refused:
        serve_status(CollectorRegistry(), Readiness(), Settings(host=host, metrics_port=port))
    assert str(refused.value).startswith(f"the metrics port {shown}:{port} cannot be used: ")
    assert "NUMBERLINE_METRICS_PORT" in str(refused.value)


async def test_a_server_that_is_away_is_asked_again_until_it_answers() -> None:
    """Meanwhile it is named."""
    readiness, said = Readiness(), []

    async def probe() -> str:
        said.append(readiness.missing())
        if len(said) < 3:
            raise Unavailable("answer", 1)
        return "found"

    assert await once_it_answers(readiness, POSTGRESQL, probe, 60) == "found"
    assert "PostgreSQL does not answer" in said[2]
    assert "PostgreSQL does not answer" not in readiness.missing()


async def test_a_server_that_stays_away_ends_the_wait() -> None:
    """With the probe's own error."""

    async def probe() -> None:
        raise Unavailable("answer of the probe", 1)

    with pytest.raises(Unavailable, match="no answer of the probe"):
        await once_it_answers(Readiness(), KAFKA, probe, 0)


async def test_what_postgresql_refuses_for_good_is_for_a_person(postgres_server: Postgres) -> None:
    """A table that is missing, in a sentence; the worker ends with 2."""
    database = Database(postgres_server.create_database("refuses"), 1, 20, WorkerMetrics(CollectorRegistry()))
    try:
        await database.check()
        with pytest.raises(DatabaseRefuses) as refused:
            async with database.connection(1) as connection:
                await connection.execute("SELECT FROM nowhere")
    finally:
        await database.close()
    assert str(refused.value) == (
        'PostgreSQL refuses: relation "nowhere" does not exist\n'
        "Run `numberline init` with the rights to change tables, or grant this worker's role what it needs."
    )


def test_a_role_and_a_database_that_do_not_exist_are_refusals(postgres_server: Postgres) -> None:
    """A server that is away is none."""
    url = postgres_server.url
    cases = {
        url.replace("//postgres@", "//nobody@"): 'role "nobody" does not exist',
        url.replace("/postgres?", "/nowhere?"): 'database "nowhere" does not exist',
        "postgresql://127.0.0.1:1/x": None,
    }
    for address, why in cases.items():
        with pytest.raises(psycopg.OperationalError) as failed:
            psycopg.connect(address)
        assert refusal(failed.value) == why
