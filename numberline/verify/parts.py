"""The parts of an installation: broker, topics, database, tables, ledger, prefix data, workers, gateway."""

import asyncio
import urllib.error
import urllib.request
from datetime import UTC, datetime

from agents.preflight import RUN_INIT, preflight
from numberline.database import database
from numberline.errors import UP, NotReachable
from numberline.kafka import kafka_admin
from numberline.prefixes import versions
from numberline.setup.newest import newest_migration
from numberline.setup.topic_settings import differences
from numberline.setup.topics import wanted_topics
from numberline.verify.check import Broken
from pipeline.settings import Settings, in_url, variable

OLD_DAYS = 120  # of prefix data: the alert NumberlinePrefixDataOld goes by it too
HTTP_SECONDS = 10


async def broker(settings: Settings) -> str:
    """It answers, and how many there are."""
    async with kafka_admin(settings) as admin:
        cluster = await admin.describe_cluster()
    count = len(cluster["brokers"])
    return f"{count} broker{'s' if count > 1 else ''} at {settings.kafka_bootstrap_servers}"


async def topics(settings: Settings) -> str:
    """All are there, each with the settings that `numberline init` gives it."""
    wanted = wanted_topics(settings.namespace, settings.replication_factor)
    async with kafka_admin(settings) as admin:
        present = {one["topic"]: one["partitions"] for one in await admin.describe_topics()}
        if missing := sorted(set(wanted) - set(present)):
            raise Broken(f"missing: {', '.join(missing)}", RUN_INIT)
        differing = await differences(admin, wanted)
    if differing:
        found = [f"{one.topic} {one.name}={one.found}, not {one.wanted}" for one in differing]
        raise Broken("; ".join(found), RUN_INIT)
    copies = min(len(one["replicas"]) for name in wanted for one in present[name])
    counts = {len(present[name]) for name in wanted}
    return f"{len(wanted)} topics, {_range(counts)} partitions each, {copies} cop{'ies' if copies > 1 else 'y'}"


def _range(counts: set[int]) -> str:
    return "-".join(map(str, sorted({min(counts), max(counts)})))


async def postgresql(settings: Settings) -> str:
    """It answers, to whom."""
    with database(settings) as connection:
        ((version,),) = connection.execute("SHOW server_version").fetchall()
        return f"version {version}, as {connection.info.user}"


async def tables(settings: Settings) -> str:
    """They are those of this version of numberline."""
    newest = newest_migration()
    with database(settings) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        raise Broken(f"no migration, and this numberline needs {newest}", RUN_INIT)
    found = row[0]
    if found > newest:
        raise Broken(
            f"migration {found}, and this numberline knows {newest}",
            "Somebody has run a newer `numberline init`: upgrade this one.",
        )
    if found < newest:
        raise Broken(f"migration {found}, and this numberline needs {newest}", RUN_INIT)
    return f"migration {found}, the newest"


async def ledger(settings: Settings) -> str:
    """What a worker makes sure of at its start."""
    partitions = await preflight(settings, newest_migration())
    return f"as PostgreSQL has it, {partitions} partitions"


async def prefix_data(settings: Settings) -> str:
    """There is a current version; how old it is."""
    with database(settings) as connection:
        current = versions.current(connection)
    if current is None:
        raise Broken("no version", RUN_INIT)
    of = datetime.combine(current.as_of, datetime.min.time(), UTC) if current.as_of else current.imported_at
    days = (datetime.now(UTC) - of).days
    age = f"{days} days old" if current.as_of else f"imported {days} days ago"
    hint = "; `numberline prefixes import` takes newer files" if days > OLD_DAYS else ""
    return f"version {current.version} of {current.source}, {len(current.area_codes)} area codes, {age}{hint}"


async def worker(settings: Settings) -> str:
    """The group of the workers has members."""
    async with kafka_admin(settings) as admin:
        (response,) = await admin.describe_consumer_groups([settings.namespace])
    ((_, _, state, _, _, members, *_),) = response.groups
    if not members:
        raise Broken(
            f"none is running: the consumer group {settings.namespace} has no members",
            "Start one with `numberline worker` in the same environment; what it says is why it does not stay.",
        )
    return f"{len(members)} running, their group is {state.lower()}"


async def gateway(settings: Settings) -> str:
    """It is ready to serve clients, and so is its HTTP API."""
    ready = f"http://{in_url(settings.host)}:{settings.gateway_port}/readyz"
    api = f"http://{in_url(settings.host)}:{settings.http_port}/api/openapi.json"
    for url, name in ((ready, "gateway_port"), (api, "http_port")):
        try:
            await asyncio.to_thread(_get, url)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace").strip()
            raise Broken(f"{url} answers {error.code}: {text}", "It waits for what it names.") from None
        except OSError as error:
            raise NotReachable(url, str(error), UP.format(variable(name))) from None
    return f"ready at {settings.host}, WebSocket {settings.gateway_port}, HTTP {settings.http_port}"


def _get(url: str) -> None:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=HTTP_SECONDS):
        pass
