"""All that `numberline init` does, in order."""

import asyncio
from collections.abc import Callable

from numberline.database import database as connected
from numberline.kafka import broker_reached
from numberline.prefixes.shipped import load_shipped
from numberline.setup import database, event_schemas, topics
from pipeline.kafka_security import security_options
from pipeline.settings import Settings


def init(settings: Settings, say: Callable[[str], None]) -> None:
    """Make an installation out of an empty broker and an empty database, or bring one up to date.

    Raises SettingsInvalid, NotReachable, RefusedToStart.
    """
    url = settings.database_url.get_secret_value()
    with connected(settings) as connection:  # says in a sentence what PostgreSQL answers, which Alembic does not
        database.refuse_newer(connection)
        database.upgrade(url)
        event_schemas.register(url)
        partitions = database.remember_partitions(url, settings.partitions)
    say("tables are up to date")
    servers, namespace, security = settings.kafka_bootstrap_servers, settings.namespace, security_options(settings)
    copies = settings.replication_factor
    with broker_reached(settings):
        created = asyncio.run(topics.create_topics(servers, namespace, partitions, copies, security))
        say(f"{created} topics created, {partitions} partitions each" if created else "topics are there")
        for one in asyncio.run(topics.update_topics(servers, namespace, copies, security)):
            say(f"{one.topic}: {one.name} was {one.found}, is {one.wanted}")
    version = load_shipped(settings)
    say(f"prefix data: version {version.version}, {version.rows:,} rows")
