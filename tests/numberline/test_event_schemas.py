"""Schemas of newer releases, in PostgreSQL."""

import json

import psycopg
import pytest

from embedded import Postgres
from embedded.ports import free_port
from numberline.setup import database
from numberline.setup.event_schemas import INSERT, NewerRelease, register, registered
from pipeline.errors import Unavailable
from schemas import codec

FINGERPRINT = bytes(range(8))


@pytest.fixture(scope="module")
def url(postgres_server: Postgres) -> str:
    """A database with all tables, in which this release is known."""
    made = postgres_server.create_database("event_schemas")
    database.upgrade(made)
    register(made)
    return made


def other_release(url: str, fingerprint: bytes, name: str) -> None:
    """What the `init` of another release writes."""
    schema = {"type": "record", "name": name, "fields": []}
    with psycopg.connect(url) as connection:
        connection.execute(INSERT.encode(), (fingerprint, name, json.dumps(schema)))


def test_every_schema_of_this_release_is_known_and_may_be_made_known_again(url: str) -> None:
    """As `numberline init` does each time."""
    register(url)
    look_up = registered(url)
    for name, versions in codec.schema_files().items():
        for schema in versions:
            assert look_up(codec.schema_fingerprint(schema)) == (name, schema)


def test_a_newer_version_of_an_event_is_found(url: str) -> None:
    """Name and schema, whatever fingerprint it has."""
    other_release(url, FINGERPRINT, "BatchStored")
    schema = {"type": "record", "name": "BatchStored", "fields": []}
    assert registered(url)(FINGERPRINT) == ("BatchStored", schema)


def test_a_fingerprint_that_no_release_has_is_not_found(url: str) -> None:
    """The record is then broken, and not of a newer release."""
    assert registered(url)(bytes(8)) is None


def test_a_kind_of_event_that_this_release_has_not_needs_a_person(url: str) -> None:
    """It is no dead letter: a worker of the newer release knows what to do about it."""
    other_release(url, FINGERPRINT[::-1], "BatchPainted")
    with pytest.raises(NewerRelease) as raised:
        registered(url)(FINGERPRINT[::-1])
    assert str(raised.value) == (
        "an event BatchPainted came, which a newer numberline has written and this one does not know\n"
        "Start that numberline instead of this one. Nothing is lost: the event waits for it."
    )


def test_without_postgresql_nothing_is_decided() -> None:
    """The process ends with 1 and asks again."""
    with pytest.raises(Unavailable, match="answer of PostgreSQL about a newer schema"):
        registered(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")(FINGERPRINT)
