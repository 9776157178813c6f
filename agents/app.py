"""The composition root of a worker: one Faust application, one agent a step, and what runs beside them."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import faust
import mode

from agents import faust_workarounds
from agents.allocate import Allocate
from agents.catalogue import CatalogueReader
from agents.compact import Compactor
from agents.coordinate import Coordinate
from agents.database import Database
from agents.delivery import Delivery
from agents.enrich import Enrich
from agents.fittings import Fittings
from agents.fold import Fold
from agents.handoff import Handoff, settle_before_last_commits
from agents.intake import Intake
from agents.judge import Judge
from agents.lookup import TURN_SECONDS, Lookup
from agents.lookups.facts import LookupFacts
from agents.lookups.provider import load_provider
from agents.owned import tell_at_rebalances
from agents.prefix_versions import Versions
from agents.prefixes import Load, Prefixes
from agents.producers import Acknowledged, StepProducer
from agents.project import Projection
from agents.quotas import Quotas
from agents.readiness import KAFKA, POSTGRESQL, Readiness, ready_at_rebalances, watch
from agents.registration import handoff_to, register, run_beside
from agents.unions import forget_at_rebalances
from agents.usage import UsageTeller
from agents.verdicts import VerdictStore
from pipeline.dead_letters import Limit
from pipeline.kafka_security import security_options
from pipeline.metrics import WorkerMetrics
from pipeline.settings import Settings, heartbeat_seconds
from pipeline.tracing import Tracing
from schemas import topics

if TYPE_CHECKING:
    from agents.callers import Callers
    from agents.lookups.client import LookupClient

MEBIBYTE = 1 << 20
# without them rocksdict's block cache alone is 2 GiB a partition
ROCKSDB_OPTIONS = {"block_cache_size": 8 * MEBIBYTE, "write_buffer_size": 4 * MEBIBYTE, "max_open_files": 64}

# how long the others wait for a member that still finishes a batch; one that is gone has lost its session first
REBALANCE_SECONDS = 10.0
WRITE_SECONDS = 2.0  # what the end of a lookup takes beside the call itself


def build_worker(
    settings: Settings,
    partitions: int,
    metrics: WorkerMetrics,
    readiness: Readiness,
    fittings: Fittings,
    tracing: Tracing,
) -> Any:
    """The Faust application of a worker with all steps. partitions: the installation's one count."""
    faust_workarounds.install()
    app = _build_app(settings, partitions, metrics)
    producers: list[StepProducer] = []
    security = security_options(settings)
    limit = Limit(settings.dead_letter_limit, settings.dead_letter_seconds)
    handoffs: dict[topics.Topic, Handoff] = {}
    loopback = faust_workarounds.Loopback(app)

    def producer(name: str, acknowledged: Acknowledged | None = None) -> StepProducer:
        client_id = f"{settings.worker_id}-{name}"
        producers.append(StepProducer(settings.kafka_bootstrap_servers, client_id, security, acknowledged))
        return producers[-1]

    def delivery(step: str) -> Delivery:
        return Delivery(
            producer(step, loopback),
            settings.namespace,
            partitions,
            settings.deadline_seconds,
            metrics,
            limit,
            handoffs,
            tracing,
        )

    async def connect() -> None:
        """While the worker joins its group: the first record is not to wait for each step's in turn."""
        await asyncio.gather(*(producer.check() for producer in producers))

    async def close(sender: Any, **kwargs: Any) -> None:
        """When all steps have come to rest."""
        await asyncio.gather(*(producer.stop() for producer in producers), database.close())
        if lookups is not None:
            await lookups.close()

    database = Database(
        settings.database_url.get_secret_value(), settings.store_connections, settings.deadline_seconds, metrics
    )
    catalogues = CatalogueReader(
        settings.kafka_bootstrap_servers, settings.namespace, partitions, metrics, security
    )
    quotas = Quotas(database)
    tasks, ledger, prefix_table = (
        _table(app, name, partitions, metrics, producer(f"table-{name}")) for name in topics.TABLES
    )
    load, store_ = delivery("load"), delivery("store")
    intake, coordinate_, allocate_ = delivery("intake"), delivery("coordinate"), delivery("allocate")
    enrich_ = allocate_  # what the two send about a batch goes by one request
    judge, versions = delivery("judge"), Versions(database)
    verdicts = VerdictStore(database, versions, metrics)
    lookup, lookups = delivery("lookup"), _lookups(settings)
    facts = LookupFacts(database, settings.lookup_provider or "")
    loads = Load(load, prefix_table)
    prefixes = Prefixes(load, prefix_table, loads)
    asked = Intake(intake, catalogues, database, quotas, settings, metrics, _callers(settings))
    coordinate = Coordinate(coordinate_, tasks, metrics)
    allocate = Allocate(allocate_, ledger, prefixes, metrics)
    enrich, store = Enrich(enrich_, prefixes), fittings.store(store_, prefixes, database, metrics)
    handoffs[topics.ALLOCATIONS] = handoff_to(app, enrich_, "enrich", fittings.around("enrich", enrich))
    handoffs[topics.NUMBERS] = handoff_to(app, store_, "store", fittings.around("store", store))
    steps = (  # in the order of a request's way
        (topics.REQUESTS, "intake", asked, intake),
        (topics.TASK_EVENTS, "coordinate", coordinate, coordinate_),
        (topics.BATCHES, "allocate", allocate, allocate_),
        (topics.ALLOCATIONS, "enrich", enrich, enrich_),
        (topics.NUMBERS, "store", store, store_),
        (topics.VALIDATIONS, "judge", Judge(judge, database, versions, verdicts), judge),
        (topics.LOOKUPS, "lookup", Lookup(lookup, verdicts, facts, lookups, settings, metrics), lookup),
        (topics.PREFIXES, "load", loads, load),
    )
    for topic, name, step, of_step in steps:
        register(app, of_step, topic, name, fittings.around(name, step), settings.namespace, handoffs.get(topic))
    usage = UsageTeller(delivery("usage"), allocate.ledger, partitions)
    compactor = Compactor(
        delivery("compact"), ledger, tasks, database, metrics, partitions, settings.compact_seconds
    )
    forget_at_rebalances(
        app, metrics, coordinate.unions, coordinate.loads.unions, allocate.ledger.unions, allocate.ledger.changed
    )
    ready_at_rebalances(app, readiness, metrics)
    tell_at_rebalances(app, topics.topic_name(settings.namespace, topics.BATCHES), usage, compactor)
    settle_before_last_commits(app, handoffs.values())
    app.before_stop = lambda: asyncio.gather(*(handoff.emptied() for handoff in handoffs.values()))
    run_beside(app, "producers", connect, at_start=True)
    run_beside(app, "catalogue", catalogues.run, at_start=True)
    run_beside(app, "quotas", quotas.run, at_start=True)
    run_beside(app, "usage", usage.run)
    run_beside(app, "compact", compactor.run)
    run_beside(app, "kafka", partial(watch, readiness, KAFKA, producers[0].check), at_start=True)
    run_beside(app, "postgresql", partial(watch, readiness, POSTGRESQL, database.check), at_start=True)
    run_beside(app, "project", Projection(settings, delivery("project"), database).run)
    run_beside(app, "fold", Fold(database).run)
    app.on_before_shutdown.connect(close)
    return app


def _callers(settings: Settings) -> "Callers | None":
    """Who sends requests; None where they need no token."""
    if settings.auth_requests != "required":
        return None
    from agents.callers import Callers  # its libraries take a tenth of a start

    return Callers(settings)


def _lookups(settings: Settings) -> "LookupClient | None":
    """Whom to ask; None where the installation has no provider.  Raises SettingsInvalid."""
    if settings.lookup_provider is None:
        return None
    from agents.lookups.client import LookupClient  # its libraries take a tenth of a start, and few need them

    provider = load_provider(settings.lookup_provider)
    return LookupClient(provider, settings.lookup_rate, settings.lookup_timeout_seconds)


def _rebalance_seconds(settings: Settings) -> float:
    """Longer than any step takes over a record; a lookup whose batch began just before takes longest."""
    lookup = TURN_SECONDS + settings.lookup_timeout_seconds + WRITE_SECONDS if settings.lookup_provider else 0.0
    return max(REBALANCE_SECONDS, settings.session_timeout_seconds, lookup)


def _build_app(settings: Settings, partitions: int, metrics: WorkerMetrics) -> Any:
    return faust_workarounds.App(
        settings.namespace,
        monitor=faust_workarounds.Monitor(metrics.commits.inc),
        version=1,  # the application's id is then the namespace, without a suffix
        broker="kafka://" + settings.kafka_bootstrap_servers.replace(",", ";"),
        broker_credentials=_credentials(security_options(settings)),
        broker_client_id=settings.worker_id,  # what the broker's tools show of a member of the group
        store="rocksdb://",
        datadir=str(settings.state_dir.absolute() / "workers" / settings.worker_id),
        topic_partitions=partitions,
        # every topic and changelog is made by `numberline init`, with one partition count
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_enabled=False,
        HttpClient=object,  # none is used, and Faust would import its own: F16
        agent_supervisor=mode.CrashingSupervisor,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=0.5,
        consumer_group_instance_id=settings.worker_id,  # static (KIP-345): F9 of docs/faust.md
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=heartbeat_seconds(settings),
        broker_rebalance_timeout=_rebalance_seconds(settings),
        stream_wait_empty=True,
        stream_recovery_delay=0,
        producer_linger=0,
        producer_max_request_size=16 * MEBIBYTE,
        consumer_max_fetch_size=4 * MEBIBYTE,
        worker_redirect_stdouts=False,
    )


def _credentials(security: Mapping[str, Any]) -> Any:
    """The same for Faust; None for PLAINTEXT."""
    if "sasl_mechanism" in security:
        return faust.SASLCredentials(
            username=security["sasl_plain_username"],
            password=security["sasl_plain_password"],
            ssl_context=security.get("ssl_context"),
            mechanism=security["sasl_mechanism"],
        )
    return faust.SSLCredentials(security["ssl_context"]) if "ssl_context" in security else None


def _table(
    app: Any, name: str, partitions: int, metrics: WorkerMetrics, producer: StepProducer
) -> faust_workarounds.Table:
    table: faust_workarounds.Table = app.tables.add(
        faust_workarounds.Table(
            app,
            name=name,
            default=None,
            partitions=partitions,
            key_type=bytes,
            value_type=bytes,
            options=dict(ROCKSDB_OPTIONS),
            producer=producer,
        )
    )
    table.count_bytes = metrics.changelog_bytes.labels(name).inc
    return table
