"""Kafka as commands use it: whatever its clients raise on the way is one sentence, with what to do."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from numberline.errors import UP, NotReachable
from pipeline.kafka_security import security_options
from pipeline.settings import Settings, variable
from schemas import topics


@contextmanager
def broker_reached(settings: Settings) -> Iterator[None]:
    """Within, an error of Kafka is raised as NotReachable."""
    try:
        yield
    except UnknownTopicOrPartitionError:
        what = f"a topic of {settings.namespace} ({variable('namespace')})"
        raise NotReachable(what, "it is not there", "Run `numberline init`.") from None
    except KafkaError as error:
        servers = settings.kafka_bootstrap_servers
        remedy = UP.format(variable("kafka_bootstrap_servers"))
        raise NotReachable(f"the Kafka broker {servers}", str(error), remedy) from None


@asynccontextmanager
async def kafka_producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that loses and repeats nothing.  Raises NotReachable, also for what is sent within."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        **security_options(settings),
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=15_000,
        max_request_size=topics.DEADLETTERS.max_message_bytes,
    )
    try:
        with broker_reached(settings):
            await producer.start()
            yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def kafka_admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """What asks and changes the cluster.  Raises NotReachable, also for what is asked within."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka_bootstrap_servers, request_timeout_ms=10_000, **security_options(settings)
    )
    try:
        with broker_reached(settings):
            await admin.start()
            yield admin
    finally:
        await admin.close()
